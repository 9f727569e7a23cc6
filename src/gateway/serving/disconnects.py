"""Cancel handlers whose client has disconnected, and wait for the others at shutdown."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from aiohttp import web

__all__ = ["Disconnects", "has_left"]

_FAREWELL = 1.0
"""Seconds that handlers may take to let go of what they have opened."""


class Disconnects:
    """Cancel the handlers of clients that have disconnected.

    aiohttp tells a handler that its client left only when the server was started with
    ``handler_cancellation=True``, which a host application need not have done. While such a handler
    waits for a silent provider nothing else would wake it, and the paid request would go on. One
    task looks at all open connections every *poll* seconds.
    """

    def __init__(self, *, poll: float) -> None:
        self._poll = poll
        # By the task of the connection, which is what aiohttp would cancel; it has one at a time.
        self._open: dict[asyncio.Task[None], web.Request] = {}
        self._is_empty: asyncio.Event | None = None

    def track(self, request: web.Request) -> None:
        """Cancel the handler of *request* if its client disconnects from now on."""
        self._open[request.task] = request

    def untrack(self, request: web.Request) -> None:
        """Forget *request*: it has its answer."""
        del self._open[request.task]
        if self._is_empty is not None and not self._open:
            self._is_empty.set()

    async def finish(self, timeout: float) -> None:  # noqa: ASYNC109 - what is late is cancelled
        """Wait until all requests have their answers, and cancel the handlers that take too long.

        A server that stops does so first: it would close the connections of those before it
        cancels them, and none could tell its client why the answer ends.
        """
        if self._open:
            self._is_empty = asyncio.Event()
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._is_empty.wait()
        for task in self._open:
            task.cancel()

    async def watch(self) -> None:
        """Poll for clients that have disconnected, until cancelled; then cancel all handlers.

        An application is cleaned up when its connections are closed, and a server that does not
        cancel handlers knows no more of those whose clients left a moment before.
        """
        try:
            while True:
                await asyncio.sleep(self._poll)
                for task, request in self._open.items():
                    if has_left(request):
                        task.cancel()
        finally:
            tasks = [*self._open]
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks, timeout=_FAREWELL)


def has_left(request: web.Request) -> bool:
    """Tell whether nobody is left to read the answer to *request*."""
    return request.transport is None or request.transport.is_closing()
