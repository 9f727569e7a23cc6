"""Three tool turns with thinking through official clients, against a service that is strict."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anthropic
import ollama
import openai
import pytest
from aiohttp.test_utils import TestServer
from gateway import LimitsSettings, ProviderSettings, Settings, create_app

from fake_bedrock import CLAUDE, KEY, LLAMA, NEWEST, NOVA, FakeBedrock, fake_bedrock
from gateway_bedrock import BedrockProvider

SCHEMA = {"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]}
FUNCTION = {"name": "add_one", "description": "Add one.", "parameters": SCHEMA}
ANSWER = "The results are " + json.dumps([str(number) for number in (1, 11, 12, 21)]) + "."
each_memory = pytest.mark.parametrize("memory", [1 << 20, 0], ids=["memory", "no memory"])
each_model = pytest.mark.parametrize("model", [CLAUDE, NEWEST, NOVA])
each_delivery = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])


@asynccontextmanager
async def gateway(
    memory: int = 1 << 20, *, refusals: int = 0, **kind: Any
) -> AsyncIterator[tuple[str, FakeBedrock]]:
    """Run a gateway before the service, and yield its URL."""
    async with fake_bedrock(**kind) as fake:
        options = {"api_key": KEY, "base_url": fake.url}
        settings = Settings(
            providers={"bedrock": ProviderSettings("bedrock", options)},
            limits=LimitsSettings(keepsakes=memory),
        )
        app = create_app(settings, providers={"bedrock": BedrockProvider})
        async with TestServer(app) as server:
            yield str(server.make_url("")).rstrip("/"), fake
        assert len(fake.refusals) == refusals, fake.refusals
        assert len(fake.bodies) == 4


def assert_returned(fake: FakeBedrock, model: str, *, known: bool) -> None:
    """Check that thinking came back with each turn of calls, or that the model stopped thinking."""
    assert fake.thoughts == ([0, 1, 2, 3] if known else [0, 0, 0, 0])
    asked = [body["additionalModelRequestFields"] for body in fake.bodies]
    if known:
        assert all(fields == asked[0] for fields in asked)
    elif model == CLAUDE:  # which has to begin such a turn with its thinking
        assert [fields["thinking"]["type"] for fields in asked] == ["enabled", *["disabled"] * 3]


@each_memory
@each_model
@each_delivery
async def test_ollamas_client_which_drops_ids(memory: int, model: str, stream: bool) -> None:
    messages: list[Any] = [{"role": "user", "content": "Go."}]
    thoughts = ""
    async with gateway(memory) as (url, fake), ollama.AsyncClient(host=url) as client:
        for _ in range(4):
            asked: dict[str, Any] = {
                "model": model,
                "messages": messages,
                "tools": [{"type": "function", "function": FUNCTION}],
                "think": True,
            }
            if stream:
                parts = [part async for part in await client.chat(stream=True, **asked)]
            else:
                parts = [await client.chat(**asked)]
            said = [part.message for part in parts]
            thoughts += "".join(one.thinking or "" for one in said)
            calls = [call for one in said for call in one.tool_calls or ()]
            text = "".join(one.content or "" for one in said)
            if not calls:
                break
            messages.append({"role": "assistant", "content": text, "tool_calls": calls})
            messages += [
                {
                    "role": "tool",
                    "tool_name": call.function.name,
                    "content": str(call.function.arguments["number"] + 1),
                }
                for call in calls
            ]
    assert text == ANSWER
    stopped = not memory and model == CLAUDE
    assert thoughts == ("Step 0." if stopped else "Step 0.Step 1.Step 2.Step 3.")
    assert_returned(fake, model, known=memory > 0)
    assert set(fake.sent) == {model if model == NOVA else f"global.{model}"}


@each_memory
@each_model
@pytest.mark.parametrize("keeps", [True, False], ids=["keeps all", "keeps calls alone"])
async def test_openais_client(memory: int, model: str, keeps: bool) -> None:
    messages: list[Any] = [{"role": "user", "content": "Go."}]
    async with (
        gateway(memory) as (url, fake),
        openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0) as client,
    ):
        for _ in range(4):
            answer = await client.chat.completions.create(
                model=model,
                messages=messages,
                tools=[{"type": "function", "function": FUNCTION}],
                reasoning_effort="medium",
            )
            said = answer.choices[0].message
            if not said.tool_calls:
                break
            turn = said.model_dump(exclude_none=True)
            if not keeps:
                turn = {name: turn[name] for name in ("role", "tool_calls")}
            messages.append(turn)
            messages += [
                {"role": "tool", "tool_call_id": call.id, "content": result(call)}
                for call in said.tool_calls
            ]
    assert said.content == ANSWER
    assert_returned(fake, model, known=memory > 0)


def result(call: Any) -> str:
    return str(json.loads(call.function.arguments)["number"] + 1)


@each_memory
@each_model
@pytest.mark.parametrize("keeps", [True, False], ids=["keeps thinking", "drops thinking"])
@each_delivery
async def test_anthropics_client(memory: int, model: str, keeps: bool, stream: bool) -> None:
    messages: list[Any] = [{"role": "user", "content": "Go."}]
    asked: dict[str, Any] = {
        "model": model,
        "max_tokens": 5000,
        "thinking": {"type": "enabled", "budget_tokens": 2000},
        "tools": [{"name": "add_one", "description": "Add one.", "input_schema": SCHEMA}],
    }
    redacts = model != NOVA
    async with (
        gateway(memory, redacts=redacts) as (url, fake),
        anthropic.AsyncAnthropic(base_url=url, api_key="any", max_retries=0) as client,
    ):
        for _ in range(4):
            if stream:
                async with client.messages.stream(messages=messages, **asked) as streamed:
                    answer = await streamed.get_final_message()
            else:
                answer = await client.messages.create(messages=messages, **asked)
            calls = [block for block in answer.content if block.type == "tool_use"]
            if not calls:
                break
            content = [block.model_dump(exclude_none=True) for block in answer.content]
            if not keeps:
                content = [block for block in content if "thinking" not in block["type"]]
            messages.append({"role": "assistant", "content": content})
            results = [
                {
                    "type": "tool_result",
                    "tool_use_id": call.id,
                    "content": str(call.input["number"] + 1),
                }
                for call in calls
            ]
            messages.append({"role": "user", "content": results})
    assert "".join(block.text for block in answer.content if block.type == "text") == ANSWER
    assert_returned(fake, model, known=keeps or memory > 0)
    if model == CLAUDE:
        budgets = [
            body["additionalModelRequestFields"]["thinking"].get("budget_tokens")
            for body in fake.bodies
        ]
        assert budgets[0] == 2000


async def test_a_model_that_calls_in_whole_answers_alone_gets_two_requests_once() -> None:
    messages: list[Any] = [{"role": "user", "content": "Go."}]
    words = "This model doesn't support tool use in streaming mode."
    async with (
        gateway(refusals=1) as (url, fake),
        openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0) as client,
    ):
        for _ in range(4):
            answer = await client.chat.completions.create(
                model=LLAMA,
                messages=messages,
                tools=[{"type": "function", "function": FUNCTION}],
            )
            said = answer.choices[0].message
            if not said.tool_calls:
                break
            messages += [said.model_dump(exclude_none=True)]
            messages += [
                {"role": "tool", "tool_call_id": call.id, "content": result(call)}
                for call in said.tool_calls
            ]
    assert said.content == ANSWER
    assert fake.refusals == [words]


async def test_thinking_of_elsewhere_is_left_out_in_one_further_request() -> None:
    thinking = {"type": "thinking", "thinking": "Hm.", "signature": "b3RoZXI="}
    use = {"type": "tool_use", "id": "x", "name": "add_one", "input": {"number": 0}}
    history: list[Any] = [
        {"role": "user", "content": "Go."},
        {"role": "assistant", "content": [thinking, use]},
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "x", "content": "1"}],
        },
    ]
    async with fake_bedrock() as fake:
        options = {"api_key": KEY, "base_url": fake.url}
        settings = Settings(providers={"bedrock": ProviderSettings("bedrock", options)})
        app = create_app(settings, providers={"bedrock": BedrockProvider})
        async with (
            TestServer(app) as server,
            anthropic.AsyncAnthropic(
                base_url=str(server.make_url("")), api_key="any", max_retries=0
            ) as client,
        ):
            for _ in range(2):
                answer = await client.messages.create(
                    model=CLAUDE,
                    max_tokens=5000,
                    thinking={"type": "enabled", "budget_tokens": 2000},
                    tools=[{"name": "add_one", "input_schema": SCHEMA}],
                    messages=history,
                )
                assert answer.stop_reason == "tool_use"
    assert len(fake.refusals) == 1
    assert fake.thoughts == [0, 0]
