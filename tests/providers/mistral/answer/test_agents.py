"""Mistral's agents: asked by their ids, listed if wanted, in every dialect."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from gateway.core.chat import ChatRequest, Message, Role, Sampling
from gateway.core.errors import ModelNotFound
from gateway.core.events import Finish, TextDelta, ToolCall
from gateway.core.model_info import Capability, ModelInfo
from gateway.providers.base import ProviderContext
from gateway.providers.mistral import MistralOptionsSchema, MistralProvider
from gateway.providers.mistral.agents import agent_of, describe_agent, list_agents
from gateway.providers.mistral.encode import chat_body
from gateway.sandbox import Fault, RunningSandbox, start
from gateway.sandbox.agents import AGENTS
from gateway.settings import ModelsSettings
from live import live_gateway

HELPER, FORECASTER = (f"mistral-agent:{agent}" for agent in AGENTS)
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


@pytest.fixture
async def service() -> AsyncIterator[RunningSandbox]:
    async with await start() as running:
        yield running


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


def build(
    session: aiohttp.ClientSession, service: RunningSandbox, **options: Any
) -> MistralProvider:
    options = {"api_key": "k", "base_url": service.base_url, **options}
    loaded = MistralOptionsSchema().load(options)
    log = logging.getLogger("gateway.test")
    return MistralProvider(ProviderContext("mistral", loaded, session, log))


def ask(model: str = HELPER, **more: Any) -> ChatRequest:
    return ChatRequest(model, (Message(Role.USER, "Hello"),), **more)


@pytest.mark.parametrize(
    ("model", "agent"),
    [
        (HELPER, HELPER.removeprefix("mistral-agent:")),
        ("Mistral-Agent:ag:5a:20250310:x:07", "ag:5a:20250310:x:07"),
        ("mistral-agent:", ""),
        ("mistral-agent", ""),
        ("mistral-large-latest", ""),
    ],
)
def test_an_agent_is_known_by_its_prefix(model: str, agent: str) -> None:
    assert agent_of(model) == agent


def test_a_body_for_an_agent_has_its_id_and_nothing_that_it_decides() -> None:
    sampling = Sampling(temperature=0.5, top_p=0.9, max_tokens=5, seed=1)
    body = chat_body(
        ask("mistral-agent:ag_1", sampling=sampling, extra={"safe_prompt": True}, user="me"),
        describe_agent("mistral-agent:ag_1"),
    )
    assert body == {
        "agent_id": "ag_1",
        "messages": [{"role": "user", "content": "Hello"}],
        "stream": True,
        "max_tokens": 5,
        "random_seed": 1,
        "metadata": {"user_id": "me"},
    }


def test_what_an_agent_decides_is_named_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "gateway.providers.mistral"):
        chat_body(ask("mistral-agent:a", sampling=Sampling(temperature=0)), ModelInfo("x"))
    assert "['temperature']" in caplog.text


async def test_an_agent_answers(service: RunningSandbox, session: aiohttp.ClientSession) -> None:
    adapter = build(session, service, prompt_cache=True)
    async with aclosing(adapter.chat(ask(sampling=Sampling(temperature=1.0)))) as batches:
        *events, finish = [event async for batch in batches for event in batch]
    said = "".join(event.text for event in events if isinstance(event, TextDelta))
    assert said.endswith("You wrote: Hello")
    assert isinstance(finish, Finish)
    assert finish.usage is not None
    (received,) = service.sandbox.requests
    assert received.path == "/v1/agents/completions"
    assert len(received.body["prompt_cache_key"]) == 32


async def test_an_unknown_agent_is_no_model(
    service: RunningSandbox, session: aiohttp.ClientSession
) -> None:
    with pytest.raises(ModelNotFound, match="Agent ag_0 not found"):
        async with aclosing(build(session, service).chat(ask("mistral-agent:ag_0"))) as batches:
            await anext(batches)


async def test_an_agent_that_is_in_no_list_may_be_of_any_model(
    service: RunningSandbox, session: aiohttp.ClientSession
) -> None:
    adapter = build(session, service)
    assert not any(agent_of(info.id) for info in await adapter.list_models())
    assert [request.path for request in service.sandbox.requests] == ["/v1/models"]
    assert adapter.has_unlisted(HELPER)
    assert not adapter.has_unlisted("mistral-huge")
    assert adapter.describe(HELPER).capabilities == {
        Capability.COMPLETION,
        Capability.TOOLS,
        Capability.VISION,
    }


async def test_listed_agents_have_the_properties_of_their_models(
    service: RunningSandbox, session: aiohttp.ClientSession
) -> None:
    adapter = build(session, service, list_agents=True)
    listed = {info.id: info for info in await adapter.list_models()}
    helper, forecaster = listed[HELPER], listed[FORECASTER]
    assert adapter.describe(HELPER) == helper
    model = listed["mistral-medium-latest"]
    assert (helper.capabilities, helper.context_length) == (
        model.capabilities,
        model.context_length,
    )
    assert helper.description == "Sandbox helper: An agent of the sandbox, not a real one"
    assert (helper.canonical, helper.parameters) == (HELPER, {})
    assert helper.released == datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert forecaster.description == "Sandbox forecaster"
    assert Capability.THINKING not in forecaster.capabilities


async def test_agents_that_cannot_be_listed_cost_no_model(
    service: RunningSandbox, session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    adapter = build(session, service, list_agents=True)
    first = [info.id for info in await adapter.list_models()]
    service.sandbox.plan(Fault(status=403, body=b'{"detail": "no"}'), path="/v1/agents")
    assert [info.id for info in await adapter.list_models()] == first
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        "the agents of mistral cannot be listed: no"
    ]


async def test_pages_are_read_until_one_has_nothing_new() -> None:
    asked = []

    async def get(query: Any) -> object:
        asked.append(query)
        rows = [{"id": f"ag_{query['page']}", "model": "codestral", "created_at": "?"}, {"id": "x"}]
        return rows if query["page"] in "012" else rows[1:]

    found = await list_agents(get, lambda model: ModelInfo(model, family="f"), provider="mistral")
    assert [info.id for info in found] == [f"mistral-agent:ag_{page}" for page in range(3)]
    assert found[0].released == ModelInfo("x").released
    assert [query["page"] for query in asked] == ["0", "1", "2", "3"]


async def test_a_date_without_a_zone_is_one_of_utc() -> None:
    async def get(_: Any) -> object:
        return [{"id": "a", "model": "m", "created_at": "2026-03-02T10:00:00"}]

    (info,) = await list_agents(get, ModelInfo, provider="mistral")
    assert info.released == datetime(2026, 3, 2, 10, tzinfo=UTC)


async def test_a_list_without_end_is_given_up() -> None:
    async def get(query: Any) -> object:
        return [{"id": f"ag_{query['page']}", "model": "m"}]

    assert len(await list_agents(get, ModelInfo, provider="mistral")) == 50


ALIASES = ModelsSettings(aliases={"helper": HELPER, "old": FORECASTER})


@pytest.mark.parametrize("listed", [False, True], ids=["by id", "listed"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("name", ["helper", HELPER, f"mistral/{HELPER}", "old", FORECASTER])
async def test_an_agent_is_a_model_like_any_other(name: str, *, stream: bool, listed: bool) -> None:
    options = {"list_agents": listed}
    async with live_gateway(options, ALIASES) as live, aiohttp.ClientSession() as session:
        body = {
            "model": name,
            "messages": [{"role": "user", "content": "The weather in Paris?"}],
            "tools": [TOOL],
            "stream": stream,
            "options": {"temperature": 0.7},
        }
        async with session.post(f"{live.url}/api/chat", json=body) as response:
            lines = [json.loads(line) for line in (await response.read()).splitlines()]
            assert response.status == 200, lines
        messages = [line["message"] for line in lines]
        calls = [call for message in messages for call in message.get("tool_calls", ())]
        assert [call["function"]["name"] for call in calls] == ["get_weather"]
        async with session.get(f"{live.url}/api/tags") as response:
            names = {model["name"] for model in (await response.json())["models"]}
        assert {"helper:latest", "old:latest"} <= names
        assert (HELPER in names) is listed
        async with session.post(f"{live.url}/api/show", json={"model": name}) as response:
            assert "tools" in (await response.json())["capabilities"]
        (received,) = live.received("/v1/agents/completions")
        assert received.body["agent_id"] in AGENTS
        assert [one["function"]["name"] for one in received.body["tools"]] == ["get_weather"]


async def test_other_dialects_ask_agents_too() -> None:
    hello = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 50}
    async with live_gateway(models=ALIASES) as live, aiohttp.ClientSession() as session:
        for path in ("/v1/chat/completions", "/v1/messages"):
            async with session.post(live.url + path, json={"model": "helper", **hello}) as response:
                assert "You wrote: Hi" in await response.text()
        assert len(live.received("/v1/agents/completions")) == 2


async def test_an_agent_does_not_fill_in_or_embed() -> None:
    async with live_gateway(models=ALIASES) as live, aiohttp.ClientSession() as session:
        for path, body in (
            ("/api/generate", {"prompt": "a", "suffix": "b"}),
            ("/api/embed", {"input": "a"}),
        ):
            async with session.post(live.url + path, json={"model": "helper", **body}) as response:
                assert response.status == 400
        assert live.received("/v1/agents/completions") == []


async def test_an_agent_whose_model_rejects_the_effort_is_asked_once_more(
    service: RunningSandbox, session: aiohttp.ClientSession
) -> None:
    adapter = build(session, service, list_agents=True)
    await adapter.list_models()
    body = b'{"message": "reasoning_effort is not supported for this model."}'
    service.sandbox.plan(Fault(status=400, body=body))
    async with aclosing(adapter.chat(ask(think=True))) as batches:
        events = [event async for batch in batches for event in batch]
    assert not any(isinstance(event, ToolCall) for event in events)
    bodies = [one.body for one in service.sandbox.requests if one.method == "POST"]
    assert [body.get("reasoning_effort") for body in bodies] == ["high", None]
