"""The client side in OpenAI's dialect, as Ollama serves it beside its own."""

from __future__ import annotations

from gateway.dialects.base import Dialect
from gateway.dialects.openai.documents import error_document

__all__ = ["OPENAI"]

OPENAI = Dialect("openai", error_document)
