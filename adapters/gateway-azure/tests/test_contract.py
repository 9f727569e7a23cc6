"""The contract suite of the gateway, applied to this adapter: both of Azure's APIs."""

from __future__ import annotations

import json
from collections.abc import Mapping

from gateway.providers import ToolCall, Usage
from gateway.testing import Answer, ProviderContract, Received

from fake_azure import FIRST, chunk, counts, events
from gateway_azure import AzureProvider

MODELS: Mapping[str, object] = {
    "my-gpt": {"base": "gpt-4o"},
    "my-embedder": {"base": "text-embedding-3-small"},
}
CACHED = {"prompt_tokens_details": {"cached_tokens": 3}}
END = [chunk({}, "stop"), counts(**CACHED)]
TEXT = [FIRST, chunk({"role": "assistant", "content": ""}), chunk({"content": "Hello"})]
LOOKS = {"name": "weather", "arguments": ""}


def call(index: int, arguments: str, **more: object) -> object:
    function = {"arguments": arguments, **({"name": "weather"} if more else {})}
    return chunk({"tool_calls": [{"index": index, "function": function, **more}]})


class TestAzure(ProviderContract):
    provider = AzureProvider
    options: Mapping[str, object] = {"models": MODELS}
    model = "my-gpt"
    embedding_model = "my-embedder"
    base_path = "/openai/v1"
    models_body: Mapping[str, bytes] = {}
    hello_stream = events(*TEXT, chunk(), chunk({"content": " you"}), *END)
    hello_text = "Hello you"
    hello_finish = b"data: " + json.dumps(END[0]).encode()
    hello_usage = Usage(5, 2, 3)
    length_stream = hello_stream.replace(b'"stop"', b'"length"')
    thinking_stream = events(chunk({"reasoning_content": "Hm."}), *TEXT, *END)
    thinking_text = "Hm."
    tools_stream = events(
        FIRST,
        chunk({"content": "I look."}),
        call(0, '{"ci', id="call_1", type="function"),
        call(0, 'ty": "Oslo"}'),
        call(1, '{"city": "Rome"}', id="call_2", type="function"),
        chunk({}, "tool_calls"),
        counts(),
    )
    tools_calls = (
        ToolCall("weather", {"city": "Oslo"}, "call_1"),
        ToolCall("weather", {"city": "Rome"}, "call_2"),
    )
    error_event = events(
        {"error": {"code": "server_error", "message": "The engine is overloaded."}}
    )
    error_text = "The engine is overloaded."
    fill_stream = events(
        {"id": "cmpl-1", "choices": [{"index": 0, "text": "middle", "finish_reason": "stop"}]}
    )
    fill_text = "middle"

    def embed_answer(self, received: Received) -> Answer:
        texts = json.loads(received.body)["input"]
        rows = [{"index": at, "embedding": [float(len(text))]} for at, text in enumerate(texts)]
        body = json.dumps({"data": rows, "usage": {"prompt_tokens": 1}}).encode()
        return Answer([body], content_type="application/json")


class TestDeployments(TestAzure):
    """The older API, with the deployment in the path."""

    options: Mapping[str, object] = {"models": MODELS, "deployments": True}
    base_path = "/openai"
