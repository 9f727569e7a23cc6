"""Mistral's own parameters as extra options.

Ollama ignores options that it does not know, so a client may send these beside its others; the
names are those of the Mistral API reference, chat completions. Whatever else a client sends tunes
local inference and is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Final

from gateway.core.errors import InvalidRequest
from gateway.providers.history.surrogates import clean_json

__all__ = ["CHAT_OPTIONS", "FIM_OPTIONS", "TOOL_OPTIONS", "wire_options"]

_CHOICES: Final = frozenset({"auto", "none", "any", "required"})


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_string(value: object) -> bool:
    return isinstance(value, str)


def _is_object(value: object) -> bool:
    return isinstance(value, Mapping)


def _is_objects(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_object, value))


def _is_choice(value: object) -> bool:
    match value:
        case str():
            return value in _CHOICES
        case {"type": "function", "function": {"name": str(), **others}, **rest}:
            return not others and not rest
    return False


_TYPES: Final[Mapping[str, tuple[Callable[[object], bool], str]]] = {
    "random_seed": (_is_count, "integer, not below 0"),
    "tool_choice": (
        _is_choice,
        "string (auto, none, any or required) or object naming a function",
    ),
    "parallel_tool_calls": (_is_flag, "boolean"),
    "reasoning_effort": (_is_string, "string"),
    "prediction": (_is_string, "string"),
    "safe_prompt": (_is_flag, "boolean"),
    "guardrails": (_is_objects, "array of objects"),
    "prompt_cache_key": (_is_string, "string"),
    "service_tier": (_is_string, "string"),
    "metadata": (_is_object, "object"),
}
CHAT_OPTIONS: Final = frozenset(_TYPES)
TOOL_OPTIONS: Final = frozenset({"tool_choice", "parallel_tool_calls"})
FIM_OPTIONS: Final = frozenset({"random_seed", "prompt_cache_key", "metadata"})


def wire_options(
    extra: Mapping[str, object], *, allowed: Collection[str], dropped: list[str]
) -> dict[str, object]:
    """Return the *allowed* ones of a client's extra options; *dropped* gets the other names.

    Raises `InvalidRequest` for an allowed option of the wrong type.
    """
    wire: dict[str, object] = {}
    for name, (is_right, kind) in _TYPES.items():
        value = extra.get(name)
        if value is None or name not in allowed:
            continue
        if not is_right(value):
            raise InvalidRequest(f'option "{name}" must be of type {kind}')
        wire[name] = clean_json(value)
    dropped += [name for name, value in extra.items() if value is not None and name not in wire]
    if "prediction" in wire:
        wire["prediction"] = {"type": "content", "content": wire["prediction"]}
    return wire
