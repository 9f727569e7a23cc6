"""Rate-limit headers for a caller, in its dialect; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from gateway.core.durations import format_duration
from gateway.state.base import Level, Remaining

__all__ = ["rate_headers"]

_NAMES = {
    unit: [f"x-ratelimit-{part}-{unit}" for part in ("limit", "remaining", "reset")]
    for unit in ("requests", "tokens")
}


def rate_headers(dialect: str, levels: Sequence[Level], *, now: datetime) -> Mapping[str, str]:
    """Return the headers of an answer in *dialect* to a request that left these *levels*.

    Where several levels have a limit, that with less left is told. Without any there are none.
    """
    headers: dict[str, str] = {}
    for unit, least in (
        ("requests", _least([level.requests for level in levels])),
        ("tokens", _least([level.tokens for level in levels])),
    ):
        if least is None:
            continue
        if dialect == "anthropic":
            headers.update(_of_anthropic(unit, least, now))
        else:
            limit, remaining, reset = _NAMES[unit]
            headers[limit] = str(least.limit)
            headers[remaining] = str(least.left)
            headers[reset] = format_duration(least.full_in)
    return headers


def _least(rates: Iterable[Remaining | None]) -> Remaining | None:
    """Return the rate with less left, and of two with as much the one that is full later."""
    least: Remaining | None = None
    for rate in rates:
        if rate is not None and (
            least is None
            or rate.left < least.left
            or (rate.left == least.left and rate.full_in > least.full_in)
        ):
            least = rate
    return least


def _of_anthropic(unit: str, rate: Remaining, now: datetime) -> Mapping[str, str]:
    full = now.astimezone(UTC) + timedelta(milliseconds=rate.full_in)
    whole = full.replace(microsecond=0)
    reset = whole if whole == full else whole + timedelta(seconds=1)
    return {
        f"anthropic-ratelimit-{unit}-limit": str(rate.limit),
        f"anthropic-ratelimit-{unit}-remaining": str(rate.left),
        f"anthropic-ratelimit-{unit}-reset": f"{reset:%Y-%m-%dT%H:%M:%SZ}",
    }
