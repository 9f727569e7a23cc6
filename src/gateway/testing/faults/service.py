"""A service on loopback that plays the steps of a fault, and knows what it has open."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import assert_never

from gateway.testing.faults.table import Step, Wait, document

__all__ = ["FaultyService", "faulty_service"]

_PAUSE = 0.005
_ABORTIVELY = struct.pack("ii", 1, 0)


class FaultyService:
    """Answer requests with ``documents``, by the end of their paths, and all others with ``steps``.

    ``requests`` counts the others, ``asked`` is set when one has come, and ``idle`` when none is
    being answered.
    """

    def __init__(self, documents: dict[str, bytes]) -> None:
        self.port = 0
        self.steps: Sequence[Step] = ()
        self.requests = 0
        self.asked = asyncio.Event()
        self.idle = asyncio.Event()
        self.idle.set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.documents = documents
        self._busy = 0

    def plan(self, steps: Sequence[Step]) -> None:
        """Answer with *steps* from now on, and count anew."""
        self.steps = steps
        self.requests = 0
        self.asked.clear()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer requests until the connection ends."""
        try:
            # The client may have left, also in the midst of a step.
            with suppress(OSError, asyncio.IncompleteReadError):
                while await self._answer(reader, writer):
                    pass
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; return whether the connection stays open."""
        head = await reader.readuntil(b"\r\n\r\n")
        method, target, _ = head.split(b" ", 2)
        path = target.partition(b"?")[0]
        _, found, length = head.lower().partition(b"content-length: ")
        await reader.readexactly(int(length.split(b"\r\n")[0]) if found else 0)
        for ending, body in self.documents.items():
            if path.endswith(ending.encode()) and (ending or method == b"GET"):
                writer.write(document(body))
                return True
        self.requests += 1
        self._busy += 1
        self.idle.clear()
        self.asked.set()
        try:
            return await self._play(reader, writer)
        finally:
            self._busy -= 1
            if not self._busy:
                self.idle.set()

    async def _play(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        for step in self.steps:
            match step:
                case bytes():
                    writer.write(step)
                    await writer.drain()
                case Wait.PAUSE:
                    await asyncio.sleep(_PAUSE)
                case Wait.SILENCE:
                    await reader.read()
                    return False
                case Wait.CLOSE:
                    return False
                case Wait.RESET:
                    sock = writer.get_extra_info("socket")
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORTIVELY)
                    writer.transport.abort()
                    return False
                case _:
                    assert_never(step)
        return True


@asynccontextmanager
async def faulty_service(documents: dict[str, bytes]) -> AsyncIterator[FaultyService]:
    """Run a service, and end all of its connections."""
    service = FaultyService(documents)

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(service.serve(reader, writer))
        service.tasks.add(task)
        task.add_done_callback(service.tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    service.port = server.sockets[0].getsockname()[1]
    try:
        yield service
    finally:
        server.close()
        for task in list(service.tasks):
            task.cancel()
        await asyncio.gather(*service.tasks, return_exceptions=True)
        await server.wait_closed()
