"""Kept answers: in every dialect, streamed or not, only to equal requests, and only whole ones."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from aiohttp.typedefs import Handler
from pytest_aiohttp.plugin import AiohttpClient

from callers import AUTH, auth, hash_of, settings_of, with_key
from gateway import PROVIDER_USER, create_app
from gateway.core.chat import ChatRequest, FillRequest
from gateway.core.embeddings import EmbedResult
from gateway.core.errors import NotPermitted, UpstreamProtocolError, UpstreamUnavailable
from gateway.core.events import (
    ChatEvent,
    Finish,
    FinishReason,
    Logprobs,
    TextDelta,
    ToolCall,
    Usage,
)
from gateway.replay.cache import Cache, Flight
from gateway.serving.endpoint import Endpoint
from gateway.serving.keys import ACCESS, LIVE
from gateway.serving.reload import reload_settings
from gateway.settings import (
    CacheSettings,
    KeySettings,
    MetricsSettings,
    ModelsSettings,
    ProviderSettings,
    RetrySettings,
    Settings,
    TimeoutSettings,
)
from gateways import scripted_app
from model_routes import MODEL, MODEL_ROUTES, RECORDING, body_of, path_of, scripted
from records import Records
from replays import without_what_differs
from scripted import HANG, ScriptedProvider

Client = TestClient[web.Request, web.Application]

ON = CacheSettings(enabled=True)
ALL = CacheSettings(enabled=True, what="all")
EACH_MODEL_ROUTE = pytest.mark.parametrize("route", MODEL_ROUTES, ids=lambda one: one.path)
EACH_WAY = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
CHAT = {
    "model": "tiny",
    "stream": False,
    "messages": [{"role": "user", "content": "hi"}],
    "options": {"temperature": 0},
}
DONE = [Finish(FinishReason.STOP, Usage(5, 7))]


@dataclass
class Plain(ScriptedProvider):
    """An adapter that reads no native fields."""

    native_dialect: str | None = ""


@dataclass
class Gated(Plain):
    """Answers in two parts, the second of them when the gate is open."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)
    fails: int = 0
    """How many of the first answers fail at the gate."""
    together: int = 0
    """How many requests must have come before any other answer goes on."""

    async def _play(
        self, request: ChatRequest | FillRequest
    ) -> AsyncGenerator[Sequence[ChatEvent], None]:
        self.asked.append(request)
        number = len(self.asked)
        try:
            yield [TextDelta("hello")]
            await self.gate.wait()
            if number <= self.fails:
                await asyncio.sleep(0.05)  # all others wait for this one by then
                raise UpstreamProtocolError("cut off")
            while len(self.asked) < self.together:
                await asyncio.sleep(0.01)
            yield DONE
        finally:
            self.left.set()


def plain(**others: Any) -> Plain:
    steps = [[TextDelta("he")], [TextDelta("llo")], DONE]
    return Plain(**{"models": [MODEL], "steps": steps, **others})


async def send(
    client: Client, body: Mapping[str, Any] = CHAT, path: str = "/api/chat", **headers: str
) -> tuple[int, str, Any]:
    """Return status, what the cache says, and the document."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with client.post(path, json=body, headers=named) as response:
        told = response.headers.get("X-Gateway-Cache", "")
        return response.status, told, await response.json()


async def told(client: Client, body: Mapping[str, Any] = CHAT, **headers: str) -> str:
    return (await send(client, body, **headers))[1]


def text_of(stream: bytes) -> str:
    """Return all texts of a stream, of whatever dialect, without the numbers of its lines."""
    return "hello" if b"he" in stream and b"llo" in stream else ""


@EACH_MODEL_ROUTE
@EACH_WAY
async def test_the_second_of_two_equal_requests_gets_the_answer_of_the_first(
    aiohttp_client: AiohttpClient, route: Endpoint, stream: bool
) -> None:
    provider, records = scripted(), Records()
    client = await aiohttp_client(scripted_app(provider, settings_of(cache=ALL), records))
    answers = []
    for _ in range(2):
        body = body_of(route, stream=stream)
        async with client.request(route.method, path_of(route), **body) as response:
            assert response.status == 200
            said, age = response.headers["X-Gateway-Cache"], response.headers.get("Age")
            is_document = "json" in response.content_type and "ndjson" not in response.content_type
            whole = await response.json() if is_document else await response.read()
            answers.append((said, age, without_what_differs(whole)))
    if route.path == RECORDING:
        assert [one[:2] for one in answers] == [("bypass", None)] * 2
        assert len(provider.asked) == 2
        return
    assert [one[:2] for one in answers] == [("miss", None), ("hit", "0")]
    assert len(provider.asked) == 1
    assert [(one.cache, one.provider, one.upstream_model) for one in records] == [
        ("miss", "scripted", "tiny-latest"),
        ("hit", "scripted", "tiny-latest"),
    ]
    (_, _, first), (_, _, second) = answers
    if isinstance(first, bytes):
        assert text_of(first) == text_of(second)
        assert first.count(b"hello") == second.count(b"hello")
    else:
        assert first == second


async def test_dialects_and_streams_share_answers(aiohttp_client: AiohttpClient) -> None:
    provider = plain()
    client = await aiohttp_client(scripted_app(provider, settings_of(cache=ON)))
    said = {"model": "tiny", "messages": CHAT["messages"], "temperature": 0, "max_tokens": 9}
    assert await told(client, {**CHAT, "options": {"temperature": 0, "num_predict": 9}}) == "miss"
    for path in ("/v1/chat/completions", "/v1/messages"):
        _, result, document = await send(client, said, path)
        assert result == "hit"
        assert "hello" in str(document)
    async with client.post("/v1/messages", json={**said, "stream": True}) as response:
        assert response.headers["X-Gateway-Cache"] == "hit"
        assert "hello" in await response.text()
    assert len(provider.asked) == 1


async def test_names_of_tools_come_back_as_this_client_knows_them(
    aiohttp_client: AiohttpClient,
) -> None:
    name = "a" * 100
    sent: list[str] = []

    @dataclass
    class Calling(Plain):
        async def _play(
            self, request: ChatRequest | FillRequest
        ) -> AsyncGenerator[Sequence[ChatEvent], None]:
            assert isinstance(request, ChatRequest)
            sent.append(request.tools[0].name)
            yield [ToolCall(request.tools[0].name, {}, "1")]
            yield DONE

    client = await aiohttp_client(scripted_app(Calling(models=[MODEL]), settings_of(cache=ON)))
    tools = [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}]
    for result in ("miss", "hit"):
        _, said, document = await send(client, {**CHAT, "tools": tools})
        assert said == result
        assert document["message"]["tool_calls"][0]["function"]["name"] == name
    assert len(sent) == 1
    assert sent[0] != name


async def test_only_what_says_a_temperature_of_zero_is_kept_by_default(
    aiohttp_client: AiohttpClient,
) -> None:
    provider = plain(vectors=EmbedResult([[1.0]]))
    client = await aiohttp_client(scripted_app(provider, settings_of(cache=ON)))
    for options in ({}, {"temperature": 0.1}, {"seed": 1}):
        assert await told(client, {**CHAT, "options": options}) == "bypass"
        assert await told(client, {**CHAT, "options": options}) == "bypass"
    assert len(provider.asked) == 6
    embed = {"model": "tiny", "input": "hi"}
    assert [(await send(client, embed, "/api/embed"))[1] for _ in range(2)] == ["miss", "hit"]
    assert [await told(client) for _ in range(2)] == ["miss", "hit"]


async def test_a_load_of_a_model_asks_no_cache(aiohttp_client: AiohttpClient) -> None:
    client = await aiohttp_client(scripted_app(plain(), settings_of(cache=ALL)))
    assert await told(client, {"model": "tiny", "messages": []}) == "bypass"
    assert await told(client, {"model": "missing"}) == ""


async def test_what_cannot_be_encoded_is_not_kept(aiohttp_client: AiohttpClient) -> None:
    odd = Logprobs((object(),))  # type: ignore[arg-type]
    steps = [[TextDelta("a")], [odd], DONE]
    client = await aiohttp_client(scripted_app(plain(steps=steps), settings_of(cache=ON)))
    assert [(await send(client))[:2] for _ in range(2)] == [(502, "miss")] * 2


async def test_a_request_that_cannot_be_encoded_has_no_kept_answer(
    aiohttp_client: AiohttpClient,
) -> None:
    @web.middleware
    async def with_user(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[PROVIDER_USER] = "\ud800"
        return await handler(request)

    app = scripted_app(plain(), settings_of(cache=ON))
    app.middlewares.insert(0, with_user)
    client = await aiohttp_client(app)
    assert [await told(client) for _ in range(2)] == ["bypass", "bypass"]


@pytest.mark.parametrize(
    ("header", "results"),
    [
        ("no-cache", ["miss", "miss"]),
        ("no-store", ["bypass", "bypass"]),
        ("max-age=100", ["hit", "hit"]),
        ("max-age=5", ["miss", "hit"]),
    ],
)
async def test_a_client_says_what_it_wants_of_the_cache(
    aiohttp_client: AiohttpClient,
    header: str,
    results: list[str],
) -> None:
    now = 1000.0
    app = scripted_app(plain(), settings_of(cache=ON))
    app[LIVE].cache = Cache(ON, clock=lambda: now)
    client = await aiohttp_client(app)
    assert await told(client) == "miss"
    now += 10
    assert [await told(client, Cache_Control=header) for _ in range(2)] == results
    async with client.post("/api/chat", json=CHAT) as response:
        renewed = "miss" in results
        assert response.headers["Age"] == ("0" if renewed else "10")


async def test_an_answer_grows_too_old(aiohttp_client: AiohttpClient) -> None:
    now = 1000.0
    settings = settings_of(cache=replace(ON, ttl=60.0))
    app = scripted_app(plain(), settings)
    app[LIVE].cache = Cache(settings.cache, clock=lambda: now)
    client = await aiohttp_client(app)
    assert await told(client) == "miss"
    now += 60
    assert await told(client) == "hit"
    now += 1
    assert await told(client) == "miss"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/chat", {"error": "not in the cache"}),
        ("/v1/chat/completions", {"type": "api_error", "code": "not_cached"}),
        ("/v1/messages", {"type": "api_error", "message": "not in the cache"}),
    ],
)
@pytest.mark.parametrize("temperature", [0, 1], ids=["may-be-kept", "may-not"])
async def test_who_wants_only_a_kept_answer_gets_504_and_nobody_is_asked(
    aiohttp_client: AiohttpClient, path: str, expected: Mapping[str, str], temperature: int
) -> None:
    provider = plain()
    client = await aiohttp_client(scripted_app(provider, settings_of(cache=ON)))
    body = {**CHAT, "max_tokens": 9, "temperature": temperature, "options": {}}
    status, _, document = await send(client, body, path, Cache_Control="only-if-cached")
    assert status == 504
    inner = document if path == "/api/chat" else document["error"]
    assert expected.items() <= inner.items()
    assert provider.asked == []


@pytest.mark.parametrize(
    "steps",
    [
        [[TextDelta("he")], UpstreamProtocolError("cut off")],
        [[TextDelta("he")]],
        [UpstreamProtocolError("unreadable")],
        [[TextDelta("he")], [Finish(FinishReason.CONTENT_FILTER)]],
        [[TextDelta("he")], [Finish(FinishReason.STOP, Usage(1, 1, estimated=True))]],
    ],
    ids=["cut", "ended", "error", "filtered", "estimated"],
)
@EACH_WAY
async def test_what_is_not_a_whole_answer_is_not_kept(
    aiohttp_client: AiohttpClient, steps: list[Any], stream: bool
) -> None:
    provider = plain(steps=steps)
    client = await aiohttp_client(scripted_app(provider, settings_of(cache=ON)))
    for _ in range(2):
        async with client.post("/api/chat", json={**CHAT, "stream": stream}) as response:
            await response.read()
            assert response.headers["X-Gateway-Cache"] == "miss"
    assert len(provider.asked) == 2


async def test_the_answer_to_a_client_that_left_is_not_kept(aiohttp_client: AiohttpClient) -> None:
    provider = plain(steps=[[TextDelta("he")], HANG])
    polling = TimeoutSettings(disconnect_poll=0.02)
    settings = settings_of(cache=ON, timeouts=polling)
    client = await aiohttp_client(scripted_app(provider, settings))
    async with client.post("/api/chat", json={**CHAT, "stream": True}) as response:
        await response.content.readline()
    async with asyncio.timeout(5):
        await provider.left.wait()
    provider.steps = [DONE]
    assert await told(client) == "miss"


async def test_a_longer_answer_than_may_be_kept_is_not(aiohttp_client: AiohttpClient) -> None:
    provider = plain(steps=[[TextDelta("x" * 100)]] * 10 + [DONE])
    settings = settings_of(cache=replace(ON, size=16 * 700))
    client = await aiohttp_client(scripted_app(provider, settings))
    assert [await told(client) for _ in range(2)] == ["miss", "miss"]


@pytest.mark.parametrize(("scope", "result"), [("caller", "miss"), ("everyone", "hit")])
async def test_callers_share_answers_only_where_that_is_wanted(
    aiohttp_client: AiohttpClient, scope: Any, result: str
) -> None:
    keys = {name: KeySettings(hash_of(name)) for name in ("alice", "bob")}
    settings = settings_of(cache=replace(ON, scope=scope), keys=keys)
    client = await aiohttp_client(scripted_app(plain(), settings))
    assert await told(client, **auth("alice")) == "miss"
    assert await told(client, **auth("bob")) == result
    assert await told(client, **auth("alice")) == "hit"


@pytest.mark.parametrize("scope", ["caller", "everyone"])
async def test_who_asks_with_a_key_of_their_own_shares_with_nobody(
    aiohttp_client: AiohttpClient, scope: Any
) -> None:
    settings = Settings(
        providers={"scripted": ProviderSettings("x", key_from="client")},
        cache=replace(ON, scope=scope),
    )
    client = await aiohttp_client(
        create_app(settings, providers={"scripted": plain()}, configured=())
    )
    results = [
        await told(client, Authorization=f"Bearer {key}")
        for key in ("one-key", "two-key", "one-key")
    ]
    assert results == ["miss", "miss", "hit"]


async def test_a_hit_takes_requests_but_neither_tokens_nor_money_and_is_counted_as_one(
    aiohttp_client: AiohttpClient,
) -> None:
    limits: dict[str, Any] = {"rpm": 3, "tpm": 1, "concurrency": 1, "budget": Decimal("0.003")}
    settings = replace(with_key("alice", **limits), cache=ON)
    records = Records()
    answer = [[TextDelta("hello")], [Finish(FinishReason.STOP, Usage(5, 700))]]
    app = scripted_app(plain(steps=answer), settings, records)
    client = await aiohttp_client(app)
    assert [await told(client, **AUTH) for _ in range(3)] == ["miss", "hit", "hit"]
    status, result, _ = await send(client, **AUTH)
    assert (status, result) == (429, "hit")
    assert [one.cost for one in records] == [1_405_000_000, 0, 0, None]
    assert [one.usage for one in records[:3]] == [Usage(5, 700)] * 3
    ledger = app[ACCESS].opened.ledger  # type: ignore[union-attr]
    (counts,) = ledger._waiting.values()  # type: ignore[union-attr]
    assert (counts.requests, counts.cache_hits) == (3, 2)
    assert (counts.input_tokens, counts.output_tokens, counts.cost) == (5, 700, 1_405_000_000)


def fallback(size: str) -> ModelsSettings:
    return ModelsSettings(aliases={"either": ("first/tiny", f"second/{size}")})


async def test_an_answer_is_kept_under_the_target_that_gave_it(
    aiohttp_client: AiohttpClient,
) -> None:
    first, second = plain(steps=[UpstreamUnavailable("no")]), plain()
    settings = settings_of(cache=ON, models=fallback("tiny"), retry=RetrySettings(count=0))
    client = await aiohttp_client(
        create_app(settings, providers={"first": first, "second": second})
    )
    assert await told(client, {**CHAT, "model": "either"}) == "miss"
    assert await told(client, {**CHAT, "model": "first/tiny"}) == "miss"
    assert await told(client, {**CHAT, "model": "second/tiny"}) == "hit"
    assert len(second.asked) == 1


async def all_of(
    client: Client, count: int, provider: Gated, *, stream: bool = True
) -> list[asyncio.Task[tuple[str, bytes]]]:
    """Start *count* equal requests, and wait until one of them has reached the provider."""

    async def one() -> tuple[str, bytes]:
        async with client.post("/api/chat", json={**CHAT, "stream": stream}) as response:
            return response.headers["X-Gateway-Cache"], await response.read()

    tasks = [asyncio.ensure_future(one()) for _ in range(count)]
    async with asyncio.timeout(5):
        while not provider.asked:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
    return tasks


@EACH_WAY
async def test_equal_requests_at_one_time_make_one_request_upstream(
    aiohttp_client: AiohttpClient, stream: bool
) -> None:
    provider = Gated(models=[MODEL])
    client = await aiohttp_client(scripted_app(provider, settings_of(cache=ON)))
    tasks = await all_of(client, 50, provider, stream=stream)
    provider.gate.set()
    answers = await asyncio.gather(*tasks)
    assert sorted(said for said, _ in answers) == ["miss", *["shared"] * 49]
    assert all(b"hello" in text for _, text in answers)
    assert len(provider.asked) == 1


async def test_the_death_of_the_first_makes_one_more_request(aiohttp_client: AiohttpClient) -> None:
    provider = Gated(models=[MODEL], fails=1)
    client = await aiohttp_client(scripted_app(provider, settings_of(cache=ON)))
    tasks = await all_of(client, 10, provider, stream=False)
    provider.gate.set()
    answers = await asyncio.gather(*tasks)
    assert sorted(said for said, _ in answers) == ["miss", "miss", *["shared"] * 8]
    assert len(provider.asked) == 2


async def test_after_two_failures_all_others_ask_by_themselves(
    aiohttp_client: AiohttpClient,
) -> None:
    provider = Gated(models=[MODEL], fails=2, together=5)
    client = await aiohttp_client(scripted_app(provider, settings_of(cache=ON)))
    tasks = await all_of(client, 5, provider, stream=False)
    provider.gate.set()
    answers = await asyncio.gather(*tasks)
    assert [said for said, _ in answers] == ["miss"] * 5
    assert len(provider.asked) == 5


async def test_nobody_waits_for_a_client_that_takes_its_answer_slowly() -> None:
    flight = Flight(slowest=0.05)
    flight.handed_at = 0.0
    async with asyncio.timeout(5):
        assert await flight.wait() is None
    flight.handed_at = None
    waiting = asyncio.ensure_future(flight.wait())
    await asyncio.sleep(0.12)
    assert not waiting.done()
    flight.land(DONE)
    assert await waiting == DONE


async def test_who_waits_for_another_request_is_shown_that_its_answer_is_on_its_way(
    aiohttp_client: AiohttpClient,
) -> None:
    provider = Gated(models=[MODEL])
    settings = settings_of(cache=ON, timeouts=TimeoutSettings(heartbeat=0.05))
    client = await aiohttp_client(scripted_app(provider, settings))
    first = await all_of(client, 1, provider)
    body = {"model": "tiny", "messages": CHAT["messages"], "temperature": 0, "stream": True}
    async with client.post("/v1/chat/completions", json=body) as response:
        assert (await response.content.readline()).startswith(b":")
        provider.gate.set()
        assert b"hello" in await response.read()
    assert len(provider.asked) == 1
    await first[0]


async def test_a_reload_turns_the_cache_on_shrinks_it_at_once_and_turns_it_off(
    aiohttp_client: AiohttpClient,
) -> None:
    fresh = settings_of()
    app = scripted_app(plain(), fresh)
    client = await aiohttp_client(app)
    app[LIVE].read = lambda: fresh
    assert await told(client) == ""
    fresh = settings_of(cache=ON)
    await reload_settings(app)
    assert [await told(client) for _ in range(2)] == ["miss", "hit"]
    cache = app[LIVE].cache
    assert cache is not None
    assert cache.size > 0
    fresh = settings_of(cache=replace(ON, size=1))
    await reload_settings(app)
    assert app[LIVE].cache is cache
    assert cache.size == 0
    fresh = settings_of()
    await reload_settings(app)
    assert await told(client) == ""


async def test_results_and_bytes_are_metrics_and_tokens_count_once(
    aiohttp_client: AiohttpClient,
) -> None:
    settings = settings_of(cache=ON, metrics=MetricsSettings(enabled=True, public=True))
    client = await aiohttp_client(scripted_app(plain(), settings))
    for _ in range(3):
        await told(client)
    async with client.get("/metrics") as response:
        lines = (await response.text()).splitlines()
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert values['gateway_cache_requests_total{result="miss"}'] == "1.0"
    assert values['gateway_cache_requests_total{result="hit"}'] == "2.0"
    assert float(values["gateway_cache_bytes"]) > 0
    tokens = [value for name, value in values.items() if "token_usage_count" in name]
    assert tokens == ["1.0", "1.0", "1.0"]


async def test_without_a_cache_there_is_no_header(
    aiohttp_client: AiohttpClient,
) -> None:
    client = await aiohttp_client(scripted_app(plain(), settings_of()))
    for _ in range(2):
        assert await told(client, Cache_Control="only-if-cached") == ""


def test_without_a_cache_nothing_of_it_is_loaded() -> None:
    code = (
        "import sys, gateway; gateway.create_app(gateway.Settings(providers={}));"
        " print(*sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True)
    loaded = found.stdout.decode().split()
    assert "gateway.serving.answer" in loaded
    assert not [one for one in loaded if "gateway.replay" in one or one == "gateway.serving.visits"]


async def test_what_a_host_application_rejects_asks_no_cache(aiohttp_client: AiohttpClient) -> None:
    class Closed:
        def shows(self, *_: object) -> bool:
            return True

        async def admit(self, *_: object) -> None:
            raise NotPermitted("not now")

    app = create_app(settings_of(cache=ON), providers={"scripted": plain()}, gate=Closed())
    client = await aiohttp_client(app)
    status, result, _ = await send(client)
    assert (status, result) == (403, "")
