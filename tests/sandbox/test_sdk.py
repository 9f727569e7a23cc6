from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from mistralai.client import Mistral
from mistralai.client.errors import HTTPValidationError, SDKError

from gateway.sandbox import RunningSandbox, refusal

TOOL: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


@pytest.fixture
async def client(running: RunningSandbox) -> AsyncIterator[Mistral]:
    async with Mistral(api_key="k", server_url=running.base_url.removesuffix("/v1")) as mistral:
        yield mistral


def user(text: str) -> Any:
    return [{"role": "user", "content": text}]


async def test_it_chats(client: Mistral) -> None:
    answer = await client.chat.complete_async(model="mistral-small-latest", messages=user("Hi"))
    [choice] = answer.choices
    assert (choice.finish_reason, choice.message.role) == ("stop", "assistant")
    assert str(choice.message.content).endswith("You wrote: Hi")
    assert answer.usage.prompt_tokens == 4


async def test_it_streams(client: Mistral) -> None:
    text, last = "", None
    stream = await client.chat.stream_async(model="mistral-small-latest", messages=user("Hi"))
    async with stream:
        async for event in stream:
            last = event.data
            text += str(last.choices[0].delta.content)
    assert text.endswith("You wrote: Hi")
    assert last is not None
    assert (last.choices[0].finish_reason, last.usage is not None) == ("stop", True)


async def test_it_thinks(client: Mistral) -> None:
    answer = await client.chat.complete_async(
        model="mistral-medium-latest", messages=user("Hi"), reasoning_effort="high"
    )
    content = answer.choices[0].message.content
    assert isinstance(content, list)
    assert [chunk.type for chunk in content] == ["thinking", "text"]


async def test_a_round_of_tool_calls_ends_in_an_answer(client: Mistral) -> None:
    messages = user("The weather in Paris and Rome?")
    first = await client.chat.complete_async(
        model="mistral-small-latest", messages=messages, tools=[TOOL]
    )
    message = first.choices[0].message
    calls = message.tool_calls or []
    assert first.choices[0].finish_reason == "tool_calls"
    assert [json.loads(str(call.function.arguments)) for call in calls] == [
        {"city": "Paris"},
        {"city": "Rome"},
    ]
    results: Any = [
        {"role": "tool", "tool_call_id": call.id, "name": call.function.name, "content": "21"}
        for call in calls
    ]
    second = await client.chat.complete_async(
        model="mistral-small-latest", messages=[*messages, message, *results], tools=[TOOL]
    )
    assert str(second.choices[0].message.content).endswith(
        "get_weather returned: 21 get_weather returned: 21"
    )


async def test_calls_are_streamed(client: Mistral) -> None:
    stream = await client.chat.stream_async(
        model="mistral-small-latest", messages=user("The weather in Oslo?"), tools=[TOOL]
    )
    async with stream:
        choices = [event.data.choices[0] async for event in stream]
    [call] = choices[-1].delta.tool_calls or []
    assert (call.function.name, call.function.arguments) == ("get_weather", '{"city":"Oslo"}')


async def test_it_keeps_to_a_schema(client: Mistral) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
        "required": ["name", "age"],
        "additionalProperties": False,
    }
    form: Any = {
        "type": "json_schema",
        "json_schema": {"name": "person", "schema": schema, "strict": True},
    }
    answer = await client.chat.complete_async(
        model="mistral-large-latest", messages=user("Ann is 31"), response_format=form
    )
    assert json.loads(str(answer.choices[0].message.content)) == {"name": "Ann", "age": 31}


async def test_it_fills_in_the_middle(client: Mistral) -> None:
    whole = await client.fim.complete_async(
        model="codestral-latest", prompt="def f(a):", suffix="\n    return b"
    )
    stream = await client.fim.stream_async(
        model="codestral-latest", prompt="def f(a):", suffix="\n    return b"
    )
    async with stream:
        pieces = [event.data.choices[0].delta.content async for event in stream]
    assert "".join(map(str, pieces)) == whole.choices[0].message.content


async def test_it_embeds(client: Mistral) -> None:
    answer = await client.embeddings.create_async(
        model="codestral-embed", inputs=["a", "b"], output_dimension=16
    )
    assert [(item.index, len(item.embedding or [])) for item in answer.data] == [(0, 16), (1, 16)]


async def test_it_lists_models(client: Mistral) -> None:
    listed = await client.models.list_async()
    shown = await client.models.retrieve_async(
        model_id="ft:open-mistral-7b:587a6b29:20240514:7e773925"
    )
    assert "mistral-small-latest" in [card.id for card in listed.data or []]
    assert (shown.type, shown.root) == ("fine-tuned", "open-mistral-7b")


async def test_its_errors_are_those_of_the_service(
    client: Mistral, running: RunningSandbox
) -> None:
    with pytest.raises(SDKError) as order:
        await client.chat.complete_async(
            model="mistral-small-latest",
            messages=[*user("Hi"), {"role": "assistant", "content": "Ho"}],
        )
    assert (order.value.status_code, json.loads(order.value.body)["code"]) == (400, "3230")
    with pytest.raises(HTTPValidationError) as broken:
        await client.fim.complete_async(model="codestral-latest", prompt="x", top_p=0)
    assert broken.value.status_code == 422
    running.sandbox.plan(refusal(429, retry_after="1"))
    with pytest.raises(SDKError) as limited:
        await client.chat.complete_async(model="mistral-small-latest", messages=user("Hi"))
    assert (limited.value.status_code, limited.value.headers["retry-after"]) == (429, "1")
