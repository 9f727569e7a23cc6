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

from gateway.app import create_app
from gateway.core.chat import ChatRequest
from gateway.core.errors import InvalidRequest
from gateway.core.events import Finish, FinishReason, TextDelta
from gateway.dialects.bodies.large import LARGE
from gateway.dialects.bodies.zstd import zstd
from gateway.serving.body import _read, load_body, load_v1_body
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
    app = web.Application()
    app[SETTINGS] = Settings(limits=LimitsSettings(body=30 * MEBI))
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
    assert await response.json() == [True, 1000]


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
