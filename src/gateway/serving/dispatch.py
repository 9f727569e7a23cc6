"""Ask the targets of a request one after the other, and note whom."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from aiohttp import web

from gateway.core.errors import GatewayError
from gateway.core.events import Usage
from gateway.routing.retry import in_turn
from gateway.routing.targets import Target
from gateway.serving.keys import RECORD, TARGETS

__all__ = ["ask", "ask_in_turn"]

_log = logging.getLogger("gateway.targets")

T = TypeVar("T")


class _Counted(Protocol):
    @property
    def usage(self) -> Usage | None: ...


CountedT = TypeVar("CountedT", bound=_Counted)


def ask_in_turn(
    request: web.Request, targets: Sequence[Target], ask: Callable[[Target], Awaitable[T]]
) -> Awaitable[T]:
    """Return what *ask* returns for the first of *targets* that answers."""
    record = request[RECORD]
    record.timing.mark_sent()

    def attempt(target: Target) -> Awaitable[T]:
        record.ask(*target.id)
        return ask(target)

    def passed_over(target: Target, error: GatewayError) -> None:
        request.app[TARGETS].pause(target, error)
        if record.has_choice:
            record.passed_over.append(f"{record.target}={error.status}")
            _log.info("%s cannot answer: %s", record.target, error)

    return in_turn(targets, attempt, passed_over=passed_over)


async def ask(
    request: web.Request,
    targets: Sequence[Target],
    attempt: Callable[[Target], Awaitable[CountedT]],
) -> CountedT:
    """Return what *attempt* returns for the first target that answers; note its times and cost."""
    record = request[RECORD]
    result = await ask_in_turn(request, targets, attempt)
    record.timing.mark_delta()
    record.usage = result.usage
    return result
