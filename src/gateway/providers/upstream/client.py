"""The boundary to a service: one HTTP attempt, its events in batches, its failures as our errors.

Nothing here ever sends a request twice. Second attempts are decided above the providers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
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
from gateway.core.secrets import redact
from gateway.core.upstream_replies import RateLimits, Reply, notify, watcher
from gateway.providers.upstream.authorizing import Authorize, Outgoing, authorization
from gateway.providers.upstream.bounded_body import Bounds, read_into
from gateway.providers.upstream.documents import read_document
from gateway.providers.upstream.endpoints import Endpoints, checked
from gateway.providers.upstream.idle_timeouts import IdleTimer, Timeouts
from gateway.providers.upstream.named_framings import (
    Framing,
    FramingName,
    framing_of,
)
from gateway.providers.upstream.payload import json_payload
from gateway.providers.upstream.stream import EventStream
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

_JSON = "application/json"
_LONGEST_ERROR_BODY = 64 * 1024
_DEFAULT_TIMEOUTS = Timeouts()
_DEFAULT_BOUNDS = Bounds()


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
    those in which the service may tell its own id of a request. *headers* are sent with every
    request; *authorize* returns further ones for each request, as `Authorize` says.

    A path begins with a slash and may hold all that a URL may, a query as well; whatever comes from
    a client is percent-encoded by the adapter (``urllib.parse.quote(model, safe="")``). *query* is
    encoded here and comes after that of the path. The *headers* of one request replace those of
    all requests that have the same names.
    """

    def __init__(
        self,
        name: str,
        session: aiohttp.ClientSession,
        base_url: str,
        *,
        headers: Mapping[str, str] = NO_HEADERS,
        error_for: Callable[[ErrorResponse], GatewayError],
        authorize: Authorize | None = None,
        timeouts: Timeouts = _DEFAULT_TIMEOUTS,
        bounds: Bounds = _DEFAULT_BOUNDS,
        request_id_headers: Sequence[str] = ("x-request-id",),
    ) -> None:
        self.name = name
        self.error_for = error_for
        self.timeouts = timeouts
        self.bounds = bounds
        self.idle_timer = IdleTimer()
        self.transport = transport_for(session)
        self._endpoints = Endpoints(name, base_url, headers, timeouts.connect)
        self._authorize = authorize
        self._request_id_headers = [istr(name) for name in request_id_headers]

    def stream(
        self,
        path: str,
        body: Mapping[str, object],
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        framing: FramingName | Framing = "sse",
    ) -> EventStream:
        """Prepare a POST whose answer is a stream of events; entering the result sends it."""
        wanted = framing_of(framing)
        endpoint = self._endpoints.get("POST", path, query, wanted.media_types[0], _JSON)
        return EventStream(
            self, endpoint, body, framing=wanted, headers=checked(self.name, headers)
        )

    async def post(
        self,
        path: str,
        body: Mapping[str, object],
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """POST once and return the decoded JSON of the answer."""
        endpoint = self._endpoints.get("POST", path, query, _JSON, _JSON)
        return await self._reply(endpoint, json_payload(body), headers)

    async def post_form(
        self,
        path: str,
        form: aiohttp.FormData,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """POST a form once and return the decoded JSON of the answer."""
        payload = form()
        content_type = payload.headers["Content-Type"]  # holds what stands between the fields
        return await self._reply(
            self._endpoints.get("POST", path, query, _JSON, ""),
            await payload.as_bytes(),
            {**(headers or NO_HEADERS), "Content-Type": content_type},
        )

    async def get(
        self,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """GET once and return the decoded JSON of the answer."""
        endpoint = self._endpoints.get("GET", path, query, _JSON, "")
        return await self._reply(endpoint, b"", headers)

    async def authorized(
        self, endpoint: Endpoint, body: Body, headers: Mapping[str, str]
    ) -> Mapping[str, str]:
        """Return *headers* of a request together with those that authorize it.

        Raise `GatewayError` when there are none.
        """
        if self._authorize is None:
            return headers
        every = CIMultiDict(endpoint.headers)
        every.update(headers)
        request = Outgoing(endpoint.method, str(endpoint.url), every, body)
        more = await authorization(self.name, self._authorize, request, self.timeouts.head)
        both = CIMultiDict(headers)
        both.update(more)
        return both

    async def _reply(
        self, endpoint: Endpoint, body: Body, headers: Mapping[str, str] | None
    ) -> Any:
        own = checked(self.name, headers)
        every = await self.authorized(endpoint, body, own)
        self.show(endpoint, body, own)
        exchange = self.transport.exchange(endpoint)
        try:
            async with asyncio.timeout(self.timeouts.head):
                await exchange.open(body, every)
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

        Raise `UpstreamProtocolError` for more than the bound for documents.
        """
        body, longest = bytearray(), self.bounds.document
        try:
            await read_into(body, exchange, longest + 1)
        except ValueError as error:
            raise UpstreamProtocolError(
                f"{self.name} sent an answer that cannot be unpacked", provider=self.name
            ) from error
        if len(body) > longest:
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

    def show(self, endpoint: Endpoint, body: Body, headers: Mapping[str, str]) -> None:
        """Show the body of a request, without long texts, to whoever watches."""
        if (watch := watcher()) is not None:
            kind = headers.get("Content-Type") or endpoint.headers.get("Content-Type", "")
            if isinstance(body, bytes):
                watch(body, kind, True)
            else:
                watch(body.outline(), kind, False)

    def note(self, exchange: Exchange) -> None:
        """Tell whoever listens what the head of an answer says beside its status."""
        headers = exchange.headers
        request_id = redact(_first(headers, self._request_id_headers))
        limits, host = RateLimits(headers), self._endpoints.host
        notify(Reply(self.name, exchange.status, request_id, limits, host))

    def url(self, path: str) -> URL:
        """Return the URL of *path* below the base URL; *path* is percent-encoded already."""
        return self._endpoints.url(path)


def _first(headers: Mapping[str, str], names: Sequence[str]) -> str:
    """Return the value of the first of *names* that is among *headers*, or nothing."""
    for name in names:
        if name in headers:
            return headers[name]
    return ""
