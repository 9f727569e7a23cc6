"""Second attempts: whether, when, where and how often; the one place that decides.

Adapters ask once. Here a refused request may be asked again, before the first event has come and
never after. Where there are several targets the next one is asked at once if a connection cannot
be made or the answer is 429 or 5xx. Of the last one, or the only one, the same is asked again only
where the first attempt cannot have been served and billed: no connection was made, or the status
says that the request was not taken up (429, 503). At most two more such attempts are made, within
five seconds in all, so that a person who waits gets an answer of either kind.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from gateway.core.errors import (
    GatewayError,
    UpstreamDenied,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.routing.targets import Target, retry_after

__all__ = ["in_turn"]

_RETRIES = 2
_BUDGET = 5.0
_FIRST_PAUSE = 0.5
_GROWTH = 1.5
_JITTER = 0.25
"""Up to this share of a pause is added, so that clients refused together do not return together."""

T = TypeVar("T")


async def in_turn(
    targets: Sequence[Target],
    attempt: Callable[[Target], Awaitable[T]],
    *,
    passed_over: Callable[[Target, GatewayError], None],
) -> T:
    """Return what *attempt* returns for the first of *targets* that answers.

    *passed_over* is told of each one that was asked in vain. If all were, the error of the last
    attempt is raised.
    """
    target, *left = targets
    give_up_at = time.monotonic() + _BUDGET
    retries, pause = _RETRIES, _FIRST_PAUSE
    while True:
        try:
            return await attempt(target)
        except GatewayError as error:
            if left:
                left = _elsewhere(error, target, left)
                if not left:
                    raise
                passed_over(target, error)
                target, *left = left
                give_up_at = time.monotonic() + _BUDGET
                continue
            wait = _asked_pause(error, pause)
            # A wait may be NaN.
            if not (retries and _is_safe(error) and time.monotonic() + wait <= give_up_at):
                if _elsewhere(error, target, [target]):
                    passed_over(target, error)
                raise
        await asyncio.sleep(wait)
        retries -= 1
        pause *= _GROWTH


def _elsewhere(error: GatewayError, target: Target, left: list[Target]) -> list[Target]:
    """Return which of *left* may do what *target* did not, without paying twice.

    Silence is not among these failures, nor is a lost connection: the work may have been done.
    """
    match error:
        case UpstreamTimeout() | UpstreamProtocolError():
            return []
        case UpstreamDenied():  # another provider would only hide that the key is wrong
            return [one for one in left if one.is_beside(target)]
        case UpstreamUnavailable():  # whichever key one has
            return [one for one in left if not one.is_beside(target)] or left[-1:]
        case UpstreamError() if error.repeatable and (error.status == 429 or error.status >= 500):
            return left
    return []


def _is_safe(error: GatewayError) -> bool:
    match error:
        case UpstreamUnavailable() | UpstreamRateLimited():
            return error.repeatable
        case UpstreamRejected(status=503):
            return error.repeatable
    return False


def _asked_pause(error: GatewayError, pause: float) -> float:
    """Return the seconds to wait: what ``Retry-After`` asks for, or *pause*, with some jitter."""
    asked = retry_after(error)
    pause = pause if asked is None else asked
    return pause * (1 + random.uniform(0, _JITTER))  # noqa: S311 - no secret
