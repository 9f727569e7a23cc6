"""Parse model lists of OpenAI-compatible servers, and guess from names.

OpenAI's own list holds ids and dates. Others add facts, each in its way: OpenRouter
``architecture.input_modalities`` and ``supported_parameters``, vLLM ``max_model_len``, llama.cpp
``meta``, LM Studio ``type`` and ``capabilities``, Groq ``context_window``, Hugging Face what each
provider behind it can do. The settings win over the list, that over facts from elsewhere, and these
over what a name suggests.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from gateway.core.model_info import EPOCH, Capability, ModelInfo
from gateway.providers.facts import NO_FACTS, Facts
from gateway.providers.json_values import count_of, fields_of, text_of
from gateway.providers.openai.list_prices import read_prices
from gateway.providers.openai.options import ModelRule
from gateway.providers.upstream.documents import read_models

__all__ = ["describe", "named_models", "parse_models"]

_NO_CHAT = re.compile(
    r"whisper|tts|dall-e|image|moderation|sora|realtime|transcribe|davinci|babbage|rerank"
)
_EMBEDS = re.compile(r"embed|\bbge\b|\be5\b|\bgte\b")
_REASONS = re.compile(
    r"(.*/)?(o[1-9](-|$)|gpt-5(?!-chat)|gpt-oss|deepseek-(r1|reasoner|v3\.[1-9]|v[4-9])|qwq|qwen3"
    r"|magistral|glm-(4\.[5-9]|[5-9])|kimi-k(2\.[5-9]|[3-9])|kimi.*thinking|minimax-m[2-9]"
    r"|gemini-(2\.5|[3-9]))"
)
_SEES = re.compile(r"(.*/)?(gpt-4o|gpt-4\.1|gpt-5|o[1-9](-|$)|chatgpt-4o)|.*(vision|-vl\b|llava)")
_SIZE = re.compile(r"(?<![a-z0-9.])(\d+(?:\.\d+)?)b(?![a-z0-9])")
_CONTEXT_NAMES = (
    *("context_length", "max_model_len", "max_context_length", "context_window"),
    *("context_size", "max_prompt_length"),
)
_OUTPUT_NAMES = ("max_completion_tokens", "max_output_length", "max_output_tokens", "max_tokens")
_FEATURE_LISTS = ("supported_parameters", "supported_features", "features")
_FEATURES: Mapping[Capability, frozenset[str]] = {
    Capability.TOOLS: frozenset(
        {
            *("tools", "tool_use", "tool-use", "function_calling", "function-calling"),
            *("supports_tools", "supportsfunctioncalling", "trained_for_tool_use"),
        }
    ),
    Capability.THINKING: frozenset({"reasoning", "thinking", "supportsreasoning"}),
    Capability.VISION: frozenset({"vision", "supportsvision", "supports_image_input"}),
}
_FLAGS = frozenset().union(*_FEATURES.values())
_PATTERN = re.compile(r"[*?\[]")
_SETTLED = 86_400
"""Seconds after which a date of creation is believed: many servers give the time of the request."""
_MODALITIES = {"image": Capability.VISION, "audio": Capability.AUDIO}
_NO_TEXT = ("image", "audio", "video", "rerank", "moderation", "transcribe", "tts", "asr")
_TYPES = {kind: frozenset[Capability]() for kind in _NO_TEXT} | {
    "embedding": frozenset({Capability.EMBEDDING}),
    "embeddings": frozenset({Capability.EMBEDDING}),
    "vlm": frozenset({Capability.COMPLETION, Capability.TOOLS, Capability.VISION}),
}


def parse_models(
    payload: object,
    provider: str,
    *,
    rules: Mapping[str, ModelRule],
    now: float,
    facts: Facts = NO_FACTS,
) -> list[ModelInfo]:
    """Return the models of a list that can chat or embed, and their aliases; each id once.

    *now* is the time in seconds since 1970. Raise `UpstreamProtocolError` when the payload is no
    list of models.
    """
    fields = fields_of(payload)
    entries = fields.get("data", fields.get("models")) if fields else payload
    aliases: list[ModelInfo] = []

    def read(entry: object) -> ModelInfo | None:
        model_id = entry.get("id", entry.get("key")) if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or not isinstance(model_id, str) or not model_id:
            return None
        info = _ruled(_read(_known(model_id, facts), entry, now), rules, facts)
        if not info.capabilities or entry.get("active") is False:
            return None
        names = entry.get("aliases")  # xAI
        others = filter(None, map(text_of, names if isinstance(names, list) else ()))
        aliases.extend(replace(info, id=name) for name in others)
        return info

    models: dict[str, ModelInfo] = {}
    for info in [*read_models(entries, read, provider), *aliases]:
        models.setdefault(info.id, info)
    return list(models.values())


def describe(model_id: str, rules: Mapping[str, ModelRule], facts: Facts = NO_FACTS) -> ModelInfo:
    """Return a model that is in no list, as the settings, facts and its name describe it."""
    info = _known(model_id, facts)
    # The service rejects what cannot chat; a rejection by us would make a new model unusable.
    capabilities = info.capabilities or frozenset({Capability.COMPLETION})
    return _ruled(replace(info, capabilities=capabilities), rules, facts)


def named_models(rules: Mapping[str, ModelRule], facts: Facts = NO_FACTS) -> list[ModelInfo]:
    """Return the models that the settings name, for a service without a list."""
    return [describe(name, rules, facts) for name in rules if not _PATTERN.search(name)]


def _ruled(info: ModelInfo, rules: Mapping[str, ModelRule], facts: Facts) -> ModelInfo:
    matching = [rule for pattern, rule in rules.items() if fnmatchcase(info.id, pattern)]
    bases = [_known(rule.base, facts) for rule in matching if rule.base]
    capabilities = [rule.capabilities for rule in matching if rule.capabilities is not None]
    capabilities += [base.capabilities for base in bases]
    lengths = [rule.context_length for rule in matching]
    limits = [rule.output_length for rule in matching]
    for base in bases[:1]:
        lengths += [info.context_length, base.context_length]
        limits += [info.output_length, base.output_length]
        info = replace(info, efforts=info.efforts or base.efforts)
    return replace(
        info,
        capabilities=next(iter(capabilities), info.capabilities),
        context_length=next(filter(None, lengths), info.context_length),
        output_length=next(filter(None, limits), info.output_length),
    )


def _known(model_id: str, facts: Facts) -> ModelInfo:
    """Return what facts or else its name tell of a model."""
    info = _by_name(model_id)
    # Of what embeds the data has no more than that it makes text.
    return facts.complete(info, guessed=Capability.COMPLETION in info.capabilities)


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


def _read(info: ModelInfo, entry: Mapping[str, object], now: float) -> ModelInfo:
    meta = fields_of(entry.get("meta"))
    return replace(
        info,
        capabilities=_capabilities(info, entry),
        context_length=_context_length(entry) or info.context_length,
        embedding_length=count_of(meta.get("n_embd")),
        output_length=_output_length(entry) or info.output_length,
        efforts=_efforts(entry) or info.efforts,
        prices=read_prices(entry),
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
    if entry.get("supports_chat") is False:
        return frozenset()
    architecture = fields_of(entry.get("architecture"))
    sides = ("input_modalities", "output_modalities")
    inputs, outputs = (architecture.get(name, entry.get(name)) for name in sides)
    if isinstance(outputs, list) and "text" not in outputs:
        return frozenset()
    features = _features(entry)
    found = {*info.capabilities}
    if isinstance(inputs, list):
        found = {Capability.COMPLETION, *(found - {Capability.VISION})}
        found |= {word for name, word in _MODALITIES.items() if name in inputs}
    if features is not None and Capability.COMPLETION in found:
        found -= {Capability.TOOLS, Capability.THINKING}
        found |= {ability for ability, words in _FEATURES.items() if words & features}
    return frozenset(found)


def _features(entry: Mapping[str, object]) -> frozenset[str] | None:
    """Return the words of a list for what a model can do; None where it says nothing."""
    spec = fields_of(entry.get("model_spec"))  # Venice
    lists = [entry.get(name) for name in _FEATURE_LISTS]
    words = [word for one in lists if isinstance(one, list) for word in one]
    known = any(isinstance(one, list) for one in lists)
    tags = entry.get("tags")  # Vercel; other servers have words there that say nothing of it
    told = {str(tag).casefold() for tag in tags} if isinstance(tags, list) else set()
    if told & _FLAGS:
        words += told
        known = True
    flags = [entry, fields_of(entry.get("capabilities")), fields_of(spec.get("capabilities"))]
    providers = entry.get("providers")  # Hugging Face
    flags += map(fields_of, providers if isinstance(providers, list) else ())
    for table in flags:
        for name, value in table.items():
            if isinstance(value, bool) and name.casefold() in _FLAGS:
                known = True
                words += [name] if value else []
    return frozenset(str(word).casefold() for word in words) if known else None


def _context_length(entry: Mapping[str, object]) -> int:
    providers = entry.get("providers")
    of_providers = [
        count_of(one.get("context_length"))
        for one in map(fields_of, providers if isinstance(providers, list) else ())
    ]
    lengths = (
        *(entry.get(name) for name in _CONTEXT_NAMES),
        fields_of(entry.get("top_provider")).get("context_length"),
        fields_of(entry.get("model_spec")).get("availableContextTokens"),
        fields_of(entry.get("meta")).get("n_ctx_train"),
        max(of_providers, default=0),
    )
    return next(filter(None, map(count_of, lengths)), 0)


def _output_length(entry: Mapping[str, object]) -> int:
    lengths = (
        *(entry.get(name) for name in _OUTPUT_NAMES),
        fields_of(entry.get("top_provider")).get("max_completion_tokens"),
        fields_of(entry.get("model_spec")).get("maxCompletionTokens"),
    )
    return next(filter(None, map(count_of, lengths)), 0)


def _efforts(entry: Mapping[str, object]) -> tuple[str, ...]:
    """Return the words for how much to think, of OpenRouter or Venice."""
    able = fields_of(fields_of(entry.get("model_spec")).get("capabilities"))
    lists = (
        fields_of(entry.get("reasoning")).get("supported_efforts"),
        able.get("reasoningEffortOptions"),
    )
    words = next((one for one in lists if isinstance(one, list)), [])
    return tuple(filter(None, map(text_of, words)))
