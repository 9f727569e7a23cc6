"""Remember what services want back with a history, for clients that drop it.

A keepsake is opaque state of a service, such as a signature of the model's thinking. Where the
client's dialect has a place for it, the client keeps it; for all others it is kept here, in memory
alone, under the calls of its turn. Nothing is logged, stored or shared between callers.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

import msgspec

from gateway.core import codec
from gateway.core.chat import Message, replace
from gateway.core.events import Keepsake, ToolCall
from gateway.providers.history.ids import names_no_call
from gateway.providers.history.surrogates import clean_json

__all__ = ["Keepsakes", "Owner"]

_LARGEST: Final = 64 << 10
"""Bytes of the keepsakes of one turn as JSON."""
_SECONDS: Final = 24 * 60 * 60.0
"""How long a turn is remembered."""


class Owner(NamedTuple):
    """Whose keepsakes these are: nobody else finds them."""

    caller: str
    provider: str
    model: str


_Key: TypeAlias = tuple[Owner, str]
"""An owner, and the id or the digest of a call."""

_encode = msgspec.json.Encoder(order="deterministic", enc_hook=codec.plain).encode


@dataclass(frozen=True, slots=True, eq=False)
class _Turn:
    """The keepsakes of one answer with calls."""

    keys: Sequence[Sequence[_Key]]
    """The keys of each call."""
    turn: Keepsake
    calls: Sequence[Keepsake]
    size: int
    until: float


class Keepsakes:
    """A memory of *size* bytes of keepsakes; the turns that were used last stay longest.

    With a *size* of 0 nothing is remembered. *clock* returns seconds.
    """

    def __init__(
        self, size: int = 32 << 20, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._size = size
        self._clock = clock
        self._used = 0
        self._turns: dict[_Turn, None] = {}
        self._places: dict[_Key, tuple[_Turn, int]] = {}

    def keep(self, owner: Owner, calls: Sequence[ToolCall], keepsake: Keepsake) -> None:
        """Remember the *keepsake* of an answer, and those of its *calls*."""
        each = [call.keepsake for call in calls]
        if not calls or not (keepsake or any(each)):
            return
        size = len(_encode([keepsake, each]))
        if size > min(_LARGEST, self._size):
            return
        keys = [[(owner, name) for name in _names(call, i)] for i, call in enumerate(calls)]
        turn = _Turn(keys, keepsake, each, size, self._clock() + _SECONDS)
        self._turns[turn] = None
        self._used += size
        for index, own in enumerate(keys):
            self._places |= dict.fromkeys(own, (turn, index))
        while self._used > self._size:
            self._drop(next(iter(self._turns)))

    def recall(self, owner: Owner, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        """Return *messages* with the keepsakes that the client has dropped and that are known."""
        if not self._turns:
            return messages
        return tuple([self._completed(message, owner) for message in messages])

    def _completed(self, message: Message, owner: Owner) -> Message:
        if not message.tool_calls:
            return message
        found = [
            self._find([(owner, name) for name in _names(call, index)])
            for index, call in enumerate(message.tool_calls)
        ]
        turn = next((place[0] for place in found if place), None)
        if turn is None:
            return message
        calls = [
            replace(call, keepsake=place[0].calls[place[1]])
            if place and not call.keepsake
            else call
            for call, place in zip(message.tool_calls, found, strict=True)
        ]
        keepsake = message.keepsake or turn.turn
        return replace(message, tool_calls=tuple(calls), keepsake=keepsake)

    def _find(self, keys: Sequence[_Key]) -> tuple[_Turn, int] | None:
        place = next((self._places[key] for key in keys if key in self._places), None)
        if place is None:
            return None
        turn, _ = place
        if turn.until <= self._clock():
            self._drop(turn)
            return None
        del self._turns[turn]
        self._turns[turn] = None
        return place

    def _drop(self, turn: _Turn) -> None:
        del self._turns[turn]
        self._used -= turn.size
        for key in (key for own in turn.keys for key in own):
            if key in self._places and self._places[key][0] is turn:
                del self._places[key]


def _names(call: ToolCall, index: int) -> list[str]:
    """Return what a call is found by: its id, and a digest for clients that drop ids."""
    encoded = _encode(clean_json([index, call.name, call.arguments]))
    digest = hashlib.blake2b(encoded, digest_size=16).hexdigest()
    return [f"digest {digest}"] if names_no_call(call.id) else [f"id {call.id}", f"digest {digest}"]
