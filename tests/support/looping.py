"""A gateway over a Mistral that wants its tool again and again before it answers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.app import create_app
from gateway.settings import ProviderSettings, Settings

__all__ = ["Looping", "looping_gateway"]

CARD = {
    "id": "mistral-large-latest",
    "object": "model",
    "created": 1,
    "owned_by": "mistralai",
    "capabilities": {"completion_chat": True, "function_calling": True},
    "max_context_length": 131072,
}


@dataclass
class Looping:
    """Where the gateway listens, and the bodies that Mistral got."""

    rounds: int
    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)

    async def models(self, request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [CARD]})

    async def chat(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.bodies.append(body)
        done = sum(message["role"] == "tool" for message in body["messages"])
        if done < self.rounds:
            call = {"name": "add_one", "arguments": json.dumps({"number": done})}
            delta = {"tool_calls": [{"id": f"call{done:05d}", "function": call, "index": 0}]}
            reason = "tool_calls"
        else:
            delta = {"content": f"The number is {body['messages'][-1]['content']}."}
            reason = "stop"
        choice = {"index": 0, "delta": {"role": "assistant", **delta}, "finish_reason": reason}
        usage = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
        chunk = {"id": "x", "model": body["model"], "choices": [choice], "usage": usage}
        text = f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n"
        return web.Response(text=text, content_type="text/event-stream")

    def assert_paired(self) -> None:
        """Check that each result in the longest history answers the call before it."""
        messages = self.bodies[-1]["messages"]
        calls = [call for one in messages for call in one.get("tool_calls") or ()]
        results = [one for one in messages if one["role"] == "tool"]
        assert len({call["id"] for call in calls}) == self.rounds
        assert [one["tool_call_id"] for one in results] == [call["id"] for call in calls]
        assert [one["content"] for one in results] == [str(n + 1) for n in range(self.rounds)]


@asynccontextmanager
async def looping_gateway(rounds: int) -> AsyncIterator[Looping]:
    """Run a gateway whose model asks for ``add_one`` that many times."""
    looping = Looping(rounds)
    upstream = web.Application()
    upstream.router.add_get("/v1/models", looping.models)
    upstream.router.add_post("/v1/chat/completions", looping.chat)
    async with TestServer(upstream) as mistral:
        options = {"api_key": "test-key", "base_url": str(mistral.make_url("/v1"))}
        providers = {"mistral": ProviderSettings("mistral", options)}
        async with TestServer(create_app(Settings(providers=providers))) as gateway:
            looping.url = str(gateway.make_url("")).rstrip("/")
            yield looping
