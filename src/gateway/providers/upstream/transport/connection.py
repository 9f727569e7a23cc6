"""One connection to a service: a request at a time, and the bytes of its answer as they arrive."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol, cast

from gateway.providers.upstream.transport.answer import AnswerParser, BadAnswer
from gateway.providers.upstream.transport.base import (
    Body,
    BrokenAnswer,
    NotConnected,
    Pieces,
)
from gateway.providers.upstream.transport.readiness import has_input

__all__ = ["HIGH_WATER", "Connection", "Owner"]

HIGH_WATER: Final = 128 * 1024
"""Bytes that may wait for a reader before the service has to wait; one read may come on top."""

_MOST_PIECES = 4096
"""Pieces of a body that may wait for a reader; each takes some dozens of bytes by itself."""


class Owner(Protocol):
    """Whom a connection tells what becomes of it."""

    def opened(self, connection: Connection) -> None:
        """Take note of *connection*, which is open."""

    def released(self, connection: Connection) -> None:
        """Take *connection*, which is ready for another request."""

    def draining(self, connection: Connection) -> None:
        """See to it that *connection* is given up at its deadline."""

    def lost(self, connection: Connection) -> None:
        """Forget *connection*, which is closed."""


class Connection(asyncio.Protocol):
    """Send a request with `send`, read its answer with `take`, then `release`; or `fail`.

    `take` never waits: whoever finds nothing awaits `news`. ``deadline`` is when a connection that
    nobody reads from, since it is idle or drained, has to be given up.
    """

    __slots__ = (
        "_can_write",
        "_is_discarding",
        "_is_paused",
        "_is_sent",
        "_loop",
        "_owner",
        "_transport",
        "_unread",
        "_waiter",
        "_wants_head",
        "answer",
        "busy",
        "deadline",
        "error",
        "origin",
    )

    _transport: asyncio.Transport

    def __init__(self, owner: Owner, origin: tuple[str, str, int]) -> None:
        self.origin = origin
        self.answer = AnswerParser()
        self.busy = False
        self.deadline = 0.0
        self.error: Exception | None = None
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None
        self._can_write: asyncio.Future[None] | None = None
        self._is_paused = False
        self._begin()

    def _begin(self) -> None:
        self._unread = 0
        self._wants_head = True
        self._is_sent = False
        self._is_discarding = False

    # Called by whoever has the connection

    def is_clean(self) -> bool:
        """Tell whether a request may be sent: nothing has come or ended since the last answer.

        What has arrived and was not read yet by the event loop counts as well.
        """
        transport = self._transport
        if transport.is_closing():
            return False
        return not has_input(transport)

    async def send(self, head: bytes, body: Body) -> None:
        """Write a request, whose *head* is whole, and return when the answer has a head.

        Raise `NotConnected` if nothing was written, or the error that ended the connection.
        """
        if self._transport.is_closing():
            raise NotConnected("the connection was closed before the request")
        self.busy = True
        self.answer.begin()
        self._begin()
        if isinstance(body, bytes):
            self._transport.write(head + body)
            self._is_sent = True
        else:
            await self._send_pieces(head, body)
        answer = self.answer
        while not answer.has_head:
            if self.error is not None:
                raise self.error
            await self.news()
        self._wants_head = False

    async def _send_pieces(self, head: bytes, body: Pieces) -> None:
        """Write piece after piece, no faster than they leave, until all or an answer is there."""
        transport = self._transport
        transport.write(head)
        for piece in body:
            if self.answer.has_head or self.error is not None or transport.is_closing():
                return  # a refusal, which needs no more; or nobody takes any more
            transport.write(piece)
            if self._can_write is None:
                await asyncio.sleep(0)  # a large body is not to be the only thing that happens
            else:
                await self._can_write
        self._is_sent = True

    def take(self) -> bytes | None:
        """Return what has arrived of the body, nothing at its end, None if there is no news.

        Raise the error that ended the answer, after what came before it.
        """
        answer = self.answer
        pieces = answer.pieces
        if not pieces:
            if answer.done:
                return b""
            if self.error is not None:
                raise self.error
            return None
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self._unread = 0
        if self._is_paused:
            self._resume()
        return data

    def news(self) -> asyncio.Future[None]:
        """Return a future that is done when the head, a piece, the end or an error is there."""
        self._waiter = self._loop.create_future()
        return self._waiter

    def release(self, drain: float = 0.0) -> None:
        """Let go of the connection: it is kept if its answer is complete, else closed.

        With *drain* the rest of the answer is thrown away as it comes, for at most that many
        seconds, and the connection kept after that.
        """
        answer = self.answer
        if not answer.done and drain and self.error is None:
            self._is_discarding = True
            self._discard()
            self.deadline = self._loop.time() + drain
            self._owner.draining(self)
            return
        transport = self._transport
        is_whole = answer.done and answer.reusable and self._is_sent
        if not is_whole or transport.is_closing() or transport.get_write_buffer_size():
            self.abort()
            return
        self._discard()
        self.busy = False
        self._owner.released(self)

    def fail(self, error: Exception) -> None:
        """Close at once, and raise *error* where the connection is waited for."""
        if self.error is None:
            self.error = error
        self.abort()
        self._wake()

    def abort(self) -> None:
        """Close at once, without an error."""
        self._transport.abort()

    expire = abort

    # Called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection."""
        self._transport = cast("asyncio.Transport", transport)
        self._owner.opened(self)

    def data_received(self, data: bytes) -> None:
        """Take a part of an answer; whatever comes while there is no request ends it all."""
        if not self.busy:
            self.abort()
            return
        answer = self.answer
        try:
            answer.feed(data)
        except BadAnswer as error:
            self._break(error)
            return
        if self._is_discarding:
            self._discard()
            if answer.done:
                self.release()
            return
        pieces = answer.pieces
        self._unread += len(data)
        if self._unread > HIGH_WATER and not (self._is_paused or answer.done):
            self._is_paused = True
            self._transport.pause_reading()
        if len(pieces) > _MOST_PIECES:
            pieces[:] = [b"".join(pieces)]
        if pieces or answer.done or (self._wants_head and answer.has_head):
            self._wake()

    def eof_received(self) -> None:
        """Take the end, which may be that of the body; the event loop then closes."""
        self._end(None)

    def connection_lost(self, error: Exception | None) -> None:
        """Take the loss of the connection, whoever caused it."""
        self._end(error)
        self.resume_writing()
        self._owner.lost(self)

    def pause_writing(self) -> None:
        """Have the request wait until the service takes more of it."""
        self._can_write = self._loop.create_future()

    def resume_writing(self) -> None:
        """Go on with the request."""
        future, self._can_write = self._can_write, None
        if future is not None and not future.done():
            future.set_result(None)

    # Inside

    def _end(self, cause: Exception | None) -> None:
        if not self.busy or self.error is not None or self.answer.done:
            self.answer.reusable = False
        elif cause is not None:
            self._break(cause)
        else:
            try:
                self.answer.end()
            except BadAnswer as error:
                self._break(error)
            self._wake()

    def _break(self, cause: Exception) -> None:
        error = BrokenAnswer(str(cause) or type(cause).__name__)
        error.__cause__ = cause
        self.fail(error)

    def _discard(self) -> None:
        self.answer.pieces.clear()
        self._unread = 0
        if self._is_paused:
            self._resume()

    def _resume(self) -> None:
        self._is_paused = False
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
