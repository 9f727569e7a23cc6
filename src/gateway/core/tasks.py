"""Work beside a block: a task with an owner that ends it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager

__all__ = ["background"]

_log = logging.getLogger("gateway.tasks")


@asynccontextmanager
async def background(work: Coroutine[object, None, None]) -> AsyncIterator[None]:
    """Do *work* while the block runs, and cancel it then; an error ends the work, and is logged."""
    task = asyncio.ensure_future(work)
    task.add_done_callback(_log_error)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])  # which never raises what the task has raised


def _log_error(task: asyncio.Future[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("a background task has ended", exc_info=error)
