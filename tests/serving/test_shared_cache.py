"""Answers that replicas share in a real Redis server, and what becomes of them when it fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from pytest_aiohttp.plugin import AiohttpClient

from callers import auth, hash_of, settings_of
from gateway.core.events import Finish, FinishReason, TextDelta, Usage
from gateway.replay.cache import Cache
from gateway.serving.keys import ACCESS, LIVE
from gateway.settings import CacheSettings, KeySettings, Settings
from gateway.settings.callers import StateSettings
from gateway.state.shared import SharedState
from gateways import scripted_app
from model_routes import MODEL
from redis_server import RedisServer, redis_server
from scripted import ScriptedProvider

Client = TestClient[web.Request, web.Application]

CHAT = {
    "model": "tiny",
    "stream": False,
    "messages": [{"role": "user", "content": "hi"}],
    "options": {"temperature": 0},
}
DONE = Finish(FinishReason.STOP, Usage(5, 7))
BOUND = 0.3 + 1.0
"""Seconds in which a request goes on, and one more for a machine with better things to do."""


class Told(NamedTuple):
    """Status, what the cache says, the age, and the text."""

    status: int
    cache: str
    age: str | None
    text: str


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with redis_server() as running:
        yield running


def settings(server: RedisServer, **others: Any) -> Settings:
    cache, state = CacheSettings(enabled=True), StateSettings(url=server.url)
    return settings_of(**{"cache": cache, "state": state, **others})


def plain(**others: Any) -> ScriptedProvider:
    steps = [[TextDelta("he")], [TextDelta("llo")], [DONE]]
    return ScriptedProvider(**{"models": [MODEL], "steps": steps, **others})


async def send(client: Client, body: Mapping[str, Any] = CHAT, **headers: str) -> Told:
    """Return the answer to *body*, after what is kept of it has been written."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with client.post("/api/chat", json=body, headers=named) as response:
        document = await response.json()
    text = document["message"]["content"] if response.status == 200 else document["error"]
    await state_of(client).finish()
    said = response.headers
    return Told(response.status, said.get("X-Gateway-Cache", ""), said.get("Age"), text)


def state_of(client: Client) -> SharedState:
    assert client.app is not None
    opened = client.app[ACCESS].opened
    assert opened is not None
    assert isinstance(opened.state, SharedState)
    return opened.state


MISS = Told(200, "miss", None, "hello")
HIT = Told(200, "hit", "0", "hello")


async def test_a_replica_gives_what_another_one_has_kept(
    aiohttp_client: AiohttpClient, server: RedisServer
) -> None:
    first, second = plain(), plain()
    one = await aiohttp_client(scripted_app(first, settings(server)))
    other = await aiohttp_client(scripted_app(second, settings(server)))
    assert [await send(one), await send(other)] == [MISS, HIT]
    assert (len(first.asked), len(second.asked)) == (1, 0)
    server.kill()
    assert await send(other) == HIT  # from its own memory


async def test_a_kept_answer_has_its_age_in_each_process_and_grows_too_old(
    aiohttp_client: AiohttpClient, server: RedisServer
) -> None:
    now = 1000.0
    apps = [scripted_app(plain(), settings(server)) for _ in range(3)]
    for app in apps:
        app[LIVE].cache = Cache(settings(server).cache, clock=lambda: now)
    one, other, third = [await aiohttp_client(app) for app in apps]
    assert await send(one) == MISS
    now += 10
    fresh = "max-age=5, only-if-cached"
    assert await send(other, Cache_Control=fresh) == Told(504, "miss", None, "not in the cache")
    assert await send(other, Cache_Control="only-if-cached") == HIT._replace(age="10")
    now += 3600
    assert await send(third) == MISS


async def test_equal_requests_look_into_the_server_once_and_share_what_is_there(
    aiohttp_client: AiohttpClient, server: RedisServer
) -> None:
    provider = plain()
    one = await aiohttp_client(scripted_app(plain(), settings(server)))
    other = await aiohttp_client(scripted_app(provider, settings(server)))
    assert await send(one) == MISS
    with server.client() as client:
        before = _reads(client)
        answers = await asyncio.gather(*(send(other) for _ in range(10)))
        assert sorted({one.cache for one in answers} - {"shared"}) == ["hit"]
        assert _reads(client) == before + 1
    assert provider.asked == []


def _reads(client: Any) -> int:
    return int(client.info("commandstats").get("cmdstat_get", {"calls": 0})["calls"])


async def test_callers_share_no_answers_in_the_server_either(
    aiohttp_client: AiohttpClient, server: RedisServer
) -> None:
    keys = {name: KeySettings(hash_of(name)) for name in ("alice", "bob")}
    one, other = [
        await aiohttp_client(scripted_app(plain(), settings(server, keys=keys))) for _ in range(2)
    ]
    assert await send(one, **auth("alice")) == MISS
    assert await send(other, **auth("bob")) == MISS
    assert await send(other, **auth("alice")) == HIT


@pytest.mark.parametrize("fault", [RedisServer.kill, RedisServer.freeze], ids=["killed", "frozen"])
async def test_a_server_that_fails_is_a_miss_for_which_nobody_waits_long(
    aiohttp_client: AiohttpClient, server: RedisServer, fault: Callable[[RedisServer], None]
) -> None:
    one, other = [await aiohttp_client(scripted_app(plain(), settings(server))) for _ in range(2)]
    assert await send(one) == MISS
    fault(server)
    begun = time.monotonic()
    async with other.post("/api/chat", json=CHAT) as response:
        assert response.headers["X-Gateway-Cache"] == "miss"
        assert (await response.json())["message"]["content"] == "hello"
    assert time.monotonic() - begun < BOUND
    assert not state_of(other).is_up
    assert await send(other) == HIT  # its own memory still works
    again = {**CHAT, "options": {"temperature": 0, "seed": 1}}
    assert await send(other, again) == MISS


async def test_a_server_that_fails_while_it_is_written_loses_the_answer_alone(
    aiohttp_client: AiohttpClient, server: RedisServer
) -> None:
    client = await aiohttp_client(scripted_app(plain(), settings(server)))
    await state_of(client).reach()
    server.freeze()
    begun = time.monotonic()
    async with client.post("/api/chat", json=CHAT, headers={"Cache-Control": "no-cache"}) as sent:
        assert (await sent.json())["message"]["content"] == "hello"
    assert time.monotonic() - begun < BOUND
    await state_of(client).finish()
    assert await send(client) == HIT


@pytest.mark.parametrize("value", [b"", b"short", b"\xff" * 40, b"\0" * 6 + b"\x03\xe8{}"])
async def test_what_cannot_be_read_is_a_miss_and_is_written_anew(
    aiohttp_client: AiohttpClient, server: RedisServer, value: bytes
) -> None:
    one, other, third = [
        await aiohttp_client(scripted_app(plain(), settings(server))) for _ in range(3)
    ]
    assert await send(one) == MISS
    with server.client() as client:
        (key,) = [name for name in client.scan_iter() if ":a:" in str(name)]
        assert 0 < int(client.ttl(key)) <= 3600
        client.set(key, value)
    assert [await send(other), await send(third)] == [MISS, HIT]


async def test_an_answer_that_is_too_large_is_kept_nowhere(
    aiohttp_client: AiohttpClient, server: RedisServer
) -> None:
    small = CacheSettings(enabled=True, size=16 * 300)
    provider = plain()
    client = await aiohttp_client(scripted_app(provider, settings(server, cache=small)))
    assert [await send(client) for _ in range(2)] == [MISS, MISS]
    with server.client() as seen:
        assert [name for name in seen.scan_iter() if ":a:" in str(name)] == []


async def test_without_a_cache_the_server_alone_opens_nothing(
    aiohttp_client: AiohttpClient, server: RedisServer
) -> None:
    app = scripted_app(plain(), settings(server, cache=CacheSettings()))
    await aiohttp_client(app)
    assert app[ACCESS].opened is None
