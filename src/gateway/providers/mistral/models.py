"""Parse Mistral's model list, and guess from names.

The list is that of ``GET /v1/models`` (Mistral API reference, "models"): each alias is an entry of
its own with the same ``name``, any flag may be missing, embedding models have none, and ``created``
is the time of the request.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

from gateway.core.model_info import EPOCH, Capability, ModelInfo
from gateway.providers.json_values import text_of
from gateway.providers.mistral.known_models import KNOWN_MODELS
from gateway.providers.upstream.documents import read_models

__all__ = ["describe", "parse_models"]

_MONTH = re.compile(r"-(2[3-9]|[3-9]\d)(0[1-9]|1[0-2])$")
_NO_FAMILY = re.compile(r"^(?:ft:|labs-|open-|zai-)+")
_REASONING = re.compile(
    r"magistral-.*|mistral-small-(latest|2603)|mistral-medium-(3|3[.-]5|latest)"
    r"|mistral-large-4.*|.*glm.*"
)
_CODE = ("codestral", "mistral-code")
_BLIND = (*_CODE, "devstral", "voxtral", "glm")
_FLAGS = {
    "function_calling": Capability.TOOLS,
    "vision": Capability.VISION,
    "audio": Capability.AUDIO,
}


def parse_models(payload: object, provider: str) -> list[ModelInfo]:
    """Return the models of a list that can chat, fill in or embed; each id once.

    Raise `UpstreamProtocolError` when the payload is no list of models.
    """
    entries = payload.get("data") if isinstance(payload, dict) else None
    models: dict[str, ModelInfo] = {}
    for info in read_models(entries, _read_entry, provider):
        models.setdefault(info.id, info)
    return list(models.values())


def describe(model_id: str) -> ModelInfo:
    """Return a model that is in no list, as its name and Mistral's documentation describe it.

    An unknown model has the capabilities of most: the service rejects what it cannot do, while a
    rejection by us would make a new model unusable. A bare name, which is how clients
    write the latest version, is the id of that one where Mistral has it.
    """
    latest = f"{model_id}-latest"
    if model_id not in KNOWN_MODELS and latest in KNOWN_MODELS:
        model_id = latest
    known = KNOWN_MODELS.get(model_id)
    if known is None:
        return _info(model_id, model_id, _by_name(model_id))
    return _info(model_id, known.id, known.capabilities)


def _read_entry(entry: object) -> ModelInfo | None:
    if not isinstance(entry, dict):
        return None
    model_id = text_of(entry.get("id"))
    if not model_id or entry.get("archived") is True or entry.get("internal") is True:
        return None
    # A fine-tuned model's name is its owner's, and others may have the same.
    name = "" if model_id.startswith("ft:") else text_of(entry.get("name"))
    canonical = name or model_id
    capabilities = _capabilities(model_id, canonical, entry.get("capabilities"))
    if not capabilities:
        return None
    info = _info(model_id, canonical, capabilities)
    length = entry.get("max_context_length")
    temperature = entry.get("default_model_temperature")
    return replace(
        info,
        context_length=length if isinstance(length, int) else info.context_length,
        description=text_of(entry.get("description")),
        parameters={"temperature": temperature} if isinstance(temperature, (int, float)) else {},
        deprecated=text_of(entry.get("deprecation")),
        replacement=text_of(entry.get("deprecation_replacement_model")),
    )


def _info(model_id: str, canonical: str, capabilities: frozenset[Capability]) -> ModelInfo:
    known = KNOWN_MODELS.get(canonical)
    family = re.split(r"[^a-z]", _NO_FAMILY.sub("", canonical.lower()), maxsplit=1)[0]
    info = ModelInfo(
        model_id,
        capabilities=capabilities,
        canonical=canonical,
        family=family,
        released=_month_of(canonical),
    )
    if known is None:
        return info
    return replace(
        info,
        parameter_size=known.size,
        parameter_count=known.parameter_count,
        context_length=known.context_length,
        embedding_length=known.embedding_length,
        released=known.released,
    )


def _capabilities(model_id: str, canonical: str, flags: object) -> frozenset[Capability]:
    """Return Ollama's words for an entry's flags; none for a model that is not to be listed."""
    if not isinstance(flags, dict):
        # Not Mistral's own list then: a compatible host knows ids only.
        return describe(model_id).capabilities
    chats = flags.get("completion_chat") is True
    fills_in = flags.get("completion_fim") is True
    if not chats and not fills_in:
        is_embedder = "embed" in model_id and True not in flags.values()
        return frozenset({Capability.EMBEDDING}) if is_embedder else frozenset()
    found = {Capability.COMPLETION}
    if fills_in:
        found.add(Capability.INSERT)
    if chats:
        found |= {word for flag, word in _FLAGS.items() if flags.get(flag) is True}
        if flags.get("reasoning", _reasons(model_id) or _reasons(canonical)) is True:
            found.add(Capability.THINKING)
    return frozenset(found)


def _by_name(model_id: str) -> frozenset[Capability]:
    if "embed" in model_id:
        return frozenset({Capability.EMBEDDING})
    name = _NO_FAMILY.sub("", model_id)
    found = {Capability.COMPLETION, Capability.TOOLS}
    if name.startswith(_CODE):
        found.add(Capability.INSERT)
    if name.startswith("voxtral"):
        found.add(Capability.AUDIO)
    if not name.startswith(_BLIND):
        found.add(Capability.VISION)
    if _reasons(model_id):
        found.add(Capability.THINKING)
    return frozenset(found)


def _reasons(name: str) -> bool:
    return _REASONING.fullmatch(name) is not None


def _month_of(name: str) -> datetime:
    """Return the first of the month that a name such as ``codestral-2508`` ends in."""
    match = _MONTH.search(name)
    if match is None:
        return EPOCH
    return datetime(2000 + int(match[1]), int(match[2]), 1, tzinfo=UTC)
