"""Routes that are not there, methods that do not fit, bodies that are too large, bugs."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from aiohttp import web

from gateway.core.errors import UpstreamUnavailable
from gateway.settings import LimitsSettings, RetrySettings, Settings
from gateways import scripted_app
from scripted import ScriptedProvider


@pytest.fixture
async def client(aiohttp_client: Any) -> Any:
    return await aiohttp_client(scripted_app(ScriptedProvider()))


async def test_an_unknown_path_is_a_plain_404(client: Any) -> None:
    response = await client.get("/api/nonsense")
    assert (response.status, await response.text()) == (404, "404 page not found")
    assert response.headers["Content-Type"] == "text/plain"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/api/chat", "POST"),
        ("POST", "/api/tags", "GET, HEAD"),
        ("HEAD", "/api/ps", "GET"),
        ("DELETE", "/", "GET, HEAD"),
    ],
)
async def test_another_method_is_a_plain_405(
    client: Any, method: str, path: str, allowed: str
) -> None:
    response = await client.request(method, path)
    body = "" if method == "HEAD" else "405 method not allowed"
    assert (response.status, await response.text()) == (405, body)
    assert response.headers["Allow"] == allowed
    assert response.headers["Content-Type"] == "text/plain"


async def test_a_body_over_the_limit_is_refused(aiohttp_client: Any) -> None:
    settings = Settings(limits=LimitsSettings(body=100), providers={})
    client = await aiohttp_client(scripted_app(ScriptedProvider(), settings))
    response = await client.post("/api/chat", data=b"x" * 101)
    assert (response.status, await response.json()) == (413, {"error": "request body too large"})


async def test_a_bug_is_a_500_without_a_traceback(
    client: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("gateway.handlers.ollama.models.tags_document", lambda models: 1 / 0)
    response = await client.get("/api/tags")
    assert (response.status, await response.json()) == (500, {"error": "internal server error"})
    assert "GET /api/tags failed" in caplog.text


async def test_the_cause_of_an_upstream_failure_is_logged_and_not_sent(
    aiohttp_client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(retry=RetrySettings(delay=0.01), providers={})
    failure = UpstreamUnavailable("scripted cannot be reached")
    failure.__cause__ = OSError("10.0.0.1 says no")
    caplog.set_level(logging.INFO)
    client = await aiohttp_client(scripted_app(ScriptedProvider(steps=[failure]), settings))
    body = {"model": "tiny", "messages": [{"role": "user", "content": "secret words"}]}
    response = await client.post("/api/chat", json=body)
    assert (response.status, await response.json()) == (
        502,
        {"error": "scripted cannot be reached"},
    )
    assert "10.0.0.1 says no" in caplog.text
    assert "secret words" not in caplog.text


async def test_exceptions_of_aiohttp_pass(aiohttp_client: Any) -> None:
    async def redirect(request: web.Request) -> web.Response:
        raise web.HTTPFound("/elsewhere")

    app = scripted_app(ScriptedProvider())
    app.router.add_get("/moved", redirect)
    client = await aiohttp_client(app)
    response = await client.get("/moved", allow_redirects=False)
    assert response.status == 302


async def test_no_answer_names_the_framework_and_a_hosts_own_name_stays(
    client: Any, aiohttp_client: Any
) -> None:
    response = await client.get("/")
    assert "Server" not in response.headers

    async def sign(request: web.Request, response: web.StreamResponse) -> None:
        response.headers["Server"] = "mine"

    host = web.Application()
    host.on_response_prepare.append(sign)
    host.add_subapp("/llm", scripted_app(ScriptedProvider()))
    response = await (await aiohttp_client(host)).get("/llm/")
    assert response.headers["Server"] == "mine"


EARLY, LATE = "application/json; charset=utf-8", "application/json"
ASK = {"model": "tiny", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
UNKNOWN = {**ASK, "model": "nobody", "prompt": "x", "input": "x"}
CONTENT_TYPES: dict[str, tuple[str, str, Any, str, bytes]] = {
    "a body that cannot be read": ("POST", "/v1/chat/completions", {"model": 5}, EARLY, b"}"),
    "no messages": ("POST", "/v1/chat/completions", {"model": "tiny"}, EARLY, b"}"),
    "a model of a chat": ("POST", "/v1/chat/completions", UNKNOWN, LATE, b"}\n"),
    "a model of a completion": ("POST", "/v1/completions", UNKNOWN, LATE, b"}\n"),
    "a model of a response": ("POST", "/v1/responses", UNKNOWN, LATE, b"}\n"),
    "a model of an embedding": ("POST", "/v1/embeddings", UNKNOWN, LATE, b"}\n"),
    "a model in a path": ("GET", "/v1/models/nobody", None, LATE, b"}\n"),
    "no tokens": ("POST", "/v1/messages", {"model": "tiny"}, EARLY, b"}"),
    "a model of a message": ("POST", "/v1/messages", UNKNOWN, LATE, b"}\n"),
    "a provider in a message": ("POST", "/v1/messages", ASK, LATE, b"}\n"),
    "a provider in a chat": ("POST", "/v1/chat/completions", ASK, LATE, b"}\n"),
    "a provider in a stream": ("POST", "/v1/messages", {**ASK, "stream": True}, LATE, b"}\n"),
    "a model of Ollama's chat": ("POST", "/api/chat", UNKNOWN, EARLY, b"}"),
    "a provider in Ollama's stream": ("POST", "/api/chat", ASK, LATE, b"}"),
    "a provider in Ollama's answer": ("POST", "/api/chat", {**ASK, "stream": False}, EARLY, b"}"),
}


@pytest.mark.parametrize(
    ("method", "path", "body", "content_type", "end"), CONTENT_TYPES.values(), ids=CONTENT_TYPES
)
async def test_an_error_has_the_content_type_that_it_has_at_ollama(
    aiohttp_client: Any, method: str, path: str, body: Any, content_type: str, end: bytes
) -> None:
    provider = ScriptedProvider(steps=[UpstreamUnavailable("gone", status=503)])
    settings = Settings(retry=RetrySettings(count=0), providers={})
    client = await aiohttp_client(scripted_app(provider, settings))
    response = await client.request(method, path, json=body)
    assert response.status >= 400
    assert response.headers["Content-Type"] == content_type
    assert (await response.read())[-len(end) :] == end
