"""Try the targets of a request in order and record each attempt."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from aiohttp import web

from gateway.core.errors import GatewayError
from gateway.routing.retry import retry
from gateway.routing.targets import Target
from gateway.serving.keys import OBSERVERS, RECORD, SETTINGS, TARGETS
from gateway.serving.provider_keys import as_user

__all__ = ["dispatch"]

_log = logging.getLogger("gateway.targets")

T = TypeVar("T")


def dispatch(
    request: web.Request, targets: Sequence[Target], attempt: Callable[[Target], Awaitable[T]]
) -> Awaitable[T]:
    """Return what *attempt* returns for the first of *targets* that answers.

    Every request to a provider passes here, once; `gateway.routing.retry` decides about retries
    and fallback.
    """
    record = request[RECORD]
    record.timing.mark_sent()
    observers = request.app[OBSERVERS]

    def try_target(target: Target) -> Awaitable[T]:
        record.set_target(*target.id)
        record.service = target.provider.otel_name or target.model.provider
        result = attempt(target)
        if target.owner:
            result = as_user(target, result)
        return observers.watch(record, result) if observers.watch_attempts else result

    def skip(target: Target, error: GatewayError) -> None:
        request.app[TARGETS].cool_down(target, error)
        if record.has_choice:
            record.skipped.append(f"{record.target}={error.status}")
            _log.info("%s cannot answer: %s", record.target, error)

    policy = request[SETTINGS].retry
    return retry(targets, try_target, policy=policy, skipped=skip)
