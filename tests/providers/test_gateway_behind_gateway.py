"""A gateway in front of another one: our adapters read the dialects that our handlers write."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from adapter_transcripts import adapter_gateway
from live import LiveGateway, live_gateway

MODEL = "mistral-small:latest"
DIALECTS = ["ollama", "openai", "anthropic"]
EACH = pytest.mark.parametrize("dialect", DIALECTS)
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Get the weather of a city",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
        },
    }
]


@pytest.fixture
async def behind() -> AsyncIterator[LiveGateway]:
    async with live_gateway() as running:
        yield running


async def post(url: str, **body: object) -> Any:
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, json={"stream": False, **body}) as response,
    ):
        return response.status, await response.json(content_type=None)


def said(answer: dict[str, Any]) -> dict[str, Any]:
    """Return what an answer says, whoever names the model and the calls."""
    message = answer["message"]
    calls = [call["function"] for call in message.get("tool_calls", [])]
    return {
        "content": message["content"],
        "calls": [(call["name"], call["arguments"]) for call in calls],
        "counts": (answer["prompt_eval_count"], answer["eval_count"]),
        "done_reason": answer["done_reason"],
    }


async def test_ollamas_lists_are_the_same_through_both(behind: LiveGateway) -> None:
    async with (
        adapter_gateway("ollama", behind.url) as url,
        aiohttp.ClientSession() as session,
    ):
        listed, shown = [], []
        for origin in (behind.url, url):
            async with session.get(origin + "/api/tags") as response:
                listed.append(await response.json())
            shown.append(await post(origin + "/api/show", model=MODEL))
        assert listed[0] == listed[1]
        assert shown[0] == shown[1]


async def test_a_model_is_loaded_and_unloaded_where_it_is(behind: LiveGateway) -> None:
    async with (
        adapter_gateway("ollama", behind.url) as url,
        aiohttp.ClientSession() as session,
    ):
        loaded = []
        for keep_alive in (60, 0):
            await post(url + "/api/chat", model=MODEL, keep_alive=keep_alive)
            for origin in (behind.url, url):
                async with session.get(origin + "/api/ps") as response:
                    loaded.append((await response.json())["models"])
    assert [model["name"] for model in loaded[0]] == [MODEL]
    assert loaded == [loaded[0], loaded[0], [], []]


@EACH
async def test_an_answer_is_the_same_through_both(behind: LiveGateway, dialect: str) -> None:
    question = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}]}
    async with adapter_gateway(dialect, behind.url, **key(dialect)) as url:
        direct = await post(behind.url + "/api/chat", **question)
        through = await post(url + "/api/chat", **question)
    assert (direct[0], through[0]) == (200, 200)
    assert said(through[1]) == said(direct[1])


@EACH
async def test_tools_are_called_and_answered_through_both(
    behind: LiveGateway, dialect: str
) -> None:
    history: list[Any] = [{"role": "user", "content": "What is the weather in Oslo?"}]
    async with adapter_gateway(dialect, behind.url, **key(dialect)) as url:
        status, asked = await post(url + "/api/chat", model=MODEL, messages=history, tools=TOOLS)
        assert status == 200
        (call,) = asked["message"]["tool_calls"]
        assert call["function"]["name"] == "get_weather"
        history += [
            asked["message"],
            {"role": "tool", "content": "11 degrees", "tool_name": "get_weather"},
        ]
        status, told = await post(url + "/api/chat", model=MODEL, messages=history, tools=TOOLS)
        assert (status, told["done_reason"]) == (200, "stop")
    first, second = behind.received()
    assert [message["role"] for message in first.body["messages"]] == ["user"]
    roles = [message["role"] for message in second.body["messages"]]
    assert roles == ["user", "assistant", "tool"]


def key(dialect: str) -> dict[str, object]:
    return {} if dialect == "ollama" else {"api_key": "any"}


async def test_embeddings_are_the_same_through_both(behind: LiveGateway) -> None:
    question = {"model": "mistral-embed", "input": ["a", "b"]}
    direct = (await post(behind.url + "/api/embed", **question))[1]["embeddings"]
    for dialect in ("ollama", "openai"):
        async with adapter_gateway(dialect, behind.url) as url:
            status, through = await post(url + "/api/embed", **question)
        assert status == 200
        assert through["embeddings"] == [pytest.approx(v, abs=1e-6) for v in direct]


async def test_filling_in_is_the_same_through_both(behind: LiveGateway) -> None:
    question = {"model": "codestral", "prompt": "def f(", "suffix": "return x"}
    direct = await post(behind.url + "/api/generate", **question)
    async with adapter_gateway("ollama", behind.url) as url:
        through = await post(url + "/api/generate", **question)
    assert (direct[0], through[0]) == (200, 200)
    assert through[1]["response"] == direct[1]["response"]


@EACH
async def test_a_refusal_is_the_same_through_both(behind: LiveGateway, dialect: str) -> None:
    question = {"model": "no-such-model", "messages": [{"role": "user", "content": "Hi"}]}
    async with adapter_gateway(dialect, behind.url, **key(dialect)) as url:
        assert await post(url + "/api/chat", **question) == (
            404,
            {"error": "model 'no-such-model' not found"},
        )
