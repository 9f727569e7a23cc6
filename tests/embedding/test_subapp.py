"""The gateway inside somebody else's aiohttp service."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from gateway.app import create_app
from gateway.core.errors import SettingsError, UpstreamTimeout
from gateway.core.events import Finish, FinishReason, TextDelta
from gateway.settings import Settings
from gateways import scripted_app
from scripted import HANG, ScriptedProvider

BODY = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}]}
DONE = Finish(FinishReason.STOP)


def host(provider: ScriptedProvider) -> web.Application:
    seen: list[str] = []

    @web.middleware
    async def note(request: web.Request, handler: Any) -> web.StreamResponse:
        seen.append(request.path)
        response: web.StreamResponse = await handler(request)
        response.headers["X-Host"] = "yes"
        return response

    async def own(request: web.Request) -> web.Response:
        return web.json_response({"own": True})

    app = web.Application(middlewares=[note])
    app.router.add_get("/own", own)
    app.add_subapp("/llm", scripted_app(provider))
    app["seen"] = seen
    return app


Client = Callable[[web.Application], Awaitable[Any]]
pytestmark = pytest.mark.filterwarnings("ignore::aiohttp.web_exceptions.NotAppKeyWarning")


async def test_it_streams_below_a_prefix(aiohttp_client: Client) -> None:
    client = await aiohttp_client(host(ScriptedProvider(steps=[[TextDelta("a")], [DONE]])))
    response = await client.post("/llm/api/chat", json=BODY)
    lines = [json.loads(line) async for line in response.content]
    assert [line["message"]["content"] for line in lines] == ["a", ""]
    response = await client.get("/llm/")
    assert (await response.text(), response.headers["X-Host"]) == ("Ollama is running", "yes")
    assert client.app["seen"] == ["/llm/api/chat", "/llm/"]


async def test_its_errors_stay_below_the_prefix(aiohttp_client: Client) -> None:
    client = await aiohttp_client(host(ScriptedProvider(steps=[UpstreamTimeout("quiet")])))
    response = await client.post("/llm/api/chat", json=BODY)
    assert (response.status, await response.json()) == (504, {"error": "quiet"})
    response = await client.get("/llm/nowhere")
    assert (response.status, await response.text()) == (404, "404 page not found")
    response = await client.get("/llm/api/chat")
    assert (response.status, response.headers["Allow"]) == (405, "POST")


async def test_the_hosts_own_routes_and_errors_stay_its_own(aiohttp_client: Client) -> None:
    client = await aiohttp_client(host(ScriptedProvider()))
    response = await client.get("/own", headers={"Origin": "http://evil.com"})
    assert await response.json() == {"own": True}
    response = await client.get("/nowhere")
    assert (response.status, await response.text()) == (404, "404: Not Found")


async def test_the_hosts_body_limit_is_not_ours(aiohttp_client: Client) -> None:
    client = await aiohttp_client(host(ScriptedProvider(steps=[[TextDelta("a"), DONE]])))
    body = {**BODY, "messages": [{"role": "user", "content": "x" * 2**21}]}
    response = await client.post("/llm/api/chat", data=io.BytesIO(json.dumps(body).encode()))
    assert response.status == 200
    await response.read()


async def test_it_stops_with_its_host_while_a_stream_is_open() -> None:
    provider = ScriptedProvider(steps=[[TextDelta("a")], HANG])
    runner = web.AppRunner(host(provider), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address, port = runner.addresses[0]
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"http://{address}:{port}/llm/api/chat", json=BODY) as response,
    ):
        await response.content.readline()
        await asyncio.wait_for(runner.cleanup(), 5)
        await asyncio.wait_for(provider.left.wait(), 5)
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert others == []


async def test_a_borrowed_session_is_used_and_left_open() -> None:
    sessions = []

    class Curious(ScriptedProvider):
        def __init__(self, context: Any) -> None:
            super().__init__()
            sessions.append(context.session)

    async with aiohttp.ClientSession() as session:
        app = create_app(Settings(providers={}), providers={"own": Curious}, session=session)
        runner = web.AppRunner(app)
        await runner.setup()
        await runner.cleanup()
        assert sessions == [session]
        assert not session.closed


async def test_an_own_session_is_closed() -> None:
    sessions = []

    class Curious(ScriptedProvider):
        def __init__(self, context: Any) -> None:
            super().__init__()
            sessions.append(context.session)

    app = create_app(Settings(providers={}), providers={"own": Curious})
    runner = web.AppRunner(app)
    await runner.setup()
    assert not sessions[0].closed
    await runner.cleanup()
    assert sessions[0].closed


def test_a_missing_key_is_said_when_the_application_is_made() -> None:
    with pytest.raises(SettingsError, match="mistral needs api_key: set MISTRAL_API_KEY"):
        create_app()


async def test_two_gateways_live_in_one_process(aiohttp_client: Client) -> None:
    app = web.Application()
    app.add_subapp("/a", scripted_app(ScriptedProvider(steps=[[TextDelta("a"), DONE]])))
    app.add_subapp("/b", scripted_app(ScriptedProvider(steps=[[TextDelta("b"), DONE]])))
    client = await aiohttp_client(app)
    answers = []
    for prefix in "ab":
        response = await client.post(f"/{prefix}/api/chat", json={**BODY, "stream": False})
        answers.append((await response.json())["message"]["content"])
    assert answers == ["a", "b"]
