"""The boundary to a service: one HTTP attempt, its events in batches, its failures as our errors.

Nothing here ever sends a request twice. Second attempts are decided above the providers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp_sse_client2.client import EventSource
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
from gateway.replies import Reply, tell

__all__ = ["EventStream", "Refusal", "Timeouts", "Upstream", "refusal", "transport_errors"]

_EVENT_STREAM = "text/event-stream"
_LINES = "application/x-ndjson"
_JSON = "application/json"
_LONGEST_REFUSAL = 64 * 1024


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
        self.request_id_headers = request_id_headers
        self.base_url = URL(base_url.rstrip("/"))
        self.refuse = refuse
        self.timeouts = timeouts
        self._session = session
        self._headers = {**headers, "Content-Type": _JSON, "Accept-Encoding": "identity"}
        self._reply_headers = {**headers, "Accept": _JSON}

    def stream(self, path: str, body: Mapping[str, object]) -> EventStream:
        """Prepare a POST whose answer is a stream of events; entering the result sends it."""
        return EventStream(self, self._session, path, body)

    def lines(self, path: str, body: Mapping[str, object]) -> EventStream:
        """Prepare a POST whose answer is lines of JSON; each is what an event's data is else."""
        return EventStream(self, self._session, path, body, media_type=_LINES)

    def stream_headers(self) -> dict[str, str]:
        """Return the headers of a streaming request, as a copy that EventSource may change."""
        return dict(self._headers)

    async def post(self, path: str, body: Mapping[str, object]) -> Any:
        """POST once and return the decoded JSON of the answer."""
        return await self._reply("POST", path, data=json_payload(body), headers=self._headers)

    async def post_form(self, path: str, form: aiohttp.FormData) -> Any:
        """POST a form once and return the decoded JSON of the answer."""
        return await self._reply("POST", path, data=form, headers=self._reply_headers)

    async def get(self, path: str) -> Any:
        """GET once and return the decoded JSON of the answer."""
        return await self._reply("GET", path, headers=self._reply_headers)

    async def _reply(self, method: str, path: str, **request: Any) -> Any:
        timeout = aiohttp.ClientTimeout(
            total=self.timeouts.reply, sock_connect=self.timeouts.connect
        )
        with transport_errors(self.name):
            async with self._session.request(
                method, self.url(path), timeout=timeout, allow_redirects=False, **request
            ) as response:
                self.note(response)
                if response.status != 200:
                    raise self.refuse(await refusal(response))
                body = await response.read()
        try:
            return codec.decode(body)
        except (ValueError, RecursionError) as error:
            raise UpstreamProtocolError(
                f"{self.name} sent an answer that is not JSON", provider=self.name
            ) from error

    def note(self, response: aiohttp.ClientResponse) -> None:
        """Tell whoever listens what the head of an answer says beside its status."""
        headers = response.headers
        ids = (headers[name] for name in self.request_id_headers if name in headers)
        limits = {
            name.lower(): value for name, value in headers.items() if "ratelimit" in name.lower()
        }
        tell(Reply(self.name, response.status, next(ids, ""), limits))

    def url(self, path: str) -> URL:
        """Return the URL of *path* below the base URL; *path* is percent-encoded already."""
        return URL(f"{self.base_url}{path}", encoded=True)


class EventStream(EventSource):
    """EventSource that asks exactly once and yields what arrived together, in one read.

    The library is made for feeds: it resends the request when a body ends, hides statuses behind
    `ConnectionError` and reads line by line. Its handshake and life cycle are used as they are; the
    one session it is lent lets only an accepted answer through, and iteration never reconnects.

    Iterating yields lists of event data (`bytes`); the end of the body ends the iteration, a cut
    body raises `UpstreamProtocolError`, silence `UpstreamTimeout`. Leaving the context closes the
    connection unless the body was read to its end.
    """

    def __init__(
        self,
        upstream: Upstream,
        session: aiohttp.ClientSession,
        path: str,
        body: Mapping[str, object],
        *,
        media_type: str = _EVENT_STREAM,
    ) -> None:
        self._upstream = upstream
        self._splitter = LineSplitter() if media_type == _LINES else EventSplitter()
        self._patience = upstream.timeouts.silence
        self._watch: asyncio.TimerHandle | None = None
        super().__init__(
            str(upstream.url(path)),
            option={"method": "POST"},
            session=_OneRequest(upstream, session, media_type),
            headers=upstream.stream_headers(),
            data=json_payload(body),
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=upstream.timeouts.connect),
        )
        self._url = upstream.url(path)

    async def connect(self, retry: int = 0) -> None:
        """Send the request; *retry* is the library's and has no effect."""
        with transport_errors(self._upstream.name):
            async with asyncio.timeout(self._upstream.timeouts.head):
                await super().connect()
        self._loop = asyncio.get_running_loop()
        self._heard = self._loop.time()
        self._watch_for_silence()

    async def __anext__(self) -> list[bytes]:
        """Return the data of all events that the next reads complete, at least one."""
        content = self._response.content
        try:
            while chunk := await content.readany():
                self._heard = self._loop.time()
                if events := self._splitter.feed(chunk):
                    return events
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise UpstreamProtocolError(
                f"the connection to {self._upstream.name} was lost in mid-answer",
                provider=self._upstream.name,
            ) from error
        if events := self._splitter.close():
            return events
        raise StopAsyncIteration

    @property
    def patience(self) -> float:
        """Seconds of silence after which the stream fails with `UpstreamTimeout`."""
        return self._patience

    @patience.setter
    def patience(self, seconds: float) -> None:
        self._patience = seconds
        self._watch_for_silence()

    async def close(self) -> None:
        """Close the connection, at once if the body is not at its end."""
        if self._watch is not None:
            self._watch.cancel()
        await super().close()

    def _watch_for_silence(self) -> None:
        # One timer that rearms itself late costs nothing per read; a read timeout of the client
        # would set a new timer for every chunk.
        if self._watch is not None:
            self._watch.cancel()
        quiet_until = self._heard + self._patience
        if quiet_until > self._loop.time():
            self._watch = self._loop.call_at(quiet_until, self._watch_for_silence)
        else:
            self._response.content.set_exception(
                UpstreamTimeout(
                    f"{self._upstream.name} sent nothing for {self._patience:g} seconds",
                    provider=self._upstream.name,
                )
            )


class _OneRequest:
    """The session lent to EventSource: makes the request and lets only a stream through."""

    def __init__(self, upstream: Upstream, session: aiohttp.ClientSession, media_type: str) -> None:
        self._upstream = upstream
        self._session = session
        self._media_type = media_type

    async def request(self, method: str, url: URL, **request: Any) -> Any:
        response = await self._session.request(method, url, **request)
        self._upstream.note(response)
        if response.status == 200 and response.content_type == self._media_type:
            return response if self._media_type == _EVENT_STREAM else _Dressed(response)
        try:
            if response.status != 200:
                raise self._upstream.refuse(await refusal(response))
            if response.content_type != _JSON:
                raise UpstreamProtocolError(
                    f"{self._upstream.name} answered with {response.content_type}, not a stream",
                    provider=self._upstream.name,
                )
            prefix = b"data: " if self._media_type == _EVENT_STREAM else b""
            return _WholeAnswer(response.real_url, prefix, await response.read())
        finally:
            response.release()


class _Dressed:
    """An answer in lines, with the content type that EventSource's handshake asks for."""

    status = 200
    content_type = _EVENT_STREAM

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.real_url = response.real_url
        self.content = response.content
        self.close = response.close


class _WholeAnswer:
    """A JSON document where a stream was asked for, dressed as a stream of one event."""

    status = 200
    content_type = _EVENT_STREAM

    def __init__(self, real_url: URL, prefix: bytes, body: bytes) -> None:
        self.real_url = real_url
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


@contextmanager
def transport_errors(name: str) -> Iterator[None]:
    """Rename what the HTTP client raises, once, keeping the cause."""
    try:
        yield
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        # Only the kind of failure: the text of the cause holds addresses, fit for the log.
        raise UpstreamUnavailable(f"{name} cannot be reached", provider=name) from error
    except TimeoutError as error:
        raise UpstreamTimeout(f"{name} did not answer in time", provider=name) from error
    except aiohttp.InvalidURL as error:
        raise UpstreamError(f"the base URL of {name} is not valid", provider=name) from error
    except (aiohttp.ClientError, OSError) as error:
        raise UpstreamProtocolError(
            f"{name} closed the connection without an answer", provider=name
        ) from error
