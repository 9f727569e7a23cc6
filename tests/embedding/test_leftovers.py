"""A gateway that has gone leaves nothing behind, whoever has run it and whatever ran."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.app import create_app
from gateway.sandbox import start
from gateway.settings import ProviderSettings, Settings
from gateway.testing import Answer, FakeUpstream
from hosting import host_of, served

OPEN_FILES = Path("/dev/fd")
HELLO = [{"role": "user", "content": "Hello!"}]
ASKED = {"model": "mistral-small", "messages": HELLO}
EMBEDDED = {"model": "mistral-embed", "input": "Hello!"}


@asynccontextmanager
async def in_test_server(app: web.Application) -> AsyncIterator[str]:
    server = TestServer(app)
    await server.start_server(shutdown_timeout=0.1)
    try:
        yield str(server.make_url("")).rstrip("/")
    finally:
        await server.close()


Serve = Callable[[web.Application], AbstractAsyncContextManager[str]]
SERVERS: dict[str, Serve] = {
    "aiohttp's test server": in_test_server,
    "a runner with a site": partial(served, shutdown_timeout=0.1),
    "a runner that cancels handlers": partial(
        served, shutdown_timeout=0.1, handler_cancellation=True
    ),
}
SERVED_BY = pytest.mark.parametrize("serve", SERVERS.values(), ids=SERVERS)
MOUNTED = pytest.mark.parametrize("prefix", ["", "/llm"], ids=["alone", "mounted"])


def open_files() -> int:
    return len(os.listdir(OPEN_FILES)) if OPEN_FILES.exists() else 0  # noqa: PTH208 - not a tree


@pytest.fixture(autouse=True)
async def _nothing_is_left() -> AsyncIterator[None]:
    tasks, files = asyncio.all_tasks(), open_files()
    yield
    # What was cancelled or closed last goes in the loop's next turns.
    async with asyncio.timeout(5):
        while asyncio.all_tasks() - tasks - {asyncio.current_task()} or open_files() > files:
            await asyncio.sleep(0.01)


@SERVED_BY
@MOUNTED
async def test_after_all_kinds_of_requests(serve: Serve, prefix: str) -> None:
    silent = Answer([b'data: {"choices": [{"delta": {"content": "Hm"}}]}\n\n'], hang=True)
    async with await start() as mistral, FakeUpstream(silent) as quiet:
        models = Answer([b'{"data": [{"id": "silent"}]}'], content_type="application/json")
        quiet.routes["/models"] = models
        settings = Settings(
            providers={
                "mistral": ProviderSettings(
                    "mistral", {"api_key": "k", "base_url": mistral.base_url}
                ),
                "quiet": ProviderSettings("openai", {"base_url": f"{quiet.url}/v1"}),
            }
        )
        app = create_app(settings)
        async with aiohttp.ClientSession() as client:
            async with serve(host_of(llm=app) if prefix else app) as origin:
                url = origin + prefix
                async with client.get(f"{url}/api/tags") as response:
                    assert len((await response.json())["models"]) > 5
                for path, body in (("chat", ASKED), ("embed", EMBEDDED)):
                    async with client.post(f"{url}/api/{path}", json=body) as response:
                        assert response.status == 200
                        await response.read()
                async with client.post(f"{url}/api/chat", json={**ASKED, "model": "x"}) as response:
                    assert response.status == 404
                # A client that leaves in mid-answer, and one whose stream is open at the end.
                open_chat = {**ASKED, "model": "silent"}
                async with client.post(f"{url}/api/chat", json=open_chat) as response:
                    await response.content.readline()
                    response.close()
                response = await client.post(f"{url}/api/chat", json=open_chat)
                await response.content.readline()
            response.close()
        for request in quiet.requests[-2:]:
            await asyncio.wait_for(request.left.wait(), 5)


async def test_after_a_start_that_somebody_broke_off() -> None:
    async def fail(_: web.Application) -> None:
        raise ZeroDivisionError

    async with FakeUpstream(Answer(hang=True)) as service:
        openai = ProviderSettings("openai", {"base_url": f"{service.url}/v1"})
        app = create_app(Settings(providers={"openai": openai}))
        app.on_startup.append(fail)
        runner = web.AppRunner(app)
        with pytest.raises(ZeroDivisionError):
            await runner.setup()
        await runner.cleanup()


async def test_after_a_start_of_its_own_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("gateway.app.Targets", fail)
    async with FakeUpstream(Answer(hang=True)) as service:
        options = {"base_url": f"{service.url}/v1"}
        names = ("first", "last")
        settings = Settings(providers={name: ProviderSettings("openai", options) for name in names})
        runner = web.AppRunner(create_app(settings))
        with pytest.raises(ZeroDivisionError):
            await runner.setup()
        await runner.cleanup()
