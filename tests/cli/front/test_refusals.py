"""Heads as they come over a socket to the gateway's own server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from gateway.cli.server import serve
from gateway.core.model_info import ModelInfo
from gateway.settings import AuthSettings, ServerSettings, Settings
from gateways import scripted_app
from records import Records
from scripted import ScriptedProvider

HOST = b"Host: localhost\r\n"
CLOSE = HOST + b"Connection: close\r\n"
SHOW = b'{"model":"m"}'


class Served:
    """A gateway behind its own server, and the records of its requests."""

    def __init__(self, place: str, records: Records) -> None:
        self.place = place
        self.records = records

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self.place.startswith("unix:"):
            return await asyncio.open_unix_connection(self.place.removeprefix("unix:"))
        host, _, port = self.place.removeprefix("http://").partition(":")
        return await asyncio.open_connection(host, int(port))

    async def ask(self, sent: bytes) -> bytes:
        """Return all that comes until the server closes the connection."""
        reader, writer = await self.connect()
        try:
            writer.write(sent)
            return await asyncio.wait_for(reader.read(), 5)
        finally:
            writer.close()


@asynccontextmanager
async def served(
    settings: Settings | None = None, server: ServerSettings | None = None
) -> AsyncIterator[Served]:
    records = Records()
    provider = ScriptedProvider(models=[ModelInfo("m")])
    app = scripted_app(provider, settings, records)
    ready = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(app, server or ServerSettings(port=0), ready=ready.set_result))
    try:
        await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
        (place,) = ready.result()
        yield Served(place, records)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def error(answer: bytes) -> tuple[int, object]:
    """Return the status and the document of a refusal."""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    assert b"content-type: application/json" in b"\n".join(lines)
    assert b"connection: close" in lines
    return int(head.split()[1]), json.loads(body)


@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Type: application/json\r\nContent-Type: application/json\r\n",
        b"User-Agent: a\r\nuser-agent: b\r\nETag: c\r\nETAG: d\r\n",
        b"Max-Forwards: 1\r\nMax-Forwards: 2\r\nServer: a\r\nServer: b\r\n",
        b"Authorization: a\r\nAuthorization: b\r\nAccept: a\r\nAccept: b\r\n",
        b"Authorization: Bearer " + b"x" * 65_000 + b"\r\n",
        b"".join(b"X-%d: a\r\n" % number for number in range(250)),
        b"X: " + b"\xc3\xa4\r\n",
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n",
        b"Sec-WebSocket-Key1: a\r\n",
    ],
)
async def test_heads_that_ollama_takes_are_taken(fields: bytes) -> None:
    async with served() as gateway:
        listed = await gateway.ask(b"GET /api/tags HTTP/1.1\r\n" + CLOSE + fields + b"\r\n")
        shown = await gateway.ask(
            b"POST /api/show HTTP/1.1\r\n%b%bContent-Length: %d\r\n\r\n%b"
            % (CLOSE, fields, len(SHOW), SHOW)
        )

    assert listed.startswith(b"HTTP/1.1 200 OK\r\n")
    assert shown.startswith(b"HTTP/1.1 200 OK\r\n")


async def test_a_long_query_is_taken() -> None:
    async with served() as gateway:
        target = b"/api/version?q=" + b"q" * 65_000
        answer = await gateway.ask(b"GET " + target + b" HTTP/1.1\r\n" + CLOSE + b"\r\n")

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        (b"FOO", b"/api/chat", b"HTTP/1.1 405 Method Not Allowed\r\n"),
        (b"get", b"/api/tags", b"HTTP/1.1 405 Method Not Allowed\r\n"),
        (b"CONNECT", b"/api/chat", b"HTTP/1.1 405 Method Not Allowed\r\n"),
        (b"BREW", b"/nowhere", b"HTTP/1.1 404 Not Found\r\n"),
    ],
)
async def test_an_unknown_method_is_one_that_no_route_has(
    method: bytes, path: bytes, expected: bytes
) -> None:
    async with served() as gateway:
        answer = await gateway.ask(method + b" " + path + b" HTTP/1.1\r\n" + CLOSE + b"\r\n")

    assert answer.startswith(expected)
    assert (b"\r\nAllow: " in answer) is (b" 405 " in expected)
    assert method not in answer


TWO_HOSTS = "too many Host headers"


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("/api/chat", {"error": TWO_HOSTS}),
        ("/nowhere", {"error": TWO_HOSTS}),
        (
            "/v1/chat/completions",
            {
                "error": {
                    "message": TWO_HOSTS,
                    "type": "invalid_request_error",
                    "param": None,
                    "code": None,
                }
            },
        ),
        (
            "/v1/messages",
            {"type": "error", "error": {"type": "invalid_request_error", "message": TWO_HOSTS}},
        ),
    ],
)
async def test_a_refused_head_is_answered_in_the_dialect_of_its_path_and_recorded(
    path: str, document: dict[str, object]
) -> None:
    async with served() as gateway:
        answer = await gateway.ask(f"POST {path}?secret HTTP/1.1\r\n".encode() + HOST * 2 + b"\r\n")
        (record,) = gateway.records

    status, told = error(answer)
    assert isinstance(told, dict)
    told.pop("request_id", None)
    assert (status, told) == (400, document)
    assert (record.method, record.path, record.status) == ("POST", path, 400)
    assert (record.error, record.route) == (TWO_HOSTS, "")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"secret\r\n", 400),
        (b"GET /secret\x01 HTTP/1.1\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nsecret\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nsecret : a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nExpect: secret\r\n\r\n", 417),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nA: " + b"secret" * 200_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: secret\r\n\r\n", 400),
        (b"GET / HTTP/7.7\r\nHost: secret\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nsecret\r\n", 400),
    ],
)
async def test_a_refusal_repeats_nothing_of_what_was_sent(sent: bytes, status: int) -> None:
    async with served() as gateway:
        answer = await gateway.ask(sent)

    assert error(answer)[0] == status
    assert b"secret" not in answer


async def test_a_refusal_needs_no_key() -> None:
    settings = Settings(providers={}, auth=AuthSettings(key="k" * 20))
    async with served(settings) as gateway:
        assert error(await gateway.ask(b"GET /api/tags HTTP/1.1\r\n\r\n"))[0] == 400


async def test_a_refusal_comes_after_the_answers_to_the_requests_before_it() -> None:
    async with served() as gateway:
        answer = await gateway.ask(
            b"GET /api/version HTTP/1.1\r\n" + HOST + b"\r\n"
            b"POST /api/show HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
            b"d\r\n" + SHOW + b"\r\n0\r\n\r\n"
            b"GET /api/tags HTTP/1.1\r\n" + HOST * 2 + b"\r\n"
            b"GET /api/tags HTTP/1.1\r\n" + HOST + b"\r\n"
        )

    statuses = [part.split()[0] for part in answer.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"200", b"200", b"400"]


async def test_a_client_that_expects_to_be_asked_for_its_body_is_asked() -> None:
    async with served() as gateway:
        reader, writer = await gateway.connect()
        writer.write(
            b"POST /api/show HTTP/1.1\r\n"
            + CLOSE
            + b"Expect: 100-continue\r\nContent-Length: 13\r\n\r\n"
        )
        first = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        writer.write(SHOW)
        second = await asyncio.wait_for(reader.read(), 5)
        writer.close()

    assert first == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert second.startswith(b"HTTP/1.1 200 OK\r\n")


async def test_a_body_that_breaks_the_rules_later_ends_its_request() -> None:
    async with served() as gateway:
        reader, writer = await gateway.connect()
        writer.write(b"POST /api/show HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n")
        await asyncio.sleep(0.05)  # else it comes with the head
        writer.write(b"secret\r\n")
        answer = await asyncio.wait_for(reader.read(), 5)
        writer.close()

    assert answer == b""


async def test_a_unix_socket_is_served_alike(tmp_path: Path) -> None:
    server = ServerSettings(socket=str(tmp_path / "socket"))
    async with served(server=server) as gateway:
        answer = await gateway.ask(b"GET / HTTP/1.1\r\n" + CLOSE + b"ETag: a\r\nETag: a\r\n\r\n")

    assert answer.endswith(b"Ollama is running")
