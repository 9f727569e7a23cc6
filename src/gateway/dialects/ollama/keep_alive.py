"""``keep_alive`` in a body, Ollama's ``api.Duration``: how long a model stays loaded."""

from __future__ import annotations

from gateway.core.durations import keep_alive_seconds
from gateway.core.errors import InvalidRequest
from gateway.dialects.bodies.decode import dynamic_type

__all__ = ["read_keep_alive"]


def read_keep_alive(value: object) -> float:
    """Return seconds, `FOREVER` for a negative time; raise `InvalidRequest` in Go's words."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise InvalidRequest(f"Unsupported type: '{dynamic_type(value)}'")
    try:
        return keep_alive_seconds(value)
    except ValueError as error:
        raise InvalidRequest(str(error)) from None
