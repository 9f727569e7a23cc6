"""Parse an Ollama server's models from ``/api/tags``, ``/api/show`` and ``/api/ps``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from gateway.core import codec
from gateway.core.model_info import EPOCH, Capability, LoadedModel, ModelInfo
from gateway.providers.json_values import convert, count_of
from gateway.providers.ollama.encode import DIALECT
from gateway.providers.upstream.documents import read_models

__all__ = ["describe", "parse_ps", "parse_show", "parse_tags"]

_WORDS = {word.value: word for word in Capability}

_LIST = "a list of models"
"""What errors call each of the documents that are read here."""


class _Details(msgspec.Struct):
    family: str = ""
    parameter_size: str = ""
    quantization_level: str = ""
    context_length: int = 0


class _Tag(msgspec.Struct):
    name: str
    remote_model: str = ""
    remote_host: str = ""
    modified_at: str = ""
    size: int = 0
    digest: str = ""
    details: _Details | None = None
    capabilities: list[str] | None = None


class _Show(msgspec.Struct):
    capabilities: list[str] | None = None
    details: _Details | None = None
    model_info: dict[str, Any] | None = None
    modelfile: str | None = None
    parameters: str | None = None
    template: str | None = None


class _Loaded(msgspec.Struct):
    name: str
    expires_at: str = ""
    size: int = 0
    size_vram: int = 0
    context_length: int = 0


def parse_tags(payload: object, provider: str) -> list[ModelInfo]:
    """Return the models of ``/api/tags``, each name once.

    Raise `UpstreamProtocolError` when the payload is no list of models.
    """
    models: dict[str, ModelInfo] = {}
    for info in read_models(_rows(payload), _read_tag, provider):
        models.setdefault(info.id, info)
    return list(models.values())


def _rows(payload: object) -> object:
    """Return the rows of a list, which Go writes as null when there are none."""
    if not isinstance(payload, dict) or "models" not in payload:
        return None
    return [] if payload["models"] is None else payload["models"]


def _read_tag(row: object) -> ModelInfo:
    tag = msgspec.convert(row, _Tag)
    info = ModelInfo(
        tag.name,
        released=_date(tag.modified_at),
        size=tag.size,
        digest=tag.digest,
        remote_model=tag.remote_model,
        remote_host=tag.remote_host,
    )
    return _detailed(info, tag.details, tag.capabilities)


def parse_ps(payload: object, provider: str) -> Sequence[LoadedModel]:
    """Return the models of ``/api/ps``."""
    return read_models(_rows(payload), _read_loaded, provider)


def _read_loaded(row: object) -> LoadedModel:
    loaded = msgspec.convert(row, _Loaded)
    return LoadedModel(
        loaded.name,
        _date(loaded.expires_at),
        size=loaded.size,
        size_vram=loaded.size_vram,
        context_length=loaded.context_length,
    )


def parse_show(payload: Any, info: ModelInfo, provider: str) -> ModelInfo:
    """Return *info* with the facts of ``/api/show``, and its document as the server wrote it."""
    show = convert(payload, _Show, provider=provider, what=_LIST)
    facts = show.model_info or {}
    architecture = facts.get("general.architecture")
    detailed = _detailed(info, show.details, show.capabilities)
    return replace(
        detailed,
        parameter_count=count_of(facts.get("general.parameter_count")),
        context_length=(
            count_of(facts.get(f"{architecture}.context_length")) or detailed.context_length
        ),
        embedding_length=count_of(facts.get(f"{architecture}.embedding_length")),
        parameters=_parameters(show.parameters or ""),
        native={DIALECT: {key: value for key, value in payload.items() if value is not None}},
    )


def describe(model_id: str) -> ModelInfo:
    """Return a model that is in no list, with all capabilities.

    The server rejects what the model cannot do with the messages that Ollama's clients know.
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


def _parameters(text: str) -> dict[str, object]:
    """Return the parameters of which there is one in each line; a name that comes again has a list.

    Strings are quoted as Go does, which is nearly as JSON does (``server/routes.go``).
    """
    found: dict[str, Any] = {}
    for line in text.splitlines():
        name, _, rest = line.partition(" ")
        try:
            value = codec.decode(rest)
        except codec.JSONError:
            value = rest.strip().strip('"')
        if name in found:
            earlier = found[name] if isinstance(found[name], list) else [found[name]]
            value = [*earlier, value]
        found[name] = value
    return found


def _date(text: str) -> datetime:
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        return EPOCH
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)
