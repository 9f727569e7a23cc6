"""The event loops that a run can use, by name."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable, Coroutine

__all__ = ["LOOPS", "run"]

LOOPS = ("uvloop", "asyncio") if importlib.util.find_spec("uvloop") else ("asyncio",)
"""Those that are installed, the preferred one first."""


def run(main: Coroutine[object, object, int | None], *, loop: str) -> int | None:
    """Run *main* on the loop called *loop* and return its result; end quietly on Ctrl-C."""
    with asyncio.Runner(loop_factory=_factory(loop)) as runner:
        try:
            return runner.run(main)
        except KeyboardInterrupt:
            return 130


def _factory(loop: str) -> Callable[[], asyncio.AbstractEventLoop]:
    if loop == "asyncio":
        return asyncio.new_event_loop
    import uvloop  # noqa: PLC0415 - only where it was asked for

    return uvloop.new_event_loop
