"""The adapter for Ollama servers keeps the contract of all adapters."""

from __future__ import annotations

from shipped_adapters import OllamaContract


class TestOllama(OllamaContract):
    pass
