"""A row in the table of routes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from aiohttp.typedefs import Handler

from gateway.dialects.base import Dialect
from gateway.dialects.ollama import OLLAMA

__all__ = ["Endpoint", "Operation", "Right", "Surface"]

Operation: TypeAlias = Literal["", "chat", "text_completion", "embeddings", "transcription"]
"""The operation of a model, in OpenTelemetry's terms (GenAI conventions); empty for none."""

Right: TypeAlias = Literal["none", "use", "manage"]
"""What a caller needs if keys are used: none, any key, or one that may manage models."""


Surface: TypeAlias = Literal["all", "inference"]
"""Which routes an application has: all, or those for the use of models alone."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One route: handler, dialect of its clients, operation of a model, right that it needs.

    ``surface`` is the smallest one that has the route.
    """

    method: str
    path: str
    handler: Handler
    dialect: Dialect = OLLAMA
    operation: Operation = ""
    right: Right = "use"
    surface: Surface = "inference"
