"""Connections that wait for their next request, by origin, each for a bounded time."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Final

from gateway.providers.upstream.idle_timeouts import IdleTimer
from gateway.providers.upstream.transport.connection import Connection

__all__ = ["Pool", "idle_seconds"]

_IDLE: Final = 15.0
"""Seconds that a connection is kept; most services keep theirs for longer."""

_MARGIN = 1.0
"""Seconds that we close a connection sooner than the service says that it will."""

_find_timeout = re.compile(r"(?i:\btimeout)\s*=\s*([0-9]{1,9})", re.ASCII).search


def idle_seconds(headers: Mapping[str, str], most: float = _IDLE) -> float:
    """Return how long a connection may be kept after an answer with *headers*, at most *most*.

    Some servers tell by ``Keep-Alive: timeout=5`` how long they will (RFC 2068, 19.7.1.1).
    """
    found = _find_timeout(headers.get("Keep-Alive", ""))
    return min(most, max(0.0, int(found[1]) - _MARGIN)) if found else most


class Pool:
    """Keep connections between requests, each for up to *idle* seconds, and know all open ones."""

    def __init__(self, *, idle: float = _IDLE) -> None:
        self._longest_idle = idle
        self._idle: dict[tuple[str, str, int], list[Connection]] = {}
        self._open: set[Connection] = set()
        self._timer = IdleTimer()
        self._all_lost: asyncio.Event | None = None

    def connection(self, origin: tuple[str, str, int]) -> Connection:
        """Return a new connection to *origin*, which is not open yet."""
        return Connection(self, origin)

    def opened(self, connection: Connection) -> None:
        """Take note of a connection that is open, for whoever has asked for it."""
        self._open.add(connection)

    @property
    def closed(self) -> bool:
        """Tell whether `aclose` was called."""
        return self._all_lost is not None

    def drop(self, connection: Connection) -> None:
        """Close *connection*, which could not be handed over, if it was ever open.

        An event loop that is interrupted between opening a connection and saying so need not tell
        the connection that it is lost (uvloop).
        """
        if connection in self._open:
            connection.abort()
            self.lost(connection)

    def take(self, origin: tuple[str, str, int]) -> Connection | None:
        """Return the connection that was used last and is clean, or None."""
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            self._timer.remove(connection)
            if connection.is_clean():
                return connection
            connection.abort()
        return None

    def released(self, connection: Connection) -> None:
        """Keep *connection* for the next request, as long as it may be kept."""
        self._timer.remove(connection)
        seconds = idle_seconds(connection.answer.headers, self._longest_idle)
        if self.closed or not seconds:
            connection.abort()
            return
        self._idle.setdefault(connection.origin, []).append(connection)
        connection.deadline = asyncio.get_running_loop().time() + seconds
        self._timer.add(connection)

    def draining(self, connection: Connection) -> None:
        """Give *connection* up at its deadline, unless it is released before."""
        self._timer.add(connection)

    def lost(self, connection: Connection) -> None:
        """Forget *connection*, which is closed."""
        self._timer.remove(connection)
        self._open.discard(connection)
        idle = self._idle.get(connection.origin, [])
        if connection in idle:
            idle.remove(connection)
        if not idle:
            self._idle.pop(connection.origin, None)
        if self._all_lost is not None and not self._open:
            self._all_lost.set()

    async def aclose(self) -> None:
        """Close all connections, and return when they are closed; none is kept from now on."""
        self._all_lost = self._all_lost or asyncio.Event()
        for connection in list(self._open):
            connection.abort()
        if self._open:
            await self._all_lost.wait()
