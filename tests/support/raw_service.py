"""A service on loopback that reads whole requests and answers with exact bytes, or not at all."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

__all__ = ["CLOSE", "RESET", "WAIT", "Line", "RawService", "Script", "raw_service"]

CLOSE = object()
"""A step that ends the connection; what was written before arrives."""
RESET = object()
"""A step that resets the connection."""
WAIT = object()
"""A step that waits until the client has left."""


@dataclass(eq=False)
class Line:
    """One connection, and what came on it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    requests: list[bytes] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, *pieces: bytes) -> None:
        """Write each of *pieces*, so that each is likely to be read by itself."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(0)

    async def request(self, *, with_body: bool) -> bytes:
        """Return the next request; raise `IncompleteReadError` if there is none."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        if not with_body:
            return head
        _, said, length = head.lower().partition(b"content-length: ")
        size = int(length.partition(b"\r\n")[0]) if said else 0
        return head + await self.reader.readexactly(size)

    def reset(self) -> None:
        """Close the connection in a way that the client sees as an error."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def left(self) -> None:
        """Return when the client has closed the connection."""
        with suppress(ConnectionError):
            while await self.reader.read(2**16):
                pass


Script = Callable[[Line, bytes], Awaitable[bool | None]]
"""Answers one request; returns true if the connection stays open for another one."""


@dataclass(eq=False)
class RawService:
    """What was asked, on which connections."""

    script: Script
    reads_bodies: bool = True
    origin: str = ""
    lines: list[Line] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def requests(self) -> list[bytes]:
        """All requests, by connection."""
        return [request for line in self.lines for request in line.requests]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = Line(reader, writer)
        self.lines.append(line)
        try:
            stays = True
            while stays:
                request = await line.request(with_body=self.reads_bodies)
                line.requests.append(request)
                self.asked.set()
                stays = bool(await self.script(line, request))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            line.closed.set()
            writer.close()


def _playing(steps: Sequence[object]) -> Script:
    async def play(line: Line, _: bytes) -> bool:
        for step in steps:
            if step is CLOSE:
                return False
            if step is RESET:
                line.reset()
                return False
            if step is WAIT:
                await line.left()
                return False
            assert isinstance(step, bytes)
            await line.send(step)
        return True

    return play


@asynccontextmanager
async def raw_service(
    *steps: object,
    script: Script | None = None,
    tls: ssl.SSLContext | None = None,
    reads_bodies: bool = True,
) -> AsyncIterator[RawService]:
    """Run a service that answers each request with *steps*, or as *script* does."""
    service = RawService(script or _playing(steps), reads_bodies)
    server = await asyncio.start_server(service.serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    service.origin = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    try:
        yield service
    finally:
        server.close()
        for line in service.lines:
            line.writer.transport.abort()
        await asyncio.gather(*(line.closed.wait() for line in service.lines))
        await server.wait_closed()
