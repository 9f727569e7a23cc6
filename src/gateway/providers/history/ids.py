"""Map the identifiers that services validate: ids of tool calls and names of functions.

A name is one to 64 of ``[a-zA-Z0-9_-]`` everywhere; which ids a service takes differs. Clients send
ids of every shape or none at all. What is made here suits every service and depends on nothing but
the history, so the same history gives the same bytes, in every process and for the provider's
prompt cache.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from gateway.core.call_ids import new_id
from gateway.core.events import ToolCall

__all__ = ["UNKNOWN_TOOL", "call_ids", "is_name", "names_no_call", "safe_name"]

UNKNOWN_TOOL: Final = "unknown_tool"
"""The name of a call that has none."""

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}").fullmatch
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]")


def is_name(text: str) -> bool:
    """Tell whether services take this as the name of a function."""
    return _NAME(text) is not None


def safe_name(name: str) -> str:
    """Return a name that services take, the same one if it fits; for history only.

    Nobody dispatches on a name in the history, so changing one there is harmless.
    """
    if is_name(name):
        return name
    return _NOT_IN_NAMES.sub("_", name)[:64] or UNKNOWN_TOOL


def names_no_call(original: str) -> bool:
    """Tell whether an id is none; ``null`` is the default in Mistral's own schema."""
    return original in {"", "null"}


def call_ids(
    calls: Sequence[ToolCall], position: int, *, is_id: Callable[[str], bool]
) -> list[str]:
    """Return the ids for the calls of the message at *position*: all fit, no two are alike.

    An id that the service takes (*is_id*) stays, another one is hashed. A call without an id, or
    with one that an earlier call of the message has, gets one from its place and name.
    """
    originals = [call.id for call in calls]
    genuine = {original for original in originals if is_id(original)}
    if len(genuine) == len(originals):
        return originals
    taken = set(genuine)
    seen: set[str] = set()
    ids = []
    for index, call in enumerate(calls):
        if names_no_call(call.id) or call.id in seen:
            result = new_id(f"{position}.{index}.{call.name}", taken)
        elif call.id in genuine:
            result = call.id
        else:
            result = new_id(call.id, taken)
        seen.add(call.id)
        taken.add(result)
        ids.append(result)
    return ids
