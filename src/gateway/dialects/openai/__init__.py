"""OpenAI's dialect, as Ollama serves it."""

from __future__ import annotations

from gateway.dialects.base import Dialect
from gateway.dialects.openai.documents import error_document

__all__ = ["OPENAI"]

OPENAI = Dialect("openai", error_document)
