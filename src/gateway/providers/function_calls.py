"""Calls and choices of functions in the form that OpenAI's API has made common."""

from __future__ import annotations

from gateway.core.chat import NamedTool, ToolChoice
from gateway.core.events import ToolCall
from gateway.providers.history.surrogates import clean, encode_clean

__all__ = ["wire_call", "wire_choice"]


def wire_call(call: ToolCall) -> dict[str, object]:
    """Return an element of an assistant's ``tool_calls``; its arguments are JSON in a string."""
    arguments = encode_clean(call.arguments).decode()
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": arguments},
    }


def wire_choice(choice: ToolChoice) -> object:
    """Return the value of ``tool_choice``: a word, or an object that names a function."""
    if isinstance(choice, NamedTool):
        return {"type": "function", "function": {"name": clean(choice.name)}}
    return choice
