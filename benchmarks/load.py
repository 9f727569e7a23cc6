"""The load generator: bare connections that count events without looking into them.

Whatever it costs is taken from the servers' ceiling, so bodies are neither unframed nor parsed: a
mark that each event contains once is searched for, and the end is known by its framing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

from benchmarks.canned import MARK, STAMP
from benchmarks.dialects import Dialect

__all__ = ["BadAnswer", "Connection", "Reply", "connected"]

_BLANK_LINE = b"\r\n\r\n"
_TAIL = 700
_PIECE = 256 * 1024
_OVERLAP = len(MARK) - 1


class BadAnswer(Exception):
    """A server answered with an error or with less than was asked for."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete answer: nanoseconds from the request to the first event and to the end."""

    first: int
    total: int
    events: int
    body: bytes


class Connection(asyncio.Protocol):
    """One connection to a server, for one request at a time.

    ``events`` counts over the connection's whole life. ``lags`` collects, once it is a list, the
    nanoseconds from the upstream's writing of each stamped event to its arrival here. ``receipt``
    is called with the number of events in each read.
    """

    def __init__(self) -> None:
        self.events = 0
        self.lags: list[int] | None = None
        self.first_event = asyncio.Event()
        self.receipt: Callable[[int], None] | None = None
        self.keep = False
        self._kept: list[bytes] = []
        self._writable = asyncio.Event()
        self._writable.set()
        self._done: asyncio.Future[Reply] | None = None
        self._before = 0
        self._begin()

    def _begin(self) -> None:
        self._head: bytes | None = b""
        self._tail = b""
        self._missing: int | None = None  # bytes of a body whose length is known
        self._first = 0
        self._kept.clear()
        self.first_event.clear()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is not registered as one

    def connection_lost(self, error: Exception | None) -> None:
        """Fail the answer that is under way, if there is one."""
        self._writable.set()
        self._fail(f"the connection was lost: {error or 'closed by the server'}")

    def pause_writing(self) -> None:
        """Hold back the rest of a large request."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Go on with a large request."""
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        """Count what has come and see whether it is the end."""
        if self._head is not None:
            data = self._take_head(data)
        if not data:
            return
        now = time.monotonic_ns()
        tail = self._tail
        new = data.count(MARK) + (tail[-_OVERLAP:] + data[:_OVERLAP]).count(MARK)
        self._tail = data[-_TAIL:] if len(data) >= _TAIL else (tail + data)[-_TAIL:]
        if self.keep:
            self._kept.append(data)
        if new:
            self.events += new
            if not self._first:
                self._first = now
                self.first_event.set()
            if self.receipt is not None:
                self.receipt(new)
            if self.lags is not None:
                self.lags += [now - int(stamp) for stamp in STAMP.findall(data)]
        if self._missing is not None:
            self._missing -= len(data)
            if self._missing <= 0:
                self._finish(now)
        elif self._tail.endswith(_BLANK_LINE):
            # Neither dialect has carriage returns in its body, so this is the last chunk's end.
            self._finish(now)

    def _take_head(self, data: bytes) -> bytes:
        """Read the head, and return the beginning of the body."""
        assert self._head is not None
        head, found, rest = (self._head + data).partition(_BLANK_LINE)
        if not found:
            self._head = head
            return b""
        self._head = None
        lines = head.lower().split(b"\r\n")
        if not lines[0].startswith(b"http/1.1 200"):
            self._fail(f"{lines[0].decode()}: {rest[:500].decode(errors='replace')}")
            return b""
        for line in lines[1:]:
            name, _, value = line.partition(b":")
            if name == b"content-length":
                self._missing = int(value)
        if self._missing == 0:
            self._finish(time.monotonic_ns())
        return rest

    def _finish(self, now: int) -> None:
        done, self._done = self._done, None
        if done is not None and not done.done():
            first = (self._first or now) - self._sent
            events = self.events - self._before
            body = b"".join(self._kept) if self.keep else self._tail
            done.set_result(Reply(first, now - self._sent, events, body))
        self._begin()

    def _fail(self, reason: str) -> None:
        done, self._done = self._done, None
        if done is not None and not done.done():
            done.set_exception(BadAnswer(reason))
        self.first_event.set()  # whoever waits for it must look at the answer

    async def send(self, request: bytes) -> asyncio.Future[Reply]:
        """Send *request* and return what will be its answer."""
        self._done = done = asyncio.get_running_loop().create_future()
        self._before = self.events
        self._sent = time.monotonic_ns()
        for start in range(0, len(request), _PIECE):
            self.transport.write(request[start : start + _PIECE])
            # Large requests must not keep the generator from reading other answers.
            await self._writable.wait()
        return done

    async def ask(self, request: bytes) -> Reply:
        """Send *request* and return its answer; raise `BadAnswer`."""
        return await (await self.send(request))

    async def stream(self, request: bytes, dialect: Dialect, events: int) -> Reply:
        """Ask for a stream and make sure that it is complete."""
        reply = await self.ask(request)
        if reply.events != events or dialect.ending not in reply.body:
            raise BadAnswer(
                f"{reply.events} of {events} events came, and then {reply.body[-300:]!r}"
            )
        return reply


@asynccontextmanager
async def connected(port: int, count: int = 1) -> AsyncIterator[list[Connection]]:
    """Open *count* connections, and drop them at the end whatever is still under way."""
    loop = asyncio.get_running_loop()
    connections: list[Connection] = []
    try:
        for _ in range(count):
            _, connection = await loop.create_connection(Connection, "127.0.0.1", port)
            connections.append(connection)
        yield connections
    finally:
        for connection in connections:
            connection._done = None  # noqa: SLF001 - nobody waits for what is cut off here
            connection.transport.abort()
