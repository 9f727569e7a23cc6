"""An Ollama server's models: the list of ``/api/tags``, the facts of ``/api/show``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from gateway.catalog import EPOCH, Capability, ModelInfo
from gateway.errors import UpstreamProtocolError

__all__ = ["Tagged", "describe", "parse_show", "parse_tags"]

_WORDS = {word.value: word for word in Capability}


@dataclass(frozen=True, slots=True)
class Tagged:
    """A model of the list; its facts are those of ``/api/show`` as long as the digest stays."""

    info: ModelInfo
    digest: str


class _Details(msgspec.Struct):
    family: str = ""
    parameter_size: str = ""
    quantization_level: str = ""
    context_length: int = 0


class _Tag(msgspec.Struct):
    name: str
    digest: str = ""
    modified_at: str = ""
    details: _Details | None = None
    capabilities: list[str] | None = None


class _Tags(msgspec.Struct):
    models: list[_Tag] | None


class _Show(msgspec.Struct):
    capabilities: list[str] | None = None
    details: _Details | None = None
    model_info: dict[str, Any] | None = None


def parse_tags(payload: object, provider: str) -> list[Tagged]:
    """Return the models of ``/api/tags``, each name once.

    Raise `UpstreamProtocolError` when the payload is no list of models.
    """
    try:
        tags = msgspec.convert(payload, _Tags)
    except msgspec.ValidationError as error:
        raise _unreadable(provider) from error
    models: dict[str, Tagged] = {}
    for tag in tags.models or ():
        info = ModelInfo(tag.name, released=_date(tag.modified_at))
        info = _detailed(info, tag.details, tag.capabilities)
        models.setdefault(tag.name, Tagged(info, tag.digest))
    return list(models.values())


def parse_show(payload: object, info: ModelInfo, provider: str) -> ModelInfo:
    """Return *info* with the facts of ``/api/show``."""
    try:
        show = msgspec.convert(payload, _Show)
    except msgspec.ValidationError as error:
        raise _unreadable(provider) from error
    facts = show.model_info or {}
    architecture = facts.get("general.architecture")
    detailed = _detailed(info, show.details, show.capabilities)
    return replace(
        detailed,
        parameter_count=_count(facts, "general.parameter_count"),
        context_length=(_count(facts, f"{architecture}.context_length") or detailed.context_length),
        embedding_length=_count(facts, f"{architecture}.embedding_length"),
    )


def describe(model_id: str) -> ModelInfo:
    """Return what can be told of a model that is in no list: it may be able to do anything.

    The server refuses what it cannot do in the very words that we would use.
    """
    return ModelInfo(model_id, capabilities=frozenset(Capability))


def _detailed(
    info: ModelInfo, details: _Details | None, capabilities: list[str] | None
) -> ModelInfo:
    details = details or _Details()
    known = frozenset(_WORDS[word] for word in capabilities or () if word in _WORDS)
    return replace(
        info,
        capabilities=known or info.capabilities,
        family=details.family or info.family,
        parameter_size=details.parameter_size or info.parameter_size,
        quantization_level=details.quantization_level or info.quantization_level,
        context_length=details.context_length or info.context_length,
    )


def _count(facts: Mapping[str, Any], name: str) -> int:
    value = facts.get(name)
    return value if isinstance(value, int) and value > 0 else 0


def _date(text: str) -> datetime:
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        return EPOCH
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)


def _unreadable(provider: str) -> UpstreamProtocolError:
    return UpstreamProtocolError(
        f"{provider} sent a list of models that cannot be read", provider=provider
    )
