"""Read the answers of one connection, one at a time and in any cut of their bytes; pure.

httptools finds where an answer ends and refuses what is not HTTP. What it leaves to its callers is
decided here: a head has a limit, nothing may come before a request, and whatever could be framed in
two ways is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import httptools
from multidict import CIMultiDict

__all__ = ["MOST_OVERHEAD", "AnswerParser", "BadAnswer"]

MOST_OVERHEAD: Final = 64 * 1024
"""Bytes of a head with all interim answers before it, and of what comes in a row without a byte of
the body: trailers, chunk extensions."""

_SWITCHING = 101
_WITHOUT_BODY = frozenset({204, 304})
_VERSIONS = frozenset({"1.0", "1.1"})


class BadAnswer(ValueError):
    """What came is not an answer in HTTP/1.1, or not to the end."""


class AnswerParser:
    """Take bytes as they arrive; `status`, `headers` and `pieces` are what they mean.

    ``pieces`` is emptied by whoever reads the body. ``has_head`` tells that status and headers are
    known, ``done`` that the answer is complete and ``reusable``, after that, that another answer
    may follow on the same connection.
    """

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.begin()
        self.done = True  # nothing has been asked yet
        # The parser takes its callbacks once, when it is made; it calls this one for each piece.
        self.on_body: Callable[[bytes], None] = self.pieces.append
        self._parser = httptools.HttpResponseParser(self)

    def begin(self) -> None:
        """Expect an answer."""
        self.status = 0
        self.headers: CIMultiDict[str] = CIMultiDict()
        self.has_head = False
        self.done = False
        self.reusable = True
        self.pieces.clear()
        self._ends_with_connection = False
        self._overhead = 0

    @property
    def begun(self) -> bool:
        """Tell whether anything has come since a request was sent."""
        return self.has_head or self._overhead > 0

    def feed(self, data: bytes) -> None:
        """Take what has arrived; raise `BadAnswer`, and from then on be of no use."""
        if self.has_head:
            before = len(self.pieces)
            self._parse(data)
            # Nearly every read brings something, and what does not can only be so long.
            if len(self.pieces) != before:
                self._overhead = 0
            elif not self.done:
                self._count(len(data))
            return
        room = MOST_OVERHEAD - self._overhead
        if len(data) <= room:
            self._overhead = 0 if self._parse(data) else self._overhead + len(data)
            return
        if not self._parse(data[:room]):
            raise BadAnswer(f"the head is longer than {MOST_OVERHEAD} bytes")
        self._overhead = 0
        self.feed(data[room:])

    def end(self) -> None:
        """Take note that no more comes; raise `BadAnswer` if that cuts the answer."""
        self.reusable = False
        if self.has_head and self._ends_with_connection:
            self.done = True
        if not self.done:
            raise BadAnswer("the connection was closed before the end of the answer")

    def _count(self, size: int) -> None:
        self._overhead += size
        if self._overhead > MOST_OVERHEAD:
            raise BadAnswer(f"{MOST_OVERHEAD} bytes in a row are framing")

    def _parse(self, data: bytes) -> bool:
        """Return whether the head is known now."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.reusable = False
            if not self.done:
                # A callback's own error is the context of the parser's.
                reason = error.__context__ if isinstance(error.__context__, BadAnswer) else error
                raise BadAnswer(str(reason)) from error
        return self.has_head

    def on_message_begin(self) -> None:
        """Refuse an answer that nobody has asked for; an interim one is followed by another."""
        if self.done:
            raise BadAnswer("there is more than the answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; trailers mean nothing here."""
        if not self.has_head:
            self.headers.add(name.decode("ascii"), value.strip().decode("utf-8", "replace"))

    def on_headers_complete(self) -> None:
        """Look at how the body is framed, unless this is an interim answer."""
        parser = self._parser
        status = parser.get_status_code()
        if parser.get_http_version() not in _VERSIONS:
            raise BadAnswer(f"HTTP/{parser.get_http_version()} is not spoken here")
        if status < 100 or status == _SWITCHING:
            raise BadAnswer(f"status {status} was not asked for")
        if status < 200:
            return
        codings = [one.strip().lower() for one in self.headers.getall("Transfer-Encoding", ())]
        if codings not in ([], ["chunked"]):
            raise BadAnswer("the transfer coding is not known")
        if codings and parser.get_http_version() == "1.0":
            self.reusable = False  # RFC 9112, 6.1
        is_framed = codings or "Content-Length" in self.headers or status in _WITHOUT_BODY
        self._ends_with_connection = not is_framed
        self.status = status
        self.has_head = True

    def on_message_complete(self) -> None:
        """End the answer, or forget an interim one."""
        if not self.has_head:
            self.headers.clear()
            return
        self.done = True
        self.reusable = self.reusable and self._parser.should_keep_alive()
