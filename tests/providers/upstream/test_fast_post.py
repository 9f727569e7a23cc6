"""Posts through a session of our own: the same bytes, answers and errors, only sooner."""

from __future__ import annotations

import asyncio
import functools
import io
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from inspect import signature
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.client_proto import ResponseHandler
from aiohttp.test_utils import TestServer
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict
from yarl import URL

from gateway.providers.upstream import fast_post as posting
from gateway.providers.upstream.fast_post import Destination, open_session
from replies import replies

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HEADERS = {
    "Authorization": "Bearer k",
    "User-Agent": "acme/1",
    "Content-Type": "application/json",
    "Accept-Encoding": "identity",
    "Accept": "text/event-stream",
    "Cache-Control": "no-cache",
}
TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=5)


class Recorder(asyncio.Protocol):
    """A connection that keeps what it is sent, and gives a reply to each whole request."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.server.connections.append(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.server.lost.set()

    def data_received(self, data: bytes) -> None:
        self.got += data
        head, end, body = self.got.partition(b"\r\n\r\n")
        _, said, length = head.lower().partition(b"content-length: ")
        if end and said and len(body) == int(length.partition(b"\r\n")[0]):
            self.server.requests.append(self.got)
            self.got = b""
            if self.server.reply is None:
                self.transport.abort()
            else:
                self.transport.write(self.server.reply)


class Server:
    """What was asked of a port on loopback, byte for byte."""

    def __init__(self, reply: bytes | None) -> None:
        self.reply = reply
        self.requests: list[bytes] = []
        self.connections: list[asyncio.Transport] = []
        self.lost = asyncio.Event()
        self.port = 0

    def url(self, path: str = "/v1/chat") -> URL:
        return URL(f"http://127.0.0.1:{self.port}{path}", encoded=True)


@asynccontextmanager
async def recording(reply: bytes | None = ANSWER) -> AsyncIterator[Server]:
    server = Server(reply)
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(lambda: Recorder(server), "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    async with listener:
        yield server
        for connection in server.connections:
            connection.abort()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with open_session() as opened:
        yield opened


def destination(
    session: aiohttp.ClientSession, url: URL, headers: dict[str, str] = HEADERS
) -> Destination:
    return Destination(session, url, CIMultiDict(headers), TIMEOUT)


async def said(response: aiohttp.ClientResponse) -> bytes:
    async with response:
        return await response.read()


def is_short(to: Destination) -> bool:
    return to._shortcut is not None


def test_aiohttp_is_what_the_short_way_takes_it_for() -> None:
    assert posting._FITS, "aiohttp has other members now"


class Proxy:
    """What wraps a function and answers in its place, as libraries for tracing have it."""

    def __init__(self, wrapped: Any) -> None:
        self.wrapped = wrapped

    def __getattribute__(self, name: str) -> Any:
        return getattr(object.__getattribute__(self, "wrapped"), name)


@functools.wraps(posting._REQUEST)
async def traced(*_: object) -> None:
    """Stand for a function around aiohttp's."""


@pytest.mark.parametrize(
    ("function", "expected"),
    [(posting._REQUEST, True), (traced, False), (Proxy(posting._REQUEST), False)],
    ids=["aiohttp's", "a wrapper", "a proxy"],
)
def test_what_was_wrapped_before_is_seen(function: Any, expected: bool) -> None:
    assert posting._is_aiohttps(function) is expected


async def test_an_aiohttp_of_another_kind_is_asked_in_its_own_way(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "_FITS", False)
    async with recording() as server:
        to = destination(session, server.url())
        assert (await said(await to.post(b"{}")), is_short(to)) == (b"ok", False)


USUAL: dict[str, tuple[str, dict[str, str], bytes]] = {
    "a chat": ("/v1/chat/completions", HEADERS, b'{"model": "m"}'),
    "no body": ("/v1/chat", HEADERS, b""),
    "all bytes": ("/v1/chat", HEADERS, bytes(range(256))),
    "a long body": ("/v1/chat", HEADERS, b"x" * (posting._LARGE - 1)),
    "a longer body": ("/v1/chat", HEADERS, b"x" * posting._LARGE),
    "a query": ("/v1/chat?api-version=1%2F2", HEADERS, b"{}"),
    "a fragment": ("/v1/chat#part", HEADERS, b"{}"),
    "no path": ("", HEADERS, b"{}"),
    "escapes": ("/v1/m%C3%B6del%2F7/100%25", HEADERS, b"{}"),
    "few headers": ("/v1/chat", {"Content-Type": "application/json"}, b"{}"),
    "a host": ("/v1/chat", {**HEADERS, "Host": "elsewhere.example"}, b"{}"),
    "percent signs": ("/v1/chat", {**HEADERS, "X-Share": "100%d %b"}, b"%d %s"),
    "an empty header": ("/v1/chat", {**HEADERS, "X-Empty": ""}, b"{}"),
}


@pytest.mark.parametrize(("path", "headers", "body"), USUAL.values(), ids=USUAL)
async def test_every_byte_is_that_of_aiohttp(
    session: aiohttp.ClientSession, path: str, headers: dict[str, str], body: bytes
) -> None:
    async with recording() as server, aiohttp.ClientSession() as theirs:
        url = server.url(path)
        ours, other = destination(session, url, headers), destination(theirs, url, headers)
        for to in (ours, ours, other):
            assert await said(await to.post(body)) == b"ok"
        first, second, expected = server.requests
        assert (first, second) == (expected, expected)
        assert (is_short(ours), is_short(other)) == (True, False)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.from_regex(r"X-[A-Za-z]{1,8}", fullmatch=True),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
        max_size=4,
    )
)
def test_a_head_is_that_of_aiohttp_or_left_to_it(headers: dict[str, str]) -> None:
    serialize = aiohttp.http_writer._serialize_headers
    loop = asyncio.new_event_loop()
    try:
        url = URL("http://127.0.0.1:1/v1/chat")
        request = aiohttp.ClientRequest(
            "POST", url, headers={**HEADERS, **headers}, data=b"", loop=loop
        )
        head = posting._head(request)
        if head is None:
            assert not all(value.isascii() and value.isprintable() for value in headers.values())
        else:
            assert head + b"0\r\n\r\n" == serialize("POST /v1/chat HTTP/1.1", request.headers)
    finally:
        loop.close()


UNUSUAL: dict[str, tuple[str, dict[str, str]]] = {
    "letters beyond ASCII": ("/v1/chat", {**HEADERS, "X-Name": "Zoë"}),
    "a tab": ("/v1/chat", {**HEADERS, "X-Name": "a\tb"}),
    "a header after the length": ("/v1/chat", {"Accept": "*/*"}),
    "a length of its own": ("/v1/chat", {"Content-Length": "2", **HEADERS}),
}


@pytest.mark.parametrize(("path", "headers"), UNUSUAL.values(), ids=UNUSUAL)
async def test_unusual_heads_are_left_to_aiohttp(
    session: aiohttp.ClientSession, path: str, headers: dict[str, str]
) -> None:
    async with recording() as server:
        to = destination(session, server.url(path), headers)
        assert (await said(await to.post(b"{}")), is_short(to)) == (b"ok", False)


async def test_credentials_in_the_url_become_a_header(session: aiohttp.ClientSession) -> None:
    async with recording() as server:
        to = destination(
            session,
            server.url().with_user("u").with_password("p"),
            {"Content-Type": "application/json"},
        )
        assert (await said(await to.post(b"{}")), is_short(to)) == (b"ok", False)
        assert b"\r\nAuthorization: Basic dTpw\r\n" in server.requests[0]


async def test_a_header_cannot_bring_another(session: aiohttp.ClientSession) -> None:
    async with recording() as server:
        to = destination(session, server.url(), {**HEADERS, "X-Name": "a\r\nX-Evil: b"})
        with pytest.raises(ValueError, match="header injection"):
            await to.post(b"{}")
        assert server.requests == []


NOWHERE = {
    "no host": "http:///v1",
    "another scheme": "ftp://127.0.0.1/v1",
    "no scheme": "/v1",
}


@pytest.mark.parametrize("url", NOWHERE.values(), ids=NOWHERE)
async def test_what_is_no_address_is_refused(session: aiohttp.ClientSession, url: str) -> None:
    with pytest.raises((aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError)):
        await destination(session, URL(url, encoded=True)).post(b"{}")


BODIES: dict[str, Callable[[], Any]] = {
    "bytes": lambda: b"x" * posting._LARGE,
    "a file": lambda: io.BytesIO(b"{}"),
    "a payload": lambda: aiohttp.BytesPayload(b"{}"),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_other_bodies_than_short_bytes_are_written_by_aiohttp(
    session: aiohttp.ClientSession, body: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting._Shortcut, "post", None)
    async with recording() as server:
        to = destination(session, server.url())
        assert await said(await to.post(body())) == b"ok"
        with pytest.raises(TypeError):
            await to.post(b"{}")


async def test_connections_are_kept_for_the_next_request(session: aiohttp.ClientSession) -> None:
    async with recording() as server:
        to = destination(session, server.url())
        for _ in range(3):
            response = await to.post(b"{}")
            assert (await response.read(), response.closed) == (b"ok", True)
        async with session.get(server.url().with_path("/"), data=b"{}") as response:
            await response.read()
        assert (len(server.requests), len(server.connections)) == (4, 1)


async def test_a_connection_is_closed_when_its_answer_is_not_wanted(
    session: aiohttp.ClientSession,
) -> None:
    async with recording(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok") as server:
        response = await destination(session, server.url()).post(b"{}")
        response.close()
        await asyncio.wait_for(server.lost.wait(), 5)


async def test_an_answer_that_has_no_end_of_its_own_ends_with_the_connection(
    session: aiohttp.ClientSession,
) -> None:
    async with recording(b"HTTP/1.1 200 OK\r\n\r\nok") as server:
        response = await destination(session, server.url()).post(b"{}")
        server.connections[0].close()
        assert await response.read() == b"ok"


async def test_whoever_gives_up_waiting_closes_the_connection(
    session: aiohttp.ClientSession,
) -> None:
    async with recording(b"") as server:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(destination(session, server.url()).post(b"{}"), 0.05)
        await asyncio.wait_for(server.lost.wait(), 5)


EARLY: dict[str, tuple[bytes | None, type[Exception]]] = {
    "reset": (None, aiohttp.ClientError),
    "garbage": (b"nonsense\r\n\r\n", aiohttp.ClientResponseError),
    "a head that is too long": (
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 9000 + b"\r\n\r\n",
        aiohttp.ClientResponseError,
    ),
    "too many headers": (
        b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 200 + b"\r\n",
        aiohttp.ClientResponseError,
    ),
}


@pytest.mark.parametrize(("reply", "kind"), EARLY.values(), ids=EARLY)
async def test_errors_are_those_of_aiohttp(
    session: aiohttp.ClientSession, reply: bytes | None, kind: type[Exception]
) -> None:
    async with recording(reply) as server, aiohttp.ClientSession() as theirs:
        raised = []
        for asked in (session, theirs):
            with pytest.raises(kind) as caught:
                await destination(asked, server.url()).post(b"{}")
            raised.append((type(caught.value), str(caught.value)))
        assert raised[0] == raised[1]


async def test_errors_tell_what_was_asked(session: aiohttp.ClientSession) -> None:
    async with recording(b"nonsense\r\n\r\n") as server:
        with pytest.raises(aiohttp.ClientResponseError) as caught:
            await destination(session, server.url()).post(b"{}")
        info = caught.value.request_info
        assert (info.method, info.url) == ("POST", server.url())
        assert dict(info.headers) == {"Host": f"127.0.0.1:{server.port}", **HEADERS}


async def test_nobody_at_the_address_is_said_as_always(session: aiohttp.ClientSession) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = URL(f"http://127.0.0.1:{taken.getsockname()[1]}/")
        with pytest.raises(aiohttp.ClientConnectorError):
            await destination(session, url).post(b"{}")


async def test_a_connection_that_takes_too_long_is_given_up(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def connect(*_: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(session.connector, "connect", connect)
    with pytest.raises(aiohttp.ConnectionTimeoutError):
        await destination(session, URL("http://127.0.0.1:1/")).post(b"{}")


async def test_a_connection_that_is_still_sending_is_left_to_aiohttp(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with recording() as server:
        to = destination(session, server.url())
        await said(await to.post(b"{}"))
        monkeypatch.setattr(ResponseHandler, "writing_paused", True)
        assert to._shortcut is not None
        assert await to._shortcut.post(b"{}") is None
        assert await said(await to.post(b"{}")) == b"ok"
        assert (len(server.requests), len(server.connections)) == (2, 1)


async def test_answers_are_read_as_aiohttp_reads_them(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = []
    theirs = ResponseHandler.set_response_params

    def note(handler: ResponseHandler, **given: Any) -> None:
        bound = signature(theirs).bind(handler, **given)
        bound.apply_defaults()
        said = {name: value for name, value in bound.arguments.items() if name != "self"}
        # No limit at all is said in two ways.
        used.append({**said, "timer": None})
        theirs(handler, **given)

    monkeypatch.setattr(ResponseHandler, "set_response_params", note)
    async with recording() as server, aiohttp.ClientSession() as other:
        for asked in (session, other):
            await said(await destination(asked, server.url()).post(b"{}"))
    assert used[0] == used[1]


async def test_redirects_and_refusals_are_answers(session: aiohttp.ClientSession) -> None:
    async with recording(
        b"HTTP/1.1 307 Off\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"
    ) as server:
        response = await destination(session, server.url()).post(b"{}")
        assert (response.status, response.headers["Location"]) == (307, "/x")
        assert len(server.requests) == 1


async def test_cookies_are_never_sent_back(session: aiohttp.ClientSession) -> None:
    reply = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 2\r\n\r\nok"
    async with recording(reply) as server:
        to = destination(session, server.url())
        for _ in range(2):
            await said(await to.post(b"{}"))
        assert server.requests[0] == server.requests[1]


async def test_a_closed_session_is_said_as_always(session: aiohttp.ClientSession) -> None:
    async with recording() as server:
        to = destination(session, server.url())
        await said(await to.post(b"{}"))
        await session.close()
        with pytest.raises(RuntimeError, match="Session is closed"):
            await to.post(b"{}")


async def test_doubles_of_a_session_are_asked(session: aiohttp.ClientSession) -> None:
    url = URL("http://service.example/v1/chat")
    with replies() as registered:
        registered.post(url, body=b"double")
        assert await said(await destination(session, url).post(b"{}")) == b"double"
        ((_, _), (call,)) = (
            next(iter(registered.requests.items())),
            registered.requests.popitem()[1],
        )
        assert (call.kwargs["headers"], call.kwargs["data"]) == (HEADERS, b"{}")


async def test_whoever_traces_a_session_is_told(session: aiohttp.ClientSession) -> None:
    told = []

    async def start(_: object, context: SimpleNamespace, params: Any) -> None:
        told.append((params.method, params.headers.copy()))

    tracing = aiohttp.TraceConfig()
    tracing.on_request_start.append(start)
    async with recording() as server:
        to = destination(session, server.url())
        await said(await to.post(b"{}"))
        tracing.freeze()
        session.trace_configs.append(tracing)
        await said(await to.post(b"{}"))
    assert told == [("POST", CIMultiDict(HEADERS))]


async def test_a_server_of_aiohttp_understands(session: aiohttp.ClientSession) -> None:
    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=await request.read(), headers={"X-Key": request.headers["Accept"]})

    app = web.Application()
    app.router.add_post("/echo", echo)
    async with TestServer(app) as server:
        response = await destination(session, server.make_url("/echo")).post(b"words")
        assert await response.read() == b"words"
        assert response.headers["X-Key"] == "text/event-stream"
