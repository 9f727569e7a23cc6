"""Keep answers of ``/v1/responses``, so that a client can refer to what it does not send again.

https://developers.openai.com/api/docs/guides/conversation-state
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple

from gateway.core import codec
from gateway.core.errors import InvalidRequest
from gateway.dialects.bodies.budget import LIMITS
from gateway.dialects.openai.bodies import ResponseBody
from gateway.dialects.openai.objects import Item

__all__ = ["KeptAnswers", "PreviousResponseNotFound", "expand"]


class PreviousResponseNotFound(InvalidRequest):
    """The answer that a request continues is not known, not any more, or not to this caller."""

    code = "previous_response_not_found"


class _Kept(NamedTuple):
    """One answer: the JSON of what was new in its request, and of each of its items by id."""

    caller: str
    previous: str
    input: bytes
    output: dict[str, bytes]

    @property
    def size(self) -> int:
        return len(self.input) + sum(map(len, self.output.values()))


class KeptAnswers:
    """The latest answers, at most *most* of them and *most_bytes* of their JSON.

    Only the *caller* for whom an answer was made finds it again. An answer is kept without the
    history before it, which is that of the answers that it continues: if one of those is gone, it
    is as if it were gone itself. Threads may share this.
    """

    def __init__(self, most: int, *, most_bytes: int) -> None:
        self.most = most
        self._most_bytes = most_bytes
        self._answers: OrderedDict[str, _Kept] = OrderedDict()
        self._owners: dict[str, str] = {}
        """The answer in which each item is."""
        self._bytes = 0
        self._lock = threading.Lock()

    def keep(
        self,
        identity: str,
        output: Sequence[Item],
        *,
        caller: str,
        previous: str,
        items: Sequence[object],
    ) -> None:
        """Keep an answer; *items* are those of its request that are not in the *previous* one."""
        try:
            written = {str(item["id"]): codec.encode(item) for item in output}
            kept = _Kept(caller, previous, codec.encode(list(items)), written)
        except UnicodeEncodeError:  # half a surrogate pair, which no JSON can hold
            return
        with self._lock:
            self._answers[identity] = kept
            self._owners |= dict.fromkeys(written, identity)
            self._bytes += kept.size
            while len(self._answers) > self.most or self._bytes > self._most_bytes:
                _, oldest = self._answers.popitem(last=False)
                self._bytes -= oldest.size
                for item in oldest.output:
                    del self._owners[item]

    def history(self, identity: str, *, caller: str) -> list[object]:
        """Return all items up to the end of an answer, or raise `PreviousResponseNotFound`."""
        with self._lock:
            chain = self._chain(identity, caller)
        items: list[object] = []
        for kept in reversed(chain):
            items += codec.decode(kept.input)
            items += map(codec.decode, kept.output.values())
        return items

    def item(self, identity: str, *, caller: str) -> Item | None:
        """Return an item of a kept answer, None if there is none with that id."""
        with self._lock:
            kept = self._answers.get(self._owners.get(identity, ""))
        if kept is None or kept.caller != caller:
            return None
        return dict(codec.decode(kept.output[identity]))

    def _chain(self, identity: str, caller: str) -> list[_Kept]:
        """Return an answer and those before it, and count them as used."""
        chain = []
        following = identity
        while following:
            kept = self._answers.get(following)
            if kept is None or kept.caller != caller:
                raise PreviousResponseNotFound(f"previous response with id '{identity}' not found")
            self._answers.move_to_end(following)
            chain.append(kept)
            following = kept.previous
        return chain


def expand(body: ResponseBody, answers: KeptAnswers, *, caller: str) -> tuple[list[Any], list[Any]]:
    """Return the items before the input of *body*, and those of the input itself.

    References become what they refer to. Raise `InvalidRequest` for one that finds nothing, which
    is never left out, since the answer would be one to another conversation; and for more items
    than `LIMITS` allows.
    """
    before: list[Any] = []
    if body.previous_response_id:
        before = answers.history(body.previous_response_id, caller=caller)
    count, most = len(before) + len(body.items), LIMITS.get().messages
    if count > most:
        raise InvalidRequest(f"too many input: {count}, at most {most} are allowed")
    return before, [_resolved(item, answers, caller) for item in body.items]


def _resolved(item: object, answers: KeptAnswers, caller: str) -> object:
    match item:
        case {"type": "item_reference", "id": str(identity)}:
            pass
        case {"id": str(identity), **rest} if not any(rest.values()):
            pass
        case _:
            return item
    found = answers.item(identity, caller=caller)
    if found is None:
        raise InvalidRequest(
            f"item with id '{identity}' not found: items are kept for a while only, and not at all"
            " with store: false; send the item itself"
        )
    return found
