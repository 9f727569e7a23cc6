"""The boundary to a service: one HTTP attempt, its events in batches, its failures as our errors.

Nothing here ever sends a request twice. Second attempts are decided above the providers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import aiohttp
from multidict import istr
from yarl import URL

from gateway.core.errors import (
    GatewayError,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.observe.upstream_replies import RateLimits, Reply, notify
from gateway.providers.upstream.bounded_body import read_into
from gateway.providers.upstream.documents import LONGEST_DOCUMENT, read_document
from gateway.providers.upstream.framing import EventSplitter, LineSplitter
from gateway.providers.upstream.idle_timeouts import IdleTimer, Timeouts
from gateway.providers.upstream.payload import json_payload
from gateway.providers.upstream.stream import EVENT_STREAM, EventStream
from gateway.providers.upstream.transport import (
    NO_HEADERS,
    Body,
    Endpoint,
    Exchange,
    NotConnected,
    TransportError,
    transport_for,
)

__all__ = ["ErrorResponse", "Timeouts", "Upstream"]

_LINES = "application/x-ndjson"
_JSON = "application/json"
_LONGEST_ERROR_BODY = 64 * 1024
_ENDPOINTS = 64
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
        self.idle_timer = IdleTimer()
        self.transport = transport_for(session)
        self._base_url = str(URL(base_url.rstrip("/")))
        self._request_id_headers = [istr(name) for name in request_id_headers]
        self._headers = {**headers, "Accept-Encoding": "identity"}
        # Adapters have few paths, unless they put the names of models into them.
        self._endpoint = lru_cache(_ENDPOINTS)(self._make_endpoint)

    def stream(
        self, path: str, body: Mapping[str, object], headers: Mapping[str, str] | None = None
    ) -> EventStream:
        """Prepare a POST whose answer is a stream of events; entering the result sends it.

        *headers* are added to those of all requests.
        """
        return self._stream(path, body, EVENT_STREAM, EventSplitter(), headers or NO_HEADERS)

    def lines(self, path: str, body: Mapping[str, object]) -> EventStream:
        """Prepare a POST whose answer is lines of JSON; each is what an event's data is else."""
        return self._stream(path, body, _LINES, LineSplitter())

    def _stream(
        self,
        path: str,
        body: Mapping[str, object],
        media_type: str,
        splitter: EventSplitter | LineSplitter,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> EventStream:
        endpoint = self._endpoint("POST", path, media_type, _JSON)
        return EventStream(
            self, endpoint, body, media_type=media_type, splitter=splitter, headers=headers
        )

    async def post(self, path: str, body: Mapping[str, object]) -> Any:
        """POST once and return the decoded JSON of the answer."""
        return await self._reply(self._endpoint("POST", path, _JSON, _JSON), json_payload(body))

    async def post_form(self, path: str, form: aiohttp.FormData) -> Any:
        """POST a form once and return the decoded JSON of the answer."""
        payload = form()
        content_type = payload.headers["Content-Type"]  # holds what stands between the fields
        return await self._reply(
            self._endpoint("POST", path, _JSON, ""),
            await payload.as_bytes(),
            {"Content-Type": content_type},
        )

    async def get(self, path: str) -> Any:
        """GET once and return the decoded JSON of the answer."""
        return await self._reply(self._endpoint("GET", path, _JSON, ""))

    def _make_endpoint(self, method: str, path: str, accept: str, content_type: str) -> Endpoint:
        headers = {**self._headers, "Accept": accept}
        if content_type:
            headers["Content-Type"] = content_type
        if accept == EVENT_STREAM:
            headers["Cache-Control"] = "no-cache"
        try:
            return Endpoint(method, self.url(path), headers, self.timeouts.connect)
        except ValueError as error:
            raise UpstreamError(
                f"the base URL of {self.name} is not valid", provider=self.name
            ) from error

    async def _reply(
        self, endpoint: Endpoint, body: Body = b"", headers: Mapping[str, str] = NO_HEADERS
    ) -> Any:
        exchange = self.transport.exchange(endpoint)
        try:
            async with asyncio.timeout(self.timeouts.reply):
                await exchange.open(body, headers)
                self.note(exchange)
                if exchange.status != 200:
                    raise await self.error_from(exchange)
                document = await self.whole(exchange)
        except TimeoutError as error:
            raise UpstreamTimeout(
                f"{self.name} did not answer in time", provider=self.name
            ) from error
        except TransportError as error:
            raise self.failed(error) from error
        finally:
            await exchange.close()
        try:
            return read_document(document)
        except (ValueError, RecursionError) as error:
            raise UpstreamProtocolError(
                f"{self.name} sent an answer that is not JSON", provider=self.name
            ) from error

    async def whole(self, exchange: Exchange) -> bytes:
        """Return a body that has to be read whole; it is counted once it is unpacked.

        Raise `UpstreamProtocolError` for more than `LONGEST_DOCUMENT`.
        """
        body = bytearray()
        try:
            await read_into(body, exchange, LONGEST_DOCUMENT + 1)
        except ValueError as error:
            raise UpstreamProtocolError(
                f"{self.name} sent an answer that cannot be unpacked", provider=self.name
            ) from error
        if len(body) > LONGEST_DOCUMENT:
            raise UpstreamProtocolError(
                f"{self.name} sent an answer that is too long", provider=self.name
            )
        return bytes(body)

    async def error_from(self, exchange: Exchange) -> GatewayError:
        """Return what *error_for* makes of an answer other than 200, as far as it can be read."""
        body = bytearray()
        with suppress(TransportError, ValueError):
            await read_into(body, exchange, _LONGEST_ERROR_BODY)
        return self.error_for(ErrorResponse(exchange.status, exchange.headers, bytes(body)))

    def failed(self, error: TransportError) -> UpstreamError:
        """Return what kept an answer from coming under our name, to be raised from *error*."""
        name = self.name
        if isinstance(error, NotConnected):
            # Only the kind of failure: the text of the cause holds addresses, fit for the log.
            return UpstreamUnavailable(f"{name} cannot be reached", provider=name)
        return UpstreamProtocolError(
            f"{name} closed the connection without an answer", provider=name
        )

    def note(self, exchange: Exchange) -> None:
        """Tell whoever listens what the head of an answer says beside its status."""
        headers = exchange.headers
        request_id = _first(headers, self._request_id_headers)
        notify(Reply(self.name, exchange.status, request_id, RateLimits(headers)))

    def url(self, path: str) -> URL:
        """Return the URL of *path* below the base URL; *path* is percent-encoded already."""
        return URL(self._base_url + path, encoded=True)


def _first(headers: Mapping[str, str], names: Sequence[str]) -> str:
    """Return the value of the first of *names* that is among *headers*, or nothing."""
    for name in names:
        if name in headers:
            return headers[name]
    return ""
