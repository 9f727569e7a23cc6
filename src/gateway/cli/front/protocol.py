"""The protocol between a socket and aiohttp's server."""

import asyncio
from collections.abc import Callable

from gateway.cli.front.chunks import ChunkedBody
from gateway.cli.front.head import HeadReader
from gateway.core.errors import InvalidRequest

__all__ = ["Front"]


class Front(asyncio.Protocol):
    """Pass on to *behind* what comes, with heads that aiohttp's parser accepts.

    Only heads are looked into: a body is passed on as it comes, and *behind* writes to the socket
    itself. A head that is refused is replaced by the request that *refusal* makes for it, so that
    its answer comes after those to the requests before it, and in the log like any other.
    """

    def __init__(
        self, behind: asyncio.Protocol, refusal: Callable[[HeadReader, InvalidRequest], bytes]
    ) -> None:
        self._behind = behind
        self._refusal = refusal
        self._close: Callable[[], None]
        self._reader: HeadReader | None = None
        self._length = 0
        self._chunks: ChunkedBody | None = None
        self._is_last = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let *behind* write to *transport*."""
        self._close = transport.close
        self._behind.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass it on."""
        self._behind.connection_lost(exc)

    def eof_received(self) -> bool | None:
        """Pass it on."""
        return self._behind.eof_received()

    def pause_writing(self) -> None:
        """Pass it on."""
        self._behind.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        self._behind.resume_writing()

    def data_received(self, data: bytes) -> None:
        """Pass on bodies as they come, and heads when they are complete."""
        while data:
            if self._length:
                piece, data = data[: self._length], data[self._length :]
                self._length -= len(piece)
                self._behind.data_received(piece)
            elif self._chunks is not None:
                data = self._pass_chunks(self._chunks, data)
            elif self._is_last:
                return
            else:
                data = self._pass_head(data)

    def _pass_head(self, data: bytes) -> bytes:
        """Pass on a head that is complete with what has come of its body; return what is left."""
        reader = self._reader = self._reader or HeadReader()
        try:
            found = reader.feed(data)
            if found is None:
                return b""
            head, data = found
            stop = min(head.length, len(data))
            self._length = head.length - stop
            if head.is_chunked:
                stop = self._begin_chunks(data)
        except InvalidRequest as refused:
            self._is_last = True
            self._behind.data_received(self._refusal(reader, refused))
            return b""
        self._is_last = head.is_last
        self._reader = None
        self._behind.data_received(head.lines + data[:stop])
        return data[stop:]

    def _begin_chunks(self, data: bytes) -> int:
        """Return how much of *data* belongs to a body in chunks that begins with it."""
        chunks = ChunkedBody()
        end = chunks.find_end(data)
        self._chunks = chunks if end is None else None
        return len(data) if end is None else end

    def _pass_chunks(self, chunks: ChunkedBody, data: bytes) -> bytes:
        """Pass on what belongs to a body in chunks, and return what is left."""
        try:
            end = chunks.find_end(data)
        except InvalidRequest:
            # Its handler waits for the rest, which can no longer be told from another request.
            self._is_last = True
            self._chunks = None
            self._close()
            return b""
        if end is None:
            end = len(data)
        else:
            self._chunks = None
        self._behind.data_received(data[:end])
        return data[end:]
