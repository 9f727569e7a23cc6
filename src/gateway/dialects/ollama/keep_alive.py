"""``keep_alive`` in a body, Ollama's ``api.Duration``: how long a model stays loaded."""

from __future__ import annotations

from typing import Final

from gateway.core.codec import LargeNumber
from gateway.core.durations import keep_alive_seconds
from gateway.core.errors import InvalidRequest
from gateway.dialects.bodies.decode import dynamic_type
from gateway.dialects.bodies.described import any_of, described
from gateway.dialects.bodies.readers import Mismatch

__all__ = ["read_keep_alive"]

_DURATION: Final = (
    r"^[+-]?([0-9]{1,18}(\.[0-9]{1,18})?"
    r"|([0-9]{1,5}(\.[0-9]{0,9})?(ns|us|µs|μs|ms|s|m|h)){1,3})$"
)
"""Those durations that are long enough for every use; the largest ones are not all in it."""


@described(any_of({"type": "number"}, {"type": "string", "pattern": _DURATION}))
def read_keep_alive(value: object) -> float:
    """Return seconds, `FOREVER` for a negative time.

    Raise `InvalidRequest` in Go's words, and `Mismatch` for a number out of range.
    """
    if isinstance(value, LargeNumber):
        raise Mismatch(value, "float64")
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise InvalidRequest(f"Unsupported type: '{dynamic_type(value)}'")
    try:
        return keep_alive_seconds(value)
    except ValueError as error:
        raise InvalidRequest(str(error)) from None
