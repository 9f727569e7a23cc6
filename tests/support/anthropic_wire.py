"""Read Anthropic's server-sent events strictly."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["PNG", "read_events"]

PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAA"
    "AABJRU5ErkJggg=="
)
"""A picture of one pixel."""


def read_events(sent: bytes) -> list[dict[str, Any]]:
    """Return the data of whole events; fail where one is not written as it should be."""
    *frames, rest = sent.decode().split("\n\n")
    assert rest == ""
    events = []
    for frame in frames:
        name, data = frame.split("\n")
        event: dict[str, Any] = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        events.append(event)
    return events
