"""Parse Gemini's list of models (API reference, "models"), and guess from names."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec
from gateway.providers import Capability, ModelInfo, read_models

__all__ = ["describe", "parse_models"]

_CHAT = frozenset({Capability.COMPLETION, Capability.TOOLS, Capability.VISION, Capability.AUDIO})
_FAMILY = re.compile(r"[a-z]+")
_TEXT_ONLY = re.compile(r"gemma-?[123]\b|gemini-1\.0")
_NO_TOOLS = re.compile(r"gemma-?[123]\b|-image|-tts")
_UNTHINKING = re.compile(r"gemini-(1|2\.0)|gemma|embedding|aqa")


class _Row(msgspec.Struct, rename="camel"):
    name: str
    description: str = ""
    input_token_limit: int = 0
    output_token_limit: int = 0
    supported_generation_methods: list[str] = []
    thinking: bool = False


def parse_models(rows: object, provider: str) -> list[ModelInfo]:
    """Return the models that chat or embed, each id once.

    Raise `UpstreamProtocolError` when *rows* is no list of models.
    """
    models: dict[str, ModelInfo] = {}
    for model in read_models(rows, _read_row, provider):
        models.setdefault(model.id, model)
    return list(models.values())


def describe(model_id: str) -> ModelInfo:
    """Return a model that is in no list, with what its name tells."""
    is_embedder = "embedding" in model_id
    thinks = not _UNTHINKING.search(model_id)
    return _info(model_id, chats=not is_embedder, embeds=is_embedder, thinks=thinks)


def _read_row(row: Mapping[str, object]) -> ModelInfo | None:
    entry = msgspec.convert(row, _Row)
    methods = entry.supported_generation_methods
    chats, embeds = "generateContent" in methods, "embedContent" in methods
    if not (chats or embeds):
        return None
    return _info(
        entry.name.removeprefix("models/"),
        chats=chats,
        embeds=embeds,
        thinks=entry.thinking,
        context_length=max(entry.input_token_limit, 0),
        output_length=max(entry.output_token_limit, 0),
        description=entry.description,
    )


def _info(
    model_id: str,
    *,
    chats: bool,
    embeds: bool,
    thinks: bool,
    context_length: int = 0,
    output_length: int = 0,
    description: str = "",
) -> ModelInfo:
    capabilities = set(_CHAT) if chats else set()
    if _TEXT_ONLY.search(model_id):
        capabilities -= {Capability.AUDIO}
    if _NO_TOOLS.search(model_id):
        capabilities -= {Capability.TOOLS}
    if chats and thinks:
        capabilities.add(Capability.THINKING)
    if embeds:
        capabilities.add(Capability.EMBEDDING)
    family = _FAMILY.match(model_id)
    return ModelInfo(
        model_id,
        capabilities=frozenset(capabilities),
        family=family[0] if family else "",
        context_length=context_length,
        output_length=output_length,
        description=description,
    )
