"""Clients that ask about an account: none of them stops or wants one."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from gateway.core.errors import GatewayError
from gateway.core.model_info import Capability, ModelInfo
from gateway.dialects.ollama.encode import error_document
from gateway.settings import ModelsSettings, Settings
from gateways import scripted_app
from scripted import ScriptedProvider

TOOLS = frozenset({Capability.COMPLETION, Capability.TOOLS})
MODELS = (
    ModelInfo("plain"),
    ModelInfo("embed", frozenset({Capability.EMBEDDING})),
    ModelInfo("a", TOOLS, context_length=5, description="First."),
    *[ModelInfo(name, TOOLS) for name in "bcdefg"],
)


def told(text: str) -> str:
    """Return the body of an error, or nothing without a text."""
    return error_document(GatewayError(text)).decode() if text else ""


@pytest.fixture
async def client(aiohttp_client: Any) -> Any:
    return await aiohttp_client(scripted_app(ScriptedProvider(models=MODELS)))


ANSWERS = {
    "7.5-status": ("GET", "/api/status", '{"cloud":{"disabled":false,"source":"none"}}'),
    "9-signout": ("POST", "/api/signout", "null"),
    "9-keys": ("DELETE", "/api/user/keys/ssh-ed25519", "null"),
    "9-recommendations": (
        "GET",
        "/api/experimental/model-recommendations",
        '{"recommendations":[{"model":"a","description":"First.","context_length":5}'
        + "".join([f',{{"model":"{name}","description":""}}' for name in "bcde"])
        + "]}",
    ),
}


async def test_each_model_is_recommended_once_and_no_copy(aiohttp_client: Any) -> None:
    models = (
        ModelInfo("large-2512", TOOLS, canonical="large"),
        ModelInfo("large-latest", TOOLS, canonical="large"),
        ModelInfo("small-2603", TOOLS),
    )
    settings = Settings(providers={}, models=ModelsSettings(aliases={"gpt": "small-2603"}))
    client = await aiohttp_client(scripted_app(ScriptedProvider(models=models), settings))
    await client.post("/api/copy", json={"source": "large", "destination": "a"})
    await client.post("/api/pull", json={"model": "scripted/large"})
    response = await client.get("/api/experimental/model-recommendations")
    recommended = (await response.json())["recommendations"]
    assert [one["model"] for one in recommended] == ["gpt", "large"]


@pytest.mark.parametrize(("method", "path", "body"), ANSWERS.values(), ids=ANSWERS)
async def test_questions_are_answered(client: Any, method: str, path: str, body: str) -> None:
    response = await client.request(method, path)
    assert (response.status, response.headers["Content-Type"], await response.text()) == (
        200,
        "application/json; charset=utf-8",
        body,
    )


async def test_somebody_is_signed_in(client: Any) -> None:
    """The command line of Ollama stops at a 401 and asks for an account."""
    answers = [await (await client.post("/api/me")).json() for _ in range(2)]
    assert answers[0] == answers[1]
    uuid.UUID(answers[0].pop("id"))
    assert answers[0] == {"email": "", "name": "gateway", "plan": "free"}


REFUSED = {
    "9-search": (
        "/api/experimental/web_search",
        b'{"query":"x"}',
        403,
        "ollama cloud is disabled: web search is unavailable",
    ),
    "9-fetch": (
        "/api/experimental/web_fetch",
        b'{"url":"https://example.com"}',
        403,
        "ollama cloud is disabled: web fetch is unavailable",
    ),
    "9-search-nothing": ("/api/experimental/web_search", b"", 400, "missing request body"),
    "9-fetch-nothing": ("/api/experimental/web_fetch", b" ", 400, "missing request body"),
}


@pytest.mark.parametrize(("path", "body", "status", "text"), REFUSED.values(), ids=REFUSED)
async def test_services_of_ollamas_cloud_are_refused_without_asking_for_an_account(
    client: Any, path: str, body: bytes, status: int, text: str
) -> None:
    response = await client.post(path, data=body)
    assert (response.status, await response.text()) == (status, told(text))


@pytest.mark.parametrize("path", ["/api/me", "/api/signout"])
async def test_they_are_not_read(client: Any, path: str) -> None:
    response = await client.get(path)
    assert (response.status, response.headers["Allow"]) == (405, "POST")
