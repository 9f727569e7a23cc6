"""The events of a stream of ``/v1/messages`` that tell of blocks."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.dialects.server_sent_events import encode_event

__all__ = ["arguments_delta", "block_delta", "block_start", "block_stop", "message_end", "tool_use"]


def block_start(index: int, block: Mapping[str, object]) -> bytes:
    """Return the beginning of a block."""
    return encode_event("content_block_start", {"index": index, "content_block": block})


def block_delta(index: int, delta: Mapping[str, object]) -> bytes:
    """Return a part of a block."""
    return encode_event("content_block_delta", {"index": index, "delta": delta})


def block_stop(index: int) -> bytes:
    """Return the end of a block."""
    return encode_event("content_block_stop", {"index": index})


def arguments_delta(index: int, arguments: str) -> bytes:
    """Return a part of the JSON of the arguments of a call."""
    return block_delta(index, {"type": "input_json_delta", "partial_json": arguments})


def tool_use(identity: str, name: str) -> dict[str, object]:
    """Return the block of a call without its arguments."""
    return {"type": "tool_use", "id": identity, "name": name, "input": {}}


def message_end(end: Mapping[str, str], usage: Mapping[str, int]) -> bytes:
    """Return the two events that end an answer."""
    last = {"delta": end, "usage": usage}
    return encode_event("message_delta", last) + encode_event("message_stop", {})
