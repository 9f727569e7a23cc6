"""Mistral's agents as models: a model with instructions and tools that Mistral keeps.

An agent is asked by its id at an endpoint of its own, whose body is that of a chat with
``agent_id`` in the place of ``model``. It is closed as well, and lacks what the agent itself
decides (Mistral's client library, ``AgentsCompletionRequest``; for the list ``Agent``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from gateway.core.model_info import Capability, ModelInfo
from gateway.providers.json_values import fields_of, text_of
from gateway.providers.upstream.documents import read_models

__all__ = ["NOT_FOR_AGENTS", "agent_of", "describe_agent", "list_agents"]

NOT_FOR_AGENTS: Final = frozenset({"model", "temperature", "top_p", "safe_prompt"})
"""Members of a chat's body that a body for an agent does not have."""

_PREFIX: Final = "mistral-agent:"
_PAGE: Final = 100
_MOST_PAGES: Final = 50
_CAPABILITIES: Final = frozenset({Capability.COMPLETION, Capability.TOOLS, Capability.VISION})


def agent_of(model_id: str) -> str:
    """Return the id of the agent that a model stands for; empty for a model that is none."""
    is_agent = model_id[: len(_PREFIX)].casefold() == _PREFIX
    return model_id[len(_PREFIX) :] if is_agent else ""


def describe_agent(model_id: str) -> ModelInfo:
    """Return an agent that is in no list: it may be of any model, so Mistral is to judge."""
    return ModelInfo(model_id, capabilities=_CAPABILITIES, family="mistral-agent")


async def list_agents(
    get: Callable[[Mapping[str, str]], Awaitable[object]],
    describe: Callable[[str], ModelInfo],
    *,
    provider: str,
) -> list[ModelInfo]:
    """Return the agents of the account, each with the properties of its model.

    *get* returns one page of the list, given its query; *describe* tells what is known of a model.
    Raise `UpstreamProtocolError` for what is no list.
    """

    def read(entry: object) -> ModelInfo | None:
        fields = fields_of(entry)
        agent, model = text_of(fields.get("id")), text_of(fields.get("model"))
        if not agent or not model:
            return None
        info = describe(model)
        words = (text_of(fields.get(name)) for name in ("name", "description"))
        return replace(
            info,
            id=_PREFIX + agent,
            canonical=_PREFIX + agent,
            capabilities=info.capabilities - {Capability.INSERT},
            released=_moment(fields.get("created_at")) or info.released,
            description=": ".join(filter(None, words)),
            parameters={},
        )

    found: dict[str, ModelInfo] = {}
    for page in range(_MOST_PAGES):
        rows = await get({"page": str(page), "page_size": str(_PAGE)})
        known = len(found)
        found |= {info.id: info for info in read_models(rows, read, provider)}
        if len(found) == known:
            break
    return list(found.values())


def _moment(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text_of(value))
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
