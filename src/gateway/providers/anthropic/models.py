"""Parse Anthropic's model list (API reference, "list models"), and guess from names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec

from gateway.core.model_info import EPOCH, Capability, ModelInfo
from gateway.providers.facts import NO_FACTS, Facts
from gateway.providers.json_values import fields_of
from gateway.providers.upstream.documents import read_models

__all__ = ["Claude", "describe", "parse_models"]

_ALWAYS = frozenset({Capability.COMPLETION, Capability.TOOLS})
_EFFORTS = ("low", "medium", "high", "max")
_ALL = _ALWAYS | {Capability.VISION, Capability.THINKING}


@dataclass(frozen=True, slots=True)
class Claude:
    """A model, and which parameters for thinking and sampling it accepts.

    ``adapts`` tells whether the model takes ``adaptive`` thinking in the place of a budget, and
    ``can_rest`` whether thinking can be disabled. ``takes_sampling`` tells whether it accepts
    ``temperature``, ``top_p`` and ``top_k``.
    """

    info: ModelInfo
    adapts: bool = False
    can_rest: bool = True
    takes_sampling: bool = True


class _Entry(msgspec.Struct):
    id: str
    display_name: str = ""
    created_at: str = ""
    deprecated_at: str | None = None
    lifecycle: str = ""
    max_input_tokens: int | None = None
    max_tokens: int | None = None
    capabilities: dict[str, Any] | None = None


def parse_models(payload: object, provider: str, facts: Facts = NO_FACTS) -> list[Claude]:
    """Return the models of a list that can be used, each id once, completed by *facts*.

    Raise `UpstreamProtocolError` when the payload is no list of models.
    """
    rows = payload.get("data") if isinstance(payload, dict) else None
    models: dict[str, Claude] = {}
    for model in read_models(rows, _read_row, provider):
        info = facts.complete(model.info)
        models.setdefault(info.id, replace(model, info=info))
    return list(models.values())


def describe(model_id: str, facts: Facts = NO_FACTS) -> Claude:
    """Return a model that is in no list, with all capabilities of today's models."""
    return Claude(facts.complete(ModelInfo(model_id, capabilities=_ALL, family="claude")))


def _read_row(row: object) -> Claude | None:
    entry = msgspec.convert(row, _Entry)
    return None if entry.lifecycle == "retired" else _read(entry)


def _read(entry: _Entry) -> Claude:
    facts = entry.capabilities
    thinking, effort = (fields_of(fields_of(facts).get(name)) for name in ("thinking", "effort"))
    info = ModelInfo(
        entry.id,
        capabilities=_ALL if facts is None else _capabilities(facts),
        family="claude",
        context_length=entry.max_input_tokens or 0,
        output_length=entry.max_tokens or 0,
        efforts=tuple([level for level in _EFFORTS if _is_supported(effort, level)]),
        released=_date(entry.created_at),
        description=entry.display_name,
        deprecated=entry.deprecated_at or "",
    )
    types = fields_of(thinking.get("types"))
    return Claude(
        info,
        adapts=_is_supported(types, "adaptive"),
        can_rest="disabled" not in types or _is_supported(types, "disabled"),
    )


def _capabilities(facts: Mapping[str, Any]) -> frozenset[Capability]:
    found = set(_ALWAYS)
    if _is_supported(facts, "image_input"):
        found.add(Capability.VISION)
    if _is_supported(facts, "thinking"):
        found.add(Capability.THINKING)
    return frozenset(found)


def _is_supported(facts: Mapping[str, Any], name: str) -> bool:
    return fields_of(facts.get(name)).get("supported") is True


def _date(text: str) -> datetime:
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        return EPOCH
    return date if date.tzinfo is not None and date > EPOCH else EPOCH
