"""Convert Anthropic's tools to functions, and its tool choice.

Ollama ignores ``tool_choice``; here it is kept, since providers have the same choices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from gateway.core.chat import NamedTool, Tool, ToolChoice
from gateway.core.errors import Forbidden, InvalidRequest
from gateway.dialects.anthropic.bodies import Fields
from gateway.dialects.anthropic.client_tools import client_tool
from gateway.dialects.bodies.readers import Mismatch
from gateway.dialects.bodies.tools import read_parameters
from gateway.dialects.left_out import log_left_out

__all__ = ["check_tools", "functions", "parallel_calls", "tool_choice"]

_CHOICES: Final[Mapping[str, ToolChoice]] = {"auto": "auto", "any": "required", "none": "none"}
_FUNCTIONS: Final = ("", "custom", "function")
"""Types of tools that are described by their schema alone."""


def functions(definitions: Sequence[Fields]) -> tuple[Tool, ...]:
    """Return the functions; tools that Anthropic's servers would run are left out and logged.

    Raise `InvalidRequest` for a schema that is none.
    """
    tools = []
    for definition in definitions:
        tool = _tool(definition)
        if tool is None:
            log_left_out("a tool", definition["type"])
        else:
            tools.append(tool)
    return tuple(tools)


def check_tools(definitions: Sequence[Fields], choice: Fields) -> None:
    """Raise `Forbidden` or `InvalidRequest` for a request about a tool of Anthropic's servers.

    It is about one that it offers alone, or that it requires.
    """
    hosted = [definition for definition in definitions if _is_hosted(definition)]
    wanted = choice.get("name") if choice.get("type") == "tool" else None
    named = [definition for definition in hosted if _name_of(definition) == wanted]
    if named or (hosted and len(hosted) == len(definitions) and choice.get("type") != "none"):
        kind = (named or hosted)[0]["type"]
        if kind.startswith("web_search"):
            raise Forbidden("ollama cloud is disabled: web search is unavailable")
        raise InvalidRequest(f"a tool of the type {kind} is not available here")


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


def _is_hosted(definition: Fields) -> bool:
    """Tell whether a tool can only be run by Anthropic's servers.

    It has a type of its own and no schema, and is none of those that clients run.
    """
    is_described = definition.get("type", "") in _FUNCTIONS or "input_schema" in definition
    return not is_described and client_tool(definition) is None


def _name_of(definition: Fields) -> object:
    return definition.get("name") or definition.get("mcp_server_name")


def _tool(definition: Fields) -> Tool | None:
    if _is_hosted(definition):
        return None
    if "input_schema" not in definition and (known := client_tool(definition)) is not None:
        return known
    name = definition.get("name", "")
    try:
        parameters = read_parameters(definition.get("input_schema", {}))
    except Mismatch as mismatch:
        text = mismatch.text("ToolFunctionParameters")
        raise InvalidRequest(f'invalid input_schema for tool "{name}": {text}') from None
    return Tool(name, definition.get("description", ""), parameters, definition.get("strict"))
