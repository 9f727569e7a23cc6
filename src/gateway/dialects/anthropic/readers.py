"""Read the nested parts of a body by Go's rules (Ollama's ``anthropic/anthropic.go``).

Only types are checked here, since a wrong type is rejected before a missing field.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.core.chat import Role
from gateway.core.errors import InvalidRequest
from gateway.dialects.anthropic.bodies import Fields, Turn
from gateway.dialects.bodies.arguments import parse_arguments
from gateway.dialects.bodies.described import (
    OBJECT,
    UNCHECKED,
    JsonSchema,
    any_of,
    array_of,
    described,
    object_of,
    schema_of,
)
from gateway.dialects.bodies.readers import (
    Reader,
    read_anything,
    read_bool,
    read_bool_or_none,
    read_fields,
    read_int,
    read_list,
    read_string,
)
from gateway.dialects.bodies.roles import read_role

__all__ = ["read_output_config", "read_thinking", "read_tool_choice", "read_tools", "read_turns"]


@described(lambda: object_of(_TURN, required=("content",)), name="AnthropicMessage")
def _turn(item: object) -> Turn:
    fields = read_fields(item, _TURN, "anthropic.MessageParam")
    blocks = fields.get("content")
    if blocks is None:
        # Go accepts a null content, but not a message without the field.
        if not _has_content(item):
            raise InvalidRequest("unexpected end of JSON input")
        blocks = ()
    return Turn(fields.get("role", Role.USER), blocks)


@described(lambda: {"type": "array", "items": schema_of(_turn)})
def read_turns(value: object) -> tuple[Turn, ...]:
    """Return the messages; raise `InvalidRequest` for one without content."""
    return tuple([_turn(item) for item in read_list(value, "[]anthropic.MessageParam")])


@described(lambda: object_of(_TOOL), name="AnthropicTool")
def _tool(item: object) -> Fields:
    return read_fields(item, _TOOL, "anthropic.Tool")


@described(lambda: array_of(_tool))
def read_tools(value: object) -> tuple[Fields, ...]:
    """Return the definitions of tools."""
    items = read_list(value, "[]anthropic.Tool")
    return tuple([_tool(item) for item in items])


@described(lambda: object_of(_TOOL_CHOICE))
def read_tool_choice(value: object) -> Fields:
    """Return how tools are to be used."""
    return read_fields(value, _TOOL_CHOICE, "anthropic.ToolChoice")


@described(lambda: object_of(_THINKING))
def read_thinking(value: object) -> Fields:
    """Return whether to think."""
    return read_fields(value, _THINKING, "anthropic.ThinkingConfig")


@described(lambda: object_of(_OUTPUT_CONFIG))
def read_output_config(value: object) -> Fields:
    """Return how hard to think and in which form to answer."""
    return read_fields(value, _OUTPUT_CONFIG, "anthropic.OutputConfig")


def _has_content(item: object) -> bool:
    return isinstance(item, dict) and any(key.lower() == "content" for key in item)


@described(lambda: any_of(object_of(_BLOCK), _OTHER_BLOCK), name="AnthropicBlock")
def _block(item: object) -> Fields:
    """Return the members of a block: any for one of a type that Ollama does not know."""
    if isinstance(item, dict) and not _KNOWN_BLOCKS.issuperset(_types_in(item)):
        return item
    return read_fields(item, _BLOCK, "anthropic.ContentBlock")


@described(lambda: any_of({"type": "string"}, array_of(_block)))
def _content(value: object) -> tuple[Fields, ...]:
    if isinstance(value, str):
        return ({"type": "text", "text": value},)
    items = read_list(value, "[]anthropic.ContentBlock")
    return tuple([_block(item) for item in items])


@described(any_of({"type": "string"}, {"type": "array", "items": OBJECT}) | UNCHECKED)
def _keep_content(value: object) -> object:
    return value


@described(OBJECT | UNCHECKED)
def _keep_object(value: object) -> object:
    return value


@described({"type": "string"} | UNCHECKED)
def _keep_text(value: object) -> object:
    return value


def _types_in(item: Mapping[str, object]) -> list[str]:
    return [str(value) for key, value in item.items() if key.lower() == "type"]


_KNOWN_BLOCKS = frozenset({"text", "image", "thinking", "tool_use", "tool_result"})
"""Blocks whose members have a type at Ollama."""
_OTHER_BLOCK: JsonSchema = {
    "type": "object",
    "properties": {"type": {"not": {"enum": sorted(_KNOWN_BLOCKS)}}},
    "required": ["type"],
}
_BLOCK: dict[str, Reader] = {
    "type": read_string,
    "text": read_string,
    "source": _keep_object,
    "id": read_string,
    "name": read_string,
    "input": parse_arguments,
    "tool_use_id": read_string,
    "content": _keep_content,
    "thinking": read_string,
    "signature": _keep_text,
    "is_error": read_anything,
    "cache_control": _keep_object,
}
_TURN: dict[str, Reader] = {"role": read_role, "content": _content}
_TOOL: dict[str, Reader] = {
    "type": read_string,
    "name": read_string,
    "description": read_string,
    "input_schema": _keep_object,
    "strict": read_bool_or_none,
    "cache_control": _keep_object,
    "display_width_px": read_anything,
    "display_height_px": read_anything,
    "enable_zoom": read_anything,
    "mcp_server_name": read_anything,
}
_TOOL_CHOICE: dict[str, Reader] = {
    "type": read_string,
    "name": read_string,
    "disable_parallel_tool_use": read_bool,
}
_THINKING: dict[str, Reader] = {"type": read_string, "budget_tokens": read_int}
_OUTPUT_CONFIG: dict[str, Reader] = {"effort": read_string, "format": _keep_object}
