"""Retries and fallback: whether, when and at which target a request is sent again.

A request may be sent again before the first event of its answer has come, and never after. Where
there are several targets the next one is asked at once (fallback) if a connection cannot be made or
the answer is 429 or 5xx. The last target, or the only one, is asked again (retry) only where the
attempt before cannot have been served and billed: no connection was made, or the status says that
the request was not taken up (429, 503). Retries are few and soon, so that a person who waits gets
an answer of either kind.
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
from gateway.settings import RetrySettings

__all__ = ["delay_before", "retry"]

T = TypeVar("T")


async def retry(
    targets: Sequence[Target],
    attempt: Callable[[Target], Awaitable[T]],
    *,
    policy: RetrySettings,
    skipped: Callable[[Target, GatewayError], None],
) -> T:
    """Return what *attempt* returns for the first of *targets* that answers.

    *skipped* is called for each target whose failure another target may make good. If all fail,
    the error of the last attempt is raised.
    """
    target, *left = targets
    give_up_at = time.monotonic() + policy.within
    retries = 0
    while True:
        try:
            return await attempt(target)
        except GatewayError as error:
            if left:
                left = _fallbacks(error, target, left)
                if not left:
                    raise
                skipped(target, error)
                target, *left = left
                give_up_at = time.monotonic() + policy.within
                continue
            retries += 1
            delay = delay_before(retries, error, policy)
            # A delay may be NaN.
            if delay is None or not time.monotonic() + delay <= give_up_at:
                if _fallbacks(error, target, [target]):
                    skipped(target, error)
                raise
        await asyncio.sleep(delay)


def delay_before(number: int, error: GatewayError, policy: RetrySettings) -> float | None:
    """Return the seconds to wait before the retry with this *number*, from 1, after *error*.

    ``Retry-After`` takes the place of the policy's delay, and is NaN if it cannot be read. Return
    None if there is to be no such retry, however much time is left.
    """
    if number > policy.count or not _is_safe(error):
        return None
    asked = retry_after(error)
    delay = policy.delay * policy.growth ** (number - 1) if asked is None else asked
    return delay * (1 + random.uniform(0, policy.jitter))  # noqa: S311 - no secret


def _fallbacks(error: GatewayError, target: Target, left: list[Target]) -> list[Target]:
    """Return which of *left* may do what *target* did not, without paying twice.

    After a timeout or a lost connection there is none: the work may have been done.
    """
    match error:
        case UpstreamTimeout() | UpstreamProtocolError():
            return []
        case UpstreamDenied():  # another provider would only hide that the key is wrong
            return [one for one in left if one.shares_provider(target)]
        case UpstreamUnavailable():  # whichever key one has
            return [one for one in left if not one.shares_provider(target)] or left[-1:]
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
