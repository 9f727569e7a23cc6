"""What reading one body may cost, and what happens between two slices of a long piece of work.

The caller that reads a request sets both, and readers deep inside use them, hence context
variables. A thread that `asyncio.to_thread` starts has those of its request.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Final

from gateway.core.body_limits import BodyLimits

__all__ = ["GIVE_WAY", "LIMITS", "give_way"]

_DEFAULTS: Final = BodyLimits()

LIMITS: ContextVar[BodyLimits] = ContextVar("gateway.limits", default=_DEFAULTS)
"""The limits of the request that is read."""


def _go_on() -> None:
    """Start the next slice at once, since the work has its thread to itself."""


GIVE_WAY: ContextVar[Callable[[], None]] = ContextVar("gateway.give_way", default=_go_on)
"""Called between two slices; it may let other threads run, and raise to end the work."""


def give_way() -> None:
    """Call `GIVE_WAY`, after at most some hundred microseconds of work."""
    GIVE_WAY.get()()
