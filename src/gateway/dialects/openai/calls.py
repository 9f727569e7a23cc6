"""Tool calls in answers of ``/v1/chat/completions``."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from gateway.core import codec
from gateway.core.events import ToolCall
from gateway.dialects.call_ids import call_id
from gateway.dialects.openai.custom_tools import custom_input

__all__ = ["begun_call", "extra_content", "whole_calls"]


def whole_calls(
    calls: Sequence[ToolCall], custom: Collection[str], *, first: int
) -> list[dict[str, object]]:
    """Return calls as OpenAI writes them, their arguments as text; *first* is their first index."""
    return [
        _whole_call(call_id(call, index), index, call, is_custom=call.name in custom)
        | extra_content(call)
        for index, call in enumerate(calls, first)
    ]


def extra_content(call: ToolCall) -> dict[str, object]:
    """Return the member of a call in which services of this dialect keep their state."""
    extra = call.keepsake.get("openai", {}).get("extra_content")
    return {"extra_content": extra} if extra else {}


def _whole_call(identity: str, index: int, call: ToolCall, *, is_custom: bool) -> dict[str, object]:
    if is_custom:
        custom = {"name": call.name, "input": custom_input(call.arguments)}
        return {"id": identity, "index": index, "type": "custom", "custom": custom}
    return begun_call(identity, index, call.name, codec.encode(call.arguments).decode())


def begun_call(identity: str, index: int, name: str, arguments: str) -> dict[str, object]:
    """Return a call of a function with the JSON of its arguments, or the beginning of that."""
    return {
        "id": identity,
        "index": index,
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }
