"""Rate-limit headers for a caller, in its dialect; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from gateway.core.durations import format_duration
from gateway.state.base import Level, Remaining

__all__ = ["rate_headers"]


def rate_headers(dialect: str, levels: Iterable[Level], *, now: datetime) -> Mapping[str, str]:
    """Return the headers of an answer in *dialect* to a request that left these *levels*.

    Where several levels have a limit, that with less left is told. Without any there are none.
    """
    found = [*levels]
    is_anthropic = dialect == "anthropic"
    headers: dict[str, str] = {}
    for unit, rates in (
        ("requests", [level.requests for level in found]),
        ("tokens", [level.tokens for level in found]),
    ):
        limited = [rate for rate in rates if rate is not None]
        if limited:
            least = min(limited, key=lambda rate: (rate.left, -rate.full_in))
            shown = _of_anthropic(unit, least, now) if is_anthropic else _of_openai(unit, least)
            headers.update(shown)
    return headers


def _of_openai(unit: str, rate: Remaining) -> Mapping[str, str]:
    return {
        f"x-ratelimit-limit-{unit}": str(rate.limit),
        f"x-ratelimit-remaining-{unit}": str(rate.left),
        f"x-ratelimit-reset-{unit}": format_duration(rate.full_in),
    }


def _of_anthropic(unit: str, rate: Remaining, now: datetime) -> Mapping[str, str]:
    full = now.astimezone(UTC) + timedelta(milliseconds=rate.full_in)
    whole = full.replace(microsecond=0)
    reset = whole if whole == full else whole + timedelta(seconds=1)
    return {
        f"anthropic-ratelimit-{unit}-limit": str(rate.limit),
        f"anthropic-ratelimit-{unit}-remaining": str(rate.left),
        f"anthropic-ratelimit-{unit}-reset": f"{reset:%Y-%m-%dT%H:%M:%SZ}",
    }
