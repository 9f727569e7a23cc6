"""How the lines of a streamed answer are cut into chunks and writes."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from pytest_aiohttp.plugin import AiohttpClient

from gateway.app import create_app
from gateway.core.errors import UpstreamTimeout
from gateway.core.events import Finish, FinishReason, TextDelta, ToolCall, Usage
from gateway.sandbox import Sandbox, start
from gateway.serving.endpoint import Endpoint
from gateway.serving.lines import LINE_END, LineStream, chunk_lines
from gateway.settings import ProviderSettings, Settings
from gateways import scripted_app
from model_routes import MODEL_ROUTES, body_of, path_of, scripted
from scripted import ScriptedProvider

DONE = Finish(FinishReason.STOP, Usage(3, 2))
FRAME_END = b"\n\n"
HELLO = [{"role": "user", "content": "hi"}]

ASKED: dict[str, tuple[str, dict[str, Any], bytes]] = {
    "chat": ("/api/chat", {"messages": HELLO}, LINE_END),
    "generate": ("/api/generate", {"prompt": "hi"}, LINE_END),
    "pull": ("/api/pull", {}, LINE_END),
    "create": ("/api/create", {"from": "tiny", "model": "mine", "system": "x"}, LINE_END),
    "a pull that fails": ("/api/pull", {"model": "nothing"}, LINE_END),
    "OpenAI's chat": (
        "/v1/chat/completions",
        {"messages": HELLO, "stream": True, "stream_options": {"include_usage": True}},
        FRAME_END,
    ),
    "completions": ("/v1/completions", {"prompt": "hi", "stream": True}, FRAME_END),
    "responses": ("/v1/responses", {"input": "hi", "stream": True}, FRAME_END),
    "messages": (
        "/v1/messages",
        {"messages": HELLO, "max_tokens": 9, "stream": True},
        FRAME_END,
    ),
}
each_stream = pytest.mark.parametrize(("path", "body", "end"), ASKED.values(), ids=ASKED)


def read_chunks(body: bytes) -> tuple[list[bytes], bool]:
    """Return the chunks of a body, and whether it has an end."""
    chunks = []
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        assert body[length : length + 2] == b"\r\n"
        if not length:
            assert body == b"\r\n"
            return chunks, True
        chunks.append(body[:length])
        body = body[length + 2 :]
    return chunks, False


async def exchange(
    port: int, path: str, body: dict[str, Any], version: str = "1.1"
) -> tuple[bytes, bytes]:
    """Send one request and return the head and the body of the answer as they came."""
    encoded = json.dumps({"model": "tiny", **body}).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST {path} HTTP/{version}\r\nHost: localhost\r\nConnection: close\r\n"
    writer.write(f"{head}Content-Length: {len(encoded)}\r\n\r\n".encode() + encoded)
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    head_end = answer.index(b"\r\n\r\n")
    return answer[:head_end], answer[head_end + 4 :]


def steps() -> list[object]:
    return [
        [TextDelta("a"), TextDelta("b")],
        [],
        [TextDelta("c")],
        [ToolCall("f", {"x": "two\nlines"}, "abcdefghi"), TextDelta("d"), DONE],
    ]


@given(
    st.lists(st.binary().map(lambda line: line.replace(b"\n", b"")), min_size=1),
    st.sampled_from([LINE_END, FRAME_END]),
)
def test_each_line_is_a_chunk(lines: list[bytes], end: bytes) -> None:
    whole = [line + end for line in lines]
    assert read_chunks(chunk_lines(b"".join(whole), end)) == (whole, False)


@each_stream
async def test_each_line_or_frame_of_an_answer_is_a_chunk(
    aiohttp_server: Any, path: str, body: dict[str, Any], end: bytes
) -> None:
    server = await aiohttp_server(scripted_app(ScriptedProvider(steps=steps())))
    head, sent = await exchange(server.port, path, body)
    assert b"\r\nTransfer-Encoding: chunked\r\n" in head + b"\r\n"
    chunks, is_whole = read_chunks(sent)
    assert is_whole
    assert len(chunks) > 1
    assert all(chunk.endswith(end) and chunk.count(end) == 1 for chunk in chunks)


@each_stream
async def test_a_stream_that_breaks_has_an_end_behind_its_error(
    aiohttp_server: Any, path: str, body: dict[str, Any], end: bytes
) -> None:
    broken = ScriptedProvider(steps=[[TextDelta("a")], UpstreamTimeout("too quiet")])
    server = await aiohttp_server(scripted_app(broken))
    _, sent = await exchange(server.port, path, body)
    chunks, is_whole = read_chunks(sent)
    assert is_whole
    assert all(chunk.endswith(end) and chunk.count(end) == 1 for chunk in chunks)
    if path not in {"/api/pull", "/api/create"}:
        assert b"too quiet" in chunks[-1]


@each_stream
async def test_a_client_of_http_1_0_gets_the_same_lines_without_chunks(
    aiohttp_server: Any, path: str, body: dict[str, Any], end: bytes
) -> None:
    server = await aiohttp_server(scripted_app(ScriptedProvider(steps=steps())))
    head, sent = await exchange(server.port, path, body, version="1.0")
    assert b"Transfer-Encoding" not in head
    lines = sent.split(end)
    assert lines.pop() == b""
    assert [line for line in lines if not line.startswith((b"{", b"data: ", b"event: "))] == []


async def test_the_size_of_a_streamed_answer_is_known(aiohttp_server: Any) -> None:
    sizes = []

    @web.middleware
    async def measure(request: web.Request, handler: Any) -> web.StreamResponse:
        response: web.StreamResponse = await handler(request)
        sizes.append(response.body_length)
        return response

    app = scripted_app(ScriptedProvider(steps=steps()))
    app.middlewares.insert(0, measure)
    server = await aiohttp_server(app)
    head, sent = await exchange(server.port, "/api/chat", {"messages": HELLO})
    assert sizes == [len(head) + 4 + len(sent)]


async def test_a_slow_client_holds_the_answer_back(aiohttp_client: Any) -> None:
    long = "x" * 500_000
    provider = ScriptedProvider(steps=[*[[TextDelta(long)]] * 32, [DONE]])
    client = await aiohttp_client(scripted_app(provider))
    async with client.post("/api/chat", json={"model": "tiny", "messages": HELLO}) as response:
        lines = [json.loads(line) for line in (await response.read()).splitlines()]
    assert [len(line["message"]["content"]) for line in lines] == [len(long)] * 32 + [0]


class ReadLoop(asyncio.Protocol):
    """A client that takes each read for one line, and loses what is none, as some programs do."""

    def __init__(self, path: str, body: dict[str, Any]) -> None:
        encoded = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        self._request = f"{head}Content-Length: {len(encoded)}\r\n\r\n".encode() + encoded
        self.text = ""
        self.done = False
        self.closed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"HTTP/1.1"):
            data = data.partition(b"\r\n\r\n")[2]
        line = data.partition(b"\r\n")[2].removesuffix(b"0\r\n\r\n")
        with suppress(ValueError):
            document = json.loads(line)
            self.text += document.get("response") or document.get("message", {}).get("content", "")
            self.done = document["done"]

    def connection_lost(self, _: Exception | None) -> None:
        self.closed.set()


@pytest.mark.parametrize(
    ("path", "body"),
    [("/api/chat", {"messages": HELLO}), ("/api/generate", {"prompt": "hi"})],
    ids=["chat", "generate"],
)
async def test_a_read_loop_that_takes_each_read_for_a_line_loses_nothing(
    aiohttp_server: Any, path: str, body: dict[str, Any]
) -> None:
    body = {"model": "mistral-small", **body}
    loop = asyncio.get_running_loop()

    async def read(port: int) -> tuple[str, bool]:
        _, client = await loop.create_connection(lambda: ReadLoop(path, body), "127.0.0.1", port)
        await asyncio.wait_for(client.closed.wait(), 30)
        return client.text, client.done

    async with await start(sandbox=Sandbox(pace=0.05)) as running:
        options = {"api_key": "test-key", "base_url": running.base_url}
        settings = Settings(providers={"mistral": ProviderSettings("mistral", options)})
        server = await aiohttp_server(create_app(settings))
        found = await asyncio.gather(*[read(server.port) for _ in range(10)])
        async with (
            aiohttp.ClientSession() as session,
            session.post(server.make_url(path), json={**body, "stream": False}) as response,
        ):
            whole = await response.json()
    assert found == [(whole.get("response") or whole["message"]["content"], True)] * 10


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/pull", {}),
        ("/api/pull", {"model": "nothing"}),
        ("/api/create", {"from": "tiny", "model": "mine", "system": "x", "license": "y"}),
    ],
    ids=["pull", "failing pull", "create"],
)
async def test_each_line_of_a_progress_is_written_by_itself(
    aiohttp_server: Any, monkeypatch: pytest.MonkeyPatch, path: str, body: dict[str, Any]
) -> None:
    written: list[bytes] = []
    write = LineStream.write

    async def spy(self: LineStream, lines: bytes) -> None:
        written.append(lines)
        await write(self, lines)

    monkeypatch.setattr(LineStream, "write", spy)
    server = await aiohttp_server(scripted_app(ScriptedProvider(steps=[[DONE]])))
    _, answer = await exchange(server.port, path, body)
    lines, is_whole = read_chunks(answer)
    assert is_whole
    assert written == lines[:-1]  # the last one is written with the end of the body


async def test_nothing_is_written_to_a_client_that_has_left(aiohttp_client: Any) -> None:
    async def leave(request: web.Request) -> web.StreamResponse:
        stream = LineStream(request, {}, b"\n")
        await stream.begin()
        assert request.transport is not None
        request.transport.close()
        with pytest.raises(ConnectionResetError, match="the client has closed the connection"):
            await stream.write(b"{}\n")
        return stream.response

    app = web.Application()
    app.router.add_get("/", leave)
    client = await aiohttp_client(app)
    with pytest.raises(aiohttp.ClientError):
        async with client.get("/") as response:
            await response.read()


async def test_a_stop_in_the_pause_does_not_cost_the_last_line(aiohttp_client: Any) -> None:
    async def stop(request: web.Request) -> web.StreamResponse:
        stream = LineStream(request, {}, LINE_END)
        await stream.begin()
        finish = asyncio.create_task(stream.finish(b"1\n2\n"))
        await asyncio.sleep(0)
        finish.cancel()
        with pytest.raises(asyncio.CancelledError):
            await finish
        return stream.response

    app = web.Application()
    app.router.add_get("/", stop)
    client = await aiohttp_client(app)
    async with client.get("/") as response:
        assert await response.read() == b"1\n2\n"


@pytest.mark.parametrize(
    ("lines", "quiet", "waits"),
    [(b"2\n", 0.0, True), (b"2\n", 0.01, False), (b"1\n2\n", 0.01, True)],
    ids=["a line was sent just now", "nothing was sent for a while", "a line is sent before it"],
)
async def test_the_last_line_waits_only_behind_a_line_that_was_just_sent(
    aiohttp_client: Any, lines: bytes, quiet: float, waits: bool
) -> None:
    async def finish(request: web.Request) -> web.StreamResponse:
        stream = LineStream(request, {}, LINE_END)
        await stream.begin()
        ending = asyncio.create_task(stream.finish(lines, quiet=quiet))
        await asyncio.sleep(0)
        assert ending.done() is not waits
        await ending
        return stream.response

    app = web.Application()
    app.router.add_get("/", finish)
    client = await aiohttp_client(app)
    async with client.get("/") as response:
        assert await response.read() == lines


@pytest.mark.parametrize("route", MODEL_ROUTES, ids=lambda one: one.path)
async def test_every_stream_tells_nginx_to_pass_it_on_at_once(
    aiohttp_client: AiohttpClient, route: Endpoint
) -> None:
    client = await aiohttp_client(scripted_app(scripted()))
    for stream in (True, False):
        body = body_of(route, stream=stream)
        async with client.request(route.method, path_of(route), **body) as response:
            await response.read()
            is_stream = response.headers.get("Transfer-Encoding") == "chunked"
            assert response.headers.get("X-Accel-Buffering") == ("no" if is_stream else None)
    async with client.post("/api/pull", json={"model": "tiny"}) as response:
        assert response.headers["X-Accel-Buffering"] == "no"
