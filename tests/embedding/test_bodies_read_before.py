"""A host's middleware that reads the body changes nothing of what the gateway may read."""

from __future__ import annotations

import io
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.typedefs import Handler

from gateway import Settings
from gateway.core.transcriptions import TranscribeRequest
from gateway.dialects.bodies.zstd import zstd
from gateway.handlers import ROUTES
from gateway.settings import LimitsSettings
from gateways import scripted_app
from hosting import served
from model_routes import MODEL_ROUTES, body_of, path_of, scripted

MEBI = 1 << 20
PICTURE = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
)
CHAT = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}]}


async def _json(request: web.Request) -> object:
    return await request.json() if request.content_type == "application/json" else None


async def _file(request: web.Request) -> object:
    """Read a form, and what is in its file."""
    posted = await request.post()
    return [part.file.read() for part in posted.values() if isinstance(part, web.FileField)]


READINGS: Mapping[str, Callable[[web.Request], Awaitable[object]]] = {
    "json": _json,
    "read": web.Request.read,
    "text": web.Request.text,
    "post": web.Request.post,
    "post and its file": _file,
}
EACH_READING = pytest.mark.parametrize("reading", READINGS.values(), ids=READINGS)


def host_that_reads(
    reading: Callable[[web.Request], Awaitable[object]], app: web.Application, limit: int = MEBI
) -> web.Application:
    @web.middleware
    async def read(request: web.Request, handler: Handler) -> web.StreamResponse:
        await reading(request)
        return await handler(request)

    host = web.Application(middlewares=[read], client_max_size=limit)
    host.add_subapp("/ai", app)
    return host


@EACH_READING
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("route", MODEL_ROUTES, ids=lambda one: one.path)
async def test_each_route_reads_what_a_host_has_read(
    reading: Callable[[web.Request], Awaitable[object]], route: Any, stream: bool
) -> None:
    before, after = scripted(), scripted()
    answers = []
    for provider, read in ((before, None), (after, reading)):
        app = scripted_app(provider)
        host = host_that_reads(read, app) if read else app
        prefix = "/ai" if read else ""
        async with served(host) as origin, aiohttp.ClientSession(origin) as session:
            body = body_of(route, stream=stream)
            async with session.post(prefix + path_of(route), **body) as response:
                answers.append((response.status, response.content_type))
                await response.read()
    assert answers[0] == answers[1]
    assert answers[0][0] == 200
    assert before.asked == after.asked


@EACH_READING
async def test_other_posts_are_answered_as_ever(
    reading: Callable[[web.Request], Awaitable[object]],
) -> None:
    posts = [one for one in ROUTES if one.method == "POST" and not one.operation]
    async with (
        served(host_that_reads(reading, scripted_app(scripted()))) as origin,
        served(scripted_app(scripted())) as bare,
        aiohttp.ClientSession() as session,
    ):
        for route in posts:
            statuses = []
            for base in (f"{origin}/ai", bare):
                body = {**CHAT, "source": "tiny", "destination": "other", "name": "x"}
                async with session.post(base + path_of(route), json=body) as response:
                    await response.read()
                    statuses.append(response.status)
            assert (route.path, statuses[0]) == (route.path, statuses[1])


@EACH_READING
async def test_a_compressed_body_is_read_by_both(
    reading: Callable[[web.Request], Awaitable[object]],
) -> None:
    if reading is _json or reading is web.Request.text:
        return  # which cannot read it
    packed = zstd.compress(json.dumps({"model": "tiny", "input": "hi"}).encode())
    headers = {"Content-Encoding": "zstd", "Content-Type": "application/octet-stream"}
    provider = scripted()
    async with (
        served(host_that_reads(reading, scripted_app(provider))) as origin,
        aiohttp.ClientSession(origin) as session,
        session.post("/ai/v1/responses", data=packed, headers=headers) as response,
    ):
        assert response.status == 200
    assert len(provider.asked) == 1


async def test_the_limits_of_the_gateway_hold_for_what_a_host_has_read() -> None:
    limits = LimitsSettings(body=1000, form=1000)
    large = [{"role": "user", "content": "x" * 1000}]
    form = aiohttp.FormData({"model": "tiny-latest"})
    form.add_field("file", b"R" * 1000, filename="a.wav")
    for reading in READINGS.values():
        provider = scripted()
        app = scripted_app(provider, Settings(providers={}, limits=limits))
        async with (
            served(host_that_reads(reading, app)) as origin,
            aiohttp.ClientSession(origin) as session,
        ):
            async with session.post("/ai/api/chat", json={**CHAT, "messages": large}) as response:
                assert response.status == 413
                assert await response.json() == {"error": "request body too large"}
            form = aiohttp.FormData({"model": "tiny-latest"})
            form.add_field("file", b"R" * 1000, filename="a.wav")
            async with session.post("/ai/v1/audio/transcriptions", data=form) as response:
                assert response.status == 413
        assert provider.asked == []


@pytest.mark.parametrize("limit", [MEBI, 8 * MEBI])
async def test_a_host_that_reads_pictures_needs_a_limit_of_its_own(limit: int) -> None:
    provider = scripted()
    app = scripted_app(provider)
    picture = PICTURE + "A" * (2 * MEBI - len(PICTURE) % 4)
    body = {**CHAT, "messages": [{"role": "user", "content": "hi", "images": [picture]}]}
    async with (
        served(host_that_reads(web.Request.read, app, limit)) as origin,
        aiohttp.ClientSession(origin) as session,
        session.post("/ai/api/chat", data=io.BytesIO(json.dumps(body).encode())) as response,
    ):
        assert response.status == (413 if limit == MEBI else 200)
    assert len(provider.asked) == (0 if limit == MEBI else 1)


async def test_a_middleware_of_a_gateway_alone_reads_as_much_as_the_gateway() -> None:
    limits = LimitsSettings(body=3 * MEBI)
    provider = scripted()
    app = scripted_app(provider, Settings(providers={}, limits=limits))

    @web.middleware
    async def read(request: web.Request, handler: Handler) -> web.StreamResponse:
        await request.read()
        return await handler(request)

    app.middlewares.append(read)
    async with served(app) as origin, aiohttp.ClientSession(origin) as session:
        for size, status in ((2 * MEBI, 200), (4 * MEBI, 413)):
            for path, words in (
                ("/api/chat", {"error": "request body too large"}),
                ("/v1/messages", None),
            ):
                messages = [{"role": "user", "content": "x" * size}]
                body = {**CHAT, "messages": messages, "max_tokens": 9}
                sent = io.BytesIO(json.dumps(body).encode())
                async with session.post(path, data=sent) as response:
                    assert response.status == status
                    if status == 413:
                        document = await response.json()
                        assert document == words or document["error"]["message"] == (
                            "request body too large"
                        )


async def _parts(request: web.Request) -> object:
    """Read a form in the one way that leaves nothing to others."""
    reader = await request.multipart()
    return [await part.read() async for part in reader]  # type: ignore[union-attr]


async def _closed(request: web.Request) -> object:
    posted = await request.post()
    return [part.file.close() for part in posted.values() if isinstance(part, web.FileField)]


@pytest.mark.parametrize("reading", [_parts, _closed])
async def test_a_form_of_which_nothing_is_left_is_rejected_in_words(
    reading: Callable[[web.Request], Awaitable[object]],
) -> None:
    (route,) = [one for one in MODEL_ROUTES if one.operation == "transcription"]
    provider = scripted()
    async with (
        served(host_that_reads(reading, scripted_app(provider))) as origin,
        aiohttp.ClientSession(origin) as session,
        session.post(f"/ai{route.path}", **body_of(route, stream=False)) as response,
    ):
        assert response.status == 400
        error = (await response.json())["error"]
    assert error["message"] == "failed to parse multipart form: it was read before"
    assert provider.asked == []


async def test_of_two_parts_with_one_name_the_first_counts_for_both() -> None:
    heard = []
    for reading in (web.Request.read, web.Request.post):
        provider = scripted()
        form = aiohttp.FormData([("model", "tiny-latest"), ("model", "other")])
        form.add_field("language", "en", content_type="application/octet-stream")
        form.add_field("file", b"one", filename="a.wav", content_type="audio/wav")
        form.add_field("file", b"two", filename="b.wav")
        async with (
            served(host_that_reads(reading, scripted_app(provider))) as origin,
            aiohttp.ClientSession(origin) as session,
            session.post("/ai/v1/audio/transcriptions", data=form) as response,
        ):
            assert response.status == 200
        heard += provider.asked
    assert heard[0] == heard[1]
    assert isinstance(heard[0], TranscribeRequest)
    assert replace(heard[0], recording=b"") == TranscribeRequest(
        "tiny-latest", b"", "a.wav", "audio/wav", "en"
    )
    assert heard[0].recording == b"one"
