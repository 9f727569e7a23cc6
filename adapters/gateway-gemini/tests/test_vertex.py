"""Vertex AI: the contract suite, where its models are, and the tokens of an account."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from gateway.providers import (
    ChatRequest,
    EmbedRequest,
    Message,
    ProviderContext,
    Role,
    ToolCall,
    UpstreamDenied,
    Usage,
)
from gateway.testing import Answer, FakeUpstream, ProviderContract, Received

from fake_gemini import MODEL, document, error, events, response
from gateway_gemini import VertexOptionsSchema, VertexProvider
from test_contract import TestGemini

PLACE = "/v1/projects/p/locations/global/publishers/google"
HELLO = Answer([events(response({"text": "a"}, reason="STOP"))])
USER = Message(Role.USER, "Hi")


class TestVertex(ProviderContract):
    provider = VertexProvider
    options: Mapping[str, object] = {"project": "p", "models": [MODEL, "gemini-embedding-001"]}
    model = MODEL
    embedding_model = "text-embedding-005"
    base_path = "/v1"
    models_body = b"{}"
    hello_stream = TestGemini.hello_stream
    hello_text = TestGemini.hello_text
    hello_finish = TestGemini.hello_finish
    hello_usage = TestGemini.hello_usage
    tools_stream = TestGemini.tools_stream
    tools_calls = TestGemini.tools_calls
    error_event = TestGemini.error_event
    error_text = TestGemini.error_text

    def embed_answer(self, received: Received) -> Answer:
        texts = [one["content"] for one in json.loads(received.body)["instances"]]
        assert len(texts) <= 100
        return document({"predictions": [vector(text) for text in texts]})


del TestGemini  # so that it is not collected here as well


def vector(text: str) -> dict[str, Any]:
    statistics = {"token_count": 3, "truncated": False}
    return {"embeddings": {"values": [float(len(text)), 1.0], "statistics": statistics}}


@asynccontextmanager
async def opened(
    *answers: Answer, **options: object
) -> AsyncIterator[tuple[VertexProvider, FakeUpstream]]:
    async with FakeUpstream(*answers) as upstream, aiohttp.ClientSession() as session:
        given = {"project": "p", "base_url": upstream.url, **options}
        log = logging.getLogger("gateway.providers.vertex")
        context = ProviderContext("vertex", VertexOptionsSchema().load(given), session, log)
        yield VertexProvider(context), upstream


async def ask(provider: VertexProvider) -> None:
    call = ToolCall("f", {}, "c1")
    messages = (USER, Message(Role.ASSISTANT, tool_calls=(call,)), Message(Role.TOOL, "1"))
    async for _ in provider.chat(ChatRequest(MODEL, messages)):
        pass


@pytest.mark.parametrize(
    ("options", "root"),
    [
        ({}, f"https://aiplatform.googleapis.com{PLACE}"),
        (
            {"location": "europe-west4"},
            "https://europe-west4-aiplatform.googleapis.com"
            "/v1/projects/p/locations/europe-west4/publishers/google",
        ),
        ({"base_url": "https://a.example"}, f"https://a.example{PLACE}"),
    ],
)
def test_a_location_has_an_address(options: dict[str, object], root: str) -> None:
    assert VertexOptionsSchema().load({"project": "p", **options}).root == root


async def test_a_chat_has_no_ids_and_the_token_of_the_settings() -> None:
    async with opened(HELLO, api_key="token") as (provider, upstream):
        await ask(provider)
        (request,) = upstream.requests
        assert provider.remote_host == upstream.url
    assert request.path == f"{PLACE}/models/{MODEL}:streamGenerateContent?alt=sse"
    assert request.headers["Authorization"] == "Bearer token"
    turns = json.loads(request.body)["contents"]
    assert turns[1]["parts"][0]["functionCall"] == {"name": "f", "args": {}}
    assert turns[2]["parts"][0]["functionResponse"] == {"name": "f", "response": {"result": "1"}}


async def test_models_are_those_of_the_settings() -> None:
    async with opened(HELLO, models=["a", "b", "a"]) as (provider, _):
        assert [model.id for model in await provider.list_models()] == ["a", "b"]


async def test_embeddings_without_options() -> None:
    async with opened(document({"predictions": [vector("abc")]}), api_key="t") as (
        provider,
        service,
    ):
        await provider.embed(EmbedRequest("text-e", ("abc",)))
        sent = json.loads(service.requests[0].body)
    assert sent == {"instances": [{"content": "abc"}], "parameters": {"autoTruncate": True}}


@pytest.mark.parametrize(("model", "sizes"), [("gemini-embedding-001", [1, 1]), ("text-e", [2])])
async def test_embeddings(model: str, sizes: list[int]) -> None:
    answers = [document({"predictions": [vector("abc")] * size}) for size in sizes]
    async with opened(*answers, api_key="t") as (provider, upstream):
        asked = EmbedRequest(model, ("abc", "abc"), dimensions=2, truncate=False)
        result = await provider.embed(asked)
        bodies = [json.loads(request.body) for request in upstream.requests]
    assert result.vectors == [[3.0, 1.0]] * 2
    assert result.usage == Usage(6, 0)
    assert [len(body["instances"]) for body in bodies] == sizes
    assert bodies[0]["parameters"] == {"outputDimensionality": 2, "autoTruncate": False}
    assert upstream.requests[0].path == f"{PLACE}/models/{model}:predict"


def account(file: Path, url: str) -> str:
    """Write the credentials of an account whose tokens are at *url*."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    text = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    fields = {
        "type": "service_account",
        "client_email": "a@b.example",
        "private_key_id": "1",
        "private_key": text.decode(),
        "token_uri": f"{url}/token",
    }
    file.write_text(json.dumps(fields))
    return str(file)


async def test_a_token_is_fetched_once_for_many_chats(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = document({"access_token": "fresh", "expires_in": 3600, "token_type": "Bearer"})
    async with opened(HELLO) as (_, service):
        service.routes["/token"] = token
        file = account(tmp_path / "account.json", service.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", file)
        async with opened(HELLO) as (provider, upstream):
            await asyncio.gather(*(ask(provider) for _ in range(5)))
            sent = [request.headers["Authorization"] for request in upstream.requests]
        tokens = [request for request in service.requests if request.path == "/token"]
    assert sent == ["Bearer fresh"] * 5
    assert len(tokens) == 1


async def test_credentials_that_cannot_be_had_are_denied_without_words_of_the_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "account.json"
    file.write_text('{"type": "secret-kind"}')
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    async with opened(HELLO) as (provider, upstream):
        with pytest.raises(UpstreamDenied) as caught:
            await ask(provider)
        assert upstream.requests == []
    assert "secret-kind" not in caught.value.message


async def test_a_rejected_token_names_where_credentials_are_set() -> None:
    denied = error(401, "Invalid token t.", "UNAUTHENTICATED")
    async with opened(denied, api_key="t") as (provider, _):
        with pytest.raises(UpstreamDenied, match="GOOGLE_APPLICATION_CREDENTIALS"):
            await ask(provider)
