"""Read the body of an answer in one piece, however many pieces it has come in.

Services send each event in an HTTP chunk of its own. aiohttp's reader keeps where each chunk ends,
and resumes its connection after each, whether it was paused or not: more work than all the rest
that is done for an event. Nobody here asks for chunks.
"""

from __future__ import annotations

from typing import cast

import aiohttp

__all__ = ["read_in_one_piece"]

_MOST_PIECES = 4096
_USED = {
    "_buffer",
    "_eof",
    "_exception",
    "_high_water",
    "_http_chunk_splits",
    "_loop",
    "_protocol",
    "_size",
    "_waiter",
}
_FITS = _USED.issubset(getattr(aiohttp.StreamReader, "__slots__", ()))


def read_in_one_piece(content: aiohttp.StreamReader) -> None:
    """Let ``readany``, the one way to read *content* from now on, return all that has arrived.

    A reader of a kind that is not known here stays as it is, which is slower and no less right.
    """
    if _FITS and type(content) is aiohttp.StreamReader:
        # The parser of the connection makes its readers itself.
        content.__class__ = _Reader
        if not cast("_Reader", content).takes_over():
            content.__class__ = aiohttp.StreamReader


class _Reader(aiohttp.StreamReader):
    """A reader that does not know where HTTP chunks end, with the members of one that does."""

    __slots__ = ()

    def takes_over(self) -> bool:
        """Forget the chunks; refuse if the connection may be paused for their number."""
        if len(self._buffer) > _MOST_PIECES:
            return False
        self._http_chunk_splits = None
        return True

    def begin_http_chunk_receiving(self) -> None:
        """Do nothing, once for each chunk."""

    def end_http_chunk_receiving(self) -> None:
        """Join what has arrived if it is in very many pieces, since each takes memory."""
        buffer = self._buffer
        if len(buffer) > _MOST_PIECES:
            whole = b"".join(buffer)
            buffer.clear()
            buffer.append(whole)

    async def readany(self) -> bytes:
        """Return all that has arrived, as soon as there is anything; nothing at the end."""
        if self._exception is not None:
            raise self._exception
        buffer = self._buffer
        while not buffer and not self._eof:
            waiter = self._waiter = self._loop.create_future()
            try:
                await waiter
            finally:
                self._waiter = None
        data = buffer[0] if len(buffer) == 1 else b"".join(buffer)
        buffer.clear()
        # At the end of the body the connection is no longer ours to resume.
        is_paused = self._size > self._high_water and not self._eof
        self._size = 0
        if is_paused:
            self._protocol.resume_reading()
        return data
