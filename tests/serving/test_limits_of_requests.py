"""No request for a model passes the limits by, in any dialect, and each is settled exactly once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from pytest_aiohttp.plugin import AiohttpClient

from gateway.access.client_keys import hash_key
from gateway.core.chat import ChatRequest, FillRequest
from gateway.core.embeddings import EmbedRequest, EmbedResult
from gateway.core.events import ChatEvent, Finish, FinishReason, TextDelta, Usage
from gateway.core.transcriptions import TranscribeRequest, Transcript
from gateway.handlers import ROUTES
from gateway.serving.endpoint import Endpoint
from gateway.settings import KeySettings, LimitsSettings, PriceSettings, Settings
from gateways import scripted_app
from model_routes import MODEL, MODEL_ROUTES, body_of, path_of, scripted
from scripted import ScriptedProvider

PARALLEL = 50
ALLOWED = 3
KEY = "sk-gw-alice-0123456789abcdef"
AUTH = {"Authorization": f"Bearer {KEY}"}
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


def settings(**groups: Any) -> Settings:
    return Settings(providers={}, **groups)


def with_key(*, prices: bool = True, **own: Any) -> Settings:
    return settings(
        keys={"alice": KeySettings(hash_key(KEY), **own)},
        prices={"scripted/*": PriceSettings(Decimal(1), Decimal(2))} if prices else {},
    )


async def status_of(
    client: TestClient[web.Request, web.Application], route: Endpoint, *, stream: bool
) -> int:
    body = body_of(route, stream=stream)
    async with client.request(route.method, path_of(route), headers=AUTH, **body) as response:
        await response.read()
        return response.status


@EACH_MODEL_ROUTE
@EACH_WAY
@pytest.mark.parametrize("whose", ["key", "gateway"])
@pytest.mark.parametrize("limit", ["rpm", "tpm", "concurrency"])
async def test_of_parallel_starts_exactly_as_many_as_are_allowed_reach_the_provider(
    aiohttp_client: AiohttpClient, route: Endpoint, stream: bool, whose: str, limit: str
) -> None:
    provider = Gated(models=[MODEL])
    limits = {limit: ALLOWED}
    if limit == "tpm":
        limits = {"tpm": ALLOWED * await estimate_of(aiohttp_client, route, stream=stream)}
    asked = with_key(**limits) if whose == "key" else settings(limits=LimitsSettings(**limits))
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
    limited = settings(limits=LimitsSettings(rpm=1))
    client = await aiohttp_client(scripted_app(provider, limited))
    path, body = path_of(route), body_of(route, stream=False)
    statuses = []
    for _ in range(2):
        async with client.request(route.method, path, **body) as response:
            await response.read()
            statuses.append(response.status)
    assert (statuses[1] == 429) == bool(route.operation)
    assert len(provider.asked) == (1 if route.operation else 0)
