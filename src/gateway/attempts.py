"""Second attempts: whether, when and how often; the one place that decides.

Adapters ask once. Here a refused request may be asked again, before the first event has come and
never after, and only where the first attempt cannot have been served and billed: no connection was
made, or the status says that the request was not taken up (429, 503). At most two more attempts
are made, within five seconds in all, so that a person who waits gets an answer of either kind.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from gateway.errors import (
    GatewayError,
    UpstreamProtocolError,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamUnavailable,
)
from gateway.events import ChatEvent, ChatStream

__all__ = ["first_batch", "insist"]

_RETRIES = 2
_BUDGET = 5.0
_FIRST_PAUSE = 0.5
_GROWTH = 1.5
_JITTER = 0.25
"""Up to this share of a pause is added, so that clients refused together do not return together."""

T = TypeVar("T")


async def first_batch(
    open_stream: Callable[[], ChatStream],
) -> tuple[ChatStream, Sequence[ChatEvent]]:
    """Return a stream and its first batch; the caller closes the stream.

    *open_stream* is called once for each attempt.
    """

    async def attempt() -> tuple[ChatStream, Sequence[ChatEvent]]:
        stream = open_stream()
        try:
            return stream, await anext(stream)
        except StopAsyncIteration:
            raise UpstreamProtocolError("stream ended unexpectedly") from None
        except BaseException:
            await stream.aclose()
            raise

    return await insist(attempt)


async def insist(attempt: Callable[[], Awaitable[T]]) -> T:
    """Return what *attempt* returns, trying again where that is safe and may help.

    Otherwise the error of the last attempt is raised.
    """
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + _BUDGET
    pause = _FIRST_PAUSE
    for _ in range(_RETRIES):
        try:
            return await attempt()
        except GatewayError as error:
            if not _is_safe(error):
                raise
            wait = _asked_pause(error, pause)
            if not loop.time() + wait <= give_up_at:  # a wait may be "nan"
                raise
        await asyncio.sleep(wait)
        pause *= _GROWTH
    return await attempt()


def _is_safe(error: GatewayError) -> bool:
    match error:
        case UpstreamUnavailable() | UpstreamRateLimited():
            return error.repeatable
        case UpstreamRejected(status=503):
            return error.repeatable
    return False


def _asked_pause(error: GatewayError, pause: float) -> float:
    """Return the seconds to wait: what ``Retry-After`` asks for, or *pause*, with some jitter.

    A date in ``Retry-After`` is further away than anybody waits.
    """
    asked = error.headers.get("Retry-After")
    if asked is not None:
        try:
            pause = float(asked)
        except ValueError:
            return _BUDGET + 1
    return pause * (1 + random.uniform(0, _JITTER))  # noqa: S311 - no secret
