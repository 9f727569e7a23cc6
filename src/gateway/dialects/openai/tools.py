"""Read the functions that a model may or must call, as OpenAI's clients write them.

A tool of ``/v1/responses`` is flat, and tools may be grouped in namespaces. Providers have no
namespaces, so each tool gets a single name upstream, and its two parts back in the answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

from gateway.core.chat import NamedTool, Tool, ToolChoice
from gateway.dialects.bodies.readers import read_list
from gateway.dialects.bodies.tools import read_function
from gateway.dialects.openai.bodies import ToolName

__all__ = ["read_flat_tools", "read_tool_choice", "upstream_name"]

_LONGEST_NAME: Final = 64
"""OpenAI's own limit for the name of a function."""


def read_flat_tools(value: object) -> list[tuple[ToolName, Tool]]:
    """Return each function with the name that the client has for it.

    Tools that OpenAI itself runs, such as a search of the web, are left out.
    """
    return list(_functions(read_list(value, "[]openai.ResponsesTool")))


def upstream_name(name: ToolName) -> str:
    """Return the name of a function upstream: always the same for the same parts."""
    if not name.namespace:
        return name.name
    joined = f"{name.namespace.rstrip('_')}__{name.name}"
    if len(joined) <= _LONGEST_NAME:
        return joined
    digest = hashlib.sha256(joined.encode()).hexdigest()[:8]
    return f"{joined[: _LONGEST_NAME - 9]}_{digest}"


def read_tool_choice(value: object) -> ToolChoice | None:
    """Return which function the model must call; Ollama ignores the field, so there is no error."""
    match value:
        case "auto" | "none" | "required":
            return value
        case "any":
            return "required"
        case {"type": "function", "function": {"name": str(name)}}:
            return NamedTool(name)
        case {"type": "function", "name": str(name), **rest}:
            namespace = rest.get("namespace")
            named = ToolName(name, namespace if isinstance(namespace, str) else "")
            return NamedTool(upstream_name(named))
    return None


def _functions(items: list[object]) -> Iterator[tuple[ToolName, Tool]]:
    # Not by recursion, which would hand each function up through all namespaces around it.
    pending = [(item, "") for item in reversed(items)]
    while pending:
        item, namespace = pending.pop()
        match item:
            case {"type": "namespace", "name": str(name), "tools": list(members)}:
                pending += [(member, name) for member in reversed(members)]
            case {"type": "function"}:
                tool = read_function(item)
                yield ToolName(tool.name, namespace), tool
