"""Cancel handlers whose client has disconnected, and wait for the others at shutdown."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from aiohttp import web

__all__ = ["Disconnects", "has_left"]

_CLEANUP_TIME = 1.0
"""Seconds that handlers may take to close what they have opened."""


class Disconnects:
    """Cancel the handlers of clients that have disconnected.

    aiohttp cancels the handler of a disconnected client only if the server was started with
    ``handler_cancellation=True``, which a host application need not have done. While such a handler
    waits for an idle provider nothing else would wake it, and the paid request would go on. One
    task polls all open connections every *poll* seconds.

    ``stopping`` is set when the server is about to stop: an answer that would never end by itself
    ends then.
    """

    def __init__(self, *, poll: float) -> None:
        self.stopping = asyncio.Event()
        self._poll = poll
        # By the task of the connection, which is what aiohttp would cancel; it has one at a time.
        self._open: dict[asyncio.Task[None], web.Request] = {}
        self._is_empty: asyncio.Event | None = None

    def track(self, request: web.Request) -> None:
        """Cancel the handler of *request* if its client disconnects from now on."""
        self._open[request.task] = request

    def untrack(self, request: web.Request) -> None:
        """Forget *request*, which has been answered."""
        del self._open[request.task]
        if self._is_empty is not None and not self._open:
            self._is_empty.set()

    async def finish(self, timeout: float) -> None:  # noqa: ASYNC109 - what is late is cancelled
        """Wait until all requests are answered; after *timeout* seconds cancel what remains.

        A server must call it before it stops: it would close their connections before it cancels
        them, and they could not send an error to their clients.
        """
        self.stopping.set()
        if self._open:
            self._is_empty = asyncio.Event()
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._is_empty.wait()
        for task in self._open:
            task.cancel()

    async def watch(self) -> None:
        """Poll for clients that have disconnected, until cancelled; then cancel all handlers.

        An application is cleaned up after its connections are closed, and a server that does not
        cancel handlers no longer knows those whose clients disconnected just before.
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
                await asyncio.wait(tasks, timeout=_CLEANUP_TIME)


def has_left(request: web.Request) -> bool:
    """Tell whether the client of *request* has disconnected."""
    return request.transport is None or request.transport.is_closing()
