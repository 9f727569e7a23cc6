"""Anthropic's dialect, as Ollama serves it, for clients such as Claude Code."""

from __future__ import annotations

from gateway.dialects.anthropic.documents import error_document
from gateway.dialects.base import Dialect

__all__ = ["ANTHROPIC"]

ANTHROPIC = Dialect("anthropic", error_document)
