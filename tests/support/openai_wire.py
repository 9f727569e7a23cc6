"""Read OpenAI's server-sent events strictly."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["DONE", "PNG", "WAV", "read_chunks", "read_events"]

PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAA"
    "AABJRU5ErkJggg=="
)
"""A picture of one pixel."""

WAV = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA="
"""A recording of nothing."""

DONE = "[DONE]"


def read_chunks(sent: bytes) -> list[Any]:
    """Return the data of events without names; `DONE` stands for the end."""
    *frames, rest = sent.split(b"\n\n")
    assert rest == b""
    chunks = []
    for frame in frames:
        assert frame.startswith(b"data: ")
        assert b"\n" not in frame
        data = frame.removeprefix(b"data: ").decode()
        chunks.append(data if data == DONE else json.loads(data))
    return chunks


def read_events(sent: bytes) -> list[dict[str, Any]]:
    """Return the data of events with names, each of which is its type."""
    *frames, rest = sent.decode().split("\n\n")
    assert rest == ""
    events = []
    for frame in frames:
        name, data = frame.split("\n")
        event: dict[str, Any] = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        events.append(event)
    return events
