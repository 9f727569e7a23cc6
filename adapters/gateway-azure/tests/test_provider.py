"""The adapter before a resource: addresses, errors, filters, and the list of deployments."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import marshmallow as ma
import pytest
from gateway.providers import (
    Capability,
    ChatRequest,
    EmbedRequest,
    FillRequest,
    Finish,
    FinishReason,
    GatewayError,
    Media,
    Message,
    ModelNotFound,
    ModelRule,
    ProviderContext,
    Role,
    TextDelta,
    UpstreamDenied,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamRateLimited,
    UpstreamRejected,
)
from gateway.testing import Answer, FakeUpstream, Received

from fake_azure import FIRST, KEY, chunk, counts, deployment, document, error, events, filtered
from gateway_azure import AzureOptionsSchema, AzureProvider
from gateway_azure.deployments import merged, parse_deployments

HELLO = Answer([events(FIRST, chunk({"content": "a"}), chunk({}, "stop"), counts())])
USER = (Message(Role.USER, "Hi"),)
PLACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.CognitiveServices/accounts/a"


@asynccontextmanager
async def opened(
    *answers: Answer, name: str = "azure", **options: Any
) -> AsyncIterator[tuple[AzureProvider, FakeUpstream]]:
    async with FakeUpstream(*answers) as upstream, aiohttp.ClientSession() as session:
        given = {"base_url": upstream.url, **options}
        if "token_command" not in given:
            given = {"api_key": KEY, **given}
        if "subscription" in given:
            given["management_url"] = upstream.url
        loaded: Any = AzureOptionsSchema().load(given)
        log = logging.getLogger("gateway.providers.azure")
        provider = AzureProvider(ProviderContext(name, loaded, session, log))
        yield provider, upstream
        await provider.aclose()


async def said(provider: AzureProvider, model: str = "my-gpt", **more: Any) -> str:
    batches = [batch async for batch in provider.chat(ChatRequest(model, USER, **more))]
    return "".join(one.text for batch in batches for one in batch if isinstance(one, TextDelta))


@pytest.mark.parametrize(
    ("given", "url", "query"),
    [
        ({"resource": "r"}, "https://r.openai.azure.com/openai/v1", {}),
        (
            {"resource": "r", "api_version": "2024-10-21"},
            "https://r.openai.azure.com/openai/v1",
            {},
        ),
        (
            {"resource": "r", "api_version": "preview"},
            "https://r.openai.azure.com/openai/v1",
            {"api-version": "preview"},
        ),
        ({"base_url": "https://a.example/"}, "https://a.example/openai/v1", {}),
        ({"base_url": "https://a.example/openai/"}, "https://a.example/openai/v1", {}),
        ({"base_url": "https://a.example/openai/v1"}, "https://a.example/openai/v1", {}),
        (
            {"base_url": "https://a.example/v1", "resource": "r"},
            "https://a.example/v1/openai/v1",
            {},
        ),
        (
            {"base_url": "https://a.example/openai/v1", "deployments": True},
            "https://a.example/openai",
            {"api-version": "2024-10-21"},
        ),
        (
            {
                "resource": "r",
                "deployments": True,
                "api_version": "2025-04-01-preview",
                "query": {"x": "y"},
            },
            "https://r.openai.azure.com/openai",
            {"api-version": "2025-04-01-preview", "x": "y"},
        ),
    ],
)
def test_a_resource_has_an_address(given: dict[str, Any], url: str, query: dict[str, str]) -> None:
    loaded: Any = AzureOptionsSchema().load(given)
    assert (loaded.base_url, dict(loaded.query)) == (url, query)


@pytest.mark.parametrize(
    ("given", "option"),
    [
        ({}, "base_url"),
        ({"resource": "a/b"}, "resource"),
        ({"resource": "r", "api_version": "new"}, "api_version"),
        ({"resource": "r", "deployments": "yes"}, "deployments"),
        ({"resource": "r", "token_command": []}, "token_command"),
        ({"resource": "r", "scope": "a b"}, "scope"),
        ({"resource": "r", "management_url": "ftp://a"}, "management_url"),
        ({"resource": "r", "subscription": "../x"}, "subscription"),
        ({"resource": "r", "thinking_by": "magic"}, "thinking_by"),
    ],
)
def test_options_that_are_none(given: dict[str, Any], option: str) -> None:
    with pytest.raises(ma.ValidationError) as caught:
        AzureOptionsSchema().load(given)
    assert isinstance(caught.value.messages, dict)
    assert [*caught.value.messages] == [option]


async def test_the_v1_api_has_the_deployment_in_the_body() -> None:
    async with opened(HELLO) as (provider, upstream):
        assert await said(provider) == "a"
        (request,) = upstream.requests
        assert provider.remote_host == upstream.url
        assert provider.otel_name == "azure.ai.openai"
    assert request.path == "/openai/v1/chat/completions"
    assert json.loads(request.body)["model"] == "my-gpt"
    assert request.headers["api-key"] == KEY
    assert "Authorization" not in request.headers


async def test_the_older_api_has_the_deployment_in_the_path() -> None:
    embedded = document({"data": [{"embedding": [1.0]}]})
    filled = Answer([events({"choices": [{"text": "b", "finish_reason": "stop"}]})])
    async with opened(HELLO, embedded, filled, deployments=True) as (provider, upstream):
        await said(provider, "odd/../name?x")
        await provider.embed(EmbedRequest("my-embedder", ("a",)))
        async for _ in provider.fill(FillRequest("my-old", "a", "c")):
            pass
        paths = [request.path for request in upstream.requests]
    assert paths == [
        "/openai/deployments/odd%2F..%2Fname%3Fx/chat/completions?api-version=2024-10-21",
        "/openai/deployments/my-embedder/embeddings?api-version=2024-10-21",
        "/openai/deployments/my-old/completions?api-version=2024-10-21",
    ]


async def test_models_are_those_of_the_settings() -> None:
    rules = {"my-gpt": {"base": "gpt-4o"}, "my-*": {}, "e": {"base": "text-embedding-3-small"}}
    async with opened(HELLO, models=rules) as (provider, upstream):
        listed = {model.id: model.capabilities for model in await provider.list_models()}
        assert upstream.requests == []
    assert listed == {
        "my-gpt": {Capability.COMPLETION, Capability.TOOLS, Capability.VISION},
        "e": {Capability.EMBEDDING},
    }


async def test_documents_are_refused_before_they_are_sent() -> None:
    async with opened(HELLO) as (provider, upstream):
        message = Message(Role.USER, (Media("application/pdf", "JVBERi0="),))
        with pytest.raises(GatewayError):
            async for _ in provider.chat(ChatRequest("my-gpt", (message,))):
                pass
        assert upstream.requests == []


REJECTED = "azure rejected the API key: set AZURE_OPENAI_API_KEY, or api_key of the provider azure"
SAFE = {"filtered": False, "severity": "safe"}
ERRORS: dict[str, tuple[Answer, type[GatewayError], int, str]] = {
    "a key": (error(401, "401", "Access denied: invalid key."), UpstreamDenied, 502, REJECTED),
    "a deployment": (
        error(404, "DeploymentNotFound", "The API deployment does not exist."),
        ModelNotFound,
        404,
        "The API deployment does not exist.",
    ),
    "a filter": (
        filtered(hate={"filtered": True, "severity": "high"}, violence=SAFE),
        UpstreamRejected,
        400,
        "The response was filtered. (found: hate high)",
    ),
    "a filter that has no severities": (
        filtered(jailbreak={"filtered": True, "detected": True}, hate=SAFE | {"filtered": True}),
        UpstreamRejected,
        400,
        "The response was filtered. (found: jailbreak, hate)",
    ),
    "a filter that tells nothing": (
        filtered(hate=7),
        UpstreamRejected,
        400,
        "The response was filtered.",
    ),
    "a filter by the newer name": (
        error(
            400,
            "content_filter",
            "Filtered.",
            inner={"content_filter_results": {"custom": {"filtered": True}}},
        ),
        UpstreamRejected,
        400,
        "Filtered. (found: custom)",
    ),
    "a limit, though a filter is mentioned": (
        error(429, "429", "Slow down.", inner={"content_filter_result": {"a": {"filtered": True}}}),
        UpstreamRateLimited,
        429,
        "Slow down.",
    ),
    "what is no JSON": (
        Answer([b"<html>"], status=503, content_type="text/html"),
        UpstreamError,
        503,
        "HTTP 503 from azure",
    ),
}


@pytest.mark.parametrize(("answer", "kind", "status", "words"), ERRORS.values(), ids=ERRORS)
async def test_errors(answer: Answer, kind: type[GatewayError], status: int, words: str) -> None:
    async with opened(answer) as (provider, upstream):
        with pytest.raises(kind) as caught:
            await said(provider)
        assert len(upstream.requests) == 1
    assert (caught.value.status, caught.value.message) == (status, words)


async def test_a_limit_tells_how_long_to_wait_in_milliseconds() -> None:
    answer = error(429, "429", "Slow down.", **{"retry-after-ms": "1500"})
    async with opened(answer) as (provider, _):
        with pytest.raises(UpstreamRateLimited) as caught:
            await said(provider)
    assert caught.value.headers["Retry-After"] == "2"


async def test_an_answer_that_is_filtered_ends_as_one() -> None:
    body = events(FIRST, chunk({"content": "a"}), chunk({}, "content_filter"), counts())
    async with opened(Answer([body])) as (provider, _):
        found = [
            one
            async for batch in provider.chat(ChatRequest("my-gpt", USER))
            for one in batch
            if isinstance(one, Finish)
        ]
    assert [one.reason for one in found] == [FinishReason.CONTENT_FILTER]


async def test_an_error_about_the_key_names_the_provider_of_the_settings() -> None:
    denied = error(401, "401", "Access denied.")
    async with opened(denied, name="work") as (provider, _):
        with pytest.raises(UpstreamDenied, match=r"AZURE_OPENAI_API_KEY, or api_key of .* work"):
            await said(provider)


ACCOUNT = {"subscription": "s", "resource_group": "g", "account": "a"}
COMMAND = {"token_command": ["echo", "token-of-entra"]}
EMBEDS = {"embeddings": "true", "maxContextToken": "many"}
ROWS = [
    deployment("mine", "gpt-5-mini"),
    deployment("vectors", "text-embedding-3-small", abilities=EMBEDS),
    deployment("pictures", "gpt-image-1", abilities={"imageGenerations": "true"}),
    deployment("new", "gpt-4o", provisioningState="Creating"),
    {"name": "bare"},
]


async def test_deployments_are_listed_with_the_models_behind_them() -> None:
    link = "https://elsewhere.example/x?api-version=2024-10-01&skip=1"
    pages = [
        document({"value": ROWS[:2], "nextLink": link}),
        document({"value": ROWS[2:], "nextLink": link}),
    ]
    rules = {"mine": {"max_tokens_field": "max_tokens"}, "extra": {"base": "gpt-4o"}}
    async with opened(*pages, HELLO, models=rules, **ACCOUNT, **COMMAND) as (provider, upstream):
        listed = {model.id: model for model in await provider.list_models()}
        assert [request.path for request in upstream.requests] == [
            f"{PLACE}/deployments?api-version=2024-10-01",
            f"{PLACE}/deployments?api-version=2024-10-01&skip=1",
        ]
        sent = {request.headers["Authorization"] for request in upstream.requests}
        assert sent == {"Bearer token-of-entra"}
        assert list(listed) == ["mine", "extra", "vectors", "bare"]
        assert listed["mine"].context_length == 128_000
        assert Capability.THINKING in listed["mine"].capabilities
        assert listed["vectors"].capabilities == {Capability.EMBEDDING}
        assert provider.describe("mine") == listed["mine"]
        await said(provider, "mine", think="low")
        body = json.loads(upstream.requests[-1].body)
        assert body["reasoning_effort"] == "low"


async def test_a_deployment_that_is_gone_is_forgotten() -> None:
    pages = [document({"value": ROWS[:2]}), document({"value": ROWS[1:2]})]
    async with opened(*pages, **ACCOUNT, **COMMAND) as (provider, _):
        first, second = await provider.list_models(), await provider.list_models()
    assert [[model.id for model in found] for found in (first, second)] == [
        ["mine", "vectors"],
        ["vectors"],
    ]


@pytest.mark.parametrize("page", [{}, {"value": {}}, {"value": [{"name": ""}]}])
async def test_what_is_no_list_of_deployments_is_an_error(page: object) -> None:
    async with opened(document(page), **ACCOUNT, **COMMAND) as (provider, _):
        with pytest.raises(UpstreamProtocolError):
            await provider.list_models()


async def test_a_list_that_may_not_be_read_is_not_the_keys_fault() -> None:
    denied = error(403, "AuthorizationFailed", "The client does not have authorization.")
    async with opened(denied, **ACCOUNT, **COMMAND) as (provider, _):
        with pytest.raises(
            UpstreamDenied, match=r"the token of Microsoft Entra \(AuthorizationFailed\)"
        ):
            await provider.list_models()


async def test_a_list_that_never_ends_is_left() -> None:
    async with opened(HELLO, **ACCOUNT, **COMMAND) as (provider, upstream):

        def answer(_: Received) -> Answer:
            number = len(upstream.requests)
            return document({"value": ROWS[:1], "nextLink": f"https://a.example/?n={number}"})

        upstream.answer = answer
        await provider.list_models()
        assert len(upstream.requests) == 100


def test_what_the_settings_say_of_a_deployment_wins() -> None:
    found = parse_deployments(ROWS, "azure")
    assert found == {
        "mine": ModelRule(base="gpt-5-mini", context_length=128_000, output_length=16_384),
        "vectors": ModelRule(
            base="text-embedding-3-small", capabilities=frozenset({Capability.EMBEDDING})
        ),
        "bare": ModelRule(),
    }
    own = ModelRule(
        base="o3", context_length=5, output_length=6, capabilities=frozenset({Capability.TOOLS})
    )
    rules = merged({"m*": ModelRule(), "mine": own, "vectors": ModelRule()}, found)
    assert list(rules) == ["m*", "mine", "vectors", "bare"]
    assert rules["mine"] == own
    assert rules["vectors"] == found["vectors"]
