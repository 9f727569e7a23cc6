"""The form in which answers are kept: JSON in which each event is named by its kind; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final, TypeAlias

import msgspec

from gateway.core import codec
from gateway.core.chat import replace
from gateway.core.embeddings import EmbedResult
from gateway.core.events import (
    ChatEvent,
    Finish,
    Logprobs,
    TextDelta,
    ThinkingDelta,
    Thought,
    ToolCall,
    ToolCallDelta,
    Usage,
)

__all__ = ["Answer", "decode", "encode", "joined", "named", "unnamed"]

Answer: TypeAlias = Sequence[ChatEvent] | EmbedResult
"""An answer that is kept: all its events, or vectors."""

_KINDS: Mapping[str, type[Any]] = {
    "text": TextDelta,
    "thinking": ThinkingDelta,
    "thought": Thought,
    "call_delta": ToolCallDelta,
    "call": ToolCall,
    "logprobs": Logprobs,
    "finish": Finish,
}
_NAMES: Final = {kind: name for name, kind in _KINDS.items()}
_DECODERS: Final = {name: msgspec.json.Decoder(kind).decode for name, kind in _KINDS.items()}

_FRAGMENTS: Mapping[type[Any], str] = {
    TextDelta: "text",
    ThinkingDelta: "text",
    ToolCallDelta: "arguments",
}
"""The field with the text of what is a fragment of more."""


class _Vectors(msgspec.Struct, frozen=True):
    """An `EmbedResult` of which whole numbers stay whole."""

    vectors: list[list[int | float]]
    usage: Usage | None = None
    native: dict[str, dict[str, Any]] | None = None


_Named: TypeAlias = Sequence[tuple[str, Any]]
_decode: Final = msgspec.json.Decoder(list[tuple[str, msgspec.Raw]] | _Vectors).decode


def encode(answer: Answer) -> bytes:
    """Return *answer* as JSON.

    Raise `ValueError`, `TypeError` or `RecursionError` for one that JSON cannot hold.
    """
    return codec.encode(answer if isinstance(answer, EmbedResult) else named(joined(answer)))


def decode(encoded: bytes) -> Answer:
    """Return what was encoded; raise `ValueError` for anything else."""
    try:
        found = _decode(encoded)
        if isinstance(found, _Vectors):
            return EmbedResult(found.vectors, found.usage, found.native)
        return unnamed(found)
    except KeyError as error:
        raise ValueError("an event of an unknown kind") from error


def named(events: Iterable[ChatEvent]) -> _Named:
    """Return each event with the name of its kind, which a struct does not bear."""
    return [(_NAMES[type(event)], event) for event in events]


def unnamed(pairs: _Named) -> list[ChatEvent]:
    """Return the events of *pairs* of a kind and the JSON of the event."""
    return [_DECODERS[name](event) for name, event in pairs]


def joined(events: Iterable[ChatEvent]) -> Iterator[ChatEvent]:
    """Yield *events* with each run of fragments of one kind, or of one call, as one fragment."""
    for (kind, _), run in groupby(events, _run_of):
        members: list[Any] = [*run]
        name = _FRAGMENTS.get(kind)
        if name is None:
            yield from members
        else:
            text = "".join([getattr(one, name) for one in members])
            yield replace(members[0], **{name: text})


def _run_of(event: ChatEvent) -> tuple[type[ChatEvent], str]:
    return type(event), event.id if isinstance(event, ToolCallDelta) else ""
