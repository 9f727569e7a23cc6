"""The sandbox's agents: models with instructions and tools that the account keeps.

The fields are those of `Agent` in Mistral's client library. Completions of an agent are those of
its model, and its tools and arguments hold where a request has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

__all__ = ["AGENTS", "Agent", "agents_page"]

_DATE: Final = "2026-03-02T10:00:00Z"
_DEFAULT_SIZE: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """Describe one agent: its model, and what it adds to each request."""

    id: str
    name: str
    model: str
    instructions: str
    description: str | None = None
    tools: tuple[Mapping[str, Any], ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def chat(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the chat with the agent's model that a body for the agent stands for."""
        own = {name: value for name, value in body.items() if name != "agent_id"}
        chat = {**self.arguments, **own, "model": self.model}
        if tools := [*self.tools, *(body.get("tools") or ())]:
            chat["tools"] = tools
        return chat

    def instructed(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the chat with the instructions in front, as the model reads it."""
        system = {"role": "system", "content": self.instructions}
        return {**self.chat(body), "messages": [system, *body["messages"]]}

    def wire(self) -> dict[str, object]:
        """Return the entry as GET /v1/agents sends it."""
        return {
            "object": "agent",
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "model": self.model,
            "instructions": self.instructions,
            "tools": [dict(tool) for tool in self.tools],
            "completion_args": dict(self.arguments),
            "handoffs": None,
            "version": 0,
            "versions": [0],
            "created_at": _DATE,
            "updated_at": _DATE,
            "deployment_chat": False,
            "source": "api",
        }


_WEATHER: Final = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}

AGENTS: Final[Mapping[str, Agent]] = MappingProxyType(
    {
        agent.id: agent
        for agent in (
            Agent(
                id="ag_0195f2c1d3b47a10a2c6f00d5a0db0c5",
                name="Sandbox helper",
                model="mistral-medium-latest",
                instructions="You are an agent of the sandbox.",
                description="An agent of the sandbox, not a real one",
                arguments=MappingProxyType({"temperature": 0.1}),
            ),
            Agent(
                id="ag:5a0db0c5:20250310:forecaster:07bbfff0",
                name="Sandbox forecaster",
                model="mistral-large-2512",
                instructions="You know the weather.",
                tools=(_WEATHER,),
            ),
        )
    }
)
"""The agents by id, one with an id of the older form."""


def agents_page(query: Mapping[str, str]) -> list[dict[str, object]]:
    """Return the part of the list that a query asks for; raise `ValueError` for a wrong one."""
    number = int(query.get("page", "0"))
    size = int(query.get("page_size", str(_DEFAULT_SIZE)))
    if number < 0 or size < 1:
        raise ValueError("page must not be below 0, and page_size not below 1")
    return [agent.wire() for agent in AGENTS.values()][number * size : (number + 1) * size]
