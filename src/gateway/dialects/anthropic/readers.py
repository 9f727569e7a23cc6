"""Read the nested parts of a body by Go's rules (Ollama's ``anthropic/anthropic.go``).

Only types are checked here, since a wrong type is rejected before a missing field.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.core.chat import Role
from gateway.core.errors import InvalidRequest
from gateway.dialects.anthropic.bodies import Fields, Turn
from gateway.dialects.bodies.arguments import parse_arguments
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


def read_turns(value: object) -> tuple[Turn, ...]:
    """Return the messages; raise `InvalidRequest` for one without content."""
    return tuple([_turn(item) for item in read_list(value, "[]anthropic.MessageParam")])


def read_tools(value: object) -> tuple[Fields, ...]:
    """Return the definitions of tools."""
    items = read_list(value, "[]anthropic.Tool")
    return tuple([read_fields(item, _TOOL, "anthropic.Tool") for item in items])


def read_tool_choice(value: object) -> Fields:
    """Return how tools are to be used."""
    return read_fields(value, _TOOL_CHOICE, "anthropic.ToolChoice")


def read_thinking(value: object) -> Fields:
    """Return whether to think."""
    return read_fields(value, _THINKING, "anthropic.ThinkingConfig")


def read_output_config(value: object) -> Fields:
    """Return how hard to think and in which form to answer."""
    return read_fields(value, _OUTPUT_CONFIG, "anthropic.OutputConfig")


def _turn(item: object) -> Turn:
    fields = read_fields(item, _TURN, "anthropic.MessageParam")
    blocks = fields.get("content")
    if blocks is None:
        # Go accepts a null content, but not a message without the field.
        if not _has_content(item):
            raise InvalidRequest("unexpected end of JSON input")
        blocks = ()
    return Turn(fields.get("role", Role.USER), blocks)


def _has_content(item: object) -> bool:
    return isinstance(item, dict) and any(key.lower() == "content" for key in item)


def _content(value: object) -> tuple[Fields, ...]:
    if isinstance(value, str):
        return ({"type": "text", "text": value},)
    items = read_list(value, "[]anthropic.ContentBlock")
    return tuple([_block(item) for item in items])


def _block(item: object) -> Fields:
    """Return the members of a block: any for one of a type that Ollama does not know."""
    if isinstance(item, dict) and not _KNOWN_BLOCKS.issuperset(_types_in(item)):
        return item
    return read_fields(item, _BLOCK, "anthropic.ContentBlock")


def _types_in(item: Mapping[str, object]) -> list[str]:
    return [str(value) for key, value in item.items() if key.lower() == "type"]


_KNOWN_BLOCKS = frozenset({"text", "image", "thinking", "tool_use", "tool_result"})
"""Blocks whose members have a type at Ollama."""
_BLOCK: dict[str, Reader] = {
    "type": read_string,
    "text": read_string,
    "source": read_anything,
    "id": read_string,
    "name": read_string,
    "input": parse_arguments,
    "tool_use_id": read_string,
    "content": read_anything,
    "thinking": read_string,
    "signature": read_anything,
    "is_error": read_anything,
    "cache_control": read_anything,
}
_TURN: dict[str, Reader] = {"role": read_role, "content": _content}
_TOOL: dict[str, Reader] = {
    "type": read_string,
    "name": read_string,
    "description": read_string,
    "input_schema": read_anything,
    "strict": read_bool_or_none,
    "cache_control": read_anything,
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
_OUTPUT_CONFIG: dict[str, Reader] = {"effort": read_string, "format": read_anything}
