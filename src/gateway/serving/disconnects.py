"""Who waits for an answer: noticed when they leave, and waited for when the server stops."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from aiohttp import web

__all__ = ["Presence", "has_left"]

_LOOK_EVERY = 0.5
_FAREWELL = 1.0
"""Seconds that handlers may take to let go of what they have opened."""


class Presence:
    """Cancel the handlers of clients that have gone.

    aiohttp tells a handler that its client left only when the server was started with
    ``handler_cancellation=True``, which a host application need not have done. While such a handler
    waits for a silent provider nothing else would wake it, and the paid request would go on. One
    task looks at all open connections twice a second.
    """

    def __init__(self) -> None:
        # By the task of the connection, which is what aiohttp would cancel; it has one at a time.
        self._open: dict[asyncio.Task[None], web.Request] = {}
        self._is_empty: asyncio.Event | None = None

    def require(self, request: web.Request) -> None:
        """Cancel the handler of *request* if its client leaves from now on."""
        self._open[request.task] = request

    def release(self, request: web.Request) -> None:
        """Let the client leave: *request* has its answer."""
        del self._open[request.task]
        if self._is_empty is not None and not self._open:
            self._is_empty.set()

    async def finish(self, timeout: float) -> None:  # noqa: ASYNC109 - what is late is cancelled
        """Wait until nobody waits for an answer, and cancel the handlers that take too long.

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
        """Look for clients that have gone, until cancelled; then take all of them for gone.

        An application is cleaned up when its connections are closed, and a server that does not
        cancel handlers knows no more of those whose clients left a moment before.
        """
        try:
            while True:
                await asyncio.sleep(_LOOK_EVERY)
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
