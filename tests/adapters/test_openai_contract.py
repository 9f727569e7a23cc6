"""The adapter for OpenAI's dialect keeps the contract of all adapters."""

from __future__ import annotations

from gateway.providers.openai import OpenAIProvider
from gateway.testing import ProviderContract


class TestOpenAI(ProviderContract):
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
    models_body = (
        b'{"object":"list","data":[{"id":"gpt-4o-mini","object":"model","created":1721172741,'
        b'"owned_by":"system"},{"id":"whisper-1","object":"model","created":1677532384}]}'
    )
