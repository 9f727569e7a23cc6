"""The adapter for OpenAI's dialect as a whole."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import aiohttp
import marshmallow as ma
import pytest

from adapter_provider import ask, body_of, events_of, json_answer, opened
from gateway.core.chat import FillRequest
from gateway.core.embeddings import EmbedRequest, EmbedResult
from gateway.core.errors import GatewayError, UpstreamError, UpstreamRejected
from gateway.core.events import Finish, FinishReason, TextDelta
from gateway.core.model_info import Capability
from gateway.core.version import __version__
from gateway.providers.base import ProviderContext
from gateway.providers.openai import (
    ModelRule,
    OpenAIOptions,
    OpenAIOptionsSchema,
    OpenAIProvider,
)
from gateway.providers.upstream import Authorize, ErrorResponse, Outgoing
from gateway.testing import Answer, FakeUpstream

HELLO = Answer([b'data: {"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}\n\n'])
SAID = [TextDelta("a"), Finish(FinishReason.STOP)]
NO_EFFORT = json_answer({"error": {"message": "Unsupported parameter: 'reasoning_effort'"}}, 400)
THINKS = {"*": {"capabilities": ["completion", "thinking"]}}


async def test_headers_are_sent_for_what_is_set() -> None:
    async with opened(OpenAIProvider, HELLO, api_key=" k ", organization="org", project="p") as (
        provider,
        upstream,
    ):
        assert await events_of(provider.chat(ask())) == SAID
        (received,) = upstream.requests
        assert received.path == "/chat/completions"
        names = ("Authorization", "OpenAI-Organization", "OpenAI-Project", "User-Agent")
        assert [received.headers[name] for name in names] == [
            "Bearer k",
            "org",
            "p",
            f"ollama-gateway/{__version__}",
        ]


class _Ours(OpenAIProvider):
    """A service with OpenAI's API that authorizes, addresses and fails in its own way."""

    def authorization(self) -> Authorize:
        name = self.context.name

        async def authorize(request: Outgoing) -> Mapping[str, str]:
            return {"Authorization": f"Signed {name} {len(request.body)}"}

        return authorize

    def error_for(self, response: ErrorResponse, provider: str) -> GatewayError:
        return UpstreamError(f"{provider} is out", provider=provider, status=response.status)

    def path(self, path: str, model: str) -> str:
        return f"/of/{model}{path}"


async def test_an_adapter_may_inherit_and_authorize_and_address_requests_in_its_own_way() -> None:
    vectors = json_answer({"data": [{"embedding": [1.0]}]})
    async with opened(_Ours, HELLO, vectors, HELLO, json_answer({}, 418)) as (provider, upstream):
        await events_of(provider.chat(ask()))
        await provider.embed(EmbedRequest("m", ("a",)))
        await events_of(provider.fill(FillRequest("m", "a", "b")))
        with pytest.raises(UpstreamError, match="is out") as caught:
            await events_of(provider.chat(ask()))
        assert caught.value.status == 418
        model = ask().model
        assert [request.path for request in upstream.requests] == [
            f"/of/{model}/chat/completions",
            "/of/m/embeddings",
            "/of/m/completions",
            f"/of/{model}/chat/completions",
        ]
        signed = [request.headers["Authorization"] for request in upstream.requests]
        name = provider.context.name
        assert signed == [f"Signed {name} {len(one.body)}" for one in upstream.requests]


async def test_without_a_key_there_is_no_header() -> None:
    async with opened(OpenAIProvider, HELLO) as (provider, upstream):
        await events_of(provider.chat(ask()))
        assert "Authorization" not in upstream.requests[0].headers
        assert provider.remote_host == upstream.url


async def test_an_effort_that_is_refused_is_left_out_from_then_on() -> None:
    async with opened(OpenAIProvider, NO_EFFORT, HELLO, models=THINKS) as (provider, upstream):
        for _ in range(2):
            assert await events_of(provider.chat(ask(think="low"))) == SAID
        efforts = [body_of(request).get("reasoning_effort") for request in upstream.requests]
        assert efforts == ["low", None, None]


REFUSED: dict[str, Any] = {
    "another reason": (json_answer({"error": {"message": "no"}}, 400), "low"),
    "an effort that was not sent": (NO_EFFORT, None),
}


@pytest.mark.parametrize(("answer", "think"), REFUSED.values(), ids=REFUSED)
async def test_other_refusals_are_final(answer: Answer, think: Any) -> None:
    async with opened(OpenAIProvider, answer, models=THINKS) as (provider, upstream):
        with pytest.raises(UpstreamRejected):
            await events_of(provider.chat(ask(think=think)))
        assert len(upstream.requests) == 1


async def test_what_is_listed_is_remembered() -> None:
    listed = json_answer({"data": [{"id": "m", "context_length": 5}]})
    async with opened(OpenAIProvider, listed, models=THINKS) as (provider, upstream):
        assert provider.describe("m").context_length == 0
        (info,) = await provider.list_models()
        assert provider.describe("m") == info
        assert info.capabilities == {Capability.COMPLETION, Capability.THINKING}
        assert upstream.requests[0].path == "/models"


@pytest.mark.parametrize("variants", [False, True])
async def test_a_listed_model_may_have_variants(*, variants: bool) -> None:
    listing = json_answer({"data": [{"id": "meta/llama", "context_length": 7}]})
    async with opened(OpenAIProvider, listing, variants=variants) as (provider, _):
        await provider.list_models()
        ids = ["meta/llama:free", "meta/llama:", "meta/other:free", "meta/llama"]
        assert [provider.has_unlisted(one) for one in ids] == [variants, False, False, False]
        described = provider.describe("meta/llama:free")
        assert (described.id, described.canonical) == ("meta/llama:free", "meta/llama:free")
        assert described.context_length == (7 if variants else 0)


@pytest.mark.parametrize(
    ("list_path", "asked"),
    [("/models", "/v1/models"), ("//api/v1/models", "/api/v1/models"), ("/a?b=1", "/v1/a?b=1")],
)
async def test_the_list_may_stand_beside_the_base_url(list_path: str, asked: str) -> None:
    row = {"key": "a", "type": "llm", "max_context_length": 9}
    async with FakeUpstream(json_answer({"models": [row]})) as upstream:
        options = OpenAIOptionsSchema().load(
            {"base_url": f"{upstream.url}/v1", "list_path": list_path, "api_key": "k"}
        )
        async with aiohttp.ClientSession() as session:
            log = logging.getLogger("gateway.test")
            provider = OpenAIProvider(ProviderContext("acme", options, session, log))
            (info,) = await provider.list_models()
        (received,) = upstream.requests
    assert (received.path, received.headers["Authorization"]) == (asked, "Bearer k")
    assert (info.id, info.context_length) == ("a", 9)


async def test_a_server_without_a_list_has_a_wrong_address() -> None:
    missing = json_answer({"error": "not here"}, 404)
    async with opened(OpenAIProvider, missing) as (provider, _):
        with pytest.raises(UpstreamError, match="no list of models: check its base_url"):
            await provider.list_models()


async def test_it_fills_in_and_embeds() -> None:
    text = b'data: {"choices":[{"index":0,"text":"a","finish_reason":"stop"}]}\n\n'
    vectors = json_answer({"data": [{"embedding": [1.0], "index": 0}]})
    async with opened(OpenAIProvider, Answer([text]), vectors) as (provider, upstream):
        assert await events_of(provider.fill(FillRequest("m", "x", "y"))) == SAID
        assert await provider.embed(EmbedRequest("m", ("t",))) == EmbedResult([[1.0]])
        assert [request.path for request in upstream.requests] == ["/completions", "/embeddings"]


def test_options_are_read_once_and_stay() -> None:
    loaded = OpenAIOptionsSchema().load(
        {
            "base_url": "https://openrouter.ai/api/v1/",
            "models": {"a*": {"capabilities": ["vision"]}, "b": {"context_length": 9}},
            "pass_options": ["top_a"],
        }
    )
    assert loaded == OpenAIOptions(
        base_url="https://openrouter.ai/api/v1",
        models={
            "a*": ModelRule(frozenset({Capability.VISION})),
            "b": ModelRule(context_length=9),
        },
        pass_options=("top_a",),
    )
    assert loaded.passed == {"top_a"}
    assert OpenAIOptionsSchema().load({}) == OpenAIOptions()


WRONG: dict[str, dict[str, object]] = {
    "a capability": {"models": {"a": {"capabilities": ["telepathy"]}}},
    "a rule": {"models": {"a": {"speed": 1}}},
    "a field": {"max_tokens_field": "max"},
    "a switch": {"thinking_by": "magic"},
    "a scheme": {"base_url": "ftp://x.example"},
    "a key": {"api_key": "two words"},
    "a flag": {"stream_usage": "yes"},
    "a time": {"silence_timeout": 0},
}


@pytest.mark.parametrize("options", WRONG.values(), ids=WRONG)
def test_wrong_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ma.ValidationError):
        OpenAIOptionsSchema().load(options)
