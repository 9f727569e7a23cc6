"""The contract suite of the gateway, applied to this adapter."""

from __future__ import annotations

import json

from gateway.providers import ToolCall, Usage
from gateway.testing import Answer, ProviderContract, Received

from fake_gemini import MODEL, ROW, events, response
from gateway_gemini import GeminiProvider

COUNTS = {"promptTokenCount": 5, "candidatesTokenCount": 1, "thoughtsTokenCount": 2}
LAST = {**COUNTS, "candidatesTokenCount": 2, "cachedContentTokenCount": 3}
NAME = {"responseId": "r1"}
LAST_EVENT = events(
    response({"text": "", "thoughtSignature": "c2ln"}, reason="STOP", usageMetadata=LAST, **NAME)
)
HELLO = (
    events(
        response({"text": "Hello"}, usageMetadata=COUNTS, **NAME),
        response({"text": " you"}, usageMetadata=COUNTS, **NAME),
    )
    + LAST_EVENT
)


def call(city: str, **more: object) -> dict[str, object]:
    return {"functionCall": {"name": "weather", "args": {"city": city}, **more}}


class TestGemini(ProviderContract):
    provider = GeminiProvider
    model = MODEL
    embedding_model = "gemini-embedding-001"
    base_path = "/v1beta"
    hello_stream = HELLO
    hello_text = "Hello you"
    hello_finish = LAST_EVENT
    hello_usage = Usage(5, 4, 3)
    models_body = json.dumps(
        {
            "models": [
                ROW,
                {
                    "name": "models/gemini-embedding-001",
                    "inputTokenLimit": 2048,
                    "supportedGenerationMethods": ["embedContent"],
                },
                {"name": "models/veo", "supportedGenerationMethods": ["predictLongRunning"]},
            ]
        }
    ).encode()
    length_stream = HELLO.replace(b"STOP", b"MAX_TOKENS")
    thinking_stream = events(response({"text": "Hm.", "thought": True})) + HELLO
    thinking_text = "Hm."
    tools_stream = events(
        response({"text": "I look."}, **NAME),
        response({**call("Oslo", id="c1"), "thoughtSignature": "c2ln"}, call("Rome"), **NAME),
        response({"functionCall": {"name": "now"}}, **NAME),
        response({"text": ""}, reason="STOP", usageMetadata=LAST, **NAME),
    )
    tools_calls = (
        ToolCall("weather", {"city": "Oslo"}, "c1"),
        ToolCall("weather", {"city": "Rome"}),
        ToolCall("now", {}),
    )
    error_event = events(
        {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}
    )
    error_text = "The model is overloaded."

    def embed_answer(self, received: Received) -> Answer:
        texts = [
            one["content"]["parts"][0]["text"] for one in json.loads(received.body)["requests"]
        ]
        assert len(texts) <= 100
        vectors = [{"values": [float(len(text)), 1.0]} for text in texts]
        body = json.dumps({"embeddings": vectors}).encode()
        return Answer([body], content_type="application/json")
