"""A gateway over a Mistral that calls one tool, in fragments, and ends when it has the result."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.app import create_app
from gateway.settings import ModelsSettings, ProviderSettings, Settings

__all__ = ["OneCall", "one_call_gateway"]

_PIECE = 7
"""Characters of a fragment."""
_CARD = {
    "id": "mistral-large-latest",
    "object": "model",
    "created": 1,
    "owned_by": "mistralai",
    "capabilities": {"completion_chat": True, "function_calling": True},
    "max_context_length": 131072,
}


@dataclass
class OneCall:
    """Where the gateway listens, the call, and the bodies that Mistral got."""

    name: str
    arguments: Mapping[str, object]
    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)

    async def models(self, request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [_CARD]})

    async def chat(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.bodies.append(body)
        if body["messages"][-1]["role"] == "tool":
            deltas, reason = [{"content": "Done."}], "stop"
        else:
            text = json.dumps(self.arguments)
            pieces = [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]
            deltas, reason = [self._fragment(*one) for one in enumerate(pieces)], "tool_calls"
        chunks = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
        usage = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
        last = {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}], "usage": usage}
        events = [json.dumps({"id": "x", "model": body["model"], **one}) for one in [*chunks, last]]
        text = "".join(f"data: {event}\n\n" for event in [*events, "[DONE]"])
        return web.Response(text=text, content_type="text/event-stream")

    def _fragment(self, number: int, piece: str) -> dict[str, Any]:
        function = {"name": self.name if number == 0 else "", "arguments": piece}
        call = {"id": "abcdefghi" if number == 0 else "null", "index": 0, "function": function}
        return {"role": "assistant", "tool_calls": [call]}


@asynccontextmanager
async def one_call_gateway(
    name: str, arguments: Mapping[str, object], **aliases: str
) -> AsyncIterator[OneCall]:
    """Run a gateway whose model calls a tool once; *aliases* are other names for models."""
    made = OneCall(name, arguments)
    upstream = web.Application()
    upstream.router.add_get("/v1/models", made.models)
    upstream.router.add_post("/v1/chat/completions", made.chat)
    async with TestServer(upstream) as mistral:
        options = {"api_key": "test-key", "base_url": str(mistral.make_url("/v1"))}
        settings = Settings(
            models=ModelsSettings(aliases=aliases),
            providers={"mistral": ProviderSettings("mistral", options)},
        )
        async with TestServer(create_app(settings)) as gateway:
            made.url = str(gateway.make_url("")).rstrip("/")
            yield made
