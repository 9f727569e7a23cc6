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

from fake_gemini import KEY, MODEL, WORD, FakeGemini, fake_gemini
from gateway_gemini import GeminiProvider

SCHEMA = {"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]}
FUNCTION = {"name": "add_one", "description": "Add one.", "parameters": SCHEMA}
ANSWER = "The results are " + json.dumps([{"result": str(n)} for n in (1, 11, 12, 21)]) + "."
each_memory = pytest.mark.parametrize("memory", [1 << 20, 0], ids=["memory", "no memory"])
each_ids = pytest.mark.parametrize("ids", [True, False], ids=["ids", "no ids"])
each_delivery = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])


@asynccontextmanager
async def gateway(memory: int, **kind: Any) -> AsyncIterator[tuple[str, FakeGemini]]:
    """Run a gateway before the service, and yield its URL."""
    async with fake_gemini(**kind) as fake:
        settings = Settings(
            providers={
                "gemini": ProviderSettings("gemini", {"api_key": KEY, "base_url": fake.url})
            },
            limits=LimitsSettings(keepsakes=memory),
        )
        app = create_app(settings, providers={"gemini": GeminiProvider})
        async with TestServer(app) as server:
            yield str(server.make_url("")).rstrip("/"), fake
        assert fake.refusals == []
        assert len(fake.bodies) == 4


def assert_signed(fake: FakeGemini, *, known: bool) -> None:
    """Check that the service got back its own signatures, or the word for none."""
    last = fake.signed[-1]
    assert len(last) == 3
    if known:
        assert last == list(fake.issued)[:3]
    else:
        assert last == [WORD] * 3


@each_memory
@each_ids
@each_delivery
async def test_ollamas_client_which_drops_ids(memory: int, ids: bool, stream: bool) -> None:
    messages: list[Any] = [{"role": "user", "content": "Go."}]
    thoughts = ""
    async with gateway(memory, ids=ids) as (url, fake), ollama.AsyncClient(host=url) as client:
        for _ in range(4):
            asked: dict[str, Any] = {
                "model": MODEL,
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
    assert thoughts == "Step 0.Step 1.Step 2.Step 3."
    assert_signed(fake, known=memory > 0)


@each_memory
@pytest.mark.parametrize("keeps", [True, False], ids=["keeps all", "keeps calls alone"])
async def test_openais_client(memory: int, keeps: bool) -> None:
    messages: list[Any] = [{"role": "user", "content": "Go."}]
    async with (
        gateway(memory) as (url, fake),
        openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0) as client,
    ):
        for _ in range(4):
            answer = await client.chat.completions.create(
                model=MODEL,
                messages=messages,
                tools=[{"type": "function", "function": FUNCTION}],
                reasoning_effort="high",
            )
            said = answer.choices[0].message
            if not said.tool_calls:
                break
            turn = said.model_dump(exclude_none=True)
            if not keeps:
                for call in turn["tool_calls"]:
                    call.pop("extra_content", None)
                turn = {name: turn[name] for name in ("role", "tool_calls")}
            messages.append(turn)
            messages += [
                {"role": "tool", "tool_call_id": call.id, "content": result(call)}
                for call in said.tool_calls
            ]
    assert said.content == ANSWER
    assert_signed(fake, known=keeps or memory > 0)
    assert fake.bodies[0]["generationConfig"]["thinkingConfig"]["thinkingLevel"] == "high"


def result(call: Any) -> str:
    return str(json.loads(call.function.arguments)["number"] + 1)


@each_memory
@pytest.mark.parametrize("keeps", [True, False], ids=["keeps thinking", "drops thinking"])
@each_delivery
async def test_anthropics_client(memory: int, keeps: bool, stream: bool) -> None:
    messages: list[Any] = [{"role": "user", "content": "Go."}]
    asked: dict[str, Any] = {
        "model": MODEL,
        "max_tokens": 5000,
        "thinking": {"type": "enabled", "budget_tokens": 2000},
        "tools": [{"name": "add_one", "description": "Add one.", "input_schema": SCHEMA}],
    }
    async with (
        gateway(memory) as (url, fake),
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
    assert_signed(fake, known=keeps or memory > 0)


async def test_a_signature_of_another_key_is_replaced_in_one_further_request() -> None:
    extra = {"google": {"thought_signature": "b3RoZXI="}}
    function = {"name": "add_one", "arguments": '{"number": 0}'}
    call = {"id": "x", "type": "function", "function": function, "extra_content": extra}
    async with fake_gemini() as fake:
        options = {"api_key": KEY, "base_url": fake.url}
        settings = Settings(providers={"gemini": ProviderSettings("gemini", options)})
        app = create_app(settings, providers={"gemini": GeminiProvider})
        async with (
            TestServer(app) as server,
            openai.AsyncOpenAI(
                base_url=str(server.make_url("/v1")), api_key="any", max_retries=0
            ) as client,
        ):
            history: list[Any] = [
                {"role": "user", "content": "Go."},
                {"role": "assistant", "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "x", "content": "1"},
            ]
            answer = await client.chat.completions.create(model=MODEL, messages=history)
    assert answer.choices[0].message.tool_calls
    assert fake.refusals == ["Thought signature is not valid."]
    assert fake.signed == [[WORD]]
