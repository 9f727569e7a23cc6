"""No request for a model passes the limits by, in any dialect, and each is settled exactly once."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from pytest_aiohttp.plugin import AiohttpClient

from callers import AUTH, settings_of, with_key
from gateway import create_app
from gateway.access import limits
from gateway.access.estimates import Estimate
from gateway.core.chat import ChatRequest, FillRequest
from gateway.core.embeddings import EmbedRequest, EmbedResult
from gateway.core.errors import UpstreamProtocolError, UpstreamRejected, UpstreamUnavailable
from gateway.core.events import (
    ChatEvent,
    Finish,
    FinishReason,
    Logprobs,
    TextDelta,
    ThinkingDelta,
    ToolCall,
    Usage,
)
from gateway.core.model_info import ModelInfo, ModelPrices
from gateway.core.transcriptions import TranscribeRequest, Transcript
from gateway.handlers import ROUTES
from gateway.serving.endpoint import Endpoint
from gateway.serving.keys import ACCESS
from gateway.settings import (
    LimitsSettings,
    ModelsSettings,
    Plan,
    PriceSettings,
    RetrySettings,
    ServerSettings,
    Settings,
    StateSettings,
)
from gateway.state.rows import UsageCounts
from gateways import scripted_app
from model_routes import MODEL, MODEL_ROUTES, body_of, path_of, scripted
from records import Records
from redis_server import redis_server
from scripted import HANG, ScriptedProvider

MICRO = 10**6
"""What a price of 1 for a million tokens is for one of them, in our units."""
PARALLEL = 20
ALLOWED = 3
EACH_MODEL_ROUTE = pytest.mark.parametrize("route", MODEL_ROUTES, ids=lambda one: one.path)
EACH_WAY = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])


@dataclass
class Gated(ScriptedProvider):
    """Answers nobody before the gate is open."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def _play(
        self, request: ChatRequest | FillRequest
    ) -> AsyncGenerator[Sequence[ChatEvent], None]:
        self.asked.append(request)
        await self.gate.wait()
        yield [TextDelta("hello")]
        yield [Finish(FinishReason.STOP, Usage(5, 7))]

    async def embed(self, request: EmbedRequest) -> EmbedResult:
        self.asked.append(request)
        await self.gate.wait()
        return EmbedResult([[1.0]], Usage(5, 0))

    async def transcribe(self, request: TranscribeRequest) -> Transcript:
        self.asked.append(request)
        await self.gate.wait()
        return Transcript("hello")


async def status_of(
    client: TestClient[web.Request, web.Application], route: Endpoint, *, stream: bool
) -> int:
    body = body_of(route, stream=stream)
    async with client.request(route.method, path_of(route), headers=AUTH, **body) as response:
        await response.read()
        return response.status


@EACH_MODEL_ROUTE
@EACH_WAY
@pytest.mark.parametrize(
    ("limit", "whose"),
    [
        ("rpm", "key"),
        ("tpm", "gateway"),
        ("concurrency", "key"),
        pytest.param("rpm", "gateway", marks=pytest.mark.slow),
        pytest.param("tpm", "key", marks=pytest.mark.slow),
        pytest.param("concurrency", "gateway", marks=pytest.mark.slow),
    ],
)
async def test_of_parallel_starts_exactly_as_many_as_are_allowed_reach_the_provider(
    aiohttp_client: AiohttpClient, route: Endpoint, stream: bool, whose: str, limit: str
) -> None:
    provider = Gated(models=[MODEL])
    limits = {limit: ALLOWED}
    if limit == "tpm":
        limits = {"tpm": ALLOWED * await estimate_of(aiohttp_client, route, stream=stream)}
    asked = with_key(**limits) if whose == "key" else settings_of(limits=LimitsSettings(**limits))
    client = await aiohttp_client(scripted_app(provider, asked))
    tasks = [
        asyncio.ensure_future(status_of(client, route, stream=stream)) for _ in range(PARALLEL)
    ]
    refused = []
    for task in asyncio.as_completed(tasks, timeout=50):
        refused.append(await task)
        if len(refused) == PARALLEL - ALLOWED:
            break
    assert refused == [429] * (PARALLEL - ALLOWED)
    provider.gate.set()
    statuses = await asyncio.gather(*tasks)
    assert sorted(statuses) == [200] * ALLOWED + refused
    assert len(provider.asked) == ALLOWED


@EACH_MODEL_ROUTE
@EACH_WAY
async def test_two_replicas_let_as_many_pass_together_as_one(
    aiohttp_client: AiohttpClient, route: Endpoint, stream: bool
) -> None:
    with redis_server() as server:
        settings = replace(with_key(rpm=ALLOWED), state=StateSettings(server.url, timeout=10))
        await assert_all_pass_together(aiohttp_client, settings, 2, route, stream=stream)


@EACH_MODEL_ROUTE
@EACH_WAY
async def test_four_workers_let_as_many_pass_together_as_one(
    aiohttp_client: AiohttpClient, tmp_path: Path, route: Endpoint, stream: bool
) -> None:
    server = ServerSettings(workers=4)
    settings = replace(with_key(rpm=ALLOWED), home=tmp_path, server=server)
    await assert_all_pass_together(aiohttp_client, settings, 4, route, stream=stream)


async def assert_all_pass_together(
    aiohttp_client: AiohttpClient, settings: Settings, count: int, route: Endpoint, *, stream: bool
) -> None:
    """Ask *count* gateways with one state in turn; exactly the allowed requests pass."""
    providers = [scripted() for _ in range(count)]
    clients = [await aiohttp_client(scripted_app(one, settings)) for one in providers]
    turns = itertools.islice(itertools.cycle(clients), PARALLEL)
    statuses = await asyncio.gather(*(status_of(one, route, stream=stream) for one in turns))
    for client in clients:
        await client.close()
    assert sorted(statuses) == [200] * ALLOWED + [429] * (PARALLEL - ALLOWED)
    assert sum(len(provider.asked) for provider in providers) == ALLOWED


async def estimate_of(aiohttp_client: AiohttpClient, route: Endpoint, *, stream: bool) -> int:
    """Return how many tokens a request sets aside, as the rate headers tell."""
    client = await aiohttp_client(scripted_app(scripted(), with_key(tpm=10**9)))
    body = body_of(route, stream=stream)
    async with client.request(route.method, path_of(route), headers=AUTH, **body) as response:
        await response.read()
        left = {
            name.lower(): value
            for name, value in response.headers.items()
            if "tokens" in name.lower() and "remaining" in name.lower()
        }
    (text,) = left.values()
    return 10**9 - int(text)


@pytest.mark.parametrize("route", ROUTES, ids=lambda one: f"{one.method} {one.path}")
async def test_a_route_asks_a_model_within_the_limits_or_asks_none(
    aiohttp_client: AiohttpClient, route: Endpoint
) -> None:
    provider = scripted()
    limited = settings_of(limits=LimitsSettings(rpm=1))
    client = await aiohttp_client(scripted_app(provider, limited))
    path, body = path_of(route), body_of(route, stream=False)
    statuses = []
    for _ in range(2):
        async with client.request(route.method, path, **body) as response:
            await response.read()
            statuses.append(response.status)
    assert (statuses[1] == 429) == bool(route.operation)
    assert len(provider.asked) == (1 if route.operation else 0)


STOP = Finish(FinishReason.STOP, Usage(5, 7, 2))
BROKEN = UpstreamProtocolError("cut")
UNCOUNTED = Finish(FinishReason.STOP)
DONE: Mapping[str, tuple[Sequence[Any], UsageCounts]] = {
    "counted": (
        [[TextDelta("hello")], [STOP]],
        UsageCounts(1, input_tokens=5, cached_tokens=2, output_tokens=7, cost=19 * MICRO),
    ),
    "counted in one batch": (
        [[TextDelta("hello"), STOP]],
        UsageCounts(1, input_tokens=5, cached_tokens=2, output_tokens=7, cost=19 * MICRO),
    ),
    "a zero is a count": (
        [[Finish(FinishReason.STOP, Usage(0, 0))]],
        UsageCounts(1),
    ),
    "without counts": (
        [
            [ThinkingDelta("hmmm")],
            [TextDelta("hello"), Logprobs(())],
            [ToolCall("f", {"a": 1})],
            [UNCOUNTED],
        ],
        # 9 characters, one of the name, and 7 of the arguments
        UsageCounts(1, input_tokens=1, output_tokens=5, estimated_tokens=6, cost=11 * MICRO),
    ),
    "cut after an event": (
        [[TextDelta("hello, you")], BROKEN],
        UsageCounts(
            1, errors=1, input_tokens=1, output_tokens=3, estimated_tokens=4, cost=7 * MICRO
        ),
    ),
    "refused": ([UpstreamRejected("no", status=422)], UsageCounts(1, errors=1)),
    "not reached": ([UpstreamUnavailable("no")], UsageCounts(1, errors=1)),
    "out of order": ([RuntimeError("a bug")], UsageCounts(1, errors=1)),
}


@EACH_WAY
@pytest.mark.parametrize(("steps", "counts"), DONE.values(), ids=DONE)
async def test_what_was_used_is_in_the_ledger_whatever_came(
    aiohttp_client: AiohttpClient, stream: bool, steps: Sequence[Any], counts: UsageCounts
) -> None:
    records = Records()
    settings = replace(with_key(), retry=RetrySettings(count=0))
    app = scripted_app(ScriptedProvider(models=[MODEL], steps=steps), settings, records)
    client = await aiohttp_client(app)
    body = {"model": "tiny", "stream": stream, "messages": [{"role": "user", "content": "hi"}]}
    async with client.post("/api/chat", json=body, headers=AUTH) as response:
        with suppress(aiohttp.ClientError):
            await response.read()
    assert await rows_of(app) == {("alice", "scripted", "tiny-latest", "chat"): counts}
    (record,) = records
    assert (record.caller, record.cost) == ("alice", counts.cost)
    assert record.estimated == (counts.estimated_tokens > 0)


@pytest.mark.parametrize("steps", [[HANG], [[TextDelta("hello, you")], HANG]], ids=["none", "some"])
async def test_a_client_that_leaves_is_charged_for_what_had_come(
    aiohttp_client: AiohttpClient, steps: Sequence[Any]
) -> None:
    provider = ScriptedProvider(models=[MODEL], steps=steps)
    app = scripted_app(provider, with_key(concurrency=1))
    client = await aiohttp_client(app)
    body = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}]}
    call = asyncio.ensure_future(client.post("/api/chat", json=body, headers=AUTH))
    if len(steps) > 1:
        response = await call
        assert await response.content.readline()
        response.close()
    else:
        while not provider.asked:
            await asyncio.sleep(0)
        call.cancel()
    await asyncio.wait_for(provider.left.wait(), 10)
    opened = app[ACCESS].opened
    assert opened is not None
    while (await opened.control.limiter.level("alice", Plan(concurrency=1))).running:
        await asyncio.sleep(0.01)
    tokens = 3 if len(steps) > 1 else 1
    counts = UsageCounts(
        1,
        cancelled=1,
        input_tokens=1,
        output_tokens=tokens,
        estimated_tokens=1 + tokens,
        cost=(1 + 2 * tokens) * MICRO,
    )
    assert await rows_of(app) == {("alice", "scripted", "tiny-latest", "chat"): counts}


async def rows_of(app: web.Application) -> dict[tuple[str, ...], UsageCounts]:
    """Return the rows of the ledger without their hour."""
    opened = app[ACCESS].opened
    assert opened is not None
    assert opened.ledger is not None
    await opened.ledger.write()
    return {row.key[1:5]: row.counts for row in await opened.state.usage(0, 1 << 40)}


async def test_a_second_attempt_and_a_fallback_are_one_request(
    aiohttp_client: AiohttpClient,
) -> None:
    first = ScriptedProvider(models=[MODEL], steps=[UpstreamUnavailable("no")])
    second = ScriptedProvider(models=[MODEL], steps=[[TextDelta("hello"), STOP]])
    settings = Settings(
        providers={},
        models=ModelsSettings(aliases={"any": ("first/tiny", "second/tiny")}),
        retry=RetrySettings(delay=0.001),
        keys=with_key(rpm=1).keys,
        prices={"second/*": PriceSettings(Decimal(1), Decimal(2))},
    )
    app = create_app(settings, providers={"first": first, "second": second})
    client = await aiohttp_client(app)
    body = {"model": "any", "messages": [{"role": "user", "content": "hi"}]}
    statuses = []
    for _ in range(2):
        async with client.post("/api/chat", json=body, headers=AUTH) as response:
            await response.read()
            statuses.append(response.status)
    assert statuses == [200, 429]
    counts = UsageCounts(1, input_tokens=5, cached_tokens=2, output_tokens=7, cost=19 * MICRO)
    assert await rows_of(app) == {("alice", "second", "tiny-latest", "chat"): counts}


async def test_with_a_budget_only_priced_models_are_asked(aiohttp_client: AiohttpClient) -> None:
    first, second = scripted(), scripted()
    settings = Settings(
        providers={},
        models=ModelsSettings(aliases={"any": ("first/tiny", "second/tiny")}),
        keys=with_key(budget=Decimal(1)).keys,
        prices={"second/*": PriceSettings(Decimal(1), Decimal(2))},
    )
    client = await aiohttp_client(
        create_app(settings, providers={"first": first, "second": second})
    )
    for model, status in (("any", 200), ("first/tiny", 402)):
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
        async with client.post("/api/chat", json=body, headers=AUTH) as response:
            await response.read()
            assert response.status == status
    assert response.headers["x-should-retry"] == "false"
    assert (len(first.asked), len(second.asked)) == (0, 1)


@EACH_MODEL_ROUTE
@EACH_WAY
async def test_each_answer_tells_the_rates_in_its_dialect(
    aiohttp_client: AiohttpClient, route: Endpoint, stream: bool
) -> None:
    client = await aiohttp_client(scripted_app(scripted(), with_key(rpm=2)))
    name = (
        "anthropic-ratelimit-requests-remaining"
        if route.dialect.name == "anthropic"
        else "x-ratelimit-remaining-requests"
    )
    body = body_of(route, stream=stream)
    for left, status in (("1", 200), ("0", 200), ("0", 429)):
        async with client.request(route.method, path_of(route), headers=AUTH, **body) as response:
            await response.read()
            assert (response.status, response.headers[name]) == (status, left)
        body = body_of(route, stream=stream)
    assert int(response.headers["retry-after-ms"]) <= 1000 * int(response.headers["Retry-After"])


@EACH_MODEL_ROUTE
@EACH_WAY
async def test_a_request_is_made_once_although_limits_look_at_it_first(
    aiohttp_client: AiohttpClient, monkeypatch: pytest.MonkeyPatch, route: Endpoint, stream: bool
) -> None:
    counted: list[Any] = []
    monkeypatch.setattr(limits, "estimate", lambda one: counted.append(one) or Estimate(1))
    provider = scripted()
    client = await aiohttp_client(scripted_app(provider, with_key(tpm=1000)))
    assert await status_of(client, route, stream=stream) == 200
    ((before,), (asked,)) = counted, provider.asked
    # The caller's name may have been added since, but nothing was read again.
    parts = [getattr(one, "messages", getattr(one, "sampling", one)) for one in (before, asked)]
    assert parts[0] is parts[1]


async def test_a_place_is_free_before_the_client_has_the_end_of_its_answer(
    aiohttp_client: AiohttpClient,
) -> None:
    client = await aiohttp_client(scripted_app(scripted(), with_key(concurrency=1)))
    (chat,) = (one for one in MODEL_ROUTES if one.path == "/api/chat")
    for stream in (True, False) * 20:
        assert await status_of(client, chat, stream=stream) == 200


async def test_loads_and_lists_count_for_nothing(aiohttp_client: AiohttpClient) -> None:
    client = await aiohttp_client(scripted_app(scripted(), with_key(rpm=1)))
    for _ in range(3):
        async with client.post("/api/generate", json={"model": "tiny"}, headers=AUTH) as response:
            assert response.status == 200
            assert "x-ratelimit-limit-requests" not in response.headers


@pytest.mark.parametrize(("own", "cost"), [({}, 5 * 2 + 7 * 3), ({"*": 0}, 0)], ids=["", "own"])
async def test_the_list_of_a_service_tells_what_a_model_costs(
    aiohttp_client: AiohttpClient, own: Mapping[str, int], cost: int
) -> None:
    prices = ModelPrices(Decimal(2), Decimal(3))
    provider = ScriptedProvider(
        models=[ModelInfo("tiny-latest", prices=prices)],
        steps=[[TextDelta("hello")], [Finish(FinishReason.STOP, Usage(5, 7))]],
    )
    patterns = {name: PriceSettings(Decimal(one), Decimal(one)) for name, one in own.items()}
    settings = replace(with_key(budget=Decimal(1)), prices=patterns)
    records = Records()
    client = await aiohttp_client(scripted_app(provider, settings, records))
    body = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}]}
    async with client.post("/api/chat", json=body, headers=AUTH) as response:
        assert response.status == 200, await response.text()
        await response.read()
    (record,) = records
    assert record.cost == cost * MICRO
