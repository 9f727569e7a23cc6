"""The contract suite of the gateway, applied to this adapter."""

from __future__ import annotations

import json
from collections.abc import Mapping

from gateway.providers import ToolCall, Usage
from gateway.testing import Answer, ProviderContract, Received

import frames
from fake_bedrock import NOVA, PROFILES, ROWS, STREAM, row
from gateway_bedrock import BedrockProvider

COUNTS = {"cacheReadInputTokens": 3, "cacheWriteInputTokens": 1}
FINISH = frames.stop("end_turn", **COUNTS)
HELLO = frames.start() + frames.text(0, "Hello", " you") + FINISH
TITAN = "amazon.titan-embed-text-v2:0"


class TestBedrock(ProviderContract):
    provider = BedrockProvider
    options: Mapping[str, object] = {"region": "eu-central-1"}
    model = NOVA
    embedding_model = "cohere.embed-multilingual-v3"
    content_type = STREAM
    garbage = frames.frame(b"{]", event_type="contentBlockDelta", message_type="event")
    hello_stream = HELLO
    hello_text = "Hello you"
    hello_finish = FINISH
    hello_usage = Usage(9, 2, 3)
    models_body: Mapping[str, bytes] = {
        "/foundation-models": json.dumps(
            {
                "modelSummaries": [
                    *ROWS,
                    row(TITAN, outputModalities=["EMBEDDING"]),
                    row("amazon.nova-canvas-v1:0", outputModalities=["IMAGE"]),
                ]
            }
        ).encode(),
        "/inference-profiles": json.dumps({"inferenceProfileSummaries": PROFILES}).encode(),
    }
    length_stream = frames.start() + frames.text(0, "Hel") + frames.stop("max_tokens")
    thinking_stream = (
        frames.start()
        + frames.thinking(0, "H", "m.", signature="c2ln")
        + frames.text(1, "Hello you")
    ) + frames.stop("end_turn")
    thinking_text = "Hm."
    tools_stream = (
        frames.start()
        + frames.text(0, "I look.")
        + frames.call(1, "weather", "tooluse_1", "", '{"ci', 'ty": "Oslo"}')
        + frames.call(2, "weather", "tooluse_2", '{"city": "Rome"}')
        + frames.call(3, "now", "tooluse_3", "")
        + frames.stop("tool_use")
    )
    tools_calls = (
        ToolCall("weather", {"city": "Oslo"}, "tooluse_1"),
        ToolCall("weather", {"city": "Rome"}, "tooluse_2"),
        ToolCall("now", {}, "tooluse_3"),
    )
    error_event = frames.exception(
        "modelStreamErrorException",
        message="Model Stream Error",
        originalStatusCode=500,
        originalMessage="The model has broken down.",
    )
    error_text = "The model has broken down."

    def embed_answer(self, received: Received) -> Answer:
        texts = json.loads(received.body)["texts"]
        assert len(texts) <= 96
        vectors = {"float": [[float(len(text)), 1.0] for text in texts]}
        body = json.dumps({"embeddings": vectors, "response_type": "embeddings_by_type"}).encode()
        return Answer([body], content_type="application/json")
