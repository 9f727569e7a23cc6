"""Mistral's adapter keeps the contract of all adapters."""

from __future__ import annotations

from gateway.providers.mistral import MistralProvider
from gateway.testing import ProviderContract


class TestMistral(ProviderContract):
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
    models_body = (
        b'{"object":"list","data":[{"id":"mistral-small-latest","object":"model","created":1,'
        b'"name":"mistral-small-2603","capabilities":{"completion_chat":true,"vision":true}}]}'
    )
