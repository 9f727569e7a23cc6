"""Read and write durations in Go's format, and read Ollama's ``keep_alive``."""

from __future__ import annotations

import math
import re
from typing import Final

__all__ = ["FOREVER", "format_duration", "keep_alive_seconds", "parse_duration"]

FOREVER: Final = math.inf
"""The ``keep_alive`` of a model that is never to be unloaded."""

_NANOSECONDS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_LONGEST = 2**63 - 1
"""The nanoseconds that Go's durations can hold."""
_MOST_DIGITS = 19
_is_number = re.compile(r"[+-]?[0-9]{1,18}(?:\.[0-9]{1,18})?").fullmatch
_match_part = re.compile(r"([0-9]*)(?:\.([0-9]*))?([^0-9.]*)").match


def parse_duration(text: str) -> int:
    """Return the whole nanoseconds of a text such as ``-1h30m``.

    Every number needs a unit, except a lone zero. Raise `ValueError` with Go's message.
    """
    unsigned = text[1:] if text.startswith(("-", "+")) else text
    if unsigned == "0":
        return 0
    total = position = 0
    while position < len(unsigned) or not unsigned:
        part = _match_part(unsigned, position)
        whole, fraction, unit = part.groups("") if part else ("", "", "")
        if part is None or not (whole or fraction) or len(whole.lstrip("0")) > _MOST_DIGITS:
            raise ValueError(f"time: invalid duration {_quote(text)}")
        if not unit:
            raise ValueError(f"time: missing unit in duration {_quote(text)}")
        if unit not in _NANOSECONDS:
            raise ValueError(f"time: unknown unit {_quote(unit)} in duration {_quote(text)}")
        # Digits beyond these are worth less than a nanosecond, whatever their unit.
        digits = fraction[:_MOST_DIGITS]
        scale = 10 ** len(digits)
        total += int(f"{whole}{digits}" or "0") * _NANOSECONDS[unit] // scale
        position = part.end()
    if total > _LONGEST:
        raise ValueError(f"time: invalid duration {_quote(text)}")
    return -total if text.startswith("-") else total


def keep_alive_seconds(value: float | str) -> float:
    """Return the seconds of a ``keep_alive``, given as a number of them or as a duration.

    A text that is a number means the same as the number, unlike at Ollama. Seconds are cut to
    nanoseconds; a negative time, and one too long for Go, is `FOREVER`. Raise `ValueError` for a
    text that is no duration, as `parse_duration` does.
    """
    if isinstance(value, str) and _is_number(value):
        value = float(value)
    if isinstance(value, str):
        nanoseconds = parse_duration(value)
    else:
        nanoseconds = -1 if value < 0 else int(min(value, _LONGEST) * 1_000_000_000)
    return nanoseconds / 1_000_000_000 if 0 <= nanoseconds <= _LONGEST else FOREVER


def format_duration(milliseconds: int) -> str:
    """Return a text such as ``1m30.5s``; what is shorter than a second is in milliseconds."""
    if 0 < milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{rest // 1000}.{rest % 1000:03d}".rstrip("0").rstrip(".")
    if hours:
        return f"{hours}h{minutes}m{seconds}s"
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"


def _quote(text: str) -> str:
    """Quote as Go's package ``time`` does, byte by byte."""
    quoted = [
        f"\\x{byte:02x}" if byte < 0x20 or byte >= 0x80 else chr(byte) for byte in text.encode()
    ]
    return '"' + "".join([f"\\{char}" if char in '"\\' else char for char in quoted]) + '"'
