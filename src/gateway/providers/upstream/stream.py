"""The stream of an answer: EventSource that asks exactly once, and what it is lent for that."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from types import SimpleNamespace
from typing import Any, Protocol

import aiohttp
from aiohttp import hdrs
from aiohttp_sse_client2.client import EventSource
from yarl import URL

from gateway.core.errors import GatewayError, UpstreamError, UpstreamProtocolError, UpstreamTimeout
from gateway.providers.upstream.body_reader import read_in_one_piece
from gateway.providers.upstream.fast_post import Destination
from gateway.providers.upstream.framing import EventSplitter, LineSplitter
from gateway.providers.upstream.idle_timeouts import IdleTimer, Timeouts
from gateway.providers.upstream.payload import json_payload

__all__ = ["EVENT_STREAM", "LOST", "EventStream", "OneRequest", "Service"]

EVENT_STREAM = "text/event-stream"
_JSON = "application/json"
_POST = {"method": "POST"}
LOST = (aiohttp.ClientError, OSError, ValueError)
"""What reading raises when the body is cut, and splitting when it cannot be split into events."""


class Service(Protocol):
    """What a stream needs to know of the service that it comes from."""

    name: str
    timeouts: Timeouts
    idle_timer: IdleTimer

    def failed(self, error: Exception) -> UpstreamError:
        """Return *error*, which the HTTP client has raised, as one of ours."""

    async def error_from(self, response: aiohttp.ClientResponse) -> GatewayError:
        """Return the error for an answer other than 200."""

    async def whole(self, response: aiohttp.ClientResponse) -> bytes:
        """Return a body that has to be read whole, unless it is too long."""

    def note(self, response: aiohttp.ClientResponse) -> None:
        """Report the head of an answer to whoever collects them."""


class EventStream(EventSource):
    """EventSource that asks exactly once and yields what arrived together, in one read.

    The library is made for feeds: it resends the request when a body ends, hides statuses behind
    `ConnectionError` and reads line by line. Its handshake and life cycle are used as they are; the
    one *session* it is lent lets only an accepted answer through, and iteration never reconnects.

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

    def __init__(
        self,
        upstream: Service,
        body: Mapping[str, object],
        *,
        session: OneRequest,
        splitter: EventSplitter | LineSplitter,
    ) -> None:
        self._upstream = upstream
        self.split = splitter.feed
        self.rest = splitter.close
        self._idle_limit = upstream.timeouts.idle
        self._opener: asyncio.Task[Any] | None = None
        super().__init__(
            session.destination.url,
            option=_POST,
            session=session,
            headers=session.destination.headers,
            data=json_payload(body),
        )

    async def connect(self, retry: int = 0) -> None:
        """Send the request; *retry* is the library's and has no effect."""
        name, timer = self._upstream.name, self._upstream.idle_timer
        loop = asyncio.get_running_loop()
        self.clock = loop.time
        self.received_at = self.clock()
        task = self._opener = asyncio.current_task(loop)
        assert task is not None  # noqa: S101 - nothing is awaited outside of a task
        cancelling = task.cancelling()
        timer.add(self)
        try:
            await super().connect()
        except asyncio.CancelledError as error:
            if self._opener is task or task.uncancel() > cancelling:
                raise
            raise UpstreamTimeout(f"{name} did not answer in time", provider=name) from error
        except (aiohttp.ClientError, OSError) as error:
            raise self._upstream.failed(error) from error
        finally:
            self._opener = None
            if self._response is None:
                timer.remove(self)
        # It is sent and never sent again, so nothing of it need stay while the answer runs.
        self._kwargs.clear()
        self.received_at = self.clock()
        self.read = self._response.content.readany
        if self._idle_limit < self._upstream.timeouts.head:
            timer.reschedule(self)

    async def __anext__(self) -> list[bytes]:
        """Return the data of all events that the next reads complete, at least one."""
        chunk = b"..."
        while chunk:
            try:
                chunk = await self.read()
                self.received_at = self.clock()
                events = self.split(chunk) if chunk else self.rest()
            except LOST as error:
                raise self.lost() from error
            if events:
                return events
        raise StopAsyncIteration

    def lost(self) -> UpstreamProtocolError:
        """Return the error for a body that was cut, or that cannot be split into events."""
        name = self._upstream.name
        return UpstreamProtocolError(
            f"the connection to {name} was lost during the answer", provider=name
        )

    @property
    def idle_limit(self) -> float:
        """Seconds without a byte after which the stream fails with `UpstreamTimeout`."""
        return self._idle_limit

    @idle_limit.setter
    def idle_limit(self, seconds: float) -> None:
        self._idle_limit = seconds
        self._upstream.idle_timer.reschedule(self)

    @property
    def deadline(self) -> float:
        """The time of the event loop at which the idle timeout is over."""
        is_open = self._opener is None
        return self.received_at + (self._idle_limit if is_open else self._upstream.timeouts.head)

    def expire(self) -> None:
        """Fail with `UpstreamTimeout` wherever this is waiting."""
        opener, self._opener = self._opener, None
        if opener is not None:
            opener.cancel()
            return
        name = self._upstream.name
        self._response.content.set_exception(
            UpstreamTimeout(f"{name} sent nothing for {self._idle_limit:g} seconds", provider=name)
        )

    async def close(self) -> None:
        """Close the connection, at once if the body is not at its end."""
        self._upstream.idle_timer.remove(self)
        await super().close()


class OneRequest:
    """The session lent to EventSource: makes the request and lets only a stream through."""

    def __init__(self, upstream: Service, destination: Destination, media_type: str) -> None:
        self.destination = destination
        self._upstream = upstream
        self._media_type = media_type

    async def request(self, method: str, url: URL, *, headers: object, data: Any) -> Any:
        """Post *data*; the rest is what the destination knows."""
        response = await self.destination.post(data)
        self._upstream.note(response)
        media_type = _media_type(response)
        is_stream = response.status == 200 and media_type == self._media_type
        if is_stream and not _is_compressed(response):
            return _Accepted(response)
        try:
            if is_stream:
                # Nobody asked for it, and what its bytes become is known only afterwards.
                raise UpstreamProtocolError(
                    f"{self._upstream.name} sent a compressed stream", provider=self._upstream.name
                )
            if response.status != 200:
                raise await self._upstream.error_from(response)
            if media_type != _JSON:
                raise UpstreamProtocolError(
                    f"{self._upstream.name} answered with {media_type}, not a stream",
                    provider=self._upstream.name,
                )
            prefix = b"data: " if self._media_type == EVENT_STREAM else b""
            return _WholeAnswer(prefix, await self._upstream.whole(response))
        finally:
            response.release()


def _media_type(response: aiohttp.ClientResponse) -> str:
    # Not `content_type`, which keeps a kilobyte of what it has parsed for as long as a stream runs.
    header = response.headers.get(hdrs.CONTENT_TYPE, "application/octet-stream")
    return header.partition(";")[0].strip().lower()


def _is_compressed(response: aiohttp.ClientResponse) -> bool:
    return response.headers.get(hdrs.CONTENT_ENCODING, "identity").strip().lower() != "identity"


# EventSource notes the origin of a stream for its own events, of which there are none.
_NOWHERE = SimpleNamespace(origin=str)


class _Accepted:
    """A stream of the type that was asked for, as far as EventSource need know it."""

    __slots__ = ("_response", "content")

    status = 200
    content_type = EVENT_STREAM
    real_url = _NOWHERE

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.content = response.content
        read_in_one_piece(self.content)

    def close(self) -> None:
        """Close the connection, unless it went back to the pool at the end of the body."""
        if not self._response.closed:
            self._response.close()


class _WholeAnswer:
    """A JSON document where a stream was asked for, dressed as a stream of one event."""

    status = 200
    content_type = EVENT_STREAM
    real_url = _NOWHERE

    def __init__(self, prefix: bytes, body: bytes) -> None:
        self.content = self
        # Between tokens JSON takes any white space, and strings hold no raw line break.
        self._chunks = iter([prefix + body.replace(b"\r", b" ").replace(b"\n", b" ")])

    async def readany(self) -> bytes:
        return next(self._chunks, b"")

    def set_exception(self, error: Exception) -> None:
        """Do nothing: there is nothing to wait for."""

    def close(self) -> None:
        """Do nothing: the connection went back to the pool before."""
