"""What reading one body may cost, and whether somebody still waits for it.

Both are set by whoever reads a request and asked for deep inside, hence context variables; a thread
that was started with `asyncio.to_thread` has those of the request.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from gateway.core.body_limits import BodyLimits

__all__ = ["LIMITS", "Abandoned", "abandonable", "give_way"]

_A_MOMENT = 50e-6

_DEFAULTS: Final = BodyLimits()

LIMITS: ContextVar[BodyLimits] = ContextVar("gateway.limits", default=_DEFAULTS)
"""The limits of the request that is read."""

_ABANDONED: ContextVar[threading.Event | None] = ContextVar("gateway.abandoned", default=None)


class Abandoned(Exception):
    """Nobody waits any longer for what this thread does."""


@contextmanager
def abandonable(abandoned: threading.Event) -> Iterator[None]:
    """Let `give_way` end the block, by raising `Abandoned`, once *abandoned* is set."""
    token = _ABANDONED.set(abandoned)
    try:
        yield
    finally:
        _ABANDONED.reset(token)


def give_way() -> None:
    """Let other threads run before the next slice of work, above all the one with the event loop.

    Left to itself Python hands over its lock after five milliseconds only, each time that another
    thread wants it, and ``sleep(0)`` takes it again before another thread has woken up. Raise
    `Abandoned` if the work has become useless.
    """
    abandoned = _ABANDONED.get()
    if abandoned is not None and abandoned.is_set():
        raise Abandoned
    time.sleep(_A_MOMENT)
