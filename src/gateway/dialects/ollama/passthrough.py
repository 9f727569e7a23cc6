"""Fields that pass unchanged between clients and services that both use this dialect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.core.model_info import ModelInfo

__all__ = ["DIALECT", "described"]

DIALECT = "ollama"
"""The key of these fields in ``native`` of a request, an answer or a model."""


def described(info: ModelInfo) -> Mapping[str, Any]:
    """Return how an Ollama server describes the model; empty if no such server has it."""
    return info.native.get(DIALECT, {})
