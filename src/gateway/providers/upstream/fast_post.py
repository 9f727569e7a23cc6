"""Bodies posted to one URL with the same headers each time, for no more than that has to cost.

What aiohttp's session does for a request is general, and here nearly all of it comes to the same
each time. So aiohttp makes the head of one request, which is kept, and what is left to do for a
post is to take a connection from the pool, to write once and to read the head of the answer.
That is for sessions that `open_session` has made, since their settings are known. Through all
others a post is what aiohttp's documentation says, which is slower and no less right.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from functools import cached_property, partial
from inspect import signature
from types import FunctionType, SimpleNamespace
from typing import Any
from weakref import WeakSet

import aiohttp
from aiohttp import hdrs
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ConnectionKey
from multidict import CIMultiDict
from yarl import URL

__all__ = ["Destination", "open_session"]

_LARGE = 64 * 1024
"""From how many bytes on a connection may have to wait for its peer, which aiohttp then does."""

_USED: dict[Callable[..., Any], str] = {
    aiohttp.BaseConnector.connect: "self req traces timeout",
    ResponseHandler.set_response_params: "self timer skip_payload read_until_eof auto_decompress"
    " read_timeout read_bufsize timeout_ceil_threshold max_line_size max_field_size max_headers",
    ResponseHandler.start_timeout: "self",
    aiohttp.ClientResponse.__init__: "self method url writer continue100 timer request_info traces"
    " loop session stream_writer",
    aiohttp.ClientResponse.start: "self connection",
}
_REQUEST = aiohttp.ClientSession._request  # noqa: SLF001 - to see whether it was replaced


def _is_aiohttps(function: Callable[..., Any]) -> bool:
    """Tell whether *function* is aiohttp's own, not one that somebody has put around it."""
    # Some wrappers say that they are what they wrap, whatever is asked of them but this.
    return type(function) is FunctionType and function.__globals__ is vars(aiohttp.client)


_FITS = _is_aiohttps(_REQUEST) and all(
    " ".join(signature(function).parameters) == names for function, names in _USED.items()
)

_opened: WeakSet[aiohttp.ClientSession] = WeakSet()


def open_session() -> aiohttp.ClientSession:
    """Return a session for asking services, to be closed by the caller."""
    session = aiohttp.ClientSession(
        # A stream holds its connection until the answer is complete, so any limit would make
        # requests wait for each other. Idle connections are dropped before services drop them.
        connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=300, keepalive_timeout=15),
        cookie_jar=aiohttp.DummyCookieJar(),
    )
    _opened.add(session)
    return session


class Destination:
    """Where bodies are posted. Redirects are not followed, and no status is an error.

    *headers* may change until the first body is posted. *timeout* limits connecting alone.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: URL,
        headers: CIMultiDict[str],
        timeout: aiohttp.ClientTimeout,
    ) -> None:
        self.url = url
        self._session = session
        self.headers = headers
        self._timeout = timeout

    async def post(self, body: bytes | io.BytesIO | aiohttp.Payload) -> aiohttp.ClientResponse:
        """Return the answer to *body* when its head is there; raise what aiohttp raises."""
        shortcut = self._shortcut
        if shortcut is not None and type(body) is bytes and len(body) < _LARGE:
            response = await shortcut.post(body)
            if response is not None:
                return response
        return await self._session.request(
            "POST",
            self.url,
            data=body,
            headers=self.headers,
            timeout=self._timeout,
            allow_redirects=False,
            raise_for_status=False,
        )

    @cached_property
    def _shortcut(self) -> _Shortcut | None:
        if not _FITS or self._session not in _opened or not _is_usual(self.url):
            return None
        request = _Request(
            "POST",
            self.url,
            headers=self.headers,
            data=b"",
            loop=asyncio.get_running_loop(),
            session=self._session,
        )
        head = _head(request)
        return None if head is None else _Shortcut(request, head, self._timeout)


def _is_usual(url: URL) -> bool:
    has_credentials = url.raw_user is not None or url.raw_password is not None
    return url.scheme in {"http", "https"} and bool(url.raw_host) and not has_credentials


class _Request(aiohttp.ClientRequest):
    """The request that stands for all to one destination; they only differ in their bodies."""

    @cached_property
    def connection_key(self) -> ConnectionKey:
        return super().connection_key


def _head(request: aiohttp.ClientRequest) -> bytes | None:
    """Return the head of *request* up to the length of the body.

    None stands for what aiohttp must judge: it refuses line breaks, and knows about other letters.
    """
    *headers, (last, _) = request.headers.items()
    lines = [f"POST {request.url.raw_path_qs} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers]
    is_plain = all(line.isascii() and line.isprintable() for line in lines)
    if last != hdrs.CONTENT_LENGTH or not is_plain:
        return None
    return "\r\n".join([*lines, "Content-Length: "]).encode("ascii")


class _Shortcut:
    """The way to a destination that takes nothing of the session but its connections."""

    def __init__(
        self, request: aiohttp.ClientRequest, head: bytes, timeout: aiohttp.ClientTimeout
    ) -> None:
        del request.headers[hdrs.CONTENT_LENGTH]  # not the same each time
        self._request = request
        self._head = head
        self._timeout = timeout
        self._session = request.session
        the_same: dict[str, Any] = {
            "writer": None,
            "continue100": None,
            "timer": None,
            "request_info": request.request_info,
            "traces": [],
            "loop": request.loop,
            "session": request.session,
            "stream_writer": SimpleNamespace(output_size=0),
        }
        url = request.original_url
        self._response = partial(aiohttp.ClientResponse, request.method, url, **the_same)

    async def post(self, body: bytes) -> aiohttp.ClientResponse | None:
        """Do what `Destination.post` does, or nothing if it has to be the session that does it."""
        session = self._session
        connector = session.connector
        # Tracing and test doubles put themselves between a session and what is asked through it.
        is_bare = aiohttp.ClientSession._request is _REQUEST  # noqa: SLF001 - see there
        if not is_bare or session.trace_configs or connector is None or connector.closed:
            return None
        try:
            connection = await connector.connect(self._request, [], self._timeout)
        except TimeoutError as error:
            raise aiohttp.ConnectionTimeoutError(f"no connection to {self._request.url}") from error
        protocol, transport = connection.protocol, connection.transport
        if protocol is None or transport is None or protocol.writing_paused:
            connection.release()
            return None
        response = self._response()
        try:
            protocol.set_response_params(read_until_eof=True)
            transport.write(b"%b%d\r\n\r\n%b" % (self._head, len(body), body))
            protocol.start_timeout()
            return await response.start(connection)
        except BaseException:
            response.close()
            connection.close()
            raise
