"""Every route that asks a provider passes the one dispatch, once, with its operation recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from pytest_aiohttp.plugin import AiohttpClient

from gateway import Attempt, Observer, RequestRecord
from gateway.handlers import ROUTES
from gateway.providers import (
    Capability,
    EmbedResult,
    Finish,
    FinishReason,
    ModelInfo,
    TextDelta,
    Transcript,
)
from gateway.serving.endpoint import Endpoint
from gateways import scripted_app
from scripted import ScriptedProvider

USER = [{"role": "user", "content": "hi"}]
MODEL = ModelInfo("tiny-latest", capabilities=frozenset(Capability))
BODIES: Mapping[str, Mapping[str, Any]] = {
    "/api/chat": {"messages": USER},
    "/api/generate": {"prompt": "hi"},
    "/api/embed": {"input": "hi"},
    "/api/embeddings": {"prompt": "hi"},
    "/v1/chat/completions": {"messages": USER},
    "/v1/completions": {"prompt": "hi"},
    "/v1/embeddings": {"input": "hi"},
    "/v1/responses": {"input": "hi"},
    "/v1/messages": {"messages": USER, "max_tokens": 9},
}
RECORDING = "/v1/audio/transcriptions"
EACH_ROUTE = pytest.mark.parametrize("route", ROUTES, ids=lambda one: f"{one.method} {one.path}")


@dataclass
class Attempts(Observer):
    """Counts what passes the dispatch."""

    started_as: tuple[str, str, str] | None = None
    count: int = 0

    def started(self, record: RequestRecord) -> None:
        self.started_as = (record.dialect, record.route, record.operation)

    def attempt(self, record: RequestRecord, attempt: Attempt) -> None:
        self.count += attempt.phase == "started"


def scripted() -> ScriptedProvider:
    return ScriptedProvider(
        models=[MODEL],
        steps=[[TextDelta("hello")], [Finish(FinishReason.STOP)]],
        vectors=EmbedResult([[1.0]]),
        transcript=Transcript("hello"),
    )


def body_of(route: Endpoint, *, stream: bool) -> dict[str, Any]:
    if route.path == RECORDING:
        form = aiohttp.FormData({"model": "tiny-latest"})
        form.add_field("file", b"RIFF", filename="a.wav")
        return {"data": form}
    return {"json": {"model": "tiny", "stream": stream, **BODIES.get(route.path, {})}}


@EACH_ROUTE
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
async def test_a_route_asks_a_provider_through_the_dispatch_or_not_at_all(
    aiohttp_client: AiohttpClient, route: Endpoint, stream: bool
) -> None:
    provider, attempts = scripted(), Attempts()
    client = await aiohttp_client(scripted_app(provider, None, attempts))
    path = route.path.format(model="tiny", digest="sha256:" + "0" * 64, key="k")
    async with client.request(route.method, path, **body_of(route, stream=stream)) as response:
        await response.read()
    assert (len(provider.asked), attempts.count) == (1, 1) if route.operation else (0, 0)
    assert attempts.started_as == (route.dialect.name, route.path, route.operation)
    if route.operation:
        assert response.status == 200


def test_the_routes_with_an_operation_are_those_that_have_a_body_here() -> None:
    assert {one.path for one in ROUTES if one.operation} == {*BODIES, RECORDING}
