"""Read the calls of tools that OpenAI runs itself, or knows by a type of their own.

In a history they are calls of functions like others, so that the model sees what was done and what
came of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from gateway.dialects.bodies.arguments import parse_arguments
from gateway.dialects.bodies.readable import readable_text
from gateway.dialects.tool_names import join_name

__all__ = ["HostedCall", "read_hosted_call"]

_ARGUMENTS: Final = ("arguments", "action", "actions", "operation", "input", "queries", "code")
"""The members in which the types of calls hold what the tool was asked (OpenAI's reference)."""
_RESULTS: Final = ("output", "outputs", "results", "error")


class HostedCall(NamedTuple):
    """A call, and its result if the item has one."""

    name: str
    arguments: dict[str, object]
    id: str
    result: str | None


def read_hosted_call(item: Mapping[str, Any]) -> HostedCall | None:
    """Return the call that an item of a type such as ``mcp_call`` stands for.

    Return None for one that neither holds its result nor can be answered by another item, such as
    ``image_generation_call``, whose result is a picture in base64.
    """
    found = [item[name] for name in _RESULTS if item.get(name) is not None]
    result = readable_text(found)
    identity = item.get("call_id")
    is_answered = isinstance(identity, str) and identity != ""
    if not (result or is_answered):
        return None
    if not is_answered:
        identity = item.get("id")
    name, server = item.get("name"), item.get("server_label")
    kind = str(item["type"]).removesuffix("_call")
    return HostedCall(
        join_name(
            server if isinstance(server, str) else "",
            name if isinstance(name, str) and name else kind,
        ),
        _arguments(item),
        identity if isinstance(identity, str) else "",
        result or None,
    )


def _arguments(item: Mapping[str, Any]) -> dict[str, object]:
    given = {name: item[name] for name in _ARGUMENTS if item.get(name) is not None}
    if len(given) == 1:
        ((name, value),) = given.items()
        if name in ("queries", "code"):
            return {name: value}
        return parse_arguments(value)
    return given
