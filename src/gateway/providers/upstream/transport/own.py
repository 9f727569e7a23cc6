"""The gateway's own HTTP/1.1: one pool of connections on asyncio's protocols."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from gateway.providers.upstream.transport.base import (
    NO_HEADERS,
    Body,
    BrokenAnswer,
    Endpoint,
    Exchange,
    NotConnected,
    Transport,
)
from gateway.providers.upstream.transport.connect import Connector, TlsContext
from gateway.providers.upstream.transport.connection import Connection
from gateway.providers.upstream.transport.pool import Pool

__all__ = ["OwnTransport"]


class OwnTransport(Transport):
    """HTTP/1.1 without a session: one pool, and a connection of its own for each open answer.

    Without *tls* the authorities of the system are trusted.
    """

    def __init__(self, tls: TlsContext | None = None) -> None:
        self.connector = Connector(tls)
        self.pool = Pool()

    def exchange(self, endpoint: Endpoint) -> Exchange:
        """Return an exchange with *endpoint*; nothing is sent before it is opened."""
        return _OwnExchange(self, endpoint)

    async def aclose(self) -> None:
        """Close all connections, and wait until they are."""
        await self.pool.aclose()


class _OwnExchange(Exchange):
    def __init__(self, transport: OwnTransport, endpoint: Endpoint) -> None:
        self._transport = transport
        self._endpoint = endpoint
        self._connection: Connection | None = None
        self._connecting: asyncio.Timeout | None = None
        self._error: Exception | None = None

    async def open(self, body: Body = b"", headers: Mapping[str, str] = NO_HEADERS) -> None:
        """Send the request on a connection that is kept, or else on a new one."""
        head = self._head(body, headers)
        connection = self._transport.pool.take(self._endpoint.origin)
        if connection is None:
            connection = await self._connect()
            await self._send(connection, head, body)
            return
        try:
            await self._send(connection, head, body)
        except BrokenAnswer:
            # The service may have closed the connection just before the request came. No more is
            # known than that it has not begun to answer, so only what changes nothing is repeated.
            if self._endpoint.method != "GET" or connection.answer.begun or self._error:
                raise
            await self._send(await self._connect(), head, body)

    def _head(self, body: Body, headers: Mapping[str, str]) -> bytes:
        head = self._endpoint.head_with(headers)
        if self._endpoint.method == "GET":
            return head + b"\r\n"
        return b"%bContent-Length: %d\r\n\r\n" % (head, len(body))

    async def _send(self, connection: Connection, head: bytes, body: Body) -> None:
        self._connection = connection
        try:
            await connection.send(head, body)
        except BaseException:
            self._connection = None
            connection.abort()
            raise
        self.status = connection.answer.status
        self.headers = connection.answer.headers

    async def _connect(self) -> Connection:
        origin = self._endpoint.origin
        connection = self._transport.pool.connection(origin)
        try:
            async with asyncio.timeout(self._endpoint.connect_timeout) as self._connecting:
                await self._transport.connector.connect(origin, connection)
        except BaseException as error:
            self._transport.pool.drop(connection)
            if not isinstance(error, OSError | ValueError):
                raise
            if self._error is not None:
                raise self._error from error
            raise NotConnected(str(error) or "it took too long to connect") from error
        finally:
            self._connecting = None
        if self._transport.pool.closed:
            connection.abort()
            raise NotConnected("connections are no longer made")
        return connection

    async def read(self) -> bytes:
        """Return what has arrived, as soon as there is anything; nothing at the end."""
        connection = self._connection
        if connection is None:
            if self._error is not None:
                raise self._error
            return b""
        while (data := connection.take()) is None:
            await connection.news()
        if connection.answer.done:
            self._connection = None
            connection.release()
        return data

    def fail(self, error: Exception) -> None:
        """Close the connection, and raise *error* where this is waited for."""
        if self._error is None:
            self._error = error
        if self._connecting is not None:
            if not self._connecting.expired():
                self._connecting.reschedule(0)
        elif self._connection is not None:
            self._connection.fail(error)

    async def close(self, drain: float = 0.0) -> None:
        """Keep the connection if its answer is complete, drain it, or close it at once."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.release(drain)
