"""Agents that continue an answer by its id alone, with the settings of the how-to page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from programs import Watched, settings_of, watched_gateway

pytestmark = [pytest.mark.clients, pytest.mark.timeout(120)]
# Imported here, since that takes seconds, in which the gateway would not be served.
agents = pytest.importorskip("agents")
langchain_agents = pytest.importorskip("langchain.agents")
messages = pytest.importorskip("langchain_core.messages")
pytest.importorskip("langchain_openai")

PARIS, ROME = "What is the weather in Paris?", "What is the weather in Rome?"


@pytest.fixture
async def watched() -> AsyncIterator[Watched]:
    async with watched_gateway() as watched:
        yield watched


def model_of(name: str, url: str) -> Any:
    """Return the ``model`` that the settings of a framework make."""
    made: dict[str, Any] = {}
    exec(settings_of(name, url), made)
    return made["model"]


def get_weather(city: str) -> str:
    """Get the weather of a city."""
    return f"21 C in {city}"


def assert_nothing_was_lost(watched: Watched) -> None:
    """Check that the provider got the whole conversation, though the client sent its end."""
    assert len(watched.turns()) == 4
    assert watched.results() == [("get_weather", "21 C in Paris"), ("get_weather", "21 C in Rome")]
    said = [one["content"] for one in watched.turns()[-1]["messages"] if one["role"] == "user"]
    assert said == [PARIS, ROME]


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_openai_agents(watched: Watched, streamed: bool) -> None:
    agent = agents.Agent(
        name="weather",
        instructions="Be kind.",
        model=model_of("openai-agents", watched.url),
        tools=[agents.function_tool(get_weather)],
    )

    async def run(asked: str, previous: str | None) -> Any:
        given = {"auto_previous_response_id": True, "previous_response_id": previous}
        if not streamed:
            return await agents.Runner.run(agent, asked, **given)
        result = agents.Runner.run_streamed(agent, asked, **given)
        kinds = [event.type async for event in result.stream_events()]
        assert "raw_response_event" in kinds
        return result

    first = await run(PARIS, None)
    assert "21 C in Paris" in first.final_output
    second = await run(ROME, first.last_response_id)
    assert "21 C in Rome" in second.final_output
    assert_nothing_was_lost(watched)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_langchain(watched: Watched, streamed: bool) -> None:
    model = model_of("langchain", watched.url)
    agent = langchain_agents.create_agent(model, tools=[get_weather], system_prompt="Be kind.")
    history: list[Any] = []
    for asked in (PARIS, ROME):
        history.append(messages.HumanMessage(asked))
        if streamed:
            async for state in agent.astream({"messages": history}, stream_mode="values"):
                history = state["messages"]
        else:
            history = (await agent.ainvoke({"messages": history}))["messages"]
        assert f"21 C in {asked.split()[-1][:-1]}" in history[-1].text
    assert_nothing_was_lost(watched)
