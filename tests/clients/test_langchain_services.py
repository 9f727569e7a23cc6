"""LangChain's agents, through each of its clients, against each strict service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from strict_services import ANSWER, NUMBERS, SERVICES, playing

pytestmark = [pytest.mark.clients, pytest.mark.filterwarnings("ignore")]
agents = pytest.importorskip("langchain.agents")
langchain_anthropic = pytest.importorskip("langchain_anthropic")
langchain_ollama = pytest.importorskip("langchain_ollama")
langchain_openai = pytest.importorskip("langchain_openai")

CLIENTS: dict[str, Callable[[str, str], Any]] = {
    "ollama": lambda url, model: langchain_ollama.ChatOllama(
        model=model, base_url=url, reasoning=True, temperature=0.5, seed=1
    ),
    "openai": lambda url, model: langchain_openai.ChatOpenAI(
        model=model, base_url=f"{url}/v1", api_key="any", reasoning_effort="high", max_retries=0
    ),
    "anthropic": lambda url, model: langchain_anthropic.ChatAnthropic(
        model=model,
        base_url=url,
        api_key="any",
        max_tokens=8000,
        thinking={"type": "enabled", "budget_tokens": 2000},
        max_retries=0,
    ),
}


def add_one(number: int) -> int:
    """Add one."""
    return number + 1


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("memory", [1 << 20, 0], ids=["memory", "no memory"])
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("name", SERVICES)
async def test_an_agent_comes_to_its_end(
    name: str, client: str, memory: int, *, stream: bool
) -> None:
    async with playing(name, memory=memory) as played:
        model = CLIENTS[client](played.url, played.service.model)
        agent = agents.create_agent(model, tools=[add_one])
        asked = {"messages": [("user", "Go.")]}
        if stream:
            said = ""
            async for message, _ in agent.astream(asked, stream_mode="messages"):
                said += "" if message.type == "tool" else message.text
        else:
            said = (await agent.ainvoke(asked))["messages"][-1].text
        assert played.refused == []
        assert said == ANSWER
        assert len(played.asked) == len(NUMBERS) + 1
