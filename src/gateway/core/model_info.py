"""Properties and capabilities of models."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from gateway.core import codec
from gateway.core.chat import Message

__all__ = [
    "EPOCH",
    "Capability",
    "ListedModel",
    "LoadedModel",
    "ModelInfo",
    "ModelPrices",
    "ModelfileLayers",
]

EPOCH = datetime(2023, 1, 1, tzinfo=UTC)
"""The date of a model with an unknown release date: constant, so that lists keep their order."""


class Capability(StrEnum):
    """What a model can do, by Ollama's names (``types/model/capability.go``)."""

    COMPLETION = "completion"
    TOOLS = "tools"
    INSERT = "insert"
    VISION = "vision"
    EMBEDDING = "embedding"
    THINKING = "thinking"
    AUDIO = "audio"


@dataclass(frozen=True, slots=True)
class ModelPrices:
    """What a model costs by the list of its service, in the currency of the service.

    ``input``, ``output`` and ``cached`` are for a million tokens, of which cached ones cost as
    others do where the list says nothing; ``request`` is for each request.
    """

    input: Decimal
    output: Decimal
    cached: Decimal | None = None
    request: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One model of one provider.

    ``id`` is the provider's name of the model. ``canonical`` is the id that all its names
    share, by default ``id`` itself. ``parameter_size`` is a text such as ``24B``,
    ``parameter_count`` the same as a number; it is 0 if unknown, as are the lengths: tokens of
    the context and of the longest answer, and components of a vector. ``efforts`` are the
    service's words for how much to think, empty if unknown. ``prices`` are those of the
    service's own list. ``parameters`` are the provider's default parameters, for display.
    ``released`` must be the same in each call. ``quantization_level`` is that of the weights.
    ``size`` (bytes) and ``digest`` (64 hexadecimal digits) are those of the model's files.
    ``remote_model`` and ``remote_host`` name the model and the origin at another service, if
    the provider's service gets the model from there. ``native`` is the document in which the
    service describes the model, under the name of its dialect.
    """

    id: str
    capabilities: frozenset[Capability] = frozenset({Capability.COMPLETION})
    canonical: str = ""
    family: str = ""
    parameter_size: str = ""
    parameter_count: int = 0
    context_length: int = 0
    embedding_length: int = 0
    output_length: int = 0
    efforts: tuple[str, ...] = ()
    prices: ModelPrices | None = None
    released: datetime = EPOCH
    description: str = ""
    parameters: Mapping[str, object] = field(default_factory=dict)
    deprecated: str = ""
    replacement: str = ""
    quantization_level: str = ""
    size: int = 0
    digest: str = ""
    remote_model: str = ""
    remote_host: str = ""
    native: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.canonical:
            object.__setattr__(self, "canonical", self.id)


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model that a service keeps in memory until ``expires``; ``id`` is the service's own.

    ``size`` is in bytes, ``size_vram`` is the part of it on a GPU; ``context_length`` is the one
    with which it was loaded, in tokens.
    """

    id: str
    expires: datetime
    size: int = 0
    size_vram: int = 0
    context_length: int = 0


@dataclass(frozen=True, slots=True)
class ModelfileLayers:
    """What a Modelfile sets on top of a provider's model; what is empty is the provider's.

    ``parameters`` are options under Ollama's names, stored as the client sent them. ``messages``
    are examples that every conversation begins with. The rest is what the user says of the model.
    """

    system: str = ""
    template: str = ""
    licenses: tuple[str, ...] = ()
    parameters: Mapping[str, object] = field(default_factory=dict)
    messages: tuple[Message, ...] = ()
    capabilities: tuple[Capability, ...] = ()
    family: str = ""
    base_name: str = ""
    parameter_size: str = ""
    quantization_level: str = ""
    context_length: int = 0
    embedding_length: int = 0


_NO_LAYERS = ModelfileLayers()


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model under the name that clients see and use.

    ``name`` is the short display form with its tag. ``provider`` is the provider's name in the
    settings, ``remote_host`` the origin of its service, or of the one where that has the model
    from. ``layers`` are those of the user who made it; ``info`` is what results from them. What is
    not ``listed`` is presumed to exist: no list of its provider has it.
    """

    name: str
    provider: str
    info: ModelInfo
    remote_host: str = ""
    layers: ModelfileLayers = _NO_LAYERS
    listed: bool = True

    def __post_init__(self) -> None:
        if self.info.remote_host:
            object.__setattr__(self, "remote_host", self.info.remote_host)

    @property
    def remote_model(self) -> str:
        """What the model is called at ``remote_host``; empty where that is."""
        return (self.info.remote_model or self.info.id) if self.remote_host else ""

    @property
    def digest(self) -> str:
        """Return 64 hexadecimal digits, the same for all names of one model and for its copies."""
        if self.info.digest and self.layers == _NO_LAYERS:
            return self.info.digest
        content = f"{self.provider}:{self.info.canonical}".encode()
        if self.layers != _NO_LAYERS:
            content += codec.encode(self.layers)
        return hashlib.sha256(content).hexdigest()
