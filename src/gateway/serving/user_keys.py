"""The keys of one request's user, from the first target to the line of the log."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import Token

from gateway.core.secrets import forget
from gateway.providers.adapter_calls import close_provider
from gateway.routing.targets import UserKey

__all__ = ["UserKeys"]


class UserKeys:
    """The user's keys by provider, each with the instance that uses it; *token* protects them."""

    def __init__(self, keys: Mapping[str, UserKey], token: Token[tuple[str, ...]]) -> None:
        self._keys = keys
        self._token = token

    async def close(self) -> None:
        """Forget the keys: the request is over, and logged."""
        forget(self._token)
        for name, key in self._keys.items():
            await close_provider(name, key.provider)
