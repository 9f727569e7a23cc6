"""The adapter before a service: pages of models, embeddings, errors, and what it learns."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import aiohttp
import pytest
from gateway.providers import (
    Capability,
    ChatRequest,
    EmbedRequest,
    GatewayError,
    Message,
    ModelNotFound,
    ProviderContext,
    Role,
    Sampling,
    TextDelta,
    Tool,
    ToolCall,
    UpstreamDenied,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamRejected,
    Usage,
)
from gateway.testing import Answer, FakeUpstream, Received

from fake_gemini import ROW, document, error, events, response
from gateway_gemini import GeminiOptionsSchema, GeminiProvider

HELLO = Answer([events(response({"text": "a"}, reason="STOP"))])
USER = (Message(Role.USER, "Hi"),)


@asynccontextmanager
async def opened(*answers: Answer) -> AsyncIterator[tuple[GeminiProvider, FakeUpstream]]:
    async with FakeUpstream(*answers) as upstream, aiohttp.ClientSession() as session:
        options = GeminiOptionsSchema().load({"api_key": "k", "base_url": upstream.url})
        log = logging.getLogger("gateway.providers.gemini")
        yield GeminiProvider(ProviderContext("gemini", options, session, log)), upstream


async def said(provider: GeminiProvider, **more: Any) -> str:
    request = ChatRequest("gemini-3.5-pro", USER, **more)
    batches = [batch async for batch in provider.chat(request)]
    return "".join(one.text for batch in batches for one in batch if isinstance(one, TextDelta))


async def test_a_list_of_models_has_pages() -> None:
    embedder = {"name": "models/e", "supportedGenerationMethods": ["embedContent"]}
    pages = [
        {"models": [ROW], "nextPageToken": "a/b"},
        {"models": [embedder, ROW, {"name": "models/veo"}], "nextPageToken": "a/b"},
    ]
    async with opened(*map(document, pages)) as (provider, upstream):
        listed = await provider.list_models()
        paths = [request.path for request in upstream.requests]
    assert paths == [
        "/v1beta/models?pageSize=1000",
        "/v1beta/models?pageSize=1000&pageToken=a%2Fb",
    ]
    chat, embed = listed
    assert (chat.id, chat.family, chat.context_length) == ("gemini-3.5-pro", "gemini", 1_048_576)
    assert chat.output_length == 65_536
    assert chat.capabilities == set(Capability) - {Capability.INSERT, Capability.EMBEDDING}
    assert embed.capabilities == {Capability.EMBEDDING}
    assert provider.describe("gemini-3.5-pro") is chat


async def test_a_list_that_never_ends_is_left() -> None:
    numbers = count()
    async with opened(HELLO) as (provider, upstream):
        upstream.answer = lambda _: document({"models": [ROW], "nextPageToken": str(next(numbers))})
        assert len(await provider.list_models()) == 1
        assert len(upstream.requests) == 100


async def test_an_answer_is_the_same_wherever_its_bytes_are_cut() -> None:
    call = {"functionCall": {"name": "f", "args": {"x": "\u00e9"}}, "thoughtSignature": "s"}
    body = events(
        response({"text": "Hm.", "thought": True}, {"text": "\u00e9"}, responseId="r"),
        response(call, reason="STOP", usageMetadata={"promptTokenCount": 3}),
    ).replace(b"\\u00e9", "\u00e9".encode())
    request = ChatRequest("gemini-3.5-pro", USER, think=True)
    async with opened(Answer([body])) as (provider, upstream):
        whole = [one async for batch in provider.chat(request) for one in batch]
        for place in range(1, len(body)):
            upstream.plan(Answer([body[:place], body[place:]]))
            assert [one async for batch in provider.chat(request) for one in batch] == whole
    assert len(whole) == 5


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("gemini-9-pro", set()),
        ("gemini-2.0-flash", {Capability.THINKING}),
        ("gemma-3-27b-it", {Capability.THINKING, Capability.TOOLS, Capability.AUDIO}),
        ("gemini-2.5-flash-image", {Capability.TOOLS}),
    ],
)
async def test_a_model_in_no_list_can_do_what_its_name_tells(
    name: str, missing: set[Capability]
) -> None:
    all_of_chat = set(Capability) - {Capability.INSERT, Capability.EMBEDDING}
    async with opened(HELLO) as (provider, _):
        assert provider.describe(name).capabilities == all_of_chat - missing
        assert provider.describe("gemini-embedding-001").capabilities == {Capability.EMBEDDING}


async def test_embeddings_are_asked_for_by_the_hundred() -> None:
    def answer(received: Received) -> Answer:
        asked = json.loads(received.body)["requests"]
        texts = [one["content"]["parts"][0]["text"] for one in asked]
        return document({"embeddings": [{"values": [float(text)]} for text in texts]})

    async with opened(HELLO) as (provider, upstream):
        upstream.answer = answer
        inputs = tuple(map(str, range(201)))
        result = await provider.embed(EmbedRequest("e", inputs, dimensions=8))
        bodies = [json.loads(request.body)["requests"] for request in upstream.requests]
    assert result.vectors == [[float(number)] for number in range(201)]
    assert result.usage is None
    assert [len(body) for body in bodies] == [100, 100, 1]
    assert upstream.requests[0].path == "/v1beta/models/e:batchEmbedContents"
    assert bodies[2] == [
        {
            "model": "models/e",
            "content": {"parts": [{"text": "200"}]},
            "outputDimensionality": 8,
        }
    ]


async def test_portions_that_were_paid_for_are_not_asked_for_again() -> None:
    good = document({"embeddings": [{"values": [1.0]}] * 100})
    bad = error(503, "Overloaded.", "UNAVAILABLE")
    for answers, repeatable in (((bad,), True), ((good, bad), False)):
        async with opened(*answers) as (provider, _):
            with pytest.raises(UpstreamError) as caught:
                await provider.embed(EmbedRequest("e", ("a",) * 150))
        assert caught.value.repeatable is repeatable


INVALID_KEY = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.2s"}
ERRORS: dict[str, tuple[Answer, type[GatewayError], str, str | None]] = {
    "a wrong key is not the client's fault": (
        error(400, "API key k not valid.", "INVALID_ARGUMENT", INVALID_KEY),
        UpstreamDenied,
        "gemini rejected the API key: set GEMINI_API_KEY, or api_key of the provider gemini",
        None,
    ),
    "a limit": (
        error(429, "Quota exceeded.", "RESOURCE_EXHAUSTED", 7, RETRY),
        UpstreamRateLimited,
        "Quota exceeded.",
        "35",
    ),
    "a model that is not there": (
        error(404, "models/x is not found", "NOT_FOUND"),
        ModelNotFound,
        "models/x is not found",
        None,
    ),
    "overload": (
        error(503, "The model is overloaded.", "UNAVAILABLE"),
        UpstreamRejected,
        "The model is overloaded.",
        None,
    ),
    "a list of errors": (
        Answer([b'[{"error": {"message": "No."}}]'], status=400, content_type="application/json"),
        UpstreamRejected,
        "No.",
        None,
    ),
}


@pytest.mark.parametrize(("answer", "kind", "words", "wait"), ERRORS.values(), ids=ERRORS)
async def test_errors(
    answer: Answer, kind: type[GatewayError], words: str, wait: str | None
) -> None:
    async with opened(answer) as (provider, upstream):
        with pytest.raises(kind) as caught:
            await said(provider)
        assert len(upstream.requests) == 1
    assert caught.value.message == words
    assert caught.value.headers.get("Retry-After") == wait


async def test_what_a_model_refuses_is_left_out_from_then_on() -> None:
    refusal = error(400, "Penalty is not enabled for models/x.", "INVALID_ARGUMENT")
    more = {"sampling": Sampling(presence_penalty=1.0, seed=1)}
    async with opened(refusal, HELLO) as (provider, upstream):
        for _ in range(2):
            assert await said(provider, **more) == "a"
        sent = [json.loads(one.body)["generationConfig"] for one in upstream.requests]
    assert sent == [{"presencePenalty": 1.0, "seed": 1}, {"seed": 1}, {"seed": 1}]


@pytest.mark.parametrize(
    ("status", "words"), [(400, "The moon."), (400, "No signature."), (500, "Thinking failed.")]
)
async def test_another_refusal_is_the_clients(status: int, words: str) -> None:
    async with opened(error(status, words, "X"), HELLO) as (provider, upstream):
        with pytest.raises(UpstreamError, match=words):
            await said(provider, think="low")
        assert len(upstream.requests) == 1


async def test_a_missing_key_is_named_before_anything_is_sent() -> None:
    async with opened(HELLO) as (provider, upstream):
        keyless = provider.with_key("")
        for asked in (
            said(keyless),
            keyless.list_models(),
            keyless.embed(EmbedRequest("e", ("a",))),
        ):
            with pytest.raises(UpstreamDenied, match="GEMINI_API_KEY"):
                await asked
        assert upstream.requests == []


async def test_a_tool_has_the_clients_name_in_the_answer() -> None:
    call = {"functionCall": {"name": "_3d", "args": {}, "id": "1"}}
    async with opened(Answer([events(response(call, reason="STOP"))])) as (provider, _):
        request = ChatRequest("gemini-3.5-pro", USER, tools=(Tool("3d"),))
        found = [one async for batch in provider.chat(request) for one in batch]
    assert found[0] == ToolCall("3d", {}, "1")


async def test_a_model_that_cannot_think_is_not_told_not_to() -> None:
    async with opened(HELLO) as (provider, upstream):
        for model in ("gemini-2.0-flash", "gemini-2.5-flash"):
            async for _ in provider.chat(ChatRequest(model, USER, think=False)):
                pass
        sent = [json.loads(one.body).get("generationConfig") for one in upstream.requests]
    assert sent == [None, {"thinkingConfig": {"thinkingBudget": 0}}]


async def test_usage_and_the_host() -> None:
    counts = {"promptTokenCount": 3, "candidatesTokenCount": 1}
    answer = Answer([events(response({"text": "a"}, reason="STOP", usageMetadata=counts))])
    async with opened(answer) as (provider, upstream):
        batches = [batch async for batch in provider.chat(ChatRequest("m", USER))]
        assert provider.remote_host == upstream.url
    assert batches[-1][-1].usage == Usage(3, 1)  # type: ignore[union-attr]
