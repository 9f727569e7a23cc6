"""What Ollama's documents say of a model, also where its provider says nothing.

Strict clients expect every member that a local model of Ollama has, so there is a value for each.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from gateway.core.model_info import Capability, ListedModel, ModelInfo
from gateway.dialects.documents import encode_document
from gateway.dialects.ollama.passthrough import described

__all__ = [
    "capabilities_of",
    "details_of",
    "embedding_length_of",
    "license_of",
    "metadata_of",
    "remote_of",
    "size_of",
    "write_time",
]

_FORMAT: Final = "gguf"
_QUANTIZATION: Final = "unknown"
_EMBEDDING_LENGTH: Final = 4096
_EMBEDDING_LENGTHS: Final[Mapping[str, int]] = MappingProxyType(
    {"codestral": 6144, "devstral": 5120, "magistral": 5120, "pixtral": 12288}
)
"""The components of a token's vector in the open models of a family, where they are not 4096."""


def size_of(model: ListedModel) -> int:
    """Return the bytes of the model's files or else, as for Ollama's stubs, of its description."""
    if model.info.size:
        return model.info.size
    described_as = {
        "model": model.info.canonical,
        "details": details_of(model.info),
        "capabilities": capabilities_of(model.info),
    }
    return len(encode_document(described_as))


def license_of(model: ListedModel) -> str:
    """Return the licences of the model, or a sentence on who has it and that text leaves for there.

    Empty for a model of a server that speaks for itself.
    """
    if model.layers.licenses:
        return "\n".join(model.layers.licenses)
    if described(model.info) and not model.remote_host:
        return ""
    origin = f" at {model.remote_host}" if model.remote_host else ""
    return (
        f"This model is served by the provider {model.provider}{origin}:"
        " text that is sent to it leaves this machine."
    )


def remote_of(model: ListedModel) -> Mapping[str, str]:
    """Return the members that mark a model as remote, none if it is not."""
    if not model.remote_host:
        return {}
    return {"remote_model": model.remote_model, "remote_host": model.remote_host}


def details_of(info: ModelInfo) -> dict[str, object]:
    """Return ``details`` without the lengths, which only ``/api/tags`` has there."""
    below = described(info).get("details", {})
    families = below.get("families") if below.get("family") == info.family else None
    return {
        "parent_model": below.get("parent_model", ""),
        "format": below.get("format") or _FORMAT,
        "family": info.family,
        "families": families or ([info.family] if info.family else None),
        "parameter_size": info.parameter_size,
        "quantization_level": info.quantization_level or _QUANTIZATION,
    }


def metadata_of(model: ListedModel) -> dict[str, object]:
    """Return ``model_info``; the provider's name stands in for a family that is not known."""
    info = model.info
    below = described(info).get("model_info", {})
    if below and not info.family:
        return dict(below)
    family = info.family or model.provider
    length = f"{family}.embedding_length"
    numbers = {
        "general.parameter_count": info.parameter_count,
        f"{family}.context_length": info.context_length,
        f"{family}.output_length": info.output_length,
        length: below.get(length) or embedding_length_of(info),
    }
    return {
        **below,
        "general.architecture": family,
        "general.basename": info.canonical,
        **{key: value for key, value in numbers.items() if value},
    }


def capabilities_of(info: ModelInfo) -> list[Capability]:
    """Return the capabilities in Ollama's order."""
    return [capability for capability in Capability if capability in info.capabilities]


def write_time(moment: datetime) -> str:
    """Return a time in UTC as Go prints it, always with a fraction, which some parsers demand."""
    text = moment.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00")
    return (text.rstrip("0") if moment.microsecond else f"{text[:-1]}1") + "Z"


def embedding_length_of(info: ModelInfo) -> int:
    """Return the length of a model's vectors, or a documented one if its provider gives none.

    0 for a model that embeds, where a wrong one would mislead. In a model that chats nothing
    depends on it, but some clients demand a number.
    """
    if info.embedding_length or Capability.EMBEDDING in info.capabilities:
        return info.embedding_length or 0
    return _EMBEDDING_LENGTHS.get(info.family, _EMBEDDING_LENGTH)
