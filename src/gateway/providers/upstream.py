"""The boundary to a service: one HTTP attempt, its events in batches, its failures as our errors.

Nothing here ever sends a request twice. Second attempts are decided above the providers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from types import SimpleNamespace
from typing import Any

import aiohttp
from aiohttp import hdrs
from aiohttp_sse_client2.client import EventSource
from multidict import CIMultiDict, istr
from yarl import URL

from gateway import codec
from gateway.errors import (
    GatewayError,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.providers.framing import EventSplitter, LineSplitter
from gateway.providers.payload import json_payload
from gateway.providers.posting import Destination
from gateway.providers.reader import read_in_one_piece
from gateway.providers.silence import SilenceWatch
from gateway.replies import RateLimits, Reply, tell

__all__ = ["LOST", "EventStream", "Refusal", "Timeouts", "Upstream", "refusal"]

_EVENT_STREAM = "text/event-stream"
_LINES = "application/x-ndjson"
_JSON = "application/json"
_LONGEST_REFUSAL = 64 * 1024
_POST = {"method": "POST"}
_PATHS = 64
LOST = (aiohttp.ClientError, OSError, ValueError)
"""What reading raises when the body is cut, and splitting when it cannot be split into events."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits on silence, in seconds; nothing limits how long a healthy answer takes.

    ``connect`` covers name lookup, TCP and TLS, ``head`` the wait for the status line, ``silence``
    the wait for the next bytes of a stream, ``reply`` the whole of an answer that is not streamed.
    """

    connect: float = 10.0
    head: float = 300.0
    silence: float = 300.0
    reply: float = 120.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer other than 200: what `Upstream.refuse` turns into an error.

    ``headers`` match without regard to case; ``body`` is cut at 64 KiB.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class Upstream:
    """One service under one base URL.

    *refuse* turns a refusal into the error that the client will see; it knows the service's error
    bodies. All other failures become `UpstreamError` here. *request_id_headers* are those in which
    the service may tell its own id of a request.
    """

    def __init__(
        self,
        name: str,
        session: aiohttp.ClientSession,
        base_url: str,
        *,
        headers: Mapping[str, str],
        refuse: Callable[[Refusal], GatewayError],
        timeouts: Timeouts = Timeouts(),
        request_id_headers: Sequence[str] = ("x-request-id",),
    ) -> None:
        self.name = name
        self.refuse = refuse
        self.timeouts = timeouts
        self._session = session
        self._base_url = str(URL(base_url.rstrip("/")))
        self._request_id_headers = [istr(name) for name in request_id_headers]
        post_headers = {**headers, "Content-Type": _JSON, "Accept-Encoding": "identity"}
        self._post_headers = CIMultiDict(post_headers)
        self._reply_headers = CIMultiDict({**headers, "Accept": _JSON})
        self._reply_timeout = aiohttp.ClientTimeout(
            total=timeouts.reply, sock_connect=timeouts.connect
        )
        self._stream_timeout = aiohttp.ClientTimeout(total=None, sock_connect=timeouts.connect)
        self.watch = SilenceWatch()
        # Adapters have few paths, unless they put the names of models into them.
        self._events = lru_cache(_PATHS)(partial(self._lend, media_type=_EVENT_STREAM))
        self._lines = lru_cache(_PATHS)(partial(self._lend, media_type=_LINES))

    def stream(self, path: str, body: Mapping[str, object]) -> EventStream:
        """Prepare a POST whose answer is a stream of events; entering the result sends it."""
        return EventStream(self, body, session=self._events(path), splitter=EventSplitter())

    def lines(self, path: str, body: Mapping[str, object]) -> EventStream:
        """Prepare a POST whose answer is lines of JSON; each is what an event's data is else."""
        return EventStream(self, body, session=self._lines(path), splitter=LineSplitter())

    def _lend(self, path: str, media_type: str) -> _OneRequest:
        # EventSource adds its own headers, which are always the same.
        headers = self._post_headers.copy()
        destination = Destination(self._session, self.url(path), headers, self._stream_timeout)
        return _OneRequest(self, destination, media_type)

    async def post(self, path: str, body: Mapping[str, object]) -> Any:
        """POST once and return the decoded JSON of the answer."""
        return await self._reply("POST", path, data=json_payload(body), headers=self._post_headers)

    async def post_form(self, path: str, form: aiohttp.FormData) -> Any:
        """POST a form once and return the decoded JSON of the answer."""
        return await self._reply("POST", path, data=form, headers=self._reply_headers)

    async def get(self, path: str) -> Any:
        """GET once and return the decoded JSON of the answer."""
        return await self._reply("GET", path, headers=self._reply_headers)

    async def _reply(self, method: str, path: str, **request: Any) -> Any:
        try:
            async with self._session.request(
                method,
                self.url(path),
                timeout=self._reply_timeout,
                allow_redirects=False,
                raise_for_status=False,
                **request,
            ) as response:
                self.note(response)
                if response.status != 200:
                    raise self.refuse(await refusal(response))
                body = await response.read()
        except (aiohttp.ClientError, OSError) as error:
            raise _transport_error(error, self.name) from error
        try:
            return codec.decode(body)
        except (ValueError, RecursionError) as error:
            raise UpstreamProtocolError(
                f"{self.name} sent an answer that is not JSON", provider=self.name
            ) from error

    def note(self, response: aiohttp.ClientResponse) -> None:
        """Tell whoever listens what the head of an answer says beside its status."""
        headers = response.headers
        request_id = _first(headers, self._request_id_headers)
        tell(Reply(self.name, response.status, request_id, RateLimits(headers)))

    def url(self, path: str) -> URL:
        """Return the URL of *path* below the base URL; *path* is percent-encoded already."""
        return URL(self._base_url + path, encoded=True)


class EventStream(EventSource):
    """EventSource that asks exactly once and yields what arrived together, in one read.

    The library is made for feeds: it resends the request when a body ends, hides statuses behind
    `ConnectionError` and reads line by line. Its handshake and life cycle are used as they are; the
    one *session* it is lent lets only an accepted answer through, and iteration never reconnects.

    Iterating yields lists of event data (`bytes`); the end of the body ends the iteration, a cut
    body raises `UpstreamProtocolError`, silence `UpstreamTimeout`. Leaving the context closes the
    connection unless the body was read to its end. `gateway.providers.decoding.decoded` takes the
    same steps, each of which is a member here, without a frame between it and the connection.
    """

    read: Callable[[], Awaitable[bytes]]
    """Returns what has arrived, as soon as there is anything; nothing at the end of the body."""
    heard: float
    """When the last bytes came, in seconds of the event loop's clock; whoever reads sets it."""

    def __init__(
        self,
        upstream: Upstream,
        body: Mapping[str, object],
        *,
        session: _OneRequest,
        splitter: EventSplitter | LineSplitter,
    ) -> None:
        self._upstream = upstream
        self.split = splitter.feed
        self.rest = splitter.close
        self._patience = upstream.timeouts.silence
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
        name, watch = self._upstream.name, self._upstream.watch
        loop = asyncio.get_running_loop()
        self.clock = loop.time
        self.heard = self.clock()
        task = self._opener = asyncio.current_task(loop)
        assert task is not None  # noqa: S101 - nothing is awaited outside of a task
        cancelling = task.cancelling()
        watch.begin(self)
        try:
            await super().connect()
        except asyncio.CancelledError as error:
            if self._opener is task or task.uncancel() > cancelling:
                raise
            raise UpstreamTimeout(f"{name} did not answer in time", provider=name) from error
        except (aiohttp.ClientError, OSError) as error:
            raise _transport_error(error, name) from error
        finally:
            self._opener = None
            if self._response is None:
                watch.end(self)
        # It is sent and never sent again, so nothing of it need stay while the answer runs.
        self._kwargs.clear()
        self.heard = self.clock()
        self.read = self._response.content.readany
        if self._patience < self._upstream.timeouts.head:
            watch.hasten(self)

    async def __anext__(self) -> list[bytes]:
        """Return the data of all events that the next reads complete, at least one."""
        chunk = b"..."
        while chunk:
            try:
                chunk = await self.read()
                self.heard = self.clock()
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
            f"the connection to {name} was lost in mid-answer", provider=name
        )

    @property
    def patience(self) -> float:
        """Seconds of silence after which the stream fails with `UpstreamTimeout`."""
        return self._patience

    @patience.setter
    def patience(self, seconds: float) -> None:
        self._patience = seconds
        self._upstream.watch.hasten(self)

    @property
    def deadline(self) -> float:
        """The time of the event loop at which the service has been silent for too long."""
        is_open = self._opener is None
        return self.heard + (self._patience if is_open else self._upstream.timeouts.head)

    def give_up(self) -> None:
        """Fail with `UpstreamTimeout` wherever this is waiting."""
        opener, self._opener = self._opener, None
        if opener is not None:
            opener.cancel()
            return
        name = self._upstream.name
        self._response.content.set_exception(
            UpstreamTimeout(f"{name} sent nothing for {self._patience:g} seconds", provider=name)
        )

    async def close(self) -> None:
        """Close the connection, at once if the body is not at its end."""
        self._upstream.watch.end(self)
        await super().close()


class _OneRequest:
    """The session lent to EventSource: makes the request and lets only a stream through."""

    def __init__(self, upstream: Upstream, destination: Destination, media_type: str) -> None:
        self.destination = destination
        self._upstream = upstream
        self._media_type = media_type

    async def request(self, method: str, url: URL, *, headers: object, data: Any) -> Any:
        """Post *data*; the rest is what the destination knows."""
        response = await self.destination.post(data)
        self._upstream.note(response)
        media_type = _media_type(response)
        if response.status == 200 and media_type == self._media_type:
            return _Accepted(response)
        try:
            if response.status != 200:
                raise self._upstream.refuse(await refusal(response))
            if media_type != _JSON:
                raise UpstreamProtocolError(
                    f"{self._upstream.name} answered with {media_type}, not a stream",
                    provider=self._upstream.name,
                )
            prefix = b"data: " if self._media_type == _EVENT_STREAM else b""
            return _WholeAnswer(prefix, await response.read())
        finally:
            response.release()


def _first(headers: Mapping[str, str], names: Sequence[str]) -> str:
    """Return the value of the first of *names* that is among *headers*, or nothing."""
    for name in names:
        if name in headers:
            return headers[name]
    return ""


def _media_type(response: aiohttp.ClientResponse) -> str:
    # Not `content_type`, which keeps a kilobyte of what it has parsed for as long as a stream runs.
    header = response.headers.get(hdrs.CONTENT_TYPE, "application/octet-stream")
    return header.partition(";")[0].strip().lower()


# EventSource notes the origin of a stream for its own events, of which there are none.
_NOWHERE = SimpleNamespace(origin=str)


class _Accepted:
    """A stream of the type that was asked for, as far as EventSource need know it."""

    __slots__ = ("_response", "content")

    status = 200
    content_type = _EVENT_STREAM
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
    content_type = _EVENT_STREAM
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


async def refusal(response: aiohttp.ClientResponse) -> Refusal:
    """Read what an answer other than 200 says, as far as it can be read."""
    body = bytearray()
    with suppress(aiohttp.ClientError, OSError):
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) >= _LONGEST_REFUSAL:
                break
    return Refusal(response.status, response.headers, bytes(body[:_LONGEST_REFUSAL]))


def _transport_error(error: Exception, name: str) -> UpstreamError:
    """Return what the HTTP client has raised under our name, to be raised from *error*."""
    match error:
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError():
            # Only the kind of failure: the text of the cause holds addresses, fit for the log.
            return UpstreamUnavailable(f"{name} cannot be reached", provider=name)
        case TimeoutError():
            return UpstreamTimeout(f"{name} did not answer in time", provider=name)
        case aiohttp.InvalidURL():
            return UpstreamError(f"the base URL of {name} is not valid", provider=name)
    return UpstreamProtocolError(f"{name} closed the connection without an answer", provider=name)
