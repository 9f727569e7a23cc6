"""The line between the supervisor and a worker: a socket, with one byte for each message."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress

__all__ = ["READY", "Siblings", "WorkerLine"]

READY, RELOAD, DONE = b"1", b"r", b"d"
"""From a worker: it serves, others are to reload, it has reloaded; to one: reload, others have."""

_MOST_SECONDS = 10.0
"""Seconds that others may take to reload, before they count as having done so."""


class WorkerLine:
    """The worker's end of its line; for others it waits at most *seconds*."""

    def __init__(self, line: socket.socket, *, seconds: float = _MOST_SECONDS) -> None:
        self._seconds = seconds
        line.setblocking(False)
        self._line = line
        self._done = asyncio.Event()
        self._telling = asyncio.Lock()

    def tell_ready(self) -> None:
        """Say that this worker serves."""
        _send(self._line, READY)

    async def listen(self, reload: Callable[[], Awaitable[None]]) -> None:
        """Reload as often as the supervisor says so, and return when it is gone."""
        while message := await _next(self._line):
            if message == RELOAD:
                await reload()
                _send(self._line, DONE)
            else:
                self._done.set()

    async def tell_others(self) -> None:
        """Have all other workers reload, and return when they have."""
        async with self._telling:
            self._done.clear()
            _send(self._line, RELOAD)
            await _wait(self._done, self._seconds)


class Siblings:
    """The supervisor's ends of all lines: what one worker wants, the others do.

    Each of them may take *seconds* to do it.
    """

    def __init__(self, *, seconds: float = _MOST_SECONDS) -> None:
        self._seconds = seconds
        self._done: dict[socket.socket, asyncio.Event] = {}
        self._telling = asyncio.Lock()
        self.reloads = 0
        """How often workers were told to reload."""

    async def listen(self, line: socket.socket, *, reloads: int = 0) -> None:
        """Pass on what the worker at the other end of *line* says, until it ends.

        *reloads* is what the count was before the worker read its settings: if others were told to
        reload since then, it is told now.
        """
        self._done[line] = asyncio.Event()
        if self.reloads != reloads:
            _send(line, RELOAD)
        try:
            # Beside, since this one may have to reload itself before it is its turn.
            async with asyncio.TaskGroup() as tasks:
                while message := await _next(line):
                    if message == RELOAD:
                        tasks.create_task(self._tell_others(line))
                    else:
                        self._done[line].set()
        finally:
            # Nobody is to wait for it.
            self._done.pop(line).set()

    async def _tell_others(self, line: socket.socket) -> None:
        async with self._telling:
            self.reloads += 1
            others = {one: done for one, done in self._done.items() if one is not line}
            for one, done in others.items():
                done.clear()
                _send(one, RELOAD)
            await asyncio.gather(*(_wait(done, self._seconds) for done in others.values()))
        _send(line, DONE)


async def _next(line: socket.socket) -> bytes:
    try:
        return await asyncio.get_running_loop().sock_recv(line, 1)
    except OSError:  # as of a process that was killed
        return b""


def _send(line: socket.socket, message: bytes) -> None:
    with suppress(OSError):  # whoever listened is gone
        line.send(message)


async def _wait(done: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await done.wait()
