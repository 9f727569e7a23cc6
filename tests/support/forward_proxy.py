"""An HTTP proxy on loopback that leads every request to one place, whatever its host is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

__all__ = ["ForwardProxy", "forward_proxy"]


@dataclass
class ForwardProxy:
    """What was asked of the proxy: the first line of each request, and its head."""

    url: str = ""
    port: int = 0
    refusal: bytes = b""
    is_silent: bool = False
    lines: list[str] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            async with _closing(writer):
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head.decode())
                self.lines.append(head.partition(b"\r\n")[0].decode())
                if self.is_silent:
                    await reader.read()
                elif self.refusal:
                    writer.write(self.refusal)
                    await writer.drain()
                else:
                    await self._lead(head, reader, writer)

    async def _lead(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self.port)
        async with _closing(back):
            if head.startswith(b"CONNECT "):
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                back.write(head)
            await asyncio.gather(_copy(reader, back), _copy(there, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(2**16):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


@asynccontextmanager
async def _closing(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    try:
        yield
    finally:
        writer.transport.abort()
        with suppress(ConnectionError):
            await writer.wait_closed()


@asynccontextmanager
async def forward_proxy(
    port: int = 0, *, refusal: bytes = b"", is_silent: bool = False
) -> AsyncIterator[ForwardProxy]:
    """Run a proxy in front of *port*, or one that refuses or says nothing."""
    proxy = ForwardProxy(port=port, refusal=refusal, is_silent=is_silent)

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(proxy.serve(reader, writer))
        proxy.tasks.add(task)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        # Clients that have closed their connections end these by themselves.
        await asyncio.gather(*proxy.tasks)
        await server.wait_closed()
