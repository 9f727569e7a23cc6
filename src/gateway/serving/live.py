"""The settings in force: a reload puts others in their place, and each request keeps its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from gateway.access.origins import Origins
from gateway.providers.configured import Configured
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.replay.cache import Cache

__all__ = ["Live"]


async def _nobody() -> None:
    """Tell nobody, since there is no other process."""


class Live:
    """What is in force for the next request, and how that can change.

    *configured* are the providers that the settings name. ``read`` reads the settings again, in a
    thread, and raises `SettingsError`; it is ``None`` where nobody can, as in an application that
    embeds the gateway. ``tell_others`` has the other processes of this gateway reload too.
    ``cache`` is ``None`` where answers are not kept.
    """

    def __init__(self, settings: Settings, configured: Sequence[Configured]) -> None:
        self.settings = settings
        self.configured = configured
        self.origins = Origins(settings.ollama.origins)
        self.cache: Cache | None = None
        self._change_cache()
        self.read: Callable[[], Settings] | None = None
        self.tell_others: Callable[[], Awaitable[None]] = _nobody
        self.reloading = asyncio.Lock()

    def change(self, settings: Settings, origins: Origins) -> None:
        """Let *settings* hold from the next request on."""
        self.settings, self.origins = settings, origins
        self._change_cache()

    def _change_cache(self) -> None:
        wanted = self.settings.cache
        if not wanted.enabled:
            self.cache = None
        elif self.cache is not None:
            self.cache.change(wanted)
        else:
            from gateway.replay.cache import Cache  # noqa: PLC0415 - only where it is used

            self.cache = Cache(wanted)
