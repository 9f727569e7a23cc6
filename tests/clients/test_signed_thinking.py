"""Anthropic's own client between a tool and a model that signs its thinking."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import pytest
from pytest_aiohttp.plugin import AiohttpServer

from gateway.app import create_app
from gateway.settings import LimitsSettings, ProviderSettings, Settings
from gateway.testing import Answer, FakeUpstream

MODELS = Answer([b'{"data":[{"id":"claude-x"}]}'], content_type="application/json")
SAID: list[dict[str, Any]] = [
    {"type": "thinking", "thinking": "Hm.", "signature": "EqoB"},
    {"type": "redacted_thinking", "data": "EmwK"},
    {"type": "text", "text": "Let me see."},
    {"type": "thinking", "thinking": "So.", "signature": "EqoC"},
    {"type": "tool_use", "id": "toolu_1", "name": "get", "input": {"q": 1}},
]
DELTAS = {
    "thinking": {"thinking": "thinking_delta", "signature": "signature_delta"},
    "text": {"text": "text_delta"},
}


def events_of(*blocks: dict[str, Any], reason: str) -> Answer:
    """Return the stream of an answer with these blocks."""
    usage = {"input_tokens": 3, "output_tokens": 1}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"id": "m", "usage": usage}}
    ]
    for index, block in enumerate(blocks):
        deltas = DELTAS.get(block["type"], {})
        begun = {name: "" if name in deltas else value for name, value in block.items()}
        events.append({"type": "content_block_start", "index": index, "content_block": begun})
        events += [
            {"type": "content_block_delta", "index": index, "delta": {"type": kind, name: text}}
            for name, kind in deltas.items()
            for text in [block[name]]
        ]
        events.append({"type": "content_block_stop", "index": index})
    events.append({"type": "message_delta", "delta": {"stop_reason": reason}})
    events.append({"type": "message_stop"})
    data = [b"data: " + json.dumps(event).encode() + b"\n\n" for event in events]
    return Answer(data, content_type="text/event-stream")


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
async def test_signed_thinking_comes_back_unchanged_without_any_memory(
    aiohttp_server: AiohttpServer, stream: bool
) -> None:
    calling = events_of(*SAID, reason="tool_use")
    done = events_of({"type": "text", "text": "42"}, reason="end_turn")
    async with FakeUpstream() as upstream:
        upstream.plan(MODELS, calling, done)
        options = {"api_key": "k", "base_url": upstream.url}
        settings = Settings(
            providers={"anthropic": ProviderSettings("anthropic", options)},
            limits=LimitsSettings(keepsakes=0),
        )
        server = await aiohttp_server(create_app(settings))
        messages: list[Any] = [{"role": "user", "content": "go"}]
        asked: dict[str, Any] = {
            "model": "claude-x",
            "max_tokens": 5000,
            "thinking": {"type": "enabled", "budget_tokens": 2000},
            "tools": [{"name": "get", "input_schema": {"type": "object"}}],
        }
        async with anthropic.AsyncAnthropic(
            base_url=str(server.make_url("")), api_key="any", max_retries=0
        ) as client:
            for turn in range(2):
                if stream:
                    async with client.messages.stream(messages=messages, **asked) as streamed:
                        answer = await streamed.get_final_message()
                else:
                    answer = await client.messages.create(messages=messages, **asked)
                if turn == 0:
                    content = [block.model_dump(exclude_none=True) for block in answer.content]
                    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "42"}
                    messages += [
                        {"role": "assistant", "content": content},
                        {"role": "user", "content": [result]},
                    ]
        sent = json.loads(upstream.requests[-1].body)
    assert sent["thinking"] == asked["thinking"]
    back = sent["messages"][1]["content"]
    assert back == SAID
