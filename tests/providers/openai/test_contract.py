"""The adapter for OpenAI's dialect keeps the contract of all adapters."""

from __future__ import annotations

from shipped_adapters import OpenAIContract


class TestOpenAI(OpenAIContract):
    pass
