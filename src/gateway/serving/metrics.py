"""Metrics of an application: made where they are switched on, kept up to date, and shown."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web

from gateway.core.errors import SettingsError
from gateway.serving.keys import ACCESS, LIVE, METRICS, MODEL_LISTS
from gateway.settings import MetricsSettings

if TYPE_CHECKING:
    from gateway.observe.metrics import MetricsObserver

__all__ = ["keep_gauges", "make_metrics", "set_gauges"]

_EACH = 5.0
"""Seconds after which each worker tells anew what it can reach; one of them is asked for all."""


def make_metrics(settings: MetricsSettings) -> MetricsObserver | None:
    """Return what counts requests, if *settings* want it; raise `SettingsError`."""
    if not settings.enabled:
        return None
    try:
        from gateway.observe.metrics import MetricsObserver  # noqa: PLC0415 - where it is used only
    except ModuleNotFoundError as error:
        raise SettingsError(
            "metrics.enabled: needs the extra metrics: pip install 'ollama-gateway[metrics]'"
        ) from error
    return MetricsObserver(by_caller=settings.by_caller)


def set_gauges(app: web.Application, metrics: MetricsObserver) -> None:
    """Set what no request tells: what can be reached, and the size of the cache."""
    opened = app[ACCESS].opened
    state = opened.state.is_up if opened is not None and opened.is_shared else None
    cache = app[LIVE].cache
    size = 0 if cache is None else cache.size
    metrics.set_up(app[MODEL_LISTS].reached, state=state, cache=size)


async def keep_gauges(app: web.Application) -> None:
    """Set the gauges again and again until cancelled."""
    metrics = app[METRICS]
    assert metrics is not None  # noqa: S101 - without metrics nobody runs this
    while True:
        set_gauges(app, metrics)
        await asyncio.sleep(_EACH)
