"""LangChain's client for Anthropic, unchanged, as its users use it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from live import LiveGateway, live_gateway

pytestmark = pytest.mark.clients
langchain_anthropic = pytest.importorskip("langchain_anthropic")
messages = pytest.importorskip("langchain_core.messages")


@pytest.fixture
async def live() -> AsyncIterator[LiveGateway]:
    async with live_gateway() as running:
        yield running


def chat(live: LiveGateway, **settings: Any) -> Any:
    settings = {"model": "mistral-large", "max_tokens": 2000, "max_retries": 0, **settings}
    return langchain_anthropic.ChatAnthropic(base_url=live.url, api_key="ollama", **settings)


def get_weather(city: str) -> str:
    """Get the weather of a city."""
    return f"21 C in {city}"


async def test_a_message(live: LiveGateway) -> None:
    answer = await chat(live).ainvoke([("system", "Be kind."), ("user", "Hello there")])
    assert "Hello there" in answer.content
    assert answer.response_metadata["stop_reason"] == "end_turn"
    assert answer.usage_metadata["total_tokens"] > 0


async def test_a_stream_says_what_a_message_says(live: LiveGateway) -> None:
    model = chat(live)
    whole = await model.ainvoke("Hello there")
    parts = [part async for part in model.astream("Hello there")]
    assert len(parts) > 5
    assert "".join(part.text for part in parts) == whole.text
    total = sum(parts[1:], parts[0])
    assert total.usage_metadata["output_tokens"] == whole.usage_metadata["output_tokens"]


@pytest.mark.parametrize("streaming", [False, True])
async def test_tools(live: LiveGateway, streaming: bool) -> None:
    model = chat(live, streaming=streaming).bind_tools([get_weather], parallel_tool_calls=False)
    asked: list[Any] = [messages.HumanMessage("What is the weather in Paris?")]
    answer = await model.ainvoke(asked)
    (call,) = answer.tool_calls
    assert (call["name"], call["args"]) == ("get_weather", {"city": "Paris"})
    result = messages.ToolMessage(get_weather(**call["args"]), tool_call_id=call["id"])
    final = await model.ainvoke([*asked, answer, result])
    assert "21 C in Paris" in final.text
    body: Any = live.received()[0].body
    assert (body["tool_choice"], body["parallel_tool_calls"]) == ("auto", False)


@pytest.mark.parametrize("streaming", [False, True])
async def test_thinking(live: LiveGateway, streaming: bool) -> None:
    model = chat(
        live,
        model="mistral-medium",
        streaming=streaming,
        thinking={"type": "enabled", "budget_tokens": 1024},
    )
    answer = await model.ainvoke("Hello there")
    assert [block["type"] for block in answer.content_blocks] == ["reasoning", "text"]
    again = await model.ainvoke([("user", "Hello there"), answer, ("user", "And now?")])
    assert again.text


@pytest.mark.parametrize("method", ["function_calling", "json_schema"])
async def test_structured_output(live: LiveGateway, method: str) -> None:
    schema = {
        "title": "city",
        "description": "A city and its people",
        "type": "object",
        "properties": {"city": {"type": "string"}, "people": {"type": "integer"}},
        "required": ["city", "people"],
        "additionalProperties": False,
    }
    model = chat(live).with_structured_output(schema, method=method)
    answer = await model.ainvoke("Tell me about Lyon, 520774 people")
    assert answer == {"city": "Lyon", "people": 520774}


async def test_images(live: LiveGateway) -> None:
    picture = {"type": "image", "url": "https://images.example/cat.png"}
    question = {"type": "text", "text": "What is this?"}
    answer = await chat(live).ainvoke([messages.HumanMessage([question, picture])])
    assert "image" in answer.text
