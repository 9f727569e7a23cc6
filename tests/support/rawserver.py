"""A server that answers with exact bytes: framing, cuts and silences that no framework sends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

__all__ = ["CUT", "HANG", "RawServer", "head", "raw_server"]

CUT = object()
"""A step that resets the connection."""
HANG = object()
"""A step that waits until the client has closed the connection."""


def head(status: str = "200 OK", content_type: str = "text/event-stream", **headers: str) -> bytes:
    """Return the head of a response whose body ends with the connection."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


@dataclass
class RawServer:
    """What to answer, and what was asked."""

    url: str = ""
    steps: Sequence[object] = ()
    requests: list[bytes] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            self.requests.append(request)
            for step in self.steps:
                if step is CUT:
                    writer.transport.abort()
                    return
                if step is HANG:
                    await reader.read()  # the rest of the request
                    while await reader.read(2**16):
                        pass
                    return
                assert isinstance(step, bytes)
                writer.write(step)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.closed.set()
            writer.close()


@asynccontextmanager
async def raw_server(*steps: object) -> AsyncIterator[RawServer]:
    """Run a server on loopback that answers each request with *steps*."""
    script = RawServer(steps=steps)
    server = await asyncio.start_server(script.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    script.url = f"http://127.0.0.1:{port}/v1"
    try:
        yield script
    finally:
        server.close()
        await server.wait_closed()
