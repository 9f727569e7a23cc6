"""Cache points: where a conversation is the same as in the next request (guide, "prompt caching").

A client of Anthropic's dialect marks places itself, by ``cache_control`` of its blocks, which is
left to adapters in ``native``. For all other clients the places are those behind the tools, the
instructions and the last turn of the user, if the settings want that.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from gateway_bedrock.messages import Block, Turn

__all__ = ["Marks", "read_marks"]

_MOST = 4
_LIVES = ("5m", "1h")
_UNCACHED = frozenset({"document", "video", "audio"})
"""Kinds of blocks behind which no cache point may stand."""
_HERE: Mapping[str, object] = {}


class Marks:
    """Which places are marked, each with its ``cache_control``.

    ``system`` are pairs of a text and its mark, ``tools`` marks by name, ``turns`` by the number of
    turns behind. A mark for the name "" is that of the last tool.
    """

    def __init__(
        self,
        *,
        system: Sequence[tuple[str, object]] = (),
        tools: Mapping[str, object] | None = None,
        turns: Mapping[int, object] | None = None,
        last_system: bool = False,
    ) -> None:
        self._system = system
        self._tools = tools or {}
        self._turns = turns or {}
        self._last_system = last_system
        self._left = _MOST

    def mark_tools(self, tools: list[Block]) -> list[Block]:
        """Return *tools* with a cache point behind each that is marked."""
        marked: list[Block] = []
        for place, tool in enumerate(tools, 1):
            spec: Any = tool["toolSpec"]
            last = self._tools.get("") if place == len(tools) else None
            mark = self._tools.get(spec["name"], last)
            marked += [tool, *self._point(mark)]
        return marked

    def mark_system(self, texts: Sequence[str]) -> list[Block]:
        """Return the instructions as blocks, with cache points where the client has set them."""
        joined = "\n\n".join(texts)
        parts = [(text, mark) for text, mark in self._system if text.strip()]
        said = "\n\n".join([text for text, _ in parts])
        if not parts or not f"{joined}\n\n".startswith(f"{said}\n\n"):
            blocks: list[Block] = [{"text": text} for text in texts]
            return blocks + (self._point(_HERE) if blocks and self._last_system else [])
        blocks = []
        for text, mark in parts:
            blocks += [{"text": text}, *self._point(mark)]
        rest = joined[len(said) :].lstrip("\n")
        return [*blocks, {"text": rest}] if rest else blocks

    def mark_turns(self, turns: list[Turn]) -> list[Turn]:
        """Return *turns* with a cache point in each that is marked, the newest ones first."""
        marked = [*turns]
        for behind in sorted(self._turns):
            place = len(turns) - 1 - behind
            if place >= 0:
                marked[place] = self._marked(turns[place], self._turns[behind])
        return marked

    def _marked(self, turn: Turn, mark: object) -> Turn:
        content = turn["content"]
        blocks: list[Block] = [*content] if isinstance(content, list) else []
        end = len(blocks)
        while end and not blocks[end - 1].keys().isdisjoint(_UNCACHED):
            end -= 1
        if not end:
            return turn
        return {**turn, "content": [*blocks[:end], *self._point(mark), *blocks[end:]]}

    def _point(self, mark: object) -> list[Block]:
        if mark is None or not self._left:
            return []
        self._left -= 1
        life = mark.get("ttl") if isinstance(mark, Mapping) else None
        return [{"cachePoint": {"type": "default", **({"ttl": life} if life in _LIVES else {})}}]


def read_marks(
    native: Mapping[str, Any], places: Collection[str], *, wanted: bool, turns: Sequence[Turn]
) -> Marks:
    """Return the marks of a request at the *places* that the model has them for.

    *native* is what the dialect of Anthropic has left; with *wanted* the settings want marks for
    clients that set none. *turns* are those of the conversation.
    """
    given = {name: native.get(name) for name in ("system", "tools", "turns")}
    whole = native.get("fields", {}).get("cache_control")
    if not any(given.values()) and (wanted or whole is not None):
        last = next((n for n, turn in enumerate(reversed(turns)) if turn["role"] == "user"), 0)
        return Marks(
            tools={"": _HERE} if "tools" in places else None,
            turns={last: whole or _HERE} if "messages" in places else None,
            last_system="system" in places,
        )
    return Marks(
        system=given["system"] or () if "system" in places else (),
        tools=given["tools"] if "tools" in places else None,
        turns=given["turns"] if "messages" in places else None,
    )
