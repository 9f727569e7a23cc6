"""Ask the targets of a request one after the other, and note whom."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from aiohttp import web

from gateway.errors import GatewayError
from gateway.keys import RECORD, TARGETS
from gateway.routing.retry import in_turn
from gateway.routing.targets import Target

__all__ = ["ask_in_turn"]

_log = logging.getLogger("gateway.targets")

T = TypeVar("T")


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
