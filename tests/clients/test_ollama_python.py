"""The official Python client, unchanged, as its users use it."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import ollama
import pytest

from live import LiveGateway, live_gateway
from official_client import Client, official_client

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
HELLO = [{"role": "user", "content": "Hello there"}]
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "people": {"type": "integer"}},
    "required": ["city", "people"],
}


@pytest.fixture
async def live() -> AsyncIterator[LiveGateway]:
    async with live_gateway() as running:
        yield running


@pytest.fixture(params=["async", "sync"])
async def client(request: pytest.FixtureRequest, live: LiveGateway) -> AsyncIterator[Client]:
    async with official_client(live.url, request.param) as client:
        yield client


async def test_list(client: Client) -> None:
    models = (await client("list")).models
    names = [model.model for model in models]
    assert {"mistral-large:latest", "mistral-large:2512", "mistral-embed:latest"} <= {*names}
    assert len(names) == len({*names})
    assert all(model.digest and model.modified_at and model.details for model in models)


async def test_show(client: Client) -> None:
    shown = await client("show", model="mistral-large")
    assert {"completion", "tools", "vision"} <= {*shown.capabilities}
    assert shown.modelinfo["general.architecture"] == "mistral"
    assert shown.modelinfo["mistral.context_length"] == 262144


async def test_ps(client: Client) -> None:
    assert (await client("ps")).models is not None


async def test_chat(client: Client) -> None:
    answer = await client("chat", model="mistral-large", messages=HELLO)
    assert answer.message.role == "assistant"
    assert "Hello there" in answer.message.content
    assert (answer.done, answer.done_reason) == (True, "stop")
    assert answer.eval_count > 0
    assert answer.prompt_eval_count > 0
    assert 0 < answer.eval_duration < answer.total_duration


async def test_chat_streams_in_many_parts(client: Client) -> None:
    whole = await client("chat", model="mistral-large", messages=HELLO)
    parts = await client.stream("chat", model="mistral-large", messages=HELLO)
    assert len(parts) > 5
    assert "".join(part.message.content for part in parts) == whole.message.content
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]
    assert parts[-1].eval_count == whole.eval_count


async def test_tools_from_python_functions(client: Client, live: LiveGateway) -> None:
    def get_weather(city: str) -> str:
        """Get the weather of a city.

        Args:
            city: the name of the city
        """
        return f"21 C in {city}"

    messages: list[Any] = [{"role": "user", "content": "What is the weather in Paris?"}]
    answer = await client("chat", model="mistral-large", messages=messages, tools=[get_weather])
    (call,) = answer.message.tool_calls
    assert (call.function.name, call.function.arguments) == ("get_weather", {"city": "Paris"})

    messages += [
        answer.message,
        {
            "role": "tool",
            "tool_name": call.function.name,
            "content": get_weather(**call.function.arguments),
        },
    ]
    parts = await client.stream(
        "chat", model="mistral-large", messages=messages, tools=[get_weather]
    )
    assert "21 C in Paris" in "".join(part.message.content or "" for part in parts)


async def test_structured_output(client: Client) -> None:
    asked = [{"role": "user", "content": "Tell me about Lyon, 520774 people, as JSON"}]
    answer = await client("chat", model="mistral-large", messages=asked, format=CITY)
    document = json.loads(answer.message.content)
    assert {*document} == {"city", "people"}
    assert isinstance(document["people"], int)
    answer = await client("chat", model="mistral-large", messages=asked, format="json")
    assert isinstance(json.loads(answer.message.content), dict)


async def test_thinking(client: Client) -> None:
    answer = await client("chat", model="mistral-medium", messages=HELLO, think=True)
    assert answer.message.thinking
    assert answer.message.content
    parts = await client.stream("chat", model="mistral-medium", messages=HELLO, think="low")
    thinking = [part for part in parts if part.message.thinking]
    assert "".join(part.message.thinking for part in thinking) == answer.message.thinking
    silent = await client("chat", model="mistral-medium", messages=HELLO, think=False)
    assert not silent.message.thinking


async def test_images(client: Client, live: LiveGateway) -> None:
    asked = [{"role": "user", "content": "What is this?", "images": [PNG]}]
    answer = await client("chat", model="mistral-large", messages=asked)
    assert "image" in answer.message.content
    body: Any = live.received()[-1].body
    assert body["messages"][0]["content"][1]["image_url"].startswith("data:image/png;base64,iVBOR")


async def test_generate(client: Client) -> None:
    answer = await client("generate", model="mistral-small", prompt="Hello there", system="Be kind")
    assert "Hello there" in answer.response
    parts = await client.stream("generate", model="mistral-small", prompt="Hello there")
    assert parts[-1].done
    assert "Hello there" in "".join(part.response for part in parts)


async def test_generate_with_a_suffix(client: Client, live: LiveGateway) -> None:
    asked = {"model": "codestral", "prompt": "def add(a, b):\n", "suffix": "\n    return c"}
    answer = await client("generate", **asked)
    assert answer.response
    parts = await client.stream("generate", **asked)
    assert "".join(part.response for part in parts) == answer.response
    assert len(live.received("/v1/fim/completions")) == 2


async def test_embed(client: Client) -> None:
    answer = await client("embed", model="mistral-embed", input=["a small cat", "a little cat"])
    assert [len(vector) for vector in answer.embeddings] == [1024, 1024]
    assert sum(x * x for x in answer.embeddings[0]) == pytest.approx(1)
    assert answer.prompt_eval_count > 0


async def test_embeddings(client: Client) -> None:
    answer = await client("embeddings", model="mistral-embed", prompt="a small cat")
    assert len(answer.embedding) == 1024


async def test_load_and_unload_cost_nothing(client: Client, live: LiveGateway) -> None:
    loaded = await client("chat", model="mistral-large", messages=[])
    assert (loaded.done, loaded.done_reason) == (True, "load")
    unloaded = await client("generate", model="mistral-large", prompt="", keep_alive=0)
    assert unloaded.done_reason == "unload"
    assert live.received() == []


UNKNOWN = {
    "chat": ({"messages": HELLO}, "model 'llama3' not found"),
    "generate": ({"prompt": "x"}, "model 'llama3' not found"),
    "embed": ({"input": "x"}, 'model "llama3" not found, try pulling it first'),
    "embeddings": ({"prompt": "x"}, 'model "llama3" not found, try pulling it first'),
    "show": ({}, "model 'llama3:latest' not found"),
}


@pytest.mark.parametrize(("method", "rest", "text"), [(k, *v) for k, v in UNKNOWN.items()])
async def test_an_unknown_model_is_not_found(
    client: Client, method: str, rest: dict[str, Any], text: str
) -> None:
    with pytest.raises(ollama.ResponseError) as caught:
        await client(method, model="llama3", **rest)
    assert (caught.value.status_code, caught.value.error) == (404, text)
