"""Large bodies: how much memory they take and who waits for them."""

from __future__ import annotations

import asyncio
import base64
import gc
import io
import json
import threading
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any
from unittest.mock import Mock

import aiohttp
import pytest
from aiohttp import StreamReader, web
from aiohttp.test_utils import make_mocked_request
from aiohttp.typedefs import Handler

from gateway.app import create_app
from gateway.core.chat import ChatRequest
from gateway.core.errors import InvalidRequest
from gateway.core.events import Finish, FinishReason, TextDelta
from gateway.dialects.bodies.budget import give_way
from gateway.dialects.bodies.large import LARGE
from gateway.dialects.bodies.zstd import zstd
from gateway.serving.body import Abandoned, _read, load_body, load_v1_body
from gateway.serving.keys import SETTINGS
from gateway.settings import LimitsSettings, ProviderSettings, Settings
from gateways import scripted_app
from scripted import ScriptedProvider

MEBI = 2**20
STEPS = [[TextDelta("a"), Finish(FinishReason.STOP)]]
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(100)).decode()


async def probe(request: web.Request) -> web.Response:
    """Tell in which thread the body was loaded, and its length."""

    def load(body: bytes) -> tuple[bool, int]:
        return threading.current_thread() is threading.main_thread(), len(body)

    read = load_v1_body if request.path.startswith("/v1") else load_body
    try:
        return web.json_response(await read(request, load))
    except InvalidRequest as error:
        return web.Response(status=error.status, text=error.message)


@pytest.fixture
async def client(aiohttp_client: Any) -> Any:
    @web.middleware
    async def with_settings(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[SETTINGS] = Settings(limits=LimitsSettings(body=30 * MEBI))
        return await handler(request)

    app = web.Application(middlewares=[with_settings])
    app.router.add_post("/api", probe)
    app.router.add_post("/v1", probe)
    return await aiohttp_client(app)


@pytest.mark.parametrize("path", ["/api", "/v1"])
async def test_only_a_large_body_is_left_to_a_thread(client: Any, path: str) -> None:
    small = await client.post(path, data=b"x" * (LARGE - 1))
    large = await client.post(path, data=b"x" * LARGE)
    assert await small.json() == [True, LARGE - 1]
    assert await large.json() == [False, LARGE]


async def test_no_body_is_an_empty_one(client: Any) -> None:
    assert await (await client.post("/api")).json() == [True, 0]


async def test_below_v1_a_body_may_be_compressed(client: Any) -> None:
    headers = {"Content-Encoding": "zstd"}
    response = await client.post("/v1", data=zstd.compress(b"x" * 1000), headers=headers)
    assert await response.json() == [False, 1000]


async def test_a_compressed_body_has_ollamas_own_limit(client: Any) -> None:
    headers = {"Content-Encoding": "zstd"}
    body = zstd.compress(b"x" * (20 * MEBI + 1))
    response = await client.post("/v1", data=body, headers=headers)
    assert (response.status, await response.text()) == (400, "http: request body too large")


async def test_a_body_that_cannot_be_decompressed_is_a_400(client: Any) -> None:
    headers = {"Content-Encoding": "gzip"}
    response = await client.post("/api", data=b"not gzip", headers=headers)
    assert (response.status, await response.text()) == (400, "the request body cannot be read")


async def test_a_body_that_drips_in_is_no_heap_of_small_pieces() -> None:
    protocol = Mock(_reading_paused=False)
    content = StreamReader(protocol, 2**16, loop=asyncio.get_running_loop())
    request = make_mocked_request("POST", "/", payload=content)
    request[SETTINGS] = Settings()
    reading = asyncio.ensure_future(_read(request, limit=100_000))
    for _ in range(1000):
        content.feed_data(b"ab")
        await asyncio.sleep(0)
    content.feed_data(b"c" * 50_000)
    content.feed_eof()
    assert await reading == [b"ab" * 1000, b"c" * 50_000]


async def test_a_large_picture_reaches_the_provider_as_it_was(aiohttp_client: Any) -> None:
    provider = ScriptedProvider(steps=STEPS)
    client = await aiohttp_client(scripted_app(provider))
    picture = PNG + "A" * 4 * LARGE
    images = [PNG, picture, PNG]
    body = {"model": "tiny", "messages": [{"role": "assistant", "images": images}]}
    response = await client.post("/api/chat", data=io.BytesIO(json.dumps(body).encode()))
    assert response.status == 200
    asked = provider.asked[-1]
    assert isinstance(asked, ChatRequest)
    assert [media.base64 for media in asked.messages[0].media] == images


PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(3_000_000)).decode()
PICTURES = 33


@pytest.mark.slow
async def test_134_megabytes_of_pictures_take_no_third_copy() -> None:
    """The body, its texts, and what is on its way upstream."""
    lengths: list[int] = []

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if head.startswith(b"get"):
            answer = json.dumps({"data": [{"id": "pixtral-large-latest"}]}).encode()
            kind = b"application/json"
        else:
            left = int(head.partition(b"content-length:")[2].split()[0])
            lengths.append(left)
            while left:
                left -= len(await reader.read(MEBI))
            answer = (
                b'data: {"choices":[{"index":0,"delta":{"content":"a cat"},'
                b'"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
            )
            kind = b"text/event-stream"
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: %b\r\n\r\n" % kind)
        writer.write(answer)
        writer.close()

    async def body() -> AsyncIterator[bytes]:
        yield b'{"model":"pixtral-large","stream":false,"messages":[{"role":"user","images":['
        for number in range(PICTURES):
            yield b',"' if number else b'"'
            yield PICTURE.encode()
            yield b'"'
        yield b"]}]}"

    server = await asyncio.start_server(upstream, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    options = {"api_key": "k", "base_url": f"http://127.0.0.1:{port}/v1"}
    app = create_app(Settings(providers={"mistral": ProviderSettings("mistral", options)}))
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = "http://{}:{}/api/chat".format(*runner.addresses[0])
    async with server, aiohttp.ClientSession() as session:
        gc.collect()
        tracemalloc.start()
        async with session.post(url, data=body()) as response:
            answer = await response.json()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    await runner.cleanup()
    assert answer["message"]["content"] == "a cat"
    sent = PICTURES * len(PICTURE)
    assert 0 <= lengths[0] - sent < 10_000
    assert sent > 130_000_000
    assert peak < 2.3 * sent


@pytest.fixture
async def dripping(aiohttp_server: Any) -> AsyncIterator[tuple[Any, asyncio.StreamWriter]]:
    """A connection on which the head of a request has been sent, and none of its body."""
    settings = Settings(limits=LimitsSettings(body_timeout=0.05), providers={})
    server = await aiohttp_server(scripted_app(ScriptedProvider(), settings))
    reader, writer = await asyncio.open_connection(server.host, server.port)
    yield reader, writer
    writer.close()


async def sent(reader: asyncio.StreamReader) -> tuple[int, Any]:
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    length = int(head.lower().partition(b"content-length:")[2].split()[0])
    return int(head.split()[1]), json.loads(await reader.readexactly(length))


TIMED = {
    "JSON": (b"/api/chat", b"application/json"),
    "below /v1": (b"/v1/chat/completions", b"application/json"),
    "a blob": (b"/api/blobs/sha256:" + b"0" * 64, b"application/octet-stream"),
    "a form": (b"/v1/audio/transcriptions", b"multipart/form-data; boundary=x"),
}


@pytest.mark.parametrize("length", [b"Content-Length: 1000", b"Transfer-Encoding: chunked"])
@pytest.mark.parametrize(("path", "kind"), TIMED.values(), ids=TIMED)
async def test_a_body_that_makes_no_progress_is_refused(
    dripping: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    path: bytes,
    kind: bytes,
    length: bytes,
) -> None:
    reader, writer = dripping
    writer.write(b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Type: %b\r\n" % (path, kind))
    writer.write(length + b"\r\n\r\n")
    drops = 0
    answer = asyncio.ensure_future(sent(reader))
    while not answer.done():
        writer.write(b"x" if length.startswith(b"C") else b"1\r\nx\r\n")
        drops += 1
        await asyncio.wait([answer], timeout=0.01)
    status, document = await answer
    assert (status, drops < 1000) == (408, True)
    assert "the request body did not come in time" in str(document["error"])


async def test_a_body_that_makes_progress_has_all_the_time_it_needs(aiohttp_client: Any) -> None:
    provider = ScriptedProvider(steps=STEPS)
    settings = Settings(limits=LimitsSettings(body_timeout=0.2), providers={})
    client = await aiohttp_client(scripted_app(provider, settings))
    step = 64 * 1024
    messages = [{"role": "user", "content": "Hi" * 4 * step}]
    whole = json.dumps({"model": "tiny", "messages": messages}).encode()

    async def drops() -> AsyncIterator[bytes]:
        for start in range(0, len(whole), step):
            yield whole[start : start + step]
            await asyncio.sleep(0.05)

    response = await client.post("/api/chat", data=drops())
    assert response.status == 200


async def test_a_body_may_be_given_any_time(aiohttp_client: Any) -> None:
    settings = Settings(limits=LimitsSettings(body_timeout=0), providers={})
    client = await aiohttp_client(scripted_app(ScriptedProvider(steps=STEPS), settings))
    response = await client.post("/api/chat", data=io.BytesIO(b'{"model":"tiny"}'))
    assert response.status == 200


def request_with(body: bytes) -> web.Request:
    content = StreamReader(Mock(_reading_paused=False), 2**16, loop=asyncio.get_running_loop())
    content.feed_data(body)
    content.feed_eof()
    request = make_mocked_request("POST", "/", payload=content)
    request[SETTINGS] = Settings()
    return request


@pytest.fixture
async def working() -> tuple[asyncio.Task[Any], asyncio.Future[None]]:
    """A request whose body is worked on in a thread, which ends only if it is told to."""
    loop = asyncio.get_running_loop()
    started, ended = asyncio.Event(), loop.create_future()

    def load(body: bytes) -> None:
        loop.call_soon_threadsafe(started.set)
        try:
            while True:
                give_way()
        except Abandoned:
            loop.call_soon_threadsafe(ended.set_result, None)
            raise

    task = asyncio.ensure_future(load_body(request_with(b"x" * LARGE), load))
    async with asyncio.timeout(5):
        await started.wait()
    return task, ended


@pytest.mark.parametrize(("size", "pauses"), [(1, []), (LARGE, [50e-6, 50e-6])])
async def test_only_a_thread_pauses_between_slices(
    monkeypatch: pytest.MonkeyPatch, size: int, pauses: list[float]
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("gateway.serving.body.time", Mock(sleep=slept.append))

    def load(_: bytes) -> None:
        give_way()
        give_way()

    await load_body(request_with(b"x" * size), load)
    assert slept == pauses


async def test_what_runs_in_a_thread_ends_when_its_client_leaves(
    working: tuple[asyncio.Task[Any], asyncio.Future[None]],
) -> None:
    task, ended = working
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(ended, 5)


@pytest.mark.parametrize("ending", ["the client leaves", "the server stops"])
async def test_a_thread_outlives_neither_its_client_nor_the_server(ending: str) -> None:
    started, ended = threading.Event(), threading.Event()

    def load(_: bytes) -> None:
        started.set()
        try:
            while True:
                give_way()
        finally:
            ended.set()

    async def work(request: web.Request) -> web.Response:
        await load_body(request, load)
        return web.Response()

    app = scripted_app(ScriptedProvider())
    app.router.add_post("/work", work)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0]
    _, writer = await asyncio.open_connection(host, port)
    writer.write(b"POST /work HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % LARGE)
    writer.write(b"x" * LARGE)
    assert await asyncio.to_thread(started.wait, 5)
    if ending == "the client leaves":
        writer.close()
        assert await asyncio.to_thread(ended.wait, 5)
    await runner.cleanup()
    assert await asyncio.to_thread(ended.wait, 5)
    writer.close()


async def test_the_limits_of_the_settings_hold_for_every_body(aiohttp_client: Any) -> None:
    limits = LimitsSettings(depth=5, members=40, messages=2, tools=1, text=400)
    provider = ScriptedProvider(steps=STEPS)
    client = await aiohttp_client(scripted_app(provider, Settings(limits=limits, providers={})))
    said = {"role": "user", "content": "Hi"}
    two_tools = {"messages": [said], "tools": [{"function": {"name": "f"}}] * 2}
    over: dict[str, tuple[int, dict[str, Any]]] = {
        "exceeded max depth": (400, {"x": [[[[[1]]]]]}),
        "more than 40 values": (413, {"x": [1] * 50}),
        "too many messages: 3, at most 2 are allowed": (400, {"messages": [said] * 3}),
        "too many tools: 2, at most 1 are allowed": (400, two_tools),
        "more than 400 bytes of JSON": (413, {"messages": [{**said, "content": "Hi " * 200}]}),
    }
    for path in ("/api/chat", "/v1/chat/completions", "/v1/messages"):
        for words, (status, fields) in over.items():
            response = await client.post(path, json={"model": "tiny", "max_tokens": 9, **fields})
            assert (response.status, words in await response.text()) == (status, True), words
    items = await client.post("/v1/responses", json={"model": "tiny", "input": [said] * 3})
    assert (items.status, "too many input: 3" in await items.text()) == (400, True)
    assert provider.asked == []
