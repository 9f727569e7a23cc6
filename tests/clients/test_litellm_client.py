"""LiteLLM in front of the gateway, as it is put in front of Ollama."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Any

import pytest

from live import LiveGateway, live_gateway

pytestmark = [pytest.mark.clients, pytest.mark.filterwarnings("ignore")]
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # it would fetch one from the network
litellm = pytest.importorskip("litellm")

HELLO = [{"role": "user", "content": "Hello there"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


@pytest.fixture
async def live() -> AsyncIterator[LiveGateway]:
    async with live_gateway() as running:
        yield running


async def ask(live: LiveGateway, model: str = "ollama_chat/mistral-large", **more: Any) -> Any:
    return await litellm.acompletion(model=model, api_base=live.url, **more)


async def test_a_message(live: LiveGateway) -> None:
    answer = await ask(live, messages=HELLO, temperature=0.3, max_tokens=100)
    assert "Hello there" in answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.completion_tokens > 0


async def test_a_stream(live: LiveGateway) -> None:
    parts = [part async for part in await ask(live, messages=HELLO, stream=True)]
    text = "".join(part.choices[0].delta.content or "" for part in parts)
    assert "Hello there" in text
    assert parts[-1].choices[0].finish_reason == "stop"


async def test_calls(live: LiveGateway) -> None:
    asked = [{"role": "user", "content": "What is the weather in Paris?"}]
    answer = await ask(live, messages=asked, tools=[WEATHER])
    (call,) = answer.choices[0].message.tool_calls
    assert (call.function.name, call.function.arguments) == ("get_weather", '{"city": "Paris"}')


async def test_vectors(live: LiveGateway) -> None:
    answer = await litellm.aembedding(
        model="ollama/mistral-embed", input=["a", "b"], api_base=live.url
    )
    assert [len(row["embedding"]) for row in answer.data] == [1024, 1024]


async def test_an_unknown_model_is_an_error_with_its_status(live: LiveGateway) -> None:
    with pytest.raises(litellm.NotFoundError, match="model 'llama3' not found"):
        await ask(live, "ollama_chat/llama3", messages=HELLO)
