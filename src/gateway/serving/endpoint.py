"""A row in the table of routes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from aiohttp.typedefs import Handler

from gateway.dialects.base import Dialect
from gateway.dialects.ollama import OLLAMA

__all__ = ["Endpoint", "Operation"]

Operation: TypeAlias = Literal["", "chat", "text_completion", "embeddings", "transcription"]
"""What a model is asked to do, in OpenTelemetry's words (GenAI conventions); empty for nothing."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One route, the dialect that its clients speak, and what it asks a model to do."""

    method: str
    path: str
    handler: Handler
    dialect: Dialect = OLLAMA
    operation: Operation = ""
