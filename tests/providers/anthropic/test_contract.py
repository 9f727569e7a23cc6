"""The adapter for Anthropic keeps the contract of all adapters."""

from __future__ import annotations

from shipped_adapters import AnthropicContract


class TestAnthropic(AnthropicContract):
    pass
