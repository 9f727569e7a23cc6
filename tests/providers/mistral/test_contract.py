"""Mistral's adapter keeps the contract of all adapters."""

from __future__ import annotations

from shipped_adapters import MistralContract


class TestMistral(MistralContract):
    pass
