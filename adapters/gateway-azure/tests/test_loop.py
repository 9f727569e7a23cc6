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

from fake_azure import BASES, DEEPSEEK, GPT, KEY, REASONER, FakeAzure, fake_azure
from gateway_azure import AzureProvider

SCHEMA = {"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]}
FUNCTION = {"name": "add_one", "description": "Add one.", "parameters": SCHEMA}
ANSWER = "The results are " + json.dumps([str(number) for number in (1, 11, 12, 21)]) + "."
THOUGHTS = "Step 0.Step 1.Step 2.Step 3."
MODELS = {
    GPT: {"base": "gpt-4o"},
    REASONER: {"base": "gpt-5-mini"},
    DEEPSEEK: {
        "capabilities": ["completion", "tools", "thinking"],
        "thinking_field": "reasoning_content",
        "thinking_back": "calls",
        "thinking_by": "nothing",
    },
}
each_memory = pytest.mark.parametrize("memory", [1 << 20, 0], ids=["memory", "no memory"])
each_model = pytest.mark.parametrize("model", [REASONER, DEEPSEEK])
each_api = pytest.mark.parametrize("dated", [False, True], ids=["v1", "deployments"])


@asynccontextmanager
async def gateway(
    memory: int = 1 << 20, *, dated: bool = False, refusals: int = 0, models: Any = None
) -> AsyncIterator[tuple[str, FakeAzure]]:
    """Run a gateway before the service, and yield its URL."""
    async with fake_azure(dated=dated) as fake:
        options = {
            "api_key": KEY,
            "base_url": fake.url,
            "deployments": dated,
            "models": MODELS if models is None else models,
        }
        settings = Settings(
            providers={"azure": ProviderSettings("azure", options)},
            limits=LimitsSettings(keepsakes=memory),
        )
        app = create_app(settings, providers={"azure": AzureProvider})
        async with TestServer(app) as server:
            yield str(server.make_url("")).rstrip("/"), fake
        assert len(fake.refusals) == refusals, fake.refusals
        assert len(fake.bodies) == 4


def assert_asked(fake: FakeAzure, model: str) -> None:
    """Check that a model that reasons was told how much, in the names that it knows."""
    assert fake.asked == [model] * 4
    efforts = [body.get("reasoning_effort") for body in fake.bodies]
    assert efforts == ([None] * 4 if model == DEEPSEEK else ["medium"] * 4)
    if model == DEEPSEEK:
        said = [one for one in fake.bodies[-1]["messages"] if one.get("tool_calls")]
        assert len(said) == 3
        assert all("reasoning_content" in one for one in said)


@each_memory
@each_model
@each_api
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
async def test_ollamas_client_which_drops_ids(
    memory: int, model: str, dated: bool, stream: bool
) -> None:
    messages: list[Any] = [{"role": "user", "content": "Go."}]
    thoughts = ""
    async with (
        gateway(memory, dated=dated) as (url, fake),
        ollama.AsyncClient(host=url) as client,
    ):
        for _ in range(4):
            asked: dict[str, Any] = {
                "model": model,
                "messages": messages,
                "tools": [{"type": "function", "function": FUNCTION}],
                "think": True,
                "options": {"num_predict": 100, "temperature": 1.0},
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
    assert thoughts == (THOUGHTS if model == DEEPSEEK else "")
    assert_asked(fake, model)
    limit = "max_completion_tokens" if model == REASONER else "max_tokens"
    assert all(body[limit] == 100 for body in fake.bodies)


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
            messages += results(said.tool_calls)
    assert said.content == ANSWER
    assert_asked(fake, model)


def results(calls: Any) -> list[Any]:
    return [
        {
            "role": "tool",
            "tool_call_id": call.id,
            "content": str(json.loads(call.function.arguments)["number"] + 1),
        }
        for call in calls
    ]


@each_memory
@each_model
@pytest.mark.parametrize("keeps", [True, False], ids=["keeps thinking", "drops thinking"])
async def test_anthropics_client(memory: int, model: str, keeps: bool) -> None:
    messages: list[Any] = [{"role": "user", "content": "Go."}]
    asked: dict[str, Any] = {
        "model": model,
        "max_tokens": 5000,
        "thinking": {"type": "enabled", "budget_tokens": 2000},
        "tools": [{"name": "add_one", "description": "Add one.", "input_schema": SCHEMA}],
    }
    async with (
        gateway(memory) as (url, fake),
        anthropic.AsyncAnthropic(base_url=url, api_key="any", max_retries=0) as client,
    ):
        for _ in range(4):
            async with client.messages.stream(messages=messages, **asked) as streamed:
                answer = await streamed.get_final_message()
            calls = [block for block in answer.content if block.type == "tool_use"]
            if not calls:
                break
            content = [block.model_dump(exclude_none=True) for block in answer.content]
            if not keeps:
                content = [block for block in content if "thinking" not in block["type"]]
            messages.append({"role": "assistant", "content": content})
            found = [
                {
                    "type": "tool_result",
                    "tool_use_id": call.id,
                    "content": str(call.input["number"] + 1),
                }
                for call in calls
            ]
            messages.append({"role": "user", "content": found})
    assert "".join(block.text for block in answer.content if block.type == "text") == ANSWER
    assert len(fake.bodies) == 4


async def test_what_the_settings_do_not_tell_is_learned_from_refusals() -> None:
    """A deployment's name tells nothing, so each parameter costs one further request, once."""
    messages: list[Any] = [{"role": "user", "content": "Go."}]
    models = {REASONER: {}}
    async with (
        gateway(models=models, refusals=1) as (url, fake),
        openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0) as client,
    ):
        for _ in range(4):
            answer = await client.chat.completions.create(
                model=REASONER,
                messages=messages,
                tools=[{"type": "function", "function": FUNCTION}],
                max_tokens=100,
            )
            said = answer.choices[0].message
            if not said.tool_calls:
                break
            messages.append(said.model_dump(exclude_none=True))
            messages += results(said.tool_calls)
    assert said.content == ANSWER
    assert [body["max_completion_tokens"] for body in fake.bodies] == [100] * 4
    assert list(BASES) == [GPT, REASONER, DEEPSEEK]
