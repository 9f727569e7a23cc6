"""``/readyz`` where limits are kept by a server."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any, Literal

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from callers import settings_of, with_key
from gateway.settings import Settings, StateSettings
from gateways import scripted_app
from model_routes import scripted
from redis_server import redis_server


async def ready(client: Any) -> tuple[int, Any]:
    async with client.get("/readyz") as response:
        document = await response.json()
        assert document["ready"] == (response.status == 200)
        return response.status, document.get("state")


@pytest.mark.parametrize(("on_failure", "status"), [("local", 200), ("refuse", 503)])
async def test_a_server_that_is_away_is_told_and_counts_only_where_requests_are_refused(
    aiohttp_client: AiohttpClient, on_failure: Literal["local", "refuse"], status: int
) -> None:
    with redis_server() as server:
        state = StateSettings(server.url, on_failure=on_failure)
        client = await aiohttp_client(scripted_app(scripted(), replace(with_key(), state=state)))
        assert await ready(client) == (200, True)
        server.freeze()
        began = time.monotonic()
        assert [await ready(client) for _ in range(20)] == [(status, False)] * 20
        assert time.monotonic() - began < 5  # only the first one waits
        server.thaw()
        async with asyncio.timeout(10):
            while await ready(client) != (200, True):
                await asyncio.sleep(0.05)
        await client.close()


async def test_a_server_that_was_never_there_is_told_at_once(aiohttp_client: AiohttpClient) -> None:
    state = StateSettings("unix:///nobody/listens/here.sock", on_failure="refuse")
    client = await aiohttp_client(scripted_app(scripted(), replace(with_key(), state=state)))
    assert await ready(client) == (503, False)


@pytest.mark.parametrize("settings", [settings_of(), with_key()], ids=["open", "in memory"])
async def test_what_is_not_shared_is_not_told(
    aiohttp_client: AiohttpClient, settings: Settings
) -> None:
    client = await aiohttp_client(scripted_app(scripted(), settings))
    assert await ready(client) == (200, None)
