"""Encode tools for Mistral.

Mistral holds a function's parameters against JSON Schema Draft 7 ("Invalid tool schema: …");
Ollama takes whatever its clients' libraries write.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.core import codec
from gateway.core.chat import Tool, ToolChoice
from gateway.core.errors import InvalidRequest
from gateway.providers.function_calls import wire_choice
from gateway.providers.history.ids import is_name
from gateway.providers.history.surrogates import clean, clean_json
from gateway.providers.mistral.schemas import Schema, map_subschemas, without_identity

__all__ = ["wire_tool_choice", "wire_tools"]

_MAY_BE_NULL: Final = frozenset({"default", "const"})
_LIMITS: Final = (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum"))


def wire_tools(tools: Sequence[Tool]) -> list[dict[str, object]]:
    """Return the definitions of functions.

    Raise `InvalidRequest` for a name that Mistral rejects: the client dispatches on it, so it
    cannot be changed on the way.
    """
    return [_tool(tool) for tool in tools]


def _tool(tool: Tool) -> dict[str, object]:
    if not is_name(tool.name):
        raise InvalidRequest(
            f'invalid tool name "{clean(tool.name)}": use 1 to 64 letters, digits, "_" or "-"'
        )
    function: dict[str, object] = {"name": tool.name}
    if tool.description:
        function["description"] = clean(tool.description)
    if tool.strict is not None:
        function["strict"] = tool.strict
    function["parameters"] = _parameters(clean_json(tool.parameters))
    return {"type": "function", "function": function}


def _parameters(schema: Schema) -> Schema:
    if not schema:
        return {"type": "object", "properties": {}}
    mended = without_identity(schema)
    if _may_need_mending(schema):
        mended = _mended(mended)
    mended.setdefault("type", "object")
    if "properties" in schema:
        mended.setdefault("properties", {})
    return mended


def _may_need_mending(schema: Schema) -> bool:
    # Looking through the bytes is some ten times cheaper than walking, and most are clean.
    raw = codec.encode(schema)
    return b"null" in raw or b'"exclusiveM' in raw


def _mended(schema: Schema) -> dict[str, object]:
    """Drop keywords and properties without a value; write exclusive limits as Draft 7 does."""
    mended = map_subschemas(_without_nulls(schema), _mended)
    for exclusive, limit in _LIMITS:
        flag = mended.get(exclusive)
        # Draft 4 has a flag beside the limit where later drafts have a limit of its own.
        if isinstance(flag, bool):
            del mended[exclusive]
            if flag and limit in mended:
                mended[exclusive] = mended.pop(limit)
    return mended


def _without_nulls(schema: Schema) -> dict[str, object]:
    return {
        keyword: value
        for keyword, value in schema.items()
        if value is not None or keyword in _MAY_BE_NULL
    }


def wire_tool_choice(choice: ToolChoice) -> object:
    """Return which function the model must call, in Mistral's words."""
    return "any" if choice == "required" else wire_choice(choice)
