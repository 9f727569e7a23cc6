"""What passes between clients and services that both speak this dialect, as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.core.model_info import ModelInfo

__all__ = ["DIALECT", "described"]

DIALECT = "ollama"
"""The name under which ``native`` of a request, an answer or a model holds it."""


def described(info: ModelInfo) -> Mapping[str, Any]:
    """Return how an Ollama server describes the model; nothing if it is not of such a server."""
    return info.native.get(DIALECT, {})
