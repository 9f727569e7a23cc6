"""The finish reasons of services, as they spell them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.core.events import FinishReason

__all__ = ["is_failure", "read_reason"]

_REASONS: Final[Mapping[str, FinishReason]] = {
    "length": FinishReason.LENGTH,
    "max_tokens": FinishReason.LENGTH,
    "model_length": FinishReason.LENGTH,
    "model_context_window_exceeded": FinishReason.LENGTH,
    "repetition_truncation": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOL_CALLS,
    "tool_use": FinishReason.TOOL_CALLS,
    "function_call": FinishReason.TOOL_CALLS,
    "content_filter": FinishReason.CONTENT_FILTER,
    "refusal": FinishReason.CONTENT_FILTER,
    "safety": FinishReason.CONTENT_FILTER,
    "recitation": FinishReason.CONTENT_FILTER,
    "sensitive": FinishReason.CONTENT_FILTER,
}
_FAILURES: Final = frozenset(
    {"error", "network_error", "insufficient_system_resource", "engine_overloaded"}
)


def read_reason(value: object) -> FinishReason | None:
    """Return why an answer ended; ``None`` while it goes on, which some servers call "null".

    A word that is not known ends an answer like any other.
    """
    word = value.strip().casefold() if isinstance(value, str) else ""
    return None if word in ("", "null") else _REASONS.get(word, FinishReason.STOP)


def is_failure(value: object) -> bool:
    """Tell whether the service gave up, so that what has come is not the answer."""
    return isinstance(value, str) and value.strip().casefold() in _FAILURES
