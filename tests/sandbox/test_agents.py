"""The sandbox's agents, as Mistral's own client asks for them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from mistralai.client import Mistral
from mistralai.client.errors import SDKError

from gateway.sandbox import RunningSandbox
from gateway.sandbox.agents import AGENTS
from gateway.sandbox.rules import AGENT_CHAT_PATH, CHAT_PATH, refuse
from sandbox_wire import exchange

HELPER, FORECASTER = AGENTS
USER = {"role": "user", "content": "Hi"}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def asked(**members: Any) -> dict[str, Any]:
    return {"agent_id": HELPER, "messages": [USER], **members}


@pytest.fixture
async def client(running: RunningSandbox) -> AsyncIterator[Mistral]:
    async with Mistral(api_key="k", server_url=running.base_url.removesuffix("/v1")) as mistral:
        yield mistral


async def test_an_agent_answers_as_its_model(client: Mistral) -> None:
    answer = await client.agents.complete_async(agent_id=HELPER, messages=[USER])
    [choice] = answer.choices
    assert answer.model == "mistral-medium-latest"
    assert str(choice.message.content).endswith("You wrote: Hi")
    assert answer.usage.prompt_tokens == 15  # with the instructions


async def test_an_agent_streams(client: Mistral) -> None:
    text = ""
    stream = await client.agents.stream_async(agent_id=HELPER, messages=[USER])
    async with stream:
        async for event in stream:
            text += str(event.data.choices[0].delta.content)
    assert text.endswith("You wrote: Hi")


async def test_an_agent_calls_its_own_tools_and_those_of_the_request(client: Mistral) -> None:
    for text, name in (("The weather in Paris?", "get_weather"), ("Call f", "f")):
        answer = await client.agents.complete_async(
            agent_id=FORECASTER, messages=[{"role": "user", "content": text}], tools=[TOOL]
        )
        [call] = answer.choices[0].message.tool_calls or []
        assert call.function.name == name


# The client prefers a list of pages that is newer.
@pytest.mark.filterwarnings("ignore:.*DEPRECATED:DeprecationWarning")
async def test_agents_are_listed_page_by_page(client: Mistral) -> None:
    pages = [await client.beta.agents.list_async(page=page, page_size=1) for page in range(3)]
    assert [[agent.id for agent in page] for page in pages] == [[HELPER], [FORECASTER], []]
    assert [agent.id for agent in await client.beta.agents.list_async()] == [HELPER, FORECASTER]
    assert pages[0][0].model == "mistral-medium-latest"


@pytest.mark.parametrize("query", ["page=-1", "page_size=0", "page=x"])
async def test_a_page_that_cannot_be_is_refused(running: RunningSandbox, query: str) -> None:
    seen = await exchange(running, b"", path=f"/v1/agents?{query}")
    assert seen.status == 422


async def test_an_agent_that_is_not_there_is_not_found(client: Mistral) -> None:
    with pytest.raises(SDKError) as caught:
        await client.agents.complete_async(agent_id="ag_0", messages=[USER])
    assert caught.value.status_code == 404


async def test_agents_want_a_key(running: RunningSandbox) -> None:
    for path, body in (("/v1/agents", b""), (AGENT_CHAT_PATH, asked())):
        seen = await exchange(running, body, path=path, headers={"Authorization": "Bearer wrong"})
        assert seen.status == 401


REFUSED = {
    "a model": (asked(model="mistral-medium-latest"), 422, "model"),
    "no agent": ({"messages": [USER]}, 422, "agent_id"),
    "a temperature, which the agent has": (asked(temperature=0.5), 422, "temperature"),
    "top_p": (asked(top_p=0.5), 422, "top_p"),
    "a safety prompt": (asked(safe_prompt=True), 422, "safe_prompt"),
    "an order that no chat may have": (
        asked(messages=[USER, {"role": "assistant", "content": "Hi"}]),
        400,
        "last role",
    ),
    "an effort that its model has not": (
        asked(agent_id=FORECASTER, reasoning_effort="high"),
        400,
        "reasoning_effort",
    ),
}


@pytest.mark.parametrize(("body", "status", "words"), REFUSED.values(), ids=REFUSED)
def test_what_an_agent_does_not_take(body: dict[str, Any], status: int, words: str) -> None:
    refusal = refuse(AGENT_CHAT_PATH, body)
    assert refusal is not None
    assert (refusal.status, words in json.dumps(refusal.body)) == (status, True)


def test_an_agent_takes_the_rest_of_a_chat() -> None:
    body = asked(
        max_tokens=5,
        stop=["x"],
        random_seed=1,
        metadata={"a": "b"},
        response_format={"type": "json_object"},
        tools=[TOOL],
        tool_choice="auto",
        presence_penalty=1,
        frequency_penalty=1,
        n=1,
        prediction={"type": "content", "content": "x"},
        parallel_tool_calls=False,
        reasoning_effort="high",
        prompt_cache_key="k",
        service_tier="auto",
        guardrails=[{}],
    )
    assert refuse(AGENT_CHAT_PATH, body) is None


def test_an_agent_is_as_good_as_its_model() -> None:
    assert refuse(AGENT_CHAT_PATH, asked(), models={}) is not None
    chat = {**asked(), "model": "mistral-medium-latest"}
    assert refuse(CHAT_PATH, chat) is not None
