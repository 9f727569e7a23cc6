"""How the body of a streamed answer is cut into events: by name, or by what an adapter brings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, Protocol, TypeAlias

from gateway.providers.upstream.frames import FrameSplitter
from gateway.providers.upstream.framing import EventSplitter, LineSplitter

__all__ = ["EVENT_STREAM", "FRAMINGS", "Framing", "FramingName", "Splitter", "framing_of"]

EVENT_STREAM: Final = "text/event-stream"


class Splitter(Protocol):
    """Cuts the body of one answer, in any cut of its bytes, and keeps what is not complete; pure.

    Both methods raise `ValueError` for what cannot be cut, which ends the answer with an error.
    """

    def feed(self, chunk: bytes, /) -> Sequence[bytes]:
        """Return the events that *chunk*, which is never empty, completes."""

    def close(self) -> Sequence[bytes]:
        """Return what the end of the body completes."""


@dataclass(frozen=True, slots=True)
class Framing:
    """How an answer is cut into events.

    ``media_types`` are those of such an answer; a request accepts the first one. ``splitter`` makes
    a `Splitter` for each answer. With ``documents`` a JSON document that comes in the place of a
    stream is its only event.
    """

    media_types: Sequence[str]
    splitter: Callable[[], Splitter]
    documents: bool = False


FramingName: TypeAlias = Literal["sse", "lines", "aws"]
"""Server-sent events, lines of JSON, and the frames of AWS's event stream, each a `Frame`."""

FRAMINGS: Mapping[str, Framing] = MappingProxyType(
    {
        "sse": Framing((EVENT_STREAM,), EventSplitter, documents=True),
        "lines": Framing(
            (
                "application/x-ndjson",
                "application/ndjson",
                "application/jsonl",
                "application/x-jsonlines",
                "application/stream+json",
            ),
            LineSplitter,
            documents=True,
        ),
        "aws": Framing(("application/vnd.amazon.eventstream",), FrameSplitter),
    }
)


def framing_of(framing: FramingName | Framing) -> Framing:
    """Return the framing with that name, or what is one itself; raise `ValueError`."""
    found = framing if isinstance(framing, Framing) else FRAMINGS.get(framing)
    if found is None:
        raise ValueError(f"no framing {framing!r} (known: {', '.join(FRAMINGS)})")
    return found
