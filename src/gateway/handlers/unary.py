"""Ask a provider for an answer that comes whole, such as vectors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from aiohttp import web

from gateway.asking import ask_in_turn
from gateway.events import Usage
from gateway.keys import RECORD
from gateway.routing.targets import Target

__all__ = ["ask"]


class _Counted(Protocol):
    @property
    def usage(self) -> Usage | None: ...


T = TypeVar("T", bound=_Counted)


async def ask(
    request: web.Request, targets: Sequence[Target], attempt: Callable[[Target], Awaitable[T]]
) -> T:
    """Return what *attempt* returns for the first target that answers; note its times and cost."""
    record = request[RECORD]
    result = await ask_in_turn(request, targets, attempt)
    record.timing.mark_delta()
    record.usage = result.usage
    return result
