"""Find the end of a body in chunks, which is passed on as it comes."""

from collections.abc import Iterator
from typing import Final

import httptools

from gateway.core.errors import InvalidRequest

__all__ = ["ChunkedBody"]

_HEAD: Final = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
_END: Final = b"\r\n\r\n"
"""What every such body ends with, whether it has trailers or none."""


class ChunkedBody:
    """A body in chunks, of which httptools tells that it is over, but not where.

    So httptools gets it in pieces, each of which ends where the body may end.
    """

    def __init__(self) -> None:
        self._is_over = False
        self._parser = httptools.HttpRequestParser(self)
        self._parser.feed_data(_HEAD)

    def on_message_complete(self) -> None:
        """Take note of the end of the body; httptools calls it."""
        self._is_over = True

    def find_end(self, data: bytes) -> int | None:
        """Return where in *data* the body ends, None if it goes on; raise `InvalidRequest`."""
        start = 0
        with memoryview(data) as view:
            for stop in _stops(data):
                try:
                    self._parser.feed_data(view[start:stop])
                except httptools.HttpParserError as error:
                    raise InvalidRequest("malformed chunked encoding") from error
                if self._is_over:
                    return stop
                start = stop
        return None


def _stops(data: bytes) -> Iterator[int]:
    """Yield where a body may end in *data*, and its length; the end may have begun before it."""
    yield from range(1, min(len(_END), len(data)))
    found = data.find(_END)
    while found >= 0:
        yield found + len(_END)
        found = data.find(_END, found + 2)
    yield len(data)
