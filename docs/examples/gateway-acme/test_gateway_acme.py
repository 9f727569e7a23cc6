"""Test the adapter with the contract suite, and in a gateway."""

from __future__ import annotations

import json

from aiohttp.test_utils import TestClient, TestServer
from gateway import ProviderSettings, Settings, create_app
from gateway.providers import ToolCall, Usage
from gateway.testing import Answer, FakeUpstream, ProviderContract, Received

from gateway_acme import AcmeProvider

HELLO = b"""\
data: {"text": "Hello", "in": 3, "out": 1}

data: {"text": " you", "in": 3, "out": 2}

data: {"end": "end", "in": 3, "out": 2}

"""
MODELS = b"""[
    {"name": "acme-1", "does": ["chat", "tools", "pictures", "thoughts"]},
    {"name": "acme-vectors", "does": ["vectors"]}
]"""


class TestAcme(ProviderContract):
    """The contract suite, applied to this adapter."""

    provider = AcmeProvider
    model = "acme-1"
    hello_stream = HELLO
    hello_text = "Hello you"
    hello_finish = b'data: {"end"'
    models_body = MODELS

    # Optional: without one of these, the suite leaves out what it is for.
    hello_usage = Usage(3, 2)
    length_stream = HELLO.replace(b'"end": "end"', b'"end": "limit"')
    thinking_stream = b'data: {"thought": "Hm."}\n\n' + HELLO
    thinking_text = "Hm."
    tools_stream = b"""\
data: {"text": "I look.", "call": {"id": "c1", "name": "weather", "input": "{\\"ci"}}

data: {"call": {"id": "c1", "input": "ty\\": \\"Oslo\\"}"}}

data: {"end": "end", "in": 9, "out": 7}

"""
    tools_calls = (ToolCall("weather", {"city": "Oslo"}, "c1"),)
    error_event = b'data: {"error": "too many guests"}\n\n'
    error_text = "too many guests"

    def embed_answer(self, received: Received) -> Answer:
        """Return a vector for each text of a request."""
        texts = json.loads(received.body)["texts"]
        vectors = [[float(len(text)), 1.0] for text in texts]
        body = json.dumps({"vectors": vectors, "in": len(vectors)}).encode()
        return Answer([body], content_type="application/json")


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
    assert answer["done_reason"] == "stop"
    assert answer["eval_count"] == 2
    (request,) = [one for one in service.requests if one.path == "/chat"]
    assert request.headers["X-Acme-Key"] == "secret"
    assert json.loads(request.body) == {
        "model": "acme-1",
        "turns": [{"who": "user", "says": "Hi"}],
        "heat": 0.0,
    }
