"""One conversation, asked in two dialects, is one request to the provider."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from anthropic_wire import PNG
from live import LiveGateway, live_gateway

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "where"}},
    "required": ["city"],
}
HELLO = [{"role": "user", "content": "Hello there"}]


def use(number: int, city: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"toolu_{number}", "name": "look", "input": {"city": city}}


def call(number: int, city: str) -> dict[str, Any]:
    function = {"name": "look", "arguments": {"city": city}}
    return {"id": f"toolu_{number}", "function": function}


TOOL_CONVERSATION = (
    {
        "messages": [
            {"role": "user", "content": "How is it?"},
            {
                "role": "assistant",
                "content": [{"type": "text", "text": "I look."}, use(1, "Paris"), use(2, "Lyon")],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "toolu_1", "content": "21 C"},
                    {
                        "type": "tool_result",
                        "tool_use_id": "toolu_2",
                        "content": [{"type": "text", "text": "19 C"}],
                    },
                    {"type": "text", "text": "And now?"},
                ],
            },
        ],
        "tools": [{"name": "look", "description": "Look", "input_schema": SCHEMA}],
    },
    {
        "messages": [
            {"role": "user", "content": "How is it?"},
            {
                "role": "assistant",
                "content": "I look.",
                "tool_calls": [call(1, "Paris"), call(2, "Lyon")],
            },
            {"role": "tool", "tool_call_id": "toolu_1", "content": "21 C"},
            {"role": "tool", "tool_call_id": "toolu_2", "content": "19 C"},
            {"role": "user", "content": "And now?"},
        ],
        "tools": [
            {
                "type": "function",
                "function": {"name": "look", "description": "Look", "parameters": SCHEMA},
            }
        ],
    },
)

PAIRS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a question": ({"messages": HELLO}, {"messages": HELLO}),
    "instructions": (
        {
            "system": [{"type": "text", "text": "Be kind."}, {"type": "text", "text": "Always."}],
            "messages": HELLO,
        },
        {"messages": [{"role": "system", "content": "Be kind.\n\nAlways."}, *HELLO]},
    ),
    "sampling": (
        {
            "messages": HELLO,
            "temperature": 1,
            "top_p": 0.9,
            "top_k": 40,
            "stop_sequences": ["END", "STOP", "HALT", "QUIT", "LEAVE"],
        },
        {
            "messages": HELLO,
            "options": {
                "temperature": 1,
                "top_p": 0.9,
                "top_k": 40,
                "stop": ["END", "STOP", "HALT", "QUIT", "LEAVE"],
            },
        },
    ),
    "an image": (
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "What is it?"},
                        {"type": "image", "source": {"type": "base64", "data": PNG}},
                    ],
                }
            ]
        },
        {"messages": [{"role": "user", "content": "What is it?", "images": [PNG]}]},
    ),
    "tools": TOOL_CONVERSATION,
    "an image that a tool found": (
        {
            "messages": [
                *HELLO,
                {"role": "assistant", "content": [use(1, "Paris")]},
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "toolu_1",
                            "content": [
                                {"type": "text", "text": "a view"},
                                {"type": "image", "source": {"type": "base64", "data": PNG}},
                            ],
                        }
                    ],
                },
            ]
        },
        {
            "messages": [
                *HELLO,
                {"role": "assistant", "content": "", "tool_calls": [call(1, "Paris")]},
                {"role": "tool", "tool_call_id": "toolu_1", "content": "a view", "images": [PNG]},
            ]
        },
    ),
    "thinking": (
        {
            "model": "mistral-medium",
            "messages": [
                *HELLO,
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "Polite.", "signature": "EqoB"},
                        {"type": "text", "text": "Hello."},
                    ],
                },
                *HELLO,
            ],
            "thinking": {"type": "enabled", "budget_tokens": 1024},
        },
        {
            "model": "mistral-medium",
            "messages": [
                *HELLO,
                {"role": "assistant", "content": "Hello.", "thinking": "Polite."},
                *HELLO,
            ],
            "think": True,
        },
    ),
    "no thinking": (
        {"model": "mistral-medium", "messages": HELLO, "thinking": {"type": "disabled"}},
        {"model": "mistral-medium", "messages": HELLO, "think": False},
    ),
    "an effort": (
        {"model": "mistral-medium", "messages": HELLO, "output_config": {"effort": "xhigh"}},
        {"model": "mistral-medium", "messages": HELLO, "think": "high"},
    ),
    "a schema to follow": (
        {
            "messages": HELLO,
            "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
        },
        {"messages": HELLO, "format": SCHEMA},
    ),
    "the beginning of an answer": (
        {"messages": [*HELLO, {"role": "assistant", "content": "Hello,"}]},
        {"messages": [*HELLO, {"role": "assistant", "content": "Hello,"}]},
    ),
}


@pytest.fixture
async def live() -> AsyncIterator[LiveGateway]:
    async with live_gateway() as running:
        yield running


@pytest.mark.parametrize(("anthropic", "native"), PAIRS.values(), ids=PAIRS)
@pytest.mark.parametrize("stream", [True, False])
async def test_the_provider_cannot_tell_the_dialects_apart(
    live: LiveGateway, anthropic: dict[str, Any], native: dict[str, Any], stream: bool
) -> None:
    common = {"model": "mistral-large", "stream": stream}
    anthropic = {**common, "max_tokens": 99, **anthropic}
    options = {"num_predict": 99, **native.get("options", {})}
    native = {**common, **native, "options": options}
    async with aiohttp.ClientSession(live.url) as session:
        await ask_both(session, anthropic, native)
    theirs, ours = live.received()
    assert theirs.raw == ours.raw


async def test_a_model_that_a_user_made_is_the_same_in_both(live: LiveGateway) -> None:
    made = {
        "model": "claude-terse",
        "from": "mistral-large",
        "system": "Be terse.",
        "parameters": {"temperature": 0.1, "num_predict": 5},
        "stream": False,
    }
    asked = {"model": "claude-terse", "messages": HELLO, "stream": False}
    async with aiohttp.ClientSession(live.url) as session:
        async with session.post("/api/create", json=made) as response:
            assert response.status == 200
        await ask_both(
            session, {**asked, "max_tokens": 99}, {**asked, "options": {"num_predict": 99}}
        )
    theirs, ours = live.received()
    assert theirs.raw == ours.raw
    assert theirs.body == {
        "model": "mistral-large-latest",
        "messages": [{"role": "system", "content": "Be terse."}, *HELLO],
        "stream": True,
        "temperature": 0.1,
        "max_tokens": 99,
    }


async def ask_both(
    session: aiohttp.ClientSession, anthropic: dict[str, Any], native: dict[str, Any]
) -> None:
    for path, body in (("/v1/messages", anthropic), ("/api/chat", native)):
        async with session.post(path, json=body) as response:
            assert response.status == 200, await response.text()
            await response.read()
