"""The name of the user that a host gives a provider: in the field that each service has for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.typedefs import Handler

from any_service import answer_of, service, table
from gateway import PROVIDER_USER, Settings, create_app
from gateway.sandbox import start
from gateway.settings import ProviderSettings
from gateway.testing import Answer, FakeUpstream
from gateways import scripted_app
from hosting import host_of, served
from live import SCHEMAS
from mistral_openapi import load_judge
from model_routes import MODEL_ROUTES, body_of, path_of, scripted

HELLO = [{"role": "user", "content": "Hi"}]
CHAT = {"model": "tiny", "messages": HELLO, "stream": False, "max_tokens": 9}
NAMED: Mapping[str, Mapping[str, Any]] = {
    "mistral": {"metadata": {"user_id": "u-1"}},
    "openai": {"user": "u-1"},
    "anthropic": {"metadata": {"user_id": "u-1"}},
    "ollama": {},
}
FIELDS = ("user", "metadata", "safety_identifier")
VECTORS = Answer([b'{"data":[{"index":0,"embedding":[1.0]}]}'], content_type="application/json")
EMBEDDED = {"mistral": NAMED["mistral"], "openai": NAMED["openai"]}


@web.middleware
async def name(request: web.Request, handler: Handler) -> web.StreamResponse:
    if "X-User" in request.headers:
        request[PROVIDER_USER] = request.headers["X-User"]
    return await handler(request)


async def sent(
    adapter: str, fake: FakeUpstream, path: str, body: Mapping[str, Any], user: str
) -> Mapping[str, Any]:
    """Return the fields about the user that a request has led to."""
    host = host_of(ai=create_app(Settings(providers={"one": table(adapter, fake)})))
    host.middlewares.append(name)
    async with served(host) as origin, aiohttp.ClientSession() as session:
        headers = {"X-User": user} if user else {}
        async with session.post(f"{origin}/ai{path}", json=body, headers=headers) as response:
            assert response.status == 200, await response.text()
    last = json.loads([one for one in fake.requests if one.method == "POST"][-1].body)
    return {field: last[field] for field in FIELDS if field in last}


@pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions", "/v1/messages"])
@pytest.mark.parametrize("adapter", sorted(NAMED))
async def test_a_chat_names_the_user_in_the_field_of_the_service(adapter: str, path: str) -> None:
    async with service(adapter) as fake:
        assert await sent(adapter, fake, path, CHAT, "") == {}
        assert await sent(adapter, fake, path, CHAT, "u-1") == NAMED[adapter]


@pytest.mark.parametrize("adapter", sorted(EMBEDDED))
async def test_vectors_are_asked_for_in_the_name_of_the_user(adapter: str) -> None:
    model = "mistral-embed" if adapter == "mistral" else "text-embedding-3-small"
    document = json.dumps({"data": [{"id": model}]}).encode()
    async with service(adapter, VECTORS) as fake:
        fake.routes["/models"] = Answer([document], content_type="application/json")
        body = {"model": model, "input": "hi"}
        assert await sent(adapter, fake, "/api/embed", body, "") == {}
        assert await sent(adapter, fake, "/api/embed", body, "u-1") == EMBEDDED[adapter]


async def test_a_text_is_filled_in_in_the_name_of_the_user() -> None:
    listed = {
        "data": [{"id": "tiny", "capabilities": {"completion_chat": True, "completion_fim": True}}]
    }
    body = {"model": "tiny", "prompt": "a", "suffix": "b", "stream": False}
    for adapter in ("mistral", "openai"):
        async with service(adapter, answer_of(adapter)) as fake:
            document = json.dumps(listed).encode()
            fake.routes["/models"] = Answer([document], content_type="application/json")
            options = {**table(adapter, fake).options}
            if adapter == "openai":
                options["models"] = {"tiny": {"capabilities": ["completion", "insert"]}}
            one = ProviderSettings(adapter, options)
            host = host_of(ai=create_app(Settings(providers={"one": one})))
            host.middlewares.append(name)
            async with served(host) as origin, aiohttp.ClientSession() as session:
                url, headers = f"{origin}/ai/api/generate", {"X-User": "u-1"}
                async with session.post(url, json=body, headers=headers) as response:
                    assert response.status == 200, await response.text()
            last = json.loads([one for one in fake.requests if one.method == "POST"][-1].body)
            assert {key: last[key] for key in FIELDS if key in last} == NAMED[adapter]


CLAIMS: Mapping[str, tuple[str, Mapping[str, Any], Mapping[str, Any]]] = {
    "openai": (
        "/api/chat",
        {"options": {"user": "root", "safety_identifier": "root", "metadata": {"a": "b"}}},
        {"user": "u-1", "metadata": {"a": "b"}},
    ),
    "anthropic": ("/v1/messages", {"metadata": {"user_id": "root"}}, NAMED["anthropic"]),
    "mistral": (
        "/api/chat",
        {"options": {"metadata": {"user_id": "root", "a": "b"}}},
        {"metadata": {"user_id": "u-1", "a": "b"}},
    ),
}


@pytest.mark.parametrize("adapter", CLAIMS)
async def test_a_client_cannot_name_another_user(adapter: str) -> None:
    path, claims, expected = CLAIMS[adapter]
    async with service(adapter) as fake:
        assert await sent(adapter, fake, path, {**CHAT, **claims}, "u-1") == expected


@pytest.mark.parametrize("route", MODEL_ROUTES, ids=lambda one: one.path)
async def test_the_user_reaches_an_adapter_from_every_route(route: Any) -> None:
    provider = scripted()
    host = host_of(ai=scripted_app(provider))
    host.middlewares.append(name)
    async with served(host) as origin, aiohttp.ClientSession(origin) as session:
        path, body = f"/ai{path_of(route)}", body_of(route, stream=False)
        async with session.post(path, headers={"X-User": "u-1"}, **body) as response:
            assert response.status == 200
    (asked,) = provider.asked
    assert getattr(asked, "user", "u-1") == "u-1"
    assert hasattr(asked, "user") == (route.operation != "transcription")


async def test_mistrals_schemas_have_a_place_for_the_user() -> None:
    async with await start() as running:
        options = {"api_key": "key", "base_url": running.base_url}
        settings = Settings(providers={"mistral": ProviderSettings("mistral", options)})
        host = host_of(ai=create_app(settings))
        host.middlewares.append(name)
        async with served(host) as origin, aiohttp.ClientSession(origin) as session:
            for path, body in (
                ("chat", {"model": "mistral-large", "messages": HELLO}),
                ("embed", {"model": "mistral-embed", "input": "hi"}),
                ("generate", {"model": "codestral", "prompt": "a", "suffix": "b"}),
            ):
                headers = {"X-User": "u-1"}
                async with session.post(f"/ai/api/{path}", json=body, headers=headers) as response:
                    assert response.status == 200, await response.text()
                    await response.read()
    judge = load_judge()
    bodies = [one for one in running.sandbox.requests if one.method == "POST"]
    for one in bodies:
        judge(SCHEMAS[one.path], one.body)
        assert one.body["metadata"] == {"user_id": "u-1"}
    assert len(bodies) == 3
