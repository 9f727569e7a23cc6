"""One conversation, asked in Ollama's dialect and in both of OpenAI's, is one request."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from gateway.dialects.openai.thinking import seal_thinking
from live import LiveGateway, live_gateway
from openai_wire import PNG

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "where"}},
    "required": ["city"],
}
FUNCTION = {"name": "look", "description": "Look", "parameters": SCHEMA}
HELLO = {"role": "user", "content": "Hello there"}
ASK = {"role": "user", "content": "And now?"}
DATA_URL = f"data:image/png;base64,{PNG}"


def native_call(number: int, city: str) -> dict[str, Any]:
    return {"id": f"call_{number}", "function": {"name": "look", "arguments": {"city": city}}}


def chat_call(number: int, city: str) -> dict[str, Any]:
    function = {"name": "look", "arguments": json.dumps({"city": city})}
    return {"id": f"call_{number}", "type": "function", "function": function}


def item_call(number: int, city: str) -> dict[str, Any]:
    return {"type": "function_call", "call_id": f"call_{number}", **chat_call(0, city)["function"]}


# The same thing said natively, to /v1/chat/completions and to /v1/responses.
SAID: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "a question": ({"messages": [HELLO]}, {"messages": [HELLO]}, {"input": "Hello there"}),
    "instructions": (
        {"messages": [{"role": "system", "content": "Be kind."}, HELLO]},
        {"messages": [{"role": "developer", "content": "Be kind."}, HELLO]},
        {"instructions": "Be kind.", "input": [HELLO]},
    ),
    "sampling": (
        {
            "messages": [HELLO],
            "options": {"temperature": 0.5, "top_p": 0.9, "num_predict": 99},
        },
        {"messages": [HELLO], "temperature": 0.5, "top_p": 0.9, "max_tokens": 99},
        {"input": [HELLO], "temperature": 0.5, "top_p": 0.9, "max_output_tokens": 99},
    ),
    "a conversation with calls": (
        {
            "messages": [
                HELLO,
                {
                    "role": "assistant",
                    "content": "I look.",
                    "tool_calls": [native_call(1, "Paris"), native_call(2, "Lyon")],
                },
                {"role": "tool", "tool_call_id": "call_1", "tool_name": "look", "content": "21 C"},
                {"role": "tool", "tool_call_id": "call_2", "tool_name": "look", "content": "19 C"},
                ASK,
            ],
            "tools": [{"type": "function", "function": FUNCTION}],
        },
        {
            "messages": [
                HELLO,
                {
                    "role": "assistant",
                    "content": "I look.",
                    "tool_calls": [chat_call(1, "Paris"), chat_call(2, "Lyon")],
                },
                {"role": "tool", "tool_call_id": "call_1", "content": "21 C"},
                {"role": "tool", "tool_call_id": "call_2", "content": "19 C"},
                ASK,
            ],
            "tools": [{"type": "function", "function": FUNCTION}],
        },
        {
            "input": [
                HELLO,
                {"role": "assistant", "content": "I look."},
                item_call(1, "Paris"),
                item_call(2, "Lyon"),
                {"type": "function_call_output", "call_id": "call_1", "output": "21 C"},
                {"type": "function_call_output", "call_id": "call_2", "output": "19 C"},
                ASK,
            ],
            "tools": [{"type": "function", **FUNCTION}],
        },
    ),
    "a picture": (
        {"messages": [{"role": "user", "content": "What is it?", "images": [PNG]}]},
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "What is it?"},
                        {"type": "image_url", "image_url": {"url": DATA_URL}},
                    ],
                }
            ]
        },
        {
            "input": [
                {
                    "role": "user",
                    "content": [
                        {"type": "input_text", "text": "What is it?"},
                        {"type": "input_image", "image_url": DATA_URL},
                    ],
                }
            ]
        },
    ),
    "thinking": (
        {
            "model": "mistral-medium",
            "messages": [HELLO, {"role": "assistant", "content": "Hi.", "thinking": "Hm."}, ASK],
            "think": "low",
        },
        {
            "model": "mistral-medium",
            "messages": [HELLO, {"role": "assistant", "content": "Hi.", "reasoning": "Hm."}, ASK],
            "reasoning_effort": "minimal",
        },
        {
            "model": "mistral-medium",
            "input": [
                HELLO,
                {"type": "reasoning", "summary": [], "encrypted_content": seal_thinking("Hm.", {})},
                {"role": "assistant", "content": "Hi."},
                ASK,
            ],
            "reasoning": {"effort": "low"},
        },
    ),
    "no thinking": (
        {"model": "mistral-medium", "messages": [HELLO], "think": False},
        {"model": "mistral-medium", "messages": [HELLO], "reasoning_effort": "none"},
        {"model": "mistral-medium", "input": [HELLO], "reasoning": {"effort": "none"}},
    ),
    "a schema to follow": (
        {"messages": [HELLO], "format": SCHEMA},
        {
            "messages": [HELLO],
            "response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA}},
        },
        {"input": [HELLO], "text": {"format": {"type": "json_schema", "schema": SCHEMA}}},
    ),
    "any JSON": (
        {"messages": [HELLO], "format": "json"},
        {"messages": [HELLO], "response_format": {"type": "json_object"}},
        {"input": [HELLO], "text": {"format": {"type": "json_object"}}},
    ),
}
PATHS = ("/api/chat", "/v1/chat/completions", "/v1/responses")


@pytest.fixture
async def live() -> AsyncIterator[LiveGateway]:
    async with live_gateway() as running:
        yield running


async def ask(url: str, path: str, body: dict[str, Any]) -> None:
    async with aiohttp.ClientSession(url) as session, session.post(path, json=body) as response:
        assert response.status == 200, await response.text()
        await response.read()


@pytest.mark.parametrize("said", SAID.values(), ids=SAID)
@pytest.mark.parametrize("stream", [True, False])
async def test_the_provider_cannot_tell_the_dialects_apart(
    live: LiveGateway, said: tuple[dict[str, Any], ...], stream: bool
) -> None:
    for path, body in zip(PATHS, said, strict=True):
        await ask(live.url, path, {"model": "mistral-large", "stream": stream, **body})
    native, *others = [request.raw for request in live.received()]
    assert others == [native, native]


@pytest.mark.parametrize(
    ("path", "native", "openai"),
    [
        (
            "/v1/chat/completions",
            {"prompt": "Hello there", "options": {"seed": 7, "stop": ["END"]}},
            {"prompt": "Hello there", "seed": 7, "stop": "END"},
        ),
        (
            "/v1/fim/completions",
            {"prompt": "a", "suffix": "b", "options": {"num_predict": 9}},
            {"prompt": "a", "suffix": "b", "max_tokens": 9},
        ),
    ],
    ids=["a prompt", "a suffix"],
)
async def test_nor_the_dialects_of_a_completion(
    live: LiveGateway, path: str, native: dict[str, Any], openai: dict[str, Any]
) -> None:
    await ask(live.url, "/api/generate", {"model": "codestral", **native})
    await ask(live.url, "/v1/completions", {"model": "codestral", **openai})
    theirs, ours = live.received(path)
    assert theirs.raw == ours.raw


async def test_a_model_that_a_user_made_is_the_same_in_all(live: LiveGateway) -> None:
    made = {
        "model": "terse",
        "from": "mistral-large",
        "system": "Be terse.",
        "parameters": {"temperature": 0.1, "num_predict": 5},
        "stream": False,
    }
    await ask(live.url, "/api/create", made)
    for path, body in zip(
        PATHS,
        (
            {"messages": [HELLO], "options": {"num_predict": -1}},
            {"messages": [HELLO], "max_tokens": -1},
            {"input": [HELLO], "max_output_tokens": -1},
        ),
        strict=True,
    ):
        await ask(live.url, path, {"model": "terse", "stream": False, **body})
    native, *others = [request.body for request in live.received()]
    assert native == {
        "model": "mistral-large-latest",
        "messages": [{"role": "system", "content": "Be terse."}, HELLO],
        "stream": True,
        "temperature": 0.1,
    }
    assert others == [native, native]
