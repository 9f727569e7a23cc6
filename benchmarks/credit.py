"""Streams that the client clocks: the upstream sends as many events as the client has received.

Without this an upstream that is faster than the server fills every buffer in between, and all reads
become as large as the buffers are. The client's receipts go straight to the upstream, as datagrams.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

__all__ = ["Receipts", "Senders", "receipts_to"]

_RECEIPT = struct.Struct("!HH")


class Receipts:
    """The client's side: collects what came on each stream and tells the upstream at once."""

    def __init__(self, transport: asyncio.DatagramTransport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._received: dict[int, int] = {}

    def note(self, stream: int, events: int) -> None:
        """Take note of *events* on *stream*."""
        if not self._received:
            self._loop.call_soon(self._tell)
        self._received[stream] = self._received.get(stream, 0) + events

    def _tell(self) -> None:
        if not self._transport.is_closing():
            self._transport.sendto(
                b"".join([_RECEIPT.pack(*one) for one in self._received.items()])
            )
        self._received.clear()


@asynccontextmanager
async def receipts_to(port: int) -> AsyncIterator[Receipts]:
    """Yield receipts for the upstream on *port*."""
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        asyncio.DatagramProtocol, remote_addr=("127.0.0.1", port)
    )
    try:
        yield Receipts(transport)
    finally:
        transport.close()


class Senders(asyncio.DatagramProtocol):
    """The upstream's side: hands each receipt to the stream that it is for."""

    def __init__(self) -> None:
        self._senders: dict[int, Callable[[int], None]] = {}

    def add(self, stream: int, send: Callable[[int], None]) -> None:
        """Let *send* be called with the number of events that came on *stream*."""
        self._senders[stream] = send

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        """Send as many events as were received."""
        for stream, events in _RECEIPT.iter_unpack(data):
            if stream in self._senders:
                self._senders[stream](events)
