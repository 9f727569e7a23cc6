"""aiohttp as its documentation says, for sessions that are lent, traced or lead through a proxy."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp_sse_client2.client import EventSource
from multidict import CIMultiDict
from yarl import URL

from gateway.providers.upstream.transport.base import (
    NO_HEADERS,
    Body,
    BrokenAnswer,
    Endpoint,
    Exchange,
    NotConnected,
    Pieces,
    Transport,
)
from gateway.providers.upstream.transport.connector import CleanConnector

__all__ = ["AiohttpTransport"]

_EVENTS = "text/event-stream"
_LARGE = 2**20
"""Bytes from which on aiohttp warns of a body that is written in one piece."""

_LOOK = 0.5
"""Seconds between two looks at the connections that somebody reads from."""

_NO_CONNECTION = (
    aiohttp.ClientConnectorError,
    aiohttp.ClientHttpProxyError,
    aiohttp.ConnectionTimeoutError,
    UnicodeError,
)
"""What aiohttp raises when there is no connection; a name may be none that can be looked up."""

_FAILURES = (aiohttp.ClientError, OSError, ValueError, RuntimeError)
"""What aiohttp raises when a request fails, or an answer is cut or cannot be read.

It has a bare `RuntimeError` for reading from a connection, or asking a session, that is closed.
"""


class AiohttpTransport(Transport):
    """Asks through *session*, which belongs to the caller.

    Only the connections of a `CleanConnector` are used more than once.
    """

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session
        self.keeps_connections = isinstance(session.connector, CleanConnector)
        self._open: set[_AiohttpExchange] = set()
        self._timer: asyncio.TimerHandle | None = None

    def exchange(self, endpoint: Endpoint) -> Exchange:
        """Return an exchange with *endpoint*; nothing is sent before it is opened."""
        return _AiohttpExchange(self, endpoint)

    def opened(self, exchange: _AiohttpExchange) -> None:
        """Look at the connection of *exchange* now and then, until it is closed."""
        self._open.add(exchange)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_LOOK, self._look)

    def closed(self, exchange: _AiohttpExchange) -> None:
        """Forget *exchange*."""
        self._open.discard(exchange)

    def _look(self) -> None:
        # Whoever reads a body is not told when its framing is wrong, only its connection is closed.
        self._timer = None
        for exchange in list(self._open):
            exchange.look()
        if self._open:
            self._timer = asyncio.get_running_loop().call_later(_LOOK, self._look)

    async def aclose(self) -> None:
        """Do nothing: the connections are the session's."""


class _AiohttpExchange(Exchange):
    def __init__(self, transport: AiohttpTransport, endpoint: Endpoint) -> None:
        self._transport = transport
        self._endpoint = endpoint
        self._source: EventSource | None = None
        self._response: aiohttp.ClientResponse | None = None
        self._waiting: asyncio.Timeout | None = None
        self._error: Exception | None = None

    async def open(self, body: Body = b"", headers: Mapping[str, str] = NO_HEADERS) -> None:
        """Send the request; what asks for server-sent events does so through an EventSource."""
        endpoint = self._endpoint
        every = CIMultiDict(endpoint.headers)
        every.update(headers)
        if not self._transport.keeps_connections:
            every["Connection"] = "close"
        lent = _OneRequest(self._transport.session, endpoint, body)
        try:
            async with asyncio.timeout(None) as self._waiting:
                if every.get("Accept") == _EVENTS:
                    await self._open_source(lent, every)
                else:
                    await lent.send(endpoint.method, endpoint.url, every)
        except _FAILURES as error:
            raise self._error_for(error) from error
        finally:
            self._waiting = None
            self._response = lent.response
        response = lent.response
        assert response is not None  # noqa: S101 - or else something was raised
        self.status = response.status
        self.headers = CIMultiDict(
            (name.decode("ascii"), value.decode("utf-8", "replace"))
            for name, value in response.raw_headers
        )
        if not self._transport.keeps_connections:
            _close_after(response)
        self._transport.opened(self)

    async def _open_source(self, lent: _OneRequest, headers: CIMultiDict[str]) -> None:
        endpoint = self._endpoint
        method = {"method": endpoint.method}
        source = EventSource(endpoint.url, option=method, session=lent, headers=headers)
        try:
            await source.connect()
        except _NoStream:
            return
        self._source = source

    async def read(self) -> bytes:
        """Return what has arrived, as soon as there is anything; nothing at the end."""
        if self._error is not None:
            raise self._error
        response = self._response
        assert response is not None  # noqa: S101 - it was opened
        try:
            async with asyncio.timeout(None) as self._waiting:
                return await response.content.readany()
        except _FAILURES as error:
            raise self._error_for(error) from error
        finally:
            self._waiting = None

    def fail(self, error: Exception) -> None:
        """Raise *error* where this is waited for, or else when it is read again."""
        if self._error is None:
            self._error = error
        if self._waiting is not None and not self._waiting.expired():
            self._waiting.reschedule(0)

    async def close(self, drain: float = 0.0) -> None:
        """Close the connection, unless the answer is at its end, or comes to it in time."""
        response = self._response
        if response is None:
            return
        try:
            if drain and self._error is None:
                async with asyncio.timeout(drain) as self._waiting:
                    while await response.content.readany():
                        pass
        except _FAILURES:
            pass  # nobody waits for what is missing
        finally:
            self._transport.closed(self)
            if self._source is not None:
                await self._source.close()
            response.close()

    def look(self) -> None:
        """Fail if the connection is closed and the body waits for more all the same."""
        response = self._response
        connection = None if response is None else response.connection
        is_lost = connection is not None and connection.transport is None
        # Whatever had come before is read first.
        if is_lost and self._waiting is not None:
            self.fail(BrokenAnswer("the connection was closed before the end of the answer"))

    def _error_for(self, error: Exception) -> Exception:
        if self._error is not None:
            return self._error
        if isinstance(error, _NO_CONNECTION):
            return NotConnected(str(error))
        return BrokenAnswer(str(error) or type(error).__name__)


def _close_after(response: aiohttp.ClientResponse) -> None:
    """Close the connection after *response*, also if the service leaves it open."""
    connection = response.connection
    protocol = None if connection is None else connection.protocol
    if protocol is not None:
        protocol.force_close()


class _NoStream(Exception):
    """The answer is none that an EventSource reads; what would be lost in its errors is kept."""


class _OneRequest:
    """The session lent to EventSource: it makes one request, keeps the response, and judges it."""

    response: aiohttp.ClientResponse | None = None

    def __init__(self, session: aiohttp.ClientSession, endpoint: Endpoint, body: Body) -> None:
        self._session = session
        seconds = endpoint.connect_timeout
        # The time that a proxy takes counts for `connect` only, which includes the wait for one of
        # a limited number of connections.
        is_limited = session.connector is not None and session.connector.limit > 0
        self._timeout = aiohttp.ClientTimeout(
            total=None, connect=None if is_limited else seconds, sock_connect=seconds
        )
        self._data = None if endpoint.method == "GET" else _payload(body)

    async def send(
        self, method: str, url: URL, headers: CIMultiDict[str]
    ) -> aiohttp.ClientResponse:
        data, self._data = self._data, None  # nothing of it need stay while the answer runs
        self.response = await self._session.request(
            method,
            url,
            data=data,
            headers=headers,
            timeout=self._timeout,
            allow_redirects=False,
            raise_for_status=False,
            auto_decompress=False,
        )
        return self.response

    async def request(
        self, method: str, url: URL, *, headers: CIMultiDict[str]
    ) -> aiohttp.ClientResponse:
        """Return a response that is a stream; all others would be logged, and their status lost."""
        response = await self.send(method, url, headers)
        if response.status != 200 or response.content_type != _EVENTS:
            raise _NoStream
        return response


def _payload(body: Body) -> bytes | io.BytesIO | aiohttp.Payload:
    if not isinstance(body, bytes):
        return _PiecesPayload(body)
    return body if len(body) < _LARGE else io.BytesIO(body)


class _PiecesPayload(aiohttp.Payload):
    """Pieces as aiohttp writes them; may be written more than once."""

    def __init__(self, pieces: Pieces) -> None:
        super().__init__(pieces, content_type="application/json")
        self._pieces = pieces

    @property
    def size(self) -> int:
        """The number of bytes."""
        return len(self._pieces)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return the whole text."""
        return b"".join(self._pieces).decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Write piece after piece, and let others have a turn between them."""
        for piece in self._pieces:
            await writer.write(piece)
            await asyncio.sleep(0)
