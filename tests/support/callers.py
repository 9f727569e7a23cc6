"""Keys of clients for tests, and settings with them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from gateway.access.client_keys import hash_key
from gateway.settings import KeySettings, PriceSettings, Settings

__all__ = ["AUTH", "KEY", "PRICES", "auth", "hash_of", "key_of", "settings_of", "with_key"]

PRICES = {"scripted/*": PriceSettings(Decimal(1), Decimal(2))}
"""For a million tokens: one token of input costs 10⁶ of our units, one of output twice as much."""


def key_of(name: str) -> str:
    """Return the key of a caller, which only tests can guess."""
    return f"sk-gw-{name}-0123456789abcdef"


def hash_of(name: str) -> str:
    """Return what the settings have of the key of a caller."""
    return hash_key(key_of(name))


def auth(name: str) -> dict[str, str]:
    """Return the headers of a caller."""
    return {"Authorization": f"Bearer {key_of(name)}"}


KEY = key_of("alice")
AUTH = auth("alice")


def settings_of(**groups: Any) -> Settings:
    """Return settings without providers."""
    return Settings(providers={}, **groups)


def with_key(name: str = "alice", **own: Any) -> Settings:
    """Return settings with one key."""
    return settings_of(keys={name: KeySettings(hash_key(key_of(name)), **own)}, prices=PRICES)
