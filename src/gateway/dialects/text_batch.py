"""The batch that nearly all batches are: text and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.core import codec
from gateway.core.events import ChatEvent, TextDelta

__all__ = ["encode_texts"]


def encode_texts(events: Sequence[ChatEvent]) -> bytes:
    """Return the texts of *events* as JSON, escaped, with a line feed between two of them.

    Compact JSON has no raw line feed, so that one can be replaced by what a dialect has there.
    Nothing is returned for a batch that holds anything but text.
    """
    if len(events) == 1:
        event = events[0]
        return codec.escape_html(codec.encode(event.text)) if type(event) is TextDelta else b""
    texts = [event.text for event in events if type(event) is TextDelta]
    if not texts or len(texts) < len(events):
        return b""
    return codec.escape_html(codec.encode_lines(texts)[:-1])
