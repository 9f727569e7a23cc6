"""Tools whose names a provider forbids, over each endpoint that has tools."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from gateway.core.chat import ChatRequest
from gateway.core.events import ChatEvent, Finish, FinishReason, ToolCall
from gateway.core.model_info import Capability, ModelInfo
from gateways import scripted_app
from scripted import ScriptedProvider

LONG = "mcp__ymir-privileged__get_failed_pipeline_jobs_from_merge_request"
NAMES = (LONG, "maps.find", "näher dran")
HELLO = [{"role": "user", "content": "Hi"}]
MODEL = ModelInfo("able-latest", frozenset({Capability.COMPLETION, Capability.TOOLS}))


class Obedient(ScriptedProvider):
    """Calls the first tool that it is offered."""

    def chat(self, request: ChatRequest) -> AsyncGenerator[Sequence[ChatEvent], None]:
        self.steps = [[ToolCall(request.tools[0].name, {"a": 1}, "abcdefgh1")]]
        self.steps.append([Finish(FinishReason.TOOL_CALLS)])
        return super().chat(request)


def nested(name: str) -> list[dict[str, Any]]:
    return [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}]


def bodies(name: str) -> dict[str, dict[str, Any]]:
    return {
        "/api/chat": {"messages": HELLO, "tools": nested(name)},
        "/v1/chat/completions": {"messages": HELLO, "tools": nested(name)},
        "/v1/responses": {"input": HELLO, "tools": [{"type": "function", "name": name}]},
        "/v1/messages": {
            "messages": HELLO,
            "max_tokens": 9,
            "tools": [{"name": name, "input_schema": {"type": "object"}}],
        },
    }


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("path", bodies(""))
async def test_the_client_reads_its_own_name(
    path: str,
    name: str,
    stream: bool,
    aiohttp_client: Callable[..., Awaitable[TestClient[web.Request, web.Application]]],
) -> None:
    provider = Obedient(models=(MODEL,))
    client = await aiohttp_client(scripted_app(provider))
    body = {"model": "able", "stream": stream, **bodies(name)[path]}
    async with client.post(path, data=json.dumps(body)) as response:
        text = await response.text()
        assert response.status == 200, text
    asked = provider.asked[0]
    assert isinstance(asked, ChatRequest)
    (tool,) = asked.tools
    assert tool.name != name
    assert tool.name.isascii()
    assert len(tool.name) <= 64
    assert json.dumps(name, ensure_ascii=False) in text
    assert tool.name not in text
