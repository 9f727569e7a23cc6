"""Ollama's own dialect."""

from __future__ import annotations

from gateway.dialects.base import Dialect
from gateway.dialects.ollama.encode import error_document

__all__ = ["OLLAMA"]

OLLAMA = Dialect("ollama", error_document)
