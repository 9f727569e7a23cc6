"""Rate-limit headers for a caller, in its dialect; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from gateway.core.durations import format_duration
from gateway.state.base import Level, Remaining

__all__ = ["rate_headers"]

_NAMES = {
    unit: [f"x-ratelimit-{part}-{unit}" for part in ("limit", "remaining", "reset")]
    for unit in ("requests", "tokens")
}


def rate_headers(dialect: str, levels: Iterable[Level], *, now: datetime) -> Mapping[str, str]:
    """Return the headers of an answer in *dialect* to a request that left these *levels*.

    Where several levels have a limit, that with less left is told. Without any there are none.
    """
    found = [*levels]
    headers: dict[str, str] = {}
    for unit, rates in (
        ("requests", [level.requests for level in found if level.requests is not None]),
        ("tokens", [level.tokens for level in found if level.tokens is not None]),
    ):
        if rates:
            least = rates[0] if len(rates) == 1 else min(rates, key=_left)
            if dialect == "anthropic":
                headers.update(_of_anthropic(unit, least, now))
            else:
                limit, remaining, reset = _NAMES[unit]
                headers[limit] = str(least.limit)
                headers[remaining] = str(least.left)
                headers[reset] = format_duration(least.full_in)
    return headers


def _left(rate: Remaining) -> tuple[int, int]:
    return rate.left, -rate.full_in


def _of_anthropic(unit: str, rate: Remaining, now: datetime) -> Mapping[str, str]:
    full = now.astimezone(UTC) + timedelta(milliseconds=rate.full_in)
    whole = full.replace(microsecond=0)
    reset = whole if whole == full else whole + timedelta(seconds=1)
    return {
        f"anthropic-ratelimit-{unit}-limit": str(rate.limit),
        f"anthropic-ratelimit-{unit}-remaining": str(rate.left),
        f"anthropic-ratelimit-{unit}-reset": f"{reset:%Y-%m-%dT%H:%M:%SZ}",
    }
