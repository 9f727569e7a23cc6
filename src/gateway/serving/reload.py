"""Reload: read the settings again, and let those hold at once that need no restart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from aiohttp import web

from gateway.access.origins import Origins
from gateway.core.errors import GatewayError, ProviderLoadError, SettingsError
from gateway.providers.configured import Configured, configure
from gateway.serving.keys import ACCESS, LIVE, LOADED_MODELS, METRICS, MODEL_LISTS, TARGETS
from gateway.settings import Settings
from gateway.settings.live import take_over, waiting

__all__ = ["reload_settings"]

_log = logging.getLogger("gateway")


async def reload_settings(app: web.Application) -> Sequence[str]:
    """Read the settings again and return the names of those that wait for a restart.

    Requests that have begun keep the settings that they have found. A mistake changes nothing, is
    one line of the log, and raises `SettingsError` or `ProviderLoadError`. Raise `GatewayError`
    where nobody can read the settings again.
    """
    live = app[LIVE]
    if live.read is None:
        raise GatewayError("these settings are those of an application", status=404)
    async with live.reloading:
        try:
            fresh, configured = await asyncio.to_thread(_read, live.read)
            names = await _apply(app, fresh, configured)
        except (SettingsError, ProviderLoadError) as error:
            _log.error("the settings stay as they were: %s", error)
            _count(app, successful=False)
            raise
        _count(app, successful=True)
    _log.info("the settings were read again")
    if names:
        _log.warning("these settings wait for a restart: %s", ", ".join(names))
    return names


def _count(app: web.Application, *, successful: bool) -> None:
    if (metrics := app[METRICS]) is not None:
        metrics.set_reload(successful=successful)


def _read(read: Callable[[], Settings]) -> tuple[Settings, Sequence[Configured]]:
    """Read and check all settings, as the start does."""
    fresh = read()
    configured = configure(fresh, {})
    if missing := [reason for one in configured for reason in one.missing]:
        raise SettingsError("; ".join(missing))
    return fresh, configured


async def _apply(
    app: web.Application, fresh: Settings, configured: Sequence[Configured]
) -> Sequence[str]:
    live = app[LIVE]
    settings = take_over(live.settings, fresh)
    names = [*waiting(live.settings, fresh)]
    if configured != live.configured and "providers" not in names:
        names.append("providers")  # such as a key in a file that a variable names
    # What may fail comes first; then nothing waits until all is done.
    origins = Origins(settings.ollama.origins)
    await app[ACCESS].change(settings)
    live.change(settings, origins)
    app[MODEL_LISTS].change(settings.models)
    app[LOADED_MODELS].default = settings.ollama.keep_alive
    app[TARGETS].policy = settings.cool_down
    if (metrics := app[METRICS]) is not None:
        metrics.by_caller = settings.metrics.by_caller
    logging.getLogger("gateway").setLevel(settings.server.log_level.upper())
    return names
