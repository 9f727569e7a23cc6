"""The official Python client for OpenAI, unchanged, as its users use it."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import openai
import pydantic
import pytest

from gateway.core.errors import UpstreamTimeout
from gateway.core.events import TextDelta
from gateways import scripted_app
from live import LiveGateway, live_gateway
from openai_wire import PNG, WAV
from scripted import ScriptedProvider

HELLO: Any = [{"role": "user", "content": "Hello there"}]
WEATHER: Any = [{"role": "user", "content": "What is the weather in Paris?"}]
PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}
LOOK: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get it.",
        "parameters": PARAMETERS,
        "strict": True,
    },
}
FLAT_LOOK: Any = {"type": "function", **LOOK["function"]}


class City(pydantic.BaseModel):
    city: str
    people: int


@pytest.fixture
async def live() -> AsyncIterator[LiveGateway]:
    async with live_gateway() as running:
        yield running


def client_of(url: str) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="ollama", max_retries=0)


@pytest.fixture
async def client(live: LiveGateway) -> AsyncIterator[openai.AsyncOpenAI]:
    async with client_of(live.url) as client:
        yield client


async def test_models(client: openai.AsyncOpenAI) -> None:
    names = [model.id async for model in client.models.list()]
    assert {"mistral-large:latest", "mistral-embed:latest"} <= {*names}
    assert (await client.models.retrieve("mistral-large")).id == "mistral-large"


async def test_chat(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(model="mistral-large", messages=HELLO)
    (choice,) = answer.choices
    assert "Hello there" in (choice.message.content or "")
    assert (choice.message.role, choice.finish_reason) == ("assistant", "stop")
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


async def test_a_stream_says_what_an_answer_says(client: openai.AsyncOpenAI) -> None:
    whole = await client.chat.completions.create(model="mistral-large", messages=HELLO)
    stream = await client.chat.completions.create(
        model="mistral-large", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    texts = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
    assert len(texts) > 5
    assert "".join(texts) == whole.choices[0].message.content
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage == whole.usage


async def test_the_older_limit_and_the_newer_one(
    client: openai.AsyncOpenAI, live: LiveGateway
) -> None:
    cut = await client.chat.completions.create(
        model="mistral-large", messages=HELLO, max_completion_tokens=3
    )
    assert cut.choices[0].finish_reason == "length"
    assert live.received()[-1].body == {
        "model": "mistral-large-latest",
        "messages": HELLO,
        "stream": True,
        "max_tokens": 3,
    }


async def test_tools_and_their_results(client: openai.AsyncOpenAI) -> None:
    asked = {"model": "mistral-large", "tools": [LOOK]}
    answer = await client.chat.completions.create(messages=WEATHER, **asked)
    (choice,) = answer.choices
    assert choice.finish_reason == "tool_calls"
    (call,) = choice.message.tool_calls or ()
    assert call.type == "function"
    assert (call.function.name, json.loads(call.function.arguments)) == (
        "get_weather",
        {"city": "Paris"},
    )
    told = [
        *WEATHER,
        choice.message,
        {"role": "tool", "tool_call_id": call.id, "content": "21 C in Paris"},
    ]
    answer = await client.chat.completions.create(messages=told, **asked)
    assert "21 C in Paris" in (answer.choices[0].message.content or "")


async def test_tools_in_a_stream(client: openai.AsyncOpenAI) -> None:
    async with client.chat.completions.stream(
        model="mistral-large", messages=WEATHER, tools=[LOOK]
    ) as stream:
        answer = await stream.get_final_completion()
    (call,) = answer.choices[0].message.tool_calls or ()
    assert json.loads(call.function.arguments) == {"city": "Paris"}
    assert answer.choices[0].finish_reason == "tool_calls"


async def test_which_tool_and_how_many_are_for_the_provider(
    client: openai.AsyncOpenAI, live: LiveGateway
) -> None:
    await client.chat.completions.create(
        model="mistral-large",
        messages=HELLO,
        tools=[LOOK],
        tool_choice="required",
        parallel_tool_calls=False,
    )
    body: Any = live.received()[-1].body
    assert (body["tool_choice"], body["parallel_tool_calls"]) == ("any", False)


async def test_structured_output(client: openai.AsyncOpenAI, live: LiveGateway) -> None:
    answer = await client.chat.completions.parse(
        model="mistral-large",
        messages=[{"role": "user", "content": "Tell me about Lyon, 520774 people, as JSON"}],
        response_format=City,
    )
    assert isinstance(answer.choices[0].message.parsed, City)
    body: Any = live.received()[-1].body
    described = body["response_format"]["json_schema"]
    assert (described["name"], described["strict"]) == ("City", True)


async def test_thinking(client: openai.AsyncOpenAI) -> None:
    asked: Any = {"model": "mistral-medium", "messages": HELLO, "reasoning_effort": "high"}
    answer = await client.chat.completions.create(**asked)
    message: Any = answer.choices[0].message
    assert message.reasoning
    stream = await client.chat.completions.create(stream=True, **asked)
    deltas: list[Any] = [chunk.choices[0].delta async for chunk in stream]
    thoughts = [delta.reasoning for delta in deltas if hasattr(delta, "reasoning")]
    assert "".join(thoughts) == message.reasoning


async def test_images(client: openai.AsyncOpenAI, live: LiveGateway) -> None:
    urls = [f"data:image/png;base64,{PNG}", "https://example.org/cat.png"]
    parts: Any = [{"type": "text", "text": "What is this?"}]
    parts += [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    await client.chat.completions.create(
        model="mistral-large", messages=[{"role": "user", "content": parts}]
    )
    body: Any = live.received()[-1].body
    assert [part.get("image_url") for part in body["messages"][0]["content"]] == [None, *urls]


async def test_completions(client: openai.AsyncOpenAI, live: LiveGateway) -> None:
    answer = await client.completions.create(model="mistral-small", prompt="Hello there")
    assert "Hello there" in answer.choices[0].text
    asked: Any = {"model": "codestral", "prompt": "def add(a, b):\n", "suffix": "\n    return c"}
    filled = await client.completions.create(**asked)
    stream = await client.completions.create(stream=True, **asked)
    texts = [chunk.choices[0].text async for chunk in stream]
    assert "".join(texts) == filled.choices[0].text
    assert len(live.received("/v1/fim/completions")) == 2


async def test_embeddings(client: openai.AsyncOpenAI) -> None:
    asked: Any = {"model": "mistral-embed", "input": ["a small cat", "a little cat"]}
    packed = await client.embeddings.create(**asked)
    plain = await client.embeddings.create(encoding_format="float", **asked)
    assert [len(one.embedding) for one in packed.data] == [1024, 1024]
    assert packed.data[0].embedding == pytest.approx(plain.data[0].embedding, rel=1e-6)
    assert sum(x * x for x in plain.data[0].embedding) == pytest.approx(1)
    assert plain.usage.prompt_tokens > 0


async def test_a_response(client: openai.AsyncOpenAI) -> None:
    answer = await client.responses.create(
        model="mistral-large", instructions="Be kind.", input="Hello there"
    )
    assert "Hello there" in answer.output_text
    assert (answer.status, answer.instructions) == ("completed", "Be kind.")
    assert answer.usage is not None
    assert answer.usage.total_tokens > 0


async def test_a_response_in_a_stream(client: openai.AsyncOpenAI) -> None:
    async with client.responses.stream(
        model="mistral-medium", input="Hello there", reasoning={"effort": "low"}
    ) as stream:
        events = [event async for event in stream]
        answer = await stream.get_final_response()
    assert [event.sequence_number for event in events if hasattr(event, "sequence_number")] == [
        *range(len(events))
    ]
    assert [item.type for item in answer.output] == ["reasoning", "message"]
    assert "Hello there" in answer.output_text


async def test_a_conversation_of_responses(client: openai.AsyncOpenAI, live: LiveGateway) -> None:
    asked: Any = {"model": "mistral-medium", "tools": [FLAT_LOOK], "reasoning": {"effort": "low"}}
    turns: list[Any] = [*WEATHER]
    answer = await client.responses.create(input=turns, **asked)
    thought, call = answer.output
    assert (thought.type, call.type) == ("reasoning", "function_call")
    assert call.type == "function_call"
    turns += [
        *answer.output,
        {"type": "function_call_output", "call_id": call.call_id, "output": "21 C in Paris"},
    ]
    answer = await client.responses.create(input=turns, **asked)
    assert "21 C in Paris" in answer.output_text
    body: Any = live.received()[-1].body
    _, assistant, tool = body["messages"]
    assert [part["type"] for part in assistant["content"]] == ["thinking"]
    assert assistant["tool_calls"][0]["id"] == tool["tool_call_id"] == call.call_id


async def test_a_structured_response(client: openai.AsyncOpenAI) -> None:
    answer = await client.responses.parse(
        model="mistral-large",
        input="Tell me about Lyon, 520774 people, as JSON",
        text_format=City,
    )
    assert isinstance(answer.output_parsed, City)


async def test_an_unknown_model(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        await client.chat.completions.create(model="llama3", messages=HELLO)
    assert (caught.value.type, caught.value.body) == (
        "not_found_error",
        {
            "message": "model 'llama3' not found",
            "type": "not_found_error",
            "param": None,
            "code": None,
        },
    )


@pytest.mark.parametrize("endpoint", ["chat", "responses"])
async def test_a_failure_in_mid_stream_is_raised(aiohttp_client: Any, endpoint: str) -> None:
    provider = ScriptedProvider(steps=[[TextDelta("Ho")], UpstreamTimeout("too quiet")])
    server = await aiohttp_client(scripted_app(provider))
    async with client_of(str(server.make_url("")).rstrip("/")) as client:
        asked: Any = {"model": "tiny", "stream": True}
        if endpoint == "chat":
            stream: Any = await client.chat.completions.create(messages=HELLO, **asked)
        else:
            stream = await client.responses.create(input="Hi", **asked)
        with pytest.raises(openai.APIError, match="too quiet"):
            [event async for event in stream]


@pytest.mark.parametrize("model", ["voxtral-mini-latest", "mistral/voxtral-mini-2602"])
async def test_a_recording_is_written_down(client: openai.AsyncOpenAI, model: str) -> None:
    file = ("talk.wav", base64.b64decode(WAV))
    said = "This is the sandbox, which cannot hear: talk.wav is a recording in wav of 44 bytes."
    transcript = await client.audio.transcriptions.create(model=model, file=file, language="en")
    assert transcript.text == said
    text = await client.audio.transcriptions.create(model=model, file=file, response_format="text")
    assert text == said
    shown = [listed.id async for listed in client.models.list()]
    assert not [name for name in shown if name.startswith("voxtral-mini:latest")]


async def test_a_model_that_does_not_transcribe(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="not found among those that transcribe"):
        await client.audio.transcriptions.create(
            model="mistral-large", file=("talk.wav", base64.b64decode(WAV))
        )
