"""Test the adapter with the contract suite, and in a gateway."""

from __future__ import annotations

import json

from aiohttp.test_utils import TestClient, TestServer
from gateway import ProviderSettings, Settings, create_app
from gateway.testing import Answer, FakeUpstream, ProviderContract

from gateway_acme import AcmeProvider

HELLO = b"""\
data: {"text": "Hello"}

data: {"text": " you"}

data: {"end": "limit", "in": 3, "out": 2}

"""
MODELS = b'["acme-1"]'


class TestAcme(ProviderContract):
    """The contract suite, applied to this adapter."""

    provider = AcmeProvider
    hello_stream = HELLO
    hello_text = "Hello you"
    hello_finish = b'data: {"end"'
    models_body = MODELS


async def test_a_client_of_ollama_gets_an_answer() -> None:
    body = {
        "model": "acme-1",
        "messages": [{"role": "user", "content": "Hi"}],
        "options": {"temperature": 0},
        "stream": False,
    }
    async with FakeUpstream(Answer([HELLO])) as service:
        service.routes["/models"] = Answer([MODELS], content_type="application/json")
        options = {"api_key": "secret", "base_url": service.url}
        tables = {"acme": ProviderSettings("acme", options)}
        adapters = {"acme": AcmeProvider}
        app = create_app(Settings(providers=tables), providers=adapters)
        async with TestClient(TestServer(app)) as client:
            response = await client.post("/api/chat", json=body)
            answer = await response.json()

    assert answer["message"]["content"] == "Hello you"
    assert answer["done_reason"] == "length"
    (request,) = [one for one in service.requests if one.path == "/chat"]
    assert request.headers["X-Acme-Key"] == "secret"
    assert json.loads(request.body) == {
        "model": "acme-1",
        "turns": [{"who": "user", "says": "Hi"}],
        "heat": 0.0,
    }
