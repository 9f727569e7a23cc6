"""Parse model lists of OpenAI-compatible servers, and guess from names.

OpenAI's own list holds ids and dates. Others add facts, each in its way: OpenRouter
``architecture.input_modalities`` and ``supported_parameters``, vLLM ``max_model_len``, llama.cpp
``meta``, LM Studio ``type`` and ``capabilities``, Groq ``context_window``. A fact wins over what a
name suggests, and the settings win over both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from gateway.core.model_info import EPOCH, Capability, ModelInfo
from gateway.providers.json_values import count_of, fields_of, text_of
from gateway.providers.openai.options import ModelRule
from gateway.providers.upstream.documents import read_models

__all__ = ["describe", "parse_models"]

_NO_CHAT = re.compile(
    r"whisper|tts|dall-e|image|moderation|sora|realtime|transcribe|davinci|babbage|rerank"
)
_EMBEDS = re.compile(r"embed|\bbge\b|\be5\b|\bgte\b")
_REASONS = re.compile(
    r"(.*/)?(o[1-9](-|$)|gpt-5(?!.*chat)|gpt-oss|deepseek-(r1|reasoner)|qwq|qwen3|magistral)"
)
_SEES = re.compile(r"(.*/)?(gpt-4o|gpt-4\.1|gpt-5|o[1-9](-|$)|chatgpt-4o)|.*(vision|-vl\b|llava)")
_SIZE = re.compile(r"(?<![a-z0-9.])(\d+(?:\.\d+)?)b(?![a-z0-9])")
_CONTEXT_NAMES = ("context_length", "max_model_len", "max_context_length", "context_window")
_SETTLED = 86_400
"""Seconds after which a date of creation is believed: many servers give the time of the request."""
_MODALITIES = {"image": Capability.VISION, "audio": Capability.AUDIO}
_TYPES = {
    "embedding": frozenset({Capability.EMBEDDING}),
    "embeddings": frozenset({Capability.EMBEDDING}),
    "vlm": frozenset({Capability.COMPLETION, Capability.TOOLS, Capability.VISION}),
}


def parse_models(
    payload: object, provider: str, *, rules: Mapping[str, ModelRule], now: float
) -> list[ModelInfo]:
    """Return the models of a list that can chat or embed; each id once.

    *now* is the time in seconds since 1970. Raise `UpstreamProtocolError` when the payload is no
    list of models.
    """
    entries = payload.get("data") if isinstance(payload, dict) else payload

    def read(entry: object) -> ModelInfo | None:
        model_id = entry.get("id") if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or not isinstance(model_id, str) or not model_id:
            return None
        info = _ruled(_read(model_id, entry, now), rules)
        return info if info.capabilities and entry.get("active") is not False else None

    models: dict[str, ModelInfo] = {}
    for info in read_models(entries, read, provider):
        models.setdefault(info.id, info)
    return list(models.values())


def describe(model_id: str, rules: Mapping[str, ModelRule]) -> ModelInfo:
    """Return a model that is in no list, as the settings and its name describe it."""
    info = _by_name(model_id)
    # The service rejects what cannot chat; a rejection by us would make a new model unusable.
    capabilities = info.capabilities or frozenset({Capability.COMPLETION})
    return _ruled(replace(info, capabilities=capabilities), rules)


def _ruled(info: ModelInfo, rules: Mapping[str, ModelRule]) -> ModelInfo:
    for pattern, rule in rules.items():
        if fnmatchcase(info.id, pattern):
            return replace(
                info,
                capabilities=(
                    info.capabilities if rule.capabilities is None else rule.capabilities
                ),
                context_length=rule.context_length or info.context_length,
            )
    return info


def _by_name(model_id: str) -> ModelInfo:
    name = model_id.casefold()
    last = name.rpartition("/")[2]
    size = _SIZE.search(last)
    if _EMBEDS.search(name):
        capabilities = {Capability.EMBEDDING}
    elif _NO_CHAT.search(name):
        capabilities = set()
    else:
        capabilities = {Capability.COMPLETION, Capability.TOOLS}
        if _REASONS.match(name):
            capabilities.add(Capability.THINKING)
        if _SEES.match(name):
            capabilities.add(Capability.VISION)
    return ModelInfo(
        model_id,
        capabilities=frozenset(capabilities),
        family=re.split(r"[^a-z]", last, maxsplit=1)[0],
        parameter_size=f"{size[1]}B" if size else "",
        parameter_count=round(float(size[1]) * 10**9) if size else 0,
    )


def _read(model_id: str, entry: Mapping[str, object], now: float) -> ModelInfo:
    info = _by_name(model_id)
    meta = fields_of(entry.get("meta"))
    lengths = (*(entry.get(name) for name in _CONTEXT_NAMES), meta.get("n_ctx_train"))
    return replace(
        info,
        capabilities=_capabilities(info, entry),
        context_length=next(filter(None, map(count_of, lengths)), 0),
        embedding_length=count_of(meta.get("n_embd")),
        parameter_count=count_of(meta.get("n_params")) or info.parameter_count,
        released=_released(entry.get("created"), now),
        description=text_of(entry.get("description")),
    )


def _released(created: object, now: float) -> datetime:
    if isinstance(created, int) and 0 < created < now - _SETTLED:
        return datetime.fromtimestamp(created, UTC)
    return EPOCH


def _capabilities(info: ModelInfo, entry: Mapping[str, object]) -> frozenset[Capability]:
    by_type = _TYPES.get(str(entry.get("type")))
    if by_type is not None:
        return by_type
    architecture = fields_of(entry.get("architecture"))
    modalities, outputs = (architecture.get(f"{way}_modalities") for way in ("input", "output"))
    if not isinstance(modalities, list):
        return info.capabilities
    if isinstance(outputs, list) and "text" not in outputs:
        return frozenset()
    found = {Capability.COMPLETION}
    found |= {word for name, word in _MODALITIES.items() if name in modalities}
    supported = entry.get("supported_parameters")
    if not isinstance(supported, list):
        # llama.cpp names modalities alone.
        return frozenset(found | (info.capabilities - {Capability.VISION}))
    if "tools" in supported:
        found.add(Capability.TOOLS)
    if "reasoning" in supported:
        found.add(Capability.THINKING)
    return frozenset(found)
