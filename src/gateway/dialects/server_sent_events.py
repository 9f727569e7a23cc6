"""Encode server-sent events for OpenAI's and Anthropic's APIs: a name with JSON data.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.core import codec

__all__ = ["COMMENT", "FRAME_END", "STREAM_HEADERS", "encode_event"]

STREAM_HEADERS: Final[Mapping[str, str]] = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache",
}

FRAME_END: Final = b"\n\n"
"""What ends a frame; compact JSON has no line feed of its own."""

COMMENT: Final = b": still here\n\n"
"""What every client ignores."""


def encode_event(name: str, fields: Mapping[str, object]) -> bytes:
    """Return the event *name*, whose data names it again as its ``type``; nothing is escaped."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), codec.encode({"type": name, **fields}))
