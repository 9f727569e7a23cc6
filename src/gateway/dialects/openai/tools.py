"""Read the tools that a model may or must call, as OpenAI's clients write them.

A tool of ``/v1/responses`` is flat, and tools may be grouped in namespaces. Providers have no
namespaces, so both parts are one name until the answer (`gateway.dialects.tool_names`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.core.chat import NamedTool, Tool, ToolChoice, replace
from gateway.core.errors import Forbidden, InvalidRequest
from gateway.dialects.bodies.described import (
    OBJECT,
    UNCHECKED,
    JsonSchema,
    any_of,
    described,
    schema_of,
)
from gateway.dialects.bodies.readers import Reader, read_list
from gateway.dialects.bodies.tools import read_function, read_tool
from gateway.dialects.left_out import log_left_out
from gateway.dialects.openai.custom_tools import custom_tool
from gateway.dialects.tool_names import join_name

__all__ = ["OfferedTools", "read_chat_tools", "read_flat_tools", "read_tool_choice", "tool_key"]

_HOSTED: Final = (
    "web_search",
    "file_search",
    "code_interpreter",
    "image_generation",
    "computer",
    "mcp",
)
"""What the types of tools begin with that OpenAI itself runs."""


@dataclass(frozen=True, slots=True)
class OfferedTools:
    """The tools of a request.

    ``functions`` has one for each name, ``custom`` the names of those that are custom tools, and
    ``left_out`` the types of the tools that cannot be offered.
    """

    functions: Mapping[str, Tool] = field(default_factory=dict)
    custom: frozenset[str] = frozenset()
    left_out: tuple[str, ...] = ()

    def joined(self, other: OfferedTools) -> OfferedTools:
        """Return these tools and those of *other*, which replace ones of the same name."""
        return OfferedTools(
            {**self.functions, **other.functions},
            (self.custom - other.functions.keys()) | other.custom,
            (*self.left_out, *other.left_out),
        )

    def offered(self) -> tuple[Tool, ...]:
        """Return the functions that a provider is offered.

        Raise `Forbidden` or `InvalidRequest` if there is none but a tool that OpenAI itself runs:
        the request is about it then.
        """
        hosted = [kind for kind in self.left_out if kind.startswith(_HOSTED)]
        if hosted and not self.functions:
            if hosted[0].startswith("web_search"):
                raise Forbidden("ollama cloud is disabled: web search is unavailable")
            raise InvalidRequest(f"a tool of the type {hosted[0]} is not available here")
        for kind in self.left_out:
            log_left_out("a tool", kind)
        return tuple(self.functions.values())


def _tool_or_other(read: Reader) -> JsonSchema:
    """Return the schema of a function that *read* reads, or of a tool of another type."""
    return any_of(schema_of(read), OBJECT, {"type": "null"})


@described(lambda: {"type": "array", "items": _tool_or_other(read_tool)})
def read_chat_tools(value: object) -> OfferedTools:
    """Return the tools of a chat; raise `Mismatch` for one that is no object."""
    items = read_list(value, "[]api.Tool")
    for item in items:
        if item is not None and not isinstance(item, dict):
            read_tool(item)
    return _offered(_tools(items))


@described(lambda: {"type": "array", "items": _tool_or_other(read_function) | UNCHECKED})
def read_flat_tools(value: object) -> OfferedTools:
    """Return the tools of ``/v1/responses``."""
    return _offered(_tools(read_list(value, "[]openai.ResponsesTool")))


def tool_key(fields: Mapping[str, Any]) -> str:
    """Return the one name for the members ``name`` and ``namespace`` of a call or a choice."""
    name, namespace = fields.get("name"), fields.get("namespace")
    return join_name(
        namespace if isinstance(namespace, str) else "", name if isinstance(name, str) else ""
    )


@described(
    any_of({"type": "string", "enum": ["auto", "none", "required", "any"]}, OBJECT) | UNCHECKED
)
def read_tool_choice(value: object) -> ToolChoice | None:
    """Return which function the model must call; Ollama ignores the field, so there is no error."""
    match value:
        case "auto" | "none" | "required":
            return value
        case "any" | {"type": "any"}:
            return "required"
        case {"type": "auto" | "none" | "required" as kind}:
            return read_tool_choice(kind)
        case {"type": "allowed_tools", **rest}:
            inner = rest.get("allowed_tools")
            return _allowed(inner if isinstance(inner, dict) else rest)
        case {"type": "function" | "custom" | "tool" as kind, **rest}:
            inner = rest.get(kind)
            return _named(inner if isinstance(inner, dict) else rest)
    return None


def _named(fields: Mapping[Any, Any]) -> NamedTool | None:
    return NamedTool(tool_key(fields)) if isinstance(fields.get("name"), str) else None


def _allowed(choice: Mapping[Any, Any]) -> ToolChoice | None:
    """Return a choice among some of the tools: the only one by its name, else whether to call."""
    if choice.get("mode") != "required":
        return "auto"
    match choice.get("tools"):
        case [dict(tool)]:
            return read_tool_choice(tool) or "required"
    return "required"


@dataclass(frozen=True, slots=True)
class _Tool:
    """One tool: a function, perhaps a custom tool, or the type of one that is left out."""

    function: Tool | None = None
    custom: bool = False
    left_out: str = ""


def _offered(tools: Iterable[_Tool]) -> OfferedTools:
    found = list(tools)
    functions = {tool.function.name: tool.function for tool in found if tool.function}
    custom = {tool.function.name: tool.custom for tool in found if tool.function}
    return OfferedTools(
        functions,
        frozenset(name for name, is_custom in custom.items() if is_custom),
        tuple([tool.left_out for tool in found if tool.function is None]),
    )


def _tools(items: list[object]) -> Iterator[_Tool]:
    # Not by recursion, which would hand each function up through all namespaces around it.
    pending = [(item, "") for item in reversed(items)]
    while pending:
        item, namespace = pending.pop()
        match item:
            case {"type": "namespace", "name": str(name), "tools": list(members)}:
                pending += [(member, name) for member in reversed(members)]
            case dict():
                tool = _tool(item)
                if tool.function is not None and not tool.function.name:
                    tool = _Tool(left_out="function without a name")
                if tool.function is not None:
                    key = join_name(namespace, tool.function.name)
                    tool = _Tool(replace(tool.function, name=key), tool.custom)
                yield tool


def _tool(item: dict[str, Any]) -> _Tool:
    kind = item.get("type")
    if isinstance(item.get("function"), dict):
        return _Tool(read_tool(item))
    if kind == "custom":
        inner = item.get("custom")
        return _Tool(custom_tool(inner if isinstance(inner, dict) else item), custom=True)
    if kind == "function" or (kind is None and "name" in item):
        return _Tool(read_function(item))
    return _Tool(left_out=kind if isinstance(kind, str) else "")
