"""Ids of tool calls in an answer, for services that send none."""

from __future__ import annotations

from gateway.core import codec
from gateway.core.call_ids import new_id
from gateway.core.events import ToolCall

__all__ = ["call_id"]


def call_id(call: ToolCall, index: int) -> str:
    """Return the call's own id, or a new one that is the same each time for the same answer.

    *index* is the call's place in its answer.
    """
    if call.id:
        return call.id
    function = {"index": index, "name": call.name, "arguments": call.arguments}
    return new_id(codec.encode(function).decode())
