"""Convert Anthropic's tools to functions, and its tool choice.

Ollama ignores ``tool_choice``; here it is kept, since providers have the same choices.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from gateway.core.chat import NamedTool, Tool, ToolChoice
from gateway.core.errors import Forbidden, InvalidRequest
from gateway.dialects.anthropic.bodies import Fields
from gateway.dialects.bodies.readers import Mismatch
from gateway.dialects.bodies.tools import read_parameters

__all__ = ["functions", "parallel_calls", "tool_choice"]

_CHOICES: Final[Mapping[str, ToolChoice]] = {"auto": "auto", "any": "required", "none": "none"}


def functions(definitions: Iterable[Fields]) -> tuple[Tool, ...]:
    """Return the functions; raise `InvalidRequest` for a schema, `Forbidden` for a web search."""
    return tuple([_tool(definition) for definition in definitions])


def tool_choice(choice: Fields) -> ToolChoice | None:
    """Return whether and which tool the model must call; None for an unknown choice."""
    kind = choice.get("type", "")
    if kind == "tool" and "name" in choice:
        return NamedTool(choice["name"])
    return _CHOICES.get(kind)


def parallel_calls(choice: Fields) -> bool | None:
    """Return whether the model may call several tools at once."""
    forbidden = choice.get("disable_parallel_tool_use")
    return None if forbidden is None else not forbidden


def _tool(definition: Fields) -> Tool:
    name = definition.get("name", "")
    kind = definition.get("type", "")
    if kind.startswith("web_search"):
        # As a function it would be called, and the client has no such tool.
        raise Forbidden("ollama cloud is disabled: web search is unavailable")
    try:
        parameters = read_parameters(definition.get("input_schema", {}))
    except Mismatch as mismatch:
        text = mismatch.text("ToolFunctionParameters")
        raise InvalidRequest(f'invalid input_schema for tool "{name}": {text}') from None
    return Tool(name, definition.get("description", ""), parameters, definition.get("strict"))
