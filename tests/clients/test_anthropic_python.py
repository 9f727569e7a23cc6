"""Anthropic's own Python client, unchanged, as its users use it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from typing import Any

import anthropic
import pytest
from pydantic import BaseModel

from anthropic_wire import PNG
from live import LiveGateway, live_gateway

HELLO = [{"role": "user", "content": "Hello there"}]
WEATHER = {
    "name": "get_weather",
    "description": "Get the weather of a city",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string", "description": "the name of the city"}},
        "required": ["city"],
    },
}


class City(BaseModel):
    city: str
    people: int


@pytest.fixture
async def live() -> AsyncIterator[LiveGateway]:
    async with live_gateway() as running:
        yield running


class Client:
    """The asynchronous client, and the synchronous one in a thread, under one face."""

    def __init__(self, url: str, kind: str) -> None:
        made = anthropic.AsyncAnthropic if kind == "async" else anthropic.Anthropic
        self.real: Any = made(base_url=url, api_key="ollama", max_retries=0)
        self.is_async = kind == "async"

    async def __call__(self, method: str = "create", **arguments: Any) -> Any:
        call: Callable[..., Any] = getattr(self.real.messages, method)
        arguments = {"model": "mistral-large", **arguments}
        if method != "count_tokens":
            arguments.setdefault("max_tokens", 500)
        if self.is_async:
            return await call(**arguments)
        return await asyncio.to_thread(call, **arguments)

    async def stream(self, **arguments: Any) -> tuple[Any, list[Any]]:
        """Return the final message of a stream, and its events."""
        arguments = {"model": "mistral-large", "max_tokens": 500, **arguments}
        if self.is_async:
            async with self.real.messages.stream(**arguments) as stream:
                events = [event async for event in stream]
                return await stream.get_final_message(), events
        return await asyncio.to_thread(self._stream, arguments)

    def _stream(self, arguments: dict[str, Any]) -> tuple[Any, list[Any]]:
        with self.real.messages.stream(**arguments) as stream:
            events = list(stream)
            return stream.get_final_message(), events

    async def close(self) -> None:
        if self.is_async:
            await self.real.close()
        else:
            self.real.close()


@pytest.fixture(params=["async", "sync"])
async def client(request: pytest.FixtureRequest, live: LiveGateway) -> AsyncIterator[Client]:
    client = Client(live.url, request.param)
    yield client
    await client.close()


def said(message: Any) -> list[dict[str, Any]]:
    return [block.model_dump(exclude_none=True) for block in message.content]


async def test_a_message(client: Client) -> None:
    answer = await client(messages=HELLO, system="Be kind.")
    assert (answer.type, answer.role, answer.model) == ("message", "assistant", "mistral-large")
    assert answer.id.startswith("msg_")
    assert "Hello there" in answer.content[0].text
    assert answer.stop_reason == "end_turn"
    assert answer.usage.input_tokens > 0
    assert answer.usage.output_tokens > 0


async def test_a_stream_says_what_a_message_says(client: Client) -> None:
    whole = await client(messages=HELLO)
    streamed, events = await client.stream(messages=HELLO)
    assert said(streamed) == said(whole)
    assert (streamed.stop_reason, streamed.usage) == (whole.stop_reason, whole.usage)
    assert len([event for event in events if event.type == "text"]) > 5
    assert [event.type for event in events][-1] == "message_stop"


async def test_a_limit_is_told(client: Client) -> None:
    answer = await client(messages=HELLO, max_tokens=3)
    assert (answer.stop_reason, answer.usage.output_tokens) == ("max_tokens", 3)
    streamed, _ = await client.stream(messages=HELLO, max_tokens=3)
    assert streamed.stop_reason == "max_tokens"


async def test_stop_sequences(client: Client) -> None:
    answer = await client(messages=HELLO, stop_sequences=["there"])
    assert "there" not in answer.content[0].text


@pytest.mark.parametrize("streamed", [False, True])
async def test_tools(client: Client, streamed: bool) -> None:
    async def ask(messages: list[Any]) -> Any:
        asked = {"messages": messages, "tools": [WEATHER]}
        return (await client.stream(**asked))[0] if streamed else await client(**asked)

    messages: list[Any] = [{"role": "user", "content": "What is the weather in Paris and Lyon?"}]
    answer = await ask(messages)
    assert answer.stop_reason == "tool_use"
    assert [(block.type, block.name, block.input) for block in answer.content] == [
        ("tool_use", "get_weather", {"city": "Paris"}),
        ("tool_use", "get_weather", {"city": "Lyon"}),
    ]
    messages += [
        {"role": "assistant", "content": answer.content},
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": block.id,
                    "content": f"21 C in {block.input['city']}",
                }
                for block in answer.content
            ],
        },
    ]
    answer = await ask(messages)
    assert answer.stop_reason == "end_turn"
    assert "21 C in Lyon" in answer.content[0].text


async def test_the_choice_of_tools_reaches_the_provider(client: Client, live: LiveGateway) -> None:
    asked = {"messages": HELLO, "tools": [WEATHER]}
    forced = await client(**asked, tool_choice={"type": "tool", "name": "get_weather"})
    assert forced.stop_reason == "tool_use"
    silent = await client(**asked, tool_choice={"type": "none"})
    assert silent.stop_reason == "end_turn"
    await client(**asked, tool_choice={"type": "any", "disable_parallel_tool_use": True})
    sent = [request.body for request in live.received()]
    assert all(isinstance(body, dict) for body in sent)
    assert [(body["tool_choice"], body.get("parallel_tool_calls")) for body in sent] == [  # type: ignore[index] # as the line before says
        ({"type": "function", "function": {"name": "get_weather"}}, None),
        ("none", None),
        ("any", False),
    ]


async def test_thinking(client: Client) -> None:
    asked = {
        "model": "mistral-medium",
        "messages": HELLO,
        "max_tokens": 2000,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
    }
    whole = await client(**asked)
    assert [block.type for block in whole.content] == ["thinking", "text"]
    streamed, events = await client.stream(**asked)
    assert said(streamed) == said(whole)
    assert [event for event in events if event.type == "thinking"]
    again = [
        *HELLO,
        {"role": "assistant", "content": streamed.content},
        {"role": "user", "content": "And now?"},
    ]
    assert (await client(**{**asked, "messages": again})).stop_reason == "end_turn"
    silent = await client(**{**asked, "thinking": {"type": "disabled"}})
    assert [block.type for block in silent.content] == ["text"]


async def test_a_model_that_cannot_think_answers_without(client: Client) -> None:
    answer = await client(
        messages=HELLO, thinking={"type": "enabled", "budget_tokens": 1024}, max_tokens=2000
    )
    assert [block.type for block in answer.content] == ["text"]


async def test_images(client: Client, live: LiveGateway) -> None:
    sources = [
        {"type": "base64", "media_type": "image/png", "data": PNG},
        {"type": "url", "url": "https://images.example/cat.png"},
    ]
    blocks = [{"type": "image", "source": source} for source in sources]
    question = {"type": "text", "text": "What is this?"}
    answer = await client(messages=[{"role": "user", "content": [*blocks, question]}])
    assert "image" in answer.content[0].text
    body: Any = live.received()[-1].body
    chunks = body["messages"][0]["content"]
    assert [chunk["image_url"] for chunk in chunks if chunk["type"] == "image_url"] == [
        f"data:image/png;base64,{PNG}",
        "https://images.example/cat.png",
    ]


async def test_a_document(client: Client, live: LiveGateway) -> None:
    data = base64.b64encode(b"%PDF-1.4\n%%EOF\n").decode()
    source = {"type": "base64", "media_type": "application/pdf", "data": data}
    blocks = [{"type": "document", "source": source}, {"type": "text", "text": "Sum it up"}]
    await client(messages=[{"role": "user", "content": blocks}])
    body: Any = live.received()[-1].body
    assert body["messages"][0]["content"][0] == {
        "type": "document_url",
        "document_url": f"data:application/pdf;base64,{data}",
    }


async def test_structured_output(client: Client) -> None:
    asked = [{"role": "user", "content": "Tell me about Lyon, 520774 people"}]
    answer = await client("parse", messages=asked, output_format=City)
    assert answer.parsed_output == City(city="Lyon", people=520774)


async def test_an_unknown_model_is_not_found(client: Client) -> None:
    with pytest.raises(anthropic.NotFoundError) as caught:
        await client(model="claude-9", messages=HELLO)
    assert caught.value.body["error"] == {  # type: ignore[index] # an object, as the type has it
        "type": "not_found_error",
        "message": "model 'claude-9' not found",
    }


async def test_models_are_listed(live: LiveGateway) -> None:
    async with anthropic.AsyncAnthropic(base_url=live.url, api_key="ollama") as client:
        models = [model async for model in client.models.list()]
        one = await client.models.retrieve("mistral-large")
    assert {model.type for model in models} == {"model"}
    assert all(model.display_name and model.created_at.year >= 2023 for model in models)
    assert (one.id, one.display_name) == ("mistral-large", "mistral-large")


async def test_tokens_are_estimated(client: Client) -> None:
    few = await client("count_tokens", messages=HELLO)
    many = await client("count_tokens", messages=HELLO, system="x" * 4_000)
    assert 0 < few.input_tokens < many.input_tokens - 999


FAULTS = {
    "refused": ("[[fault: 429 retry-after=70]]", anthropic.RateLimitError),
    "overloaded": ("[[fault: 503 retry-after=70]]", anthropic.InternalServerError),
}


@pytest.mark.parametrize(("fault", "error"), FAULTS.values(), ids=FAULTS)
async def test_a_refusal_of_the_providers(
    client: Client, fault: str, error: type[anthropic.APIStatusError]
) -> None:
    with pytest.raises(error):
        await client(messages=[{"role": "user", "content": f"Hello {fault}"}])


async def test_a_stream_that_breaks_off_is_an_error(client: Client) -> None:
    asked = [{"role": "user", "content": "Hello there, all of you [[fault: cut after=3]]"}]
    with pytest.raises(anthropic.APIStatusError) as caught:
        await client.stream(messages=asked)
    body: Any = caught.value.body
    assert (body["type"], body["error"]["type"]) == ("error", "api_error")
