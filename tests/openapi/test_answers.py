"""Real answers against the document: those to its examples, to rich streams and to recordings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pytest_aiohttp.plugin import AiohttpClient

from adapter_transcripts import EXCHANGES, Exchange, adapter_gateway, play_models
from api_document import DOCUMENT, judge
from callers import auth, with_key
from gateway.core.errors import SettingsError, UpstreamUnavailable
from gateway.core.events import (
    ChatEvent,
    Finish,
    FinishReason,
    Logprobs,
    TextDelta,
    ThinkingDelta,
    Thought,
    TokenLogprob,
    ToolCall,
    ToolCallDelta,
    Usage,
)
from gateway.handlers import ROUTES
from gateway.openapi.errors import answer_headers
from gateway.providers import Capability, EmbedResult, ModelInfo, Transcript
from gateway.serving.endpoint import Endpoint
from gateway.serving.keys import LIVE
from gateway.settings import (
    CacheSettings,
    MetricsSettings,
    OllamaSettings,
    Settings,
    UsageSettings,
)
from gateway.testing import FakeUpstream
from gateways import scripted_app
from scripted import ScriptedProvider

NAMES = ("mistral-small-latest", "mistral-embed", "voxtral-mini-latest")
CHATS = ("/api/chat", "/v1/chat/completions", "/v1/responses", "/v1/messages")
TEXTS = (*CHATS, "/api/generate", "/v1/completions")
HELLO = [{"role": "user", "content": "Hello"}]
SCORED = Logprobs((TokenLogprob("a", -0.5, (97,), (TokenLogprob("b", -2.0),)),))
RICH: Sequence[Sequence[ChatEvent]] = (
    [ThinkingDelta("Hm"), Thought({"anthropic": {"blocks": []}})],
    [TextDelta("a"), SCORED],
    [ToolCallDelta("c1", "weather", "{"), ToolCallDelta("c1", "weather", "}")],
    [ToolCall("weather", {}, "c1"), ToolCall("weather", {"city": "Rome"}, "c2")],
    [Finish(FinishReason.TOOL_CALLS, Usage(9, 5, 2))],
)


def provider(*steps: Any, vectors: int = 2) -> ScriptedProvider:
    def abilities(name: str) -> frozenset[Capability]:
        return frozenset({Capability.EMBEDDING} if "embed" in name else {*Capability})

    return ScriptedProvider(
        models=[ModelInfo(name, abilities(name)) for name in NAMES],
        steps=steps or ([TextDelta("Hi")], [Finish(FinishReason.STOP, Usage(2, 1))]),
        vectors=EmbedResult([[1.0, 0.0], [0.0, 1.0]][:vectors], Usage(2, 0)),
        transcript=Transcript("Hello"),
    )


async def asked(client: Any, route: Endpoint, **more: Any) -> aiohttp.ClientResponse:
    """Send the example of a route, with *more* members in its body; judge the answer."""
    operation = DOCUMENT["paths"][route.path][route.method.lower()]
    examples = {one["name"]: one.get("example", "") for one in operation["parameters"]}
    path = re.sub(r"\{(\w+)\}", lambda found: examples[found[1]], route.path)
    ((media, body),) = operation.get("requestBody", {"content": {"": {}}})["content"].items()
    example = body.get("example")
    sent: dict[str, Any] = {}
    if media == "multipart/form-data":
        form = aiohttp.FormData(example)
        form.add_field("file", b"RIFF", filename="a.wav")
        sent["data"] = form
    elif media == "application/json":
        sent["json"] = {**example, **more}
    async with client.request(route.method, path, **sent) as response:
        content = await response.read()
        judge(route.method, route.path, response.status, response.content_type, content)
        return response


def route_of(path: str) -> Endpoint:
    return next(one for one in ROUTES if one.path == path)


REFUSED = {
    "/api/delete": 404,
    "/api/blobs/{digest}": 404,
    "/api/experimental/web_search": 403,
    "/api/experimental/web_fetch": 403,
    "/gateway/usage": 404,
    "/gateway/exchanges": 404,
    "/gateway/exchanges/events": 404,
    "/gateway/exchanges/{id}": 404,
    "/gateway/exchanges/{id}/recording": 404,
    "/gateway/reload": 404,
}
"""Where an example is refused: nothing was made, nothing is kept, or nobody can reload."""


@pytest.mark.parametrize("route", ROUTES, ids=lambda one: f"{one.method} {one.path}")
async def test_the_example_of_every_operation_is_answered_as_described(
    aiohttp_client: AiohttpClient, route: Endpoint
) -> None:
    settings = Settings(providers={}, metrics=MetricsSettings(enabled=True))
    vectors = 1 if route.path == "/api/embeddings" else 2
    client = await aiohttp_client(scripted_app(provider(vectors=vectors), settings))
    response = await asked(client, route)
    expected = REFUSED.get(route.path, 200)
    if (route.method, route.path) == ("POST", "/api/blobs/{digest}"):
        expected = 400  # the digest in the path is not that of the empty file
    assert response.status == expected


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("path", TEXTS)
async def test_every_kind_of_answer_is_described(
    aiohttp_client: AiohttpClient, path: str, stream: bool
) -> None:
    settings = Settings(providers={}, ollama=OllamaSettings(show_remote=True))
    client = await aiohttp_client(scripted_app(provider(*RICH), settings))
    response = await asked(client, route_of(path), stream=stream, think=True)
    assert response.status == 200
    for reason in FinishReason:
        client = await aiohttp_client(scripted_app(provider([Finish(reason)]), settings))
        assert (await asked(client, route_of(path), stream=stream)).status == 200


@pytest.mark.parametrize("path", TEXTS)
async def test_a_stream_that_fails_is_described(aiohttp_client: AiohttpClient, path: str) -> None:
    steps = ([TextDelta("a")], UpstreamUnavailable("gone"))
    client = await aiohttp_client(scripted_app(provider(*steps)))
    assert (await asked(client, route_of(path), stream=True)).status == 200
    assert (await asked(client, route_of(path), stream=False)).status == 502


@pytest.mark.parametrize("path", [*TEXTS, "/api/embed", "/v1/embeddings", "/api/show"])
async def test_a_refusal_is_described(aiohttp_client: AiohttpClient, path: str) -> None:
    client = await aiohttp_client(scripted_app(provider()))
    assert (await asked(client, route_of(path), model="unknown")).status == 404
    assert (await asked(client, route_of(path), model=7)).status == 400


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/{model}"])
async def test_models_in_the_form_of_anthropic_are_described(
    aiohttp_client: AiohttpClient, path: str
) -> None:
    client = await aiohttp_client(
        scripted_app(provider()), headers={"anthropic-version": "2023-06-01"}
    )
    assert (await asked(client, route_of(path))).status == 200


@pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions", "/v1/messages"])
async def test_headers_of_limits_keys_and_kept_answers_are_described(
    aiohttp_client: AiohttpClient, path: str
) -> None:
    route = route_of(path)
    cache = CacheSettings(enabled=True, what="all")
    settings = replace(with_key("alice", rpm=2, tpm=100_000), cache=cache)
    client = await aiohttp_client(scripted_app(provider(), settings))
    refused = await asked(client, route, stream=False)
    assert (refused.status, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
    client = await aiohttp_client(scripted_app(provider(), settings), headers=auth("alice"))
    first = await asked(client, route, stream=False)
    kept = await asked(client, route, stream=False)
    described = {name.lower() for name in answer_headers(route.dialect.name)}
    common = {"content-type", "content-length", "date"}
    assert {name.lower() for name in kept.headers} - common == described - {
        name
        for name in described
        if "-tokens" in name  # a kept answer takes none
    }
    assert {name.lower() for name in first.headers} - common == described - {"age"}
    limited = await asked(client, route, stream=False)
    assert limited.status == 429
    assert {"Retry-After", "retry-after-ms"} <= limited.headers.keys()


@pytest.mark.parametrize("path", ["/gateway/key", "/healthz", "/readyz"])
async def test_reports_about_the_gateway_are_described(
    aiohttp_client: AiohttpClient, path: str
) -> None:
    settings = with_key("alice", rpm=9, tpm=9, concurrency=2, budget=5.0)
    client = await aiohttp_client(scripted_app(provider(), settings), headers=auth("alice"))
    assert (await asked(client, route_of(path))).status == 200


async def test_a_gateway_that_is_not_ready_is_described(aiohttp_client: AiohttpClient) -> None:
    client = await aiohttp_client(
        scripted_app(ScriptedProvider(models=UpstreamUnavailable("gone")))
    )
    assert (await asked(client, route_of("/readyz"))).status == 503


@pytest.mark.parametrize("form", ["json", "csv"])
async def test_a_report_of_usage_is_described(
    aiohttp_client: AiohttpClient, tmp_path: Path, form: str
) -> None:
    settings = Settings(providers={}, home=tmp_path, usage=UsageSettings(enabled=True))
    client = await aiohttp_client(scripted_app(provider(), settings))
    assert (await asked(client, route_of("/api/chat"))).status == 200
    async with client.get(f"/gateway/usage?format={form}") as response:
        content = await response.read()
        assert b"mistral-small" in content
        judge("GET", "/gateway/usage", response.status, response.content_type, content)


async def test_a_reload_and_a_mistake_in_it_are_described(aiohttp_client: AiohttpClient) -> None:
    app = scripted_app(provider())
    app[LIVE].read = lambda: Settings(providers={}, usage=UsageSettings(enabled=False))
    client = await aiohttp_client(app)
    assert (await asked(client, route_of("/gateway/reload"))).status == 200

    def fail() -> Settings:
        raise SettingsError("a mistake")

    app[LIVE].read = fail
    assert (await asked(client, route_of("/gateway/reload"))).status == 422


@pytest.mark.parametrize("case", EXCHANGES, ids=lambda case: f"{case.adapter}-{case.name}")
async def test_answers_to_recordings_are_described(case: Exchange) -> None:
    upstream = FakeUpstream()
    async with upstream, aiohttp.ClientSession() as session:
        play_models(upstream, case.adapter)
        async with adapter_gateway(case.adapter, upstream.url) as url:
            for path in TEXTS:
                upstream.plan(case.answer())
                body = {"model": case.request["model"], "messages": HELLO, "prompt": "Hello"}
                body |= {"input": "Hello", "max_tokens": 9, "stream": True}
                async with session.post(url + path, json=body) as response:
                    content = await response.read()
                    judge("POST", path, response.status, response.content_type, content)
