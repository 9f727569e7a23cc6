"""Send the lines of a streamed response, each as a separate HTTP chunk."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from aiohttp import hdrs, web
from aiohttp.abc import AbstractStreamWriter

__all__ = ["LINE_END", "LineStream", "chunk_lines"]

LINE_END: Final = b"\n"
"""The end of a line of NDJSON; compact JSON contains no line feed."""
_PAUSE: Final = 0.002
"""Seconds before the last line of NDJSON, so that a client that is not overloaded reads it apart.

Two writes in a row often arrive in one read, even with a turn of the event loop between them.
"""
_LONG_PAUSE: Final = 0.01
"""Seconds between lines that are not waited for, so that an overloaded client reads them apart."""


class LineStream:
    """A response whose body is lines, or the frames of server-sent events.

    Ollama's server flushes after each line, and some clients treat each chunk, or each read, as one
    line. So each line is a separate chunk, and the last line of NDJSON a separate write. aiohttp
    makes one chunk of each write, hence chunks are written to the transport here, except to an
    HTTP/1.0 client, which knows none. *end* terminates a line and does not occur inside it.
    """

    __slots__ = ("_end", "_is_chunked", "_is_open", "_request", "_writer", "response")

    def __init__(self, request: web.Request, headers: Mapping[str, str], end: bytes) -> None:
        self._request = request
        self._end = end
        self._writer: AbstractStreamWriter | None = None
        self._is_chunked = False
        self._is_open = False
        # nginx would gather the whole answer otherwise, unless it was told not to.
        self.response = web.StreamResponse(headers={**headers, "X-Accel-Buffering": "no"})

    @property
    def size(self) -> int:
        """Return the number of bytes that have been sent, with those of the head."""
        return 0 if self._writer is None else self._writer.output_size

    async def begin(self) -> None:
        """Send the head."""
        self._writer = await self.response.prepare(self._request)
        self._is_chunked = self.response.headers.get(hdrs.TRANSFER_ENCODING) == "chunked"
        self._is_open = True

    def write_between(self, line: bytes) -> None:
        """Send a line from outside of the handler, which may be about to write one.

        Nothing is sent behind the last line, nor to a client that has left or is slow to read.
        """
        writer, transport = self._writer, self._request.transport
        if not self._is_open or writer is None or transport is None or transport.is_closing():
            return
        if transport.get_write_buffer_size():
            return
        data = chunk_lines(line, self._end) if self._is_chunked else line
        transport.write(data)
        writer.output_size += len(data)

    async def write(self, lines: bytes) -> None:
        """Send whole lines in one write; raise `ConnectionError` if the client has disconnected."""
        writer, transport = self._writer, self._request.transport
        if writer is None or not self._is_chunked:
            await self.response.write(lines)
            return
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client has closed the connection")
        chunks = chunk_lines(lines, self._end)
        transport.write(chunks)
        writer.output_size += len(chunks)
        if transport.get_write_buffer_size():
            await writer.drain()

    async def write_apart(self, lines: Sequence[bytes]) -> None:
        """Send each of *lines* as a separate write, with a pause after it; for a few lines only."""
        for line in lines:
            await self.write(line)
            await asyncio.sleep(_LONG_PAUSE)

    async def finish(self, lines: bytes, *, quiet: float = 0.0) -> None:
        """Send the last lines, the very last one as a separate write, and the end of the body.

        *quiet* is how many seconds ago the lines before them were sent.
        """
        self._is_open = False
        end = self._end
        start = lines.rfind(end, 0, -len(end)) + len(end)
        if start >= len(end):
            await self.write(lines[:start])
            lines = lines[start:]
            quiet = 0.0
        try:
            if end == LINE_END and quiet < _PAUSE:  # every client splits server-sent events
                await asyncio.sleep(_PAUSE)
        finally:  # a pause that is cancelled, as by shutdown, must not lose the last line
            await self.response.write_eof(lines)


def chunk_lines(lines: bytes, end: bytes) -> bytes:
    """Return each of *lines* as a chunk of HTTP's chunked coding."""
    if lines.find(end) + len(end) == len(lines):  # as for most events
        return b"%x\r\n%b\r\n" % (len(lines), lines)
    return b"".join(
        [b"%x\r\n%b%b\r\n" % (len(line) + len(end), line, end) for line in lines.split(end)[:-1]]
    )
