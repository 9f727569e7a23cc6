"""The stream of an answer: one request, and what arrives of it, in batches."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Protocol, Self

from gateway.core.errors import GatewayError, UpstreamError, UpstreamProtocolError, UpstreamTimeout
from gateway.providers.upstream.bounded_body import Bounds, content_coding
from gateway.providers.upstream.idle_timeouts import IdleTimer, Timeouts
from gateway.providers.upstream.named_framings import Framing
from gateway.providers.upstream.payload import json_payload
from gateway.providers.upstream.transport import (
    NO_HEADERS,
    Body,
    Endpoint,
    Exchange,
    Transport,
    TransportError,
)

__all__ = ["LOST", "EventStream", "Service"]

_JSON = "application/json"
LOST = (TransportError, ValueError)
"""What reading raises when the body is cut, and splitting when it cannot be split into events."""


class Service(Protocol):
    """What a stream needs to know of the service that it comes from."""

    name: str
    timeouts: Timeouts
    bounds: Bounds
    idle_timer: IdleTimer
    transport: Transport

    def failed(self, error: TransportError) -> UpstreamError:
        """Return *error*, which the transport has raised before the answer, as one of ours."""

    async def authorized(
        self, endpoint: Endpoint, body: Body, headers: Mapping[str, str]
    ) -> Mapping[str, str]:
        """Return *headers*, and those that authorize a request with them."""

    async def error_from(self, exchange: Exchange) -> GatewayError:
        """Return the error for an answer other than 200."""

    async def whole(self, exchange: Exchange) -> bytes:
        """Return a body that has to be read whole, unless it is too long."""

    def show(self, endpoint: Endpoint, body: Body, headers: Mapping[str, str]) -> None:
        """Show the body of a request to whoever watches."""

    def note(self, exchange: Exchange) -> None:
        """Report the head of an answer to whoever collects them."""


class EventStream:
    """A POST that is sent once, and whose answer is read as it arrives.

    Iterating yields lists of event data (`bytes`); the end of the body ends the iteration, a cut
    body raises `UpstreamProtocolError`, an idle one `UpstreamTimeout`. Leaving the context closes
    the connection unless the body was read to its end.
    `gateway.providers.upstream.decoding.decoded` takes the same steps, each of which is a member
    here, without a frame between it and the connection.
    """

    read: Callable[[], Awaitable[bytes]]
    """Returns what has arrived, as soon as there is anything; nothing at the end of the body."""
    received_at: float
    """When the last bytes came, in seconds of the event loop's clock; whoever reads sets it."""
    received: int
    """How many bytes have come; whoever reads adds them, and raises `too_long` for too many."""
    longest: int
    """How many bytes may come."""
    split: Callable[[bytes], Sequence[bytes]]
    """Returns the data of the events that bytes complete."""

    def __init__(
        self,
        service: Service,
        endpoint: Endpoint,
        body: Mapping[str, object],
        *,
        framing: Framing,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> None:
        splitter = framing.splitter()
        self.split = splitter.feed
        self.rest = splitter.close
        self._service = service
        self._framing = framing
        self._idle_limit = service.timeouts.idle
        self._is_open = False
        self.longest = service.bounds.stream
        self.received = 0
        self._body: Body = json_payload(body)
        self._headers = headers
        self._endpoint = endpoint
        self._exchange = service.transport.exchange(endpoint)

    async def connect(self) -> None:
        """Send the request, and return when the service has accepted it."""
        service = self._service
        # It is sent and never sent again, so nothing of it need stay while the answer runs.
        body, self._body = self._body, b""
        own = self._headers
        self._headers = await service.authorized(self._endpoint, body, own)
        service.show(self._endpoint, body, own)
        self.clock = asyncio.get_running_loop().time
        self.received_at = self.clock()
        service.idle_timer.add(self)
        try:
            await self._open(body)
        except TransportError as error:
            await self.close()
            raise service.failed(error) from error
        except BaseException:
            await self.close()
            raise
        self._is_open = True
        self.received_at = self.clock()
        if self._idle_limit < service.timeouts.head:
            service.idle_timer.reschedule(self)

    async def _open(self, body: Body) -> None:
        service, exchange = self._service, self._exchange
        await exchange.open(body, self._headers)
        service.note(exchange)
        if exchange.status != 200:
            raise await service.error_from(exchange)
        named = _media_type(exchange.headers)
        media_type = named.lower()
        if media_type in self._framing.media_types:
            if content_coding(exchange.headers):
                # Nobody asked for it, and what its bytes become is known only afterwards.
                raise self._error("sent a compressed stream")
            self.read = exchange.read
        elif media_type == _JSON and self._framing.documents:
            self.read = _whole(await service.whole(exchange))
            self.split = _one_event
        else:
            raise self._error(f"answered with {named}, not a stream")

    async def __aenter__(self) -> Self:
        """Send the request."""
        await self.connect()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection, unless the body was read to its end."""
        await self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Sequence[bytes]:
        """Return the data of all events that the next reads complete, at least one."""
        chunk = b"..."
        while chunk:
            try:
                chunk = await self.read()
                self.received_at = self.clock()
                self.received += len(chunk)
                if self.received > self.longest:
                    raise self.too_long()
                events = self.split(chunk) if chunk else self.rest()
            except LOST as error:
                raise self.lost() from error
            if events:
                return events
        raise StopAsyncIteration

    def lost(self) -> UpstreamProtocolError:
        """Return the error for a body that was cut, or that cannot be split into events."""
        name = self._service.name
        return UpstreamProtocolError(
            f"the connection to {name} was lost during the answer", provider=name
        )

    def too_long(self) -> UpstreamProtocolError:
        """Return the error for more bytes than may come."""
        return self._error("sent an answer that is too long")

    def expect_only_usage(self) -> None:
        """Wait for the next bytes as long as for the usage of an answer that is complete."""
        self.idle_limit = self._service.timeouts.usage

    @property
    def idle_limit(self) -> float:
        """Seconds without a byte after which the stream fails with `UpstreamTimeout`."""
        return self._idle_limit

    @idle_limit.setter
    def idle_limit(self, seconds: float) -> None:
        self._idle_limit = seconds
        self._service.idle_timer.reschedule(self)

    @property
    def deadline(self) -> float:
        """The time of the event loop at which the idle timeout is over."""
        return self.received_at + (
            self._idle_limit if self._is_open else self._service.timeouts.head
        )

    def expire(self) -> None:
        """Fail with `UpstreamTimeout` wherever this is waiting."""
        name = self._service.name
        idle = f"sent nothing for {self._idle_limit:g} seconds"
        text = f"{name} {idle if self._is_open else 'did not answer in time'}"
        self._exchange.fail(UpstreamTimeout(text, provider=name))

    async def close(self, drain: float = 0.0) -> None:
        """Let go of the connection: at once, if the body is not at its end.

        With *drain* the body may take that many seconds to come to it.
        """
        self._service.idle_timer.remove(self)
        await self._exchange.close(drain)

    def _error(self, words: str) -> UpstreamProtocolError:
        name = self._service.name
        return UpstreamProtocolError(f"{name} {words}", provider=name)


def _media_type(headers: Mapping[str, str]) -> str:
    header = headers.get("Content-Type", "application/octet-stream")
    return header.partition(";")[0].strip()


def _whole(document: bytes) -> Callable[[], Awaitable[bytes]]:
    """Return a way to read a document that is there already."""
    chunks = iter([document])

    async def read() -> bytes:
        return next(chunks, b"")

    return read


def _one_event(document: bytes) -> Sequence[bytes]:
    return [document]
