"""How long a model stays loaded: Ollama's ``api.Duration``."""

from __future__ import annotations

from gateway.core.durations import parse_duration
from gateway.core.errors import InvalidRequest
from gateway.dialects.ollama.bodies import FOREVER

__all__ = ["read_keep_alive"]

_LONGEST = 2**63 - 1
"""The nanoseconds that Go's durations can hold."""


def read_keep_alive(value: object) -> float:
    """Return seconds, `FOREVER` for a negative time; raise `InvalidRequest` in Go's words."""
    if isinstance(value, bool):
        raise InvalidRequest("Unsupported type: 'bool'")
    if isinstance(value, int | float):
        nanoseconds = -1 if value < 0 else int(min(value, _LONGEST) * 1_000_000_000)
    elif isinstance(value, str):
        try:
            nanoseconds = parse_duration(value)
        except ValueError as error:
            raise InvalidRequest(str(error)) from None
    else:
        go_type = "map[string]interface {}" if isinstance(value, dict) else "[]interface {}"
        raise InvalidRequest(f"Unsupported type: '{go_type}'")
    return nanoseconds / 1_000_000_000 if 0 <= nanoseconds <= _LONGEST else FOREVER
