"""The boundary to a service: one HTTP attempt, its events in batches, its failures as our errors.

Nothing here ever sends a request twice. Second attempts are decided above the providers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import aiohttp
from multidict import CIMultiDict, istr
from yarl import URL

from gateway.core.errors import (
    GatewayError,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.observe.upstream_replies import RateLimits, Reply, notify
from gateway.providers.upstream.documents import LONGEST_DOCUMENT, read_document
from gateway.providers.upstream.fast_post import Destination
from gateway.providers.upstream.framing import EventSplitter, LineSplitter
from gateway.providers.upstream.idle_timeouts import IdleTimer, Timeouts
from gateway.providers.upstream.payload import json_payload
from gateway.providers.upstream.stream import EVENT_STREAM, EventStream, OneRequest

__all__ = ["ErrorResponse", "Timeouts", "Upstream"]

_LINES = "application/x-ndjson"
_JSON = "application/json"
_LONGEST_ERROR_BODY = 64 * 1024
_PATHS = 64
_DEFAULT_TIMEOUTS = Timeouts()


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    """An answer other than 200: what `Upstream.error_for` turns into an error.

    ``headers`` match without regard to case; ``body`` is cut at 64 KiB.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class Upstream:
    """One service under one base URL.

    *error_for* turns an error response into the error that the client will see; it knows the
    service's error bodies. All other failures become `UpstreamError` here. *request_id_headers* are
    those in which the service may tell its own id of a request.
    """

    def __init__(
        self,
        name: str,
        session: aiohttp.ClientSession,
        base_url: str,
        *,
        headers: Mapping[str, str],
        error_for: Callable[[ErrorResponse], GatewayError],
        timeouts: Timeouts = _DEFAULT_TIMEOUTS,
        request_id_headers: Sequence[str] = ("x-request-id",),
    ) -> None:
        self.name = name
        self.error_for = error_for
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
        self.idle_timer = IdleTimer()
        # Adapters have few paths, unless they put the names of models into them.
        self._events = lru_cache(_PATHS)(partial(self._lend, media_type=EVENT_STREAM))
        self._lines = lru_cache(_PATHS)(partial(self._lend, media_type=_LINES))

    def stream(self, path: str, body: Mapping[str, object]) -> EventStream:
        """Prepare a POST whose answer is a stream of events; entering the result sends it."""
        return EventStream(self, body, session=self._events(path), splitter=EventSplitter())

    def lines(self, path: str, body: Mapping[str, object]) -> EventStream:
        """Prepare a POST whose answer is lines of JSON; each is what an event's data is else."""
        return EventStream(self, body, session=self._lines(path), splitter=LineSplitter())

    def _lend(self, path: str, media_type: str) -> OneRequest:
        # EventSource adds its own headers, which are always the same.
        headers = self._post_headers.copy()
        destination = Destination(self._session, self.url(path), headers, self._stream_timeout)
        return OneRequest(self, destination, media_type)

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
                    raise await self.error_from(response)
                body = await self.whole(response)
        except (aiohttp.ClientError, OSError) as error:
            raise self.failed(error) from error
        try:
            return read_document(body)
        except (ValueError, RecursionError) as error:
            raise UpstreamProtocolError(
                f"{self.name} sent an answer that is not JSON", provider=self.name
            ) from error

    async def error_from(self, response: aiohttp.ClientResponse) -> GatewayError:
        """Return what *error_for* makes of an answer other than 200, as far as it can be read."""
        body = bytearray()
        with suppress(aiohttp.ClientError, OSError):
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) >= _LONGEST_ERROR_BODY:
                    break
        return self.error_for(
            ErrorResponse(response.status, response.headers, bytes(body[:_LONGEST_ERROR_BODY]))
        )

    async def whole(self, response: aiohttp.ClientResponse) -> bytes:
        """Return a body that has to be read whole; it is counted once it is unpacked.

        Raise `UpstreamProtocolError` for more than `LONGEST_DOCUMENT`.
        """
        pieces: list[bytes] = []
        left = LONGEST_DOCUMENT
        async for piece in response.content.iter_any():
            left -= len(piece)
            if left < 0:
                raise UpstreamProtocolError(
                    f"{self.name} sent an answer that is too long", provider=self.name
                )
            pieces.append(piece)
        return b"".join(pieces)

    def failed(self, error: Exception) -> UpstreamError:
        """Return what the HTTP client has raised under our name, to be raised from *error*."""
        name = self.name
        match error:
            case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError():
                # Only the kind of failure: the text of the cause holds addresses, fit for the log.
                return UpstreamUnavailable(f"{name} cannot be reached", provider=name)
            case TimeoutError():
                return UpstreamTimeout(f"{name} did not answer in time", provider=name)
            case aiohttp.InvalidURL():
                return UpstreamError(f"the base URL of {name} is not valid", provider=name)
        return UpstreamProtocolError(
            f"{name} closed the connection without an answer", provider=name
        )

    def note(self, response: aiohttp.ClientResponse) -> None:
        """Tell whoever listens what the head of an answer says beside its status."""
        headers = response.headers
        request_id = _first(headers, self._request_id_headers)
        notify(Reply(self.name, response.status, request_id, RateLimits(headers)))

    def url(self, path: str) -> URL:
        """Return the URL of *path* below the base URL; *path* is percent-encoded already."""
        return URL(self._base_url + path, encoded=True)


def _first(headers: Mapping[str, str], names: Sequence[str]) -> str:
    """Return the value of the first of *names* that is among *headers*, or nothing."""
    for name in names:
        if name in headers:
            return headers[name]
    return ""
