"""Ask a provider for an answer that comes whole, such as vectors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from aiohttp import web

from gateway.attempts import insist
from gateway.events import Usage
from gateway.keys import PRESENCE, RECORD

__all__ = ["ask"]


class _Counted(Protocol):
    @property
    def usage(self) -> Usage | None: ...


T = TypeVar("T", bound=_Counted)


async def ask(request: web.Request, attempt: Callable[[], Awaitable[T]]) -> T:
    """Return what *attempt* returns, and note its times and its cost.

    It is made again where that is safe, and given up when the client leaves.
    """
    record = request[RECORD]
    record.timing.mark_sent()
    with request.app[PRESENCE].required(request):
        result = await insist(attempt)
    record.timing.mark_delta()
    record.usage = result.usage
    return result
