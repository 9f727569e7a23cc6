"""A row in the table of routes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from aiohttp.typedefs import Handler

from gateway.dialects.base import Dialect
from gateway.dialects.ollama import OLLAMA

__all__ = ["Endpoint", "Operation", "Right"]

Operation: TypeAlias = Literal["", "chat", "text_completion", "embeddings", "transcription"]
"""What a model is asked to do, in OpenTelemetry's words (GenAI conventions); empty for nothing."""

Right: TypeAlias = Literal["none", "use", "manage"]
"""What a caller needs where there are keys: none, any key, or one that may change models."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One route: the dialect that its clients speak, what it asks a model to do, who may use it."""

    method: str
    path: str
    handler: Handler
    dialect: Dialect = OLLAMA
    operation: Operation = ""
    right: Right = "use"
