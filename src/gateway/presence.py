"""Notice that a client has left, on servers that do not cancel handlers for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

__all__ = ["Presence", "has_left"]

_LOOK_EVERY = 0.5


class Presence:
    """Cancel the handlers of clients that have gone.

    aiohttp tells a handler that its client left only when the server was started with
    ``handler_cancellation=True``, which a host application need not have done. While such a handler
    waits for a silent provider nothing else would wake it, and the paid request would go on. One
    task looks at all open connections twice a second.
    """

    def __init__(self) -> None:
        self._open: dict[asyncio.Task[object], web.Request] = {}

    @contextmanager
    def required(self, request: web.Request) -> Iterator[None]:
        """Cancel the current task if the client of *request* leaves inside the block."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a handler always runs in a task
        self._open[task] = request
        try:
            yield
        finally:
            del self._open[task]

    async def watch(self) -> None:
        """Look for clients that have gone, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            for task, request in self._open.items():
                if has_left(request):
                    task.cancel()


def has_left(request: web.Request) -> bool:
    """Tell whether nobody is left to read the answer to *request*."""
    return request.transport is None or request.transport.is_closing()
