"""LangChain's client for Ollama, unchanged, as its users use it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from live import LiveGateway, live_gateway
from looping import looping_gateway

pytestmark = [pytest.mark.clients, pytest.mark.filterwarnings("ignore")]
langchain_ollama = pytest.importorskip("langchain_ollama")
agents = pytest.importorskip("langchain.agents")
pydantic = pytest.importorskip("pydantic")

PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
    "AAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture
async def live() -> AsyncIterator[LiveGateway]:
    async with live_gateway() as running:
        yield running


def chat(url: str, model: str = "mistral-large", **settings: Any) -> Any:
    return langchain_ollama.ChatOllama(model=model, base_url=url, **settings)


def get_weather(city: str) -> str:
    """Get the weather of a city."""
    return f"21 C in {city}"


def add_one(number: int) -> int:
    """Add one to a number."""
    return number + 1


async def test_a_message(live: LiveGateway) -> None:
    model = chat(live.url, temperature=0.2, num_ctx=8192, keep_alive="5m")
    answer = await model.ainvoke([("system", "Be kind."), ("user", "Hello there")])
    assert "Hello there" in answer.content
    assert answer.response_metadata["done_reason"] == "stop"
    assert answer.usage_metadata["output_tokens"] > 0


async def test_a_stream_says_what_a_message_says(live: LiveGateway) -> None:
    model = chat(live.url)
    whole = await model.ainvoke("Hello there")
    parts = [part.content async for part in model.astream("Hello there")]
    assert len(parts) > 5
    assert "".join(parts) == whole.content


async def test_the_model_is_checked_when_that_is_asked_for(live: LiveGateway) -> None:
    def make() -> Any:
        return chat(live.url, validate_model_on_init=True)

    assert (await asyncio.to_thread(make)).model == "mistral-large"


async def test_calls(live: LiveGateway) -> None:
    model = chat(live.url).bind_tools([get_weather])
    answer = await model.ainvoke("What is the weather in Paris?")
    assert [(call["name"], call["args"]) for call in answer.tool_calls] == [
        ("get_weather", {"city": "Paris"})
    ]


class Town(pydantic.BaseModel):
    """A town."""

    city: str
    people: int


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
async def test_structured_output(live: LiveGateway, method: str) -> None:
    model = chat(live.url).with_structured_output(Town, method=method)
    town = await model.ainvoke("Tell me about the town of Lyon, 520774 people")
    assert isinstance(town, Town)


async def test_thinking(live: LiveGateway) -> None:
    answer = await chat(live.url, "mistral-medium", reasoning=True).ainvoke("Hello there")
    assert answer.additional_kwargs["reasoning_content"]
    assert answer.content


async def test_pictures(live: LiveGateway) -> None:
    content = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": f"data:image/png;base64,{PNG}"},
    ]
    answer = await chat(live.url).ainvoke([{"role": "user", "content": content}])
    assert "image" in answer.content


async def test_vectors(live: LiveGateway) -> None:
    model = langchain_ollama.OllamaEmbeddings(model="mistral-embed", base_url=live.url)
    assert len(await model.aembed_query("a cat")) == 1024
    assert [len(vector) for vector in await model.aembed_documents(["a", "b"])] == [1024, 1024]


async def test_an_agent_that_needs_ten_rounds_comes_to_its_end() -> None:
    async with looping_gateway(10) as looping:
        agent = agents.create_agent(chat(looping.url), tools=[add_one])
        state = await agent.ainvoke(
            {"messages": [("user", "Count to ten")]}, {"recursion_limit": 50}
        )
        assert state["messages"][-1].content == "The number is 10."
        looping.assert_paired()
