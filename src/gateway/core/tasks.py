"""Work beside a block: a task with an owner that ends it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress

__all__ = ["background"]


@asynccontextmanager
async def background(work: Coroutine[object, None, None]) -> AsyncIterator[None]:
    """Do *work* while the block runs; then it is cancelled, and what it has raised is raised."""
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
