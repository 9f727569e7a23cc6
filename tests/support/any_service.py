"""A service of each of the shipped adapters, with one model and one answer."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from gateway.settings import ProviderSettings
from gateway.testing import Answer, FakeUpstream

__all__ = ["OURS", "TEXTS", "answer_of", "service", "table"]

OURS = "operators-own-key-0123"
LISTED = {
    "data": [{"id": "tiny", "capabilities": {"completion_chat": True}}],
    "models": [{"name": "tiny", "capabilities": ["completion"]}],
    "capabilities": ["completion"],
}
CHUNK = b'data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}\n\n'
TEXTS = {
    "mistral": CHUNK + b"data: [DONE]\n\n",
    "openai": CHUNK + b"data: [DONE]\n\n",
    "anthropic": (
        b'event: message_start\ndata: {"type":"message_start","message":{"usage":{}}}\n\n'
        b'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
        b'"content_block":{"type":"text","text":"a"}}\n\n'
        b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"}}'
        b'\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n'
    ),
    "ollama": b'{"message":{"content":"a"},"done":true,"done_reason":"stop"}\n',
}


def answer_of(adapter: str) -> Answer:
    kind = "application/x-ndjson" if adapter == "ollama" else "text/event-stream"
    return Answer([TEXTS[adapter]], content_type=kind)


@asynccontextmanager
async def service(adapter: str, *answers: Answer) -> AsyncIterator[FakeUpstream]:
    async with FakeUpstream(*(answers or [answer_of(adapter)])) as fake:
        document = Answer([json.dumps(LISTED).encode()], content_type="application/json")
        fake.routes = dict.fromkeys(("/models", "/api/tags", "/api/show", "/api/ps"), document)
        yield fake


def table(adapter: str, fake: FakeUpstream, **more: Any) -> ProviderSettings:
    base = fake.url if adapter == "ollama" else f"{fake.url}/v1"
    more = {"options": {"base_url": base, "api_key": OURS}, **more}
    return ProviderSettings(adapter, **more)
