"""Encode the most frequent kind of batch: text and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.core import codec
from gateway.core.events import ChatEvent, TextDelta

__all__ = ["LONGEST_TEXT", "encode_text_batch"]

LONGEST_TEXT: Final = 1_000_000
"""The characters of one line: Ollama's Go client reads no line of 8,000,000 bytes, and JSON may
write a character in six."""


def encode_text_batch(events: Sequence[ChatEvent], *, before: bytes, after: bytes) -> bytes:
    """Return the text of each event as escaped JSON between *before* and *after*.

    Return nothing for a batch that holds anything but text, or more than `LONGEST_TEXT` bytes.
    """
    if len(events) == 1:
        event = events[0]
        encoded = codec.encode(event.text) if type(event) is TextDelta else b""
    else:
        texts = [event.text for event in events if type(event) is TextDelta]
        encoded = codec.encode_lines(texts)[:-1] if len(texts) == len(events) else b""
    if not 0 < len(encoded) <= LONGEST_TEXT:
        return b""
    encoded = codec.escape_html(encoded)
    if len(events) > 1:
        # Compact JSON has no line feed of its own.
        encoded = encoded.replace(b"\n", after + before)
    return b"".join((before, encoded, after))
