"""What the contract suite is given of each adapter that we ship."""

from __future__ import annotations

import json
from collections.abc import Sequence

from gateway.core.events import ToolCall, Usage
from gateway.providers.anthropic import AnthropicProvider
from gateway.providers.mistral import MistralProvider
from gateway.providers.ollama import OllamaProvider
from gateway.providers.openai import OpenAIProvider
from gateway.testing import Answer, ProviderContract, Received


def vectors_for(texts: Sequence[str]) -> Answer:
    """Return a vector for each text, out of order, as OpenAI's API numbers them."""
    rows = [{"index": at, "embedding": [float(len(text))]} for at, text in enumerate(texts)]
    body = json.dumps({"data": rows[::-1], "usage": {"prompt_tokens": 1}}).encode()
    return Answer([body], content_type="application/json")


class AnthropicContract(ProviderContract):
    provider = AnthropicProvider
    model = "claude-sonnet-4-5"
    hello_text = "Héllo 🌍!"
    hello_finish = b"event: message_delta"
    hello_stream = (
        b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":'
        b'"message","role":"assistant","content":[],"usage":{"input_tokens":9,"output_tokens":1}}}'
        b'\n\nevent: content_block_start\ndata: {"type":"content_block_start","index":0,'
        b'"content_block":{"type":"text","text":""}}\n\n'
        b'event: ping\ndata: {"type": "ping"}\n\n'
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":'
        b'{"type":"text_delta","text":"H\xc3\xa9l"}}\n\n'
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":'
        b'{"type":"text_delta","text":"lo \\ud83c\\udf0d!"}}\n\n'
        b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
        b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn",'
        b'"stop_sequence":null},"usage":{"output_tokens":5}}\n\n'
        b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    )
    hello_usage = Usage(9, 5)
    length_stream = hello_stream.replace(b"end_turn", b"max_tokens")
    thinking_text = "Hm."
    thinking_stream = hello_stream.replace(
        b"event: ping",
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":'
        b'{"type":"thinking_delta","thinking":"Hm."}}\n\nevent: ping',
    )
    tools_calls = (ToolCall("f", {"x": 1}, "toolu_1"),)
    tools_stream = hello_stream.replace(b"end_turn", b"tool_use").replace(
        b"event: message_delta",
        b'event: content_block_start\ndata: {"type":"content_block_start","index":1,'
        b'"content_block":{"type":"tool_use","id":"toolu_1","name":"f","input":{}}}\n\n'
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":1,"delta":'
        b'{"type":"input_json_delta","partial_json":"{\\"x\\""}}\n\n'
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":1,"delta":'
        b'{"type":"input_json_delta","partial_json":":1}"}}\n\n'
        b'event: content_block_stop\ndata: {"type":"content_block_stop","index":1}\n\n'
        b"event: message_delta",
    )
    error_text = "Overloaded"
    error_event = (
        b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error",'
        b'"message":"Overloaded"}}\n\n'
    )
    models_body = (
        b'{"data":[{"type":"model","id":"claude-sonnet-4-5","display_name":"Claude Sonnet 4.5",'
        b'"created_at":"2025-09-29T00:00:00Z"}],"has_more":false}'
    )


class MistralContract(ProviderContract):
    provider = MistralProvider
    model = "mistral-small-latest"
    hello_text = "Héllo 🌍!"
    hello_finish = b'data: {"id":"1","choices":[{"index":0,"delta":{"content":""}'
    hello_stream = (
        b'data: {"id":"1","choices":[{"index":0,"delta":{"role":"assistant","content":"H\xc3\xa9l"'
        b',"tool_calls":null},"finish_reason":null}]}\n\n'
        b'data: {"id":"1","choices":[{"index":0,"delta":{"content":"lo \\ud83c\\udf0d!"},'
        b'"finish_reason":null}]}\n\n'
        b'data: {"id":"1","choices":[{"index":0,"delta":{"content":""},"finish_reason":"stop"}],'
        b'"usage":{"prompt_tokens":5,"completion_tokens":3,"total_tokens":8}}\n\n'
        b"data: [DONE]\n\n"
    )
    hello_usage = Usage(5, 3)
    length_stream = hello_stream.replace(b'"finish_reason":"stop"', b'"finish_reason":"length"')
    thinking_text = "Hm."
    tools_calls = (ToolCall("f", {"x": 1}, "abcdefghi"),)
    tools_stream = hello_stream.replace(b'"finish_reason":"stop"', b'"finish_reason":"tool_calls"')
    tools_stream = tools_stream.replace(
        b'lo \\ud83c\\udf0d!"}',
        b'lo","tool_calls":[{"id":"abcdefghi","index":0,"function":{"name":"f","arguments":"{\\"x\\":"}}]}',
    ).replace(
        hello_finish,
        b'data: {"id":"1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":'
        b'{"arguments":"1}"}}]},"finish_reason":null}]}\n\n' + hello_finish,
    )
    error_text = "too busy"
    error_event = b'data: {"object":"error","message":"too busy","type":"busy","code":1}\n\n'
    fill_stream = hello_stream
    fill_text = hello_text
    transcript_body = b'{"text":"H\xc3\xa9llo.","language":"fr","segments":[]}'
    transcript_text = "Héllo."
    thinking_stream = hello_stream.replace(
        b'"content":"H\xc3\xa9l"',
        b'"content":[{"type":"thinking","thinking":[{"type":"text","text":"Hm."}]},'
        b'{"type":"text","text":"H\xc3\xa9l"}]',
    )

    def embed_answer(self, received: Received) -> Answer:
        return vectors_for(json.loads(received.body)["input"])

    models_body = (
        b'{"object":"list","data":[{"id":"mistral-small-latest","object":"model","created":1,'
        b'"name":"mistral-small-2603","capabilities":{"completion_chat":true,"vision":true,'
        b'"function_calling":true,"completion_fim":true}}]}'
    )


class OllamaContract(ProviderContract):
    provider = OllamaProvider
    model = "qwen3:8b"
    content_type = "application/x-ndjson"
    garbage = b'{"message":]\n'
    hello_text = "Héllo 🌍!"
    hello_finish = b'{"model":"qwen3:8b","message":{"role":"assistant","content":""},"done":true'
    hello_stream = (
        b'{"model":"qwen3:8b","message":{"role":"assistant","content":"H\xc3\xa9l"},"done":false}\n'
        b'{"model":"qwen3:8b","message":{"role":"assistant","content":"lo \\ud83c\\udf0d!"},'
        b'"done":false}\n'
        b'{"model":"qwen3:8b","message":{"role":"assistant","content":""},"done":true,'
        b'"done_reason":"stop","prompt_eval_count":11,"eval_count":4}\n'
    )
    hello_usage = Usage(11, 4)
    length_stream = hello_stream.replace(b'"done_reason":"stop"', b'"done_reason":"length"')
    thinking_text = "Hm."
    thinking_stream = hello_stream.replace(
        b'"content":"H\xc3\xa9l"', b'"thinking":"Hm.","content":"H\xc3\xa9l"'
    )
    tools_calls = (ToolCall("f", {"x": 1}),)
    tools_stream = hello_stream.replace(
        b'lo \\ud83c\\udf0d!"',
        b'lo","tool_calls":[{"function":{"name":"f","arguments":{"x":1}}}]',
    )
    error_text = "too busy"
    error_event = b'{"error":"too busy"}\n'

    def embed_answer(self, received: Received) -> Answer:
        vectors = [[float(len(text))] for text in json.loads(received.body)["input"]]
        body = json.dumps({"model": "m", "embeddings": vectors}).encode()
        return Answer([body], content_type="application/json")

    models_body = {
        "/api/tags": b'{"models":[{"name":"qwen3:8b","digest":"500a1f067a9f","modified_at":'
        b'"2025-10-03T23:34:03.409490317-07:00"},{"name":"all-minilm:latest","digest":"1b22"}]}',
        "/api/show": b'{"capabilities":["completion","tools"],"model_info":{}}',
    }


class OpenAIContract(ProviderContract):
    provider = OpenAIProvider
    base_path = "/v1"
    model = "gpt-4o-mini"
    hello_text = "Héllo 🌍!"
    hello_finish = (
        b'data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{},"'
    )
    hello_stream = (
        b'data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":'
        b'{"role":"assistant","content":"","refusal":null},"finish_reason":null}],"usage":null}\n\n'
        b'data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":'
        b'{"content":"H\xc3\xa9l"},"finish_reason":null}],"usage":null}\n\n'
        b": keep-alive\n\n"
        b'data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":'
        b'{"content":"lo \\ud83c\\udf0d!"},"finish_reason":null}],"usage":null}\n\n'
        b'data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{},"'
        b'finish_reason":"stop"}],"usage":null}\n\n'
        b'data: {"id":"c","object":"chat.completion.chunk","choices":[],"usage":'
        b'{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}}\n\n'
        b"data: [DONE]\n\n"
    )
    hello_usage = Usage(9, 4)
    length_stream = hello_stream.replace(b'"finish_reason":"stop"', b'"finish_reason":"length"')
    thinking_text = "Hm."
    tools_calls = (ToolCall("f", {"x": 1}, "call_1"),)
    tools_stream = hello_stream.replace(b'"finish_reason":"stop"', b'"finish_reason":"tool_calls"')
    tools_stream = tools_stream.replace(
        b'lo \\ud83c\\udf0d!"}',
        b'lo","tool_calls":[{"id":"call_1","index":0,"function":{"name":"f","arguments":"{\\"x\\":"}}]}',
    ).replace(
        hello_finish,
        b'data: {"id":"1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":'
        b'{"arguments":"1}"}}]},"finish_reason":null}]}\n\n' + hello_finish,
    )
    error_text = "too busy"
    error_event = b'data: {"object":"error","message":"too busy","type":"busy","code":1}\n\n'
    fill_stream = hello_stream
    fill_text = hello_text
    thinking_stream = hello_stream.replace(
        b'"delta":{"content":"H\xc3\xa9l"',
        b'"delta":{"reasoning_content":"Hm.","content":"H\xc3\xa9l"',
    )

    def embed_answer(self, received: Received) -> Answer:
        return vectors_for(json.loads(received.body)["input"])

    models_body = (
        b'{"object":"list","data":[{"id":"gpt-4o-mini","object":"model","created":1721172741,'
        b'"owned_by":"system"},{"id":"whisper-1","object":"model","created":1677532384}]}'
    )


SHIPPED = (MistralContract, OpenAIContract, AnthropicContract, OllamaContract)
