"""Read the tools of a chat: reject what Ollama rejects, keep each schema whole."""

from __future__ import annotations

from typing import Any

from gateway.core.chat import Tool
from gateway.dialects.bodies.described import (
    any_of,
    array_of,
    described,
    nullable,
    object_of,
    schema_of,
)
from gateway.dialects.bodies.readers import (
    Mismatch,
    Reader,
    read_bool_or_none,
    read_fields,
    read_list,
    read_object,
    read_string,
    read_strings,
)

__all__ = ["read_function", "read_parameters", "read_tool", "read_tools"]


@described(lambda: object_of(_FUNCTION), name="ToolFunction")
def _function(value: object) -> dict[str, Any]:
    return read_fields(value, _FUNCTION, "api.ToolFunction")


@described(lambda: object_of(_TOOL), name="Tool")
def read_tool(item: object) -> Tool:
    """Return one tool of a chat."""
    fields = read_fields(item, _TOOL, "api.Tool")
    return Tool(**{"name": "", **fields.get("function", {})})


@described(lambda: array_of(read_tool))
def read_tools(value: object) -> tuple[Tool, ...]:
    """Return the tools of a chat."""
    return tuple([read_tool(item) for item in read_list(value, "api.Tools")])


@described(lambda: schema_of(_function))
def read_function(value: object) -> Tool:
    """Return one tool from the description of its function alone."""
    return Tool(**{"name": "", **_function(value)})


@described(lambda: any_of(object_of(_PARAMETERS), {"type": "boolean"}), name="ToolParameters")
def read_parameters(value: object) -> dict[str, object]:
    """Return a JSON Schema after a check of the keywords that have a type at Ollama.

    A schema may also be true, for anything, or false, wherever JSON Schema allows it; a function
    without a schema of its own takes no arguments.
    """
    if isinstance(value, bool):
        return {}
    if not isinstance(value, dict):
        raise Mismatch(value, "api.ToolFunctionParameters")
    keywords = read_fields(value, _PARAMETERS, "api.ToolFunctionParameters")
    # A schema may nest far deeper than Python may recurse: hence a list of what is left to do.
    pending: list[tuple[object, tuple[str, ...]]] = []
    path: tuple[str, ...] = ()
    while True:
        # One path for all siblings: there may be many, and it may be long.
        if "properties" in keywords:
            below = (*path, "properties")
            pending += [(item, below) for item in keywords["properties"].values()]
        if "anyOf" in keywords:
            below = (*path, "anyOf")
            pending += [(item, below) for item in keywords["anyOf"]]
        if not pending:
            return value
        item, path = pending.pop()
        try:
            keywords = {} if isinstance(item, bool) else _property(item)
        except Mismatch as mismatch:
            raise mismatch.inside("api.ToolFunctionParameters", *path) from None


@described(lambda: any_of(object_of(_PROPERTY), {"type": "boolean"}), name="ToolProperty")
def _property(item: object) -> dict[str, Any]:
    return read_fields(item, _PROPERTY, "api.ToolProperty")


@described(lambda: any_of({"type": "string"}, array_of(read_string)))
def _types(value: object) -> object:
    return value if isinstance(value, str) else read_strings(value)


@described(lambda: {"type": "object", "additionalProperties": nullable(schema_of(_property))})
def _properties(value: object) -> dict[str, object]:
    return read_object(value)


@described(lambda: array_of(_property))
def _alternatives(value: object) -> list[object]:
    return read_list(value)


_PROPERTY: dict[str, Reader] = {
    "type": _types,
    "description": read_string,
    "enum": read_list,
    "anyOf": _alternatives,
    "required": read_strings,
    "properties": _properties,
}
_PARAMETERS: dict[str, Reader] = {
    "type": read_string,
    "required": read_strings,
    "properties": _properties,
}
_FUNCTION: dict[str, Reader] = {
    "name": read_string,
    "description": read_string,
    "parameters": read_parameters,
    "strict": read_bool_or_none,
}
_TOOL: dict[str, Reader] = {"type": read_string, "function": _function}
