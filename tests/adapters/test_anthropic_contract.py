"""The adapter for Anthropic keeps the contract of all adapters."""

from __future__ import annotations

from gateway.providers.anthropic import AnthropicProvider
from gateway.testing import ProviderContract


class TestAnthropic(ProviderContract):
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
    models_body = (
        b'{"data":[{"type":"model","id":"claude-sonnet-4-5","display_name":"Claude Sonnet 4.5",'
        b'"created_at":"2025-09-29T00:00:00Z"}],"has_more":false}'
    )
