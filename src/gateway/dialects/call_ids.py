"""Ids for tool calls that came without one."""

from __future__ import annotations

import hashlib

from gateway.core import codec
from gateway.core.events import ToolCall

__all__ = ["call_id"]


def call_id(call: ToolCall, index: int) -> str:
    """Return the call's own id, or one made up that is the same each time for the same answer.

    *index* is the call's place in its answer. What is made up has nine characters, as Mistral
    wants them back.
    """
    if call.id:
        return call.id
    function = {"index": index, "name": call.name, "arguments": call.arguments}
    return hashlib.sha256(codec.encode(function)).hexdigest()[:9]
