"""When to read the settings again: on SIGHUP, and with ``server.watch`` when a file changes."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from aiohttp import web

from gateway.cli.stamps import Stamp, stamps_of
from gateway.core.errors import ProviderLoadError, SettingsError
from gateway.core.tasks import background
from gateway.serving.keys import LIVE
from gateway.serving.reload import reload_settings
from gateway.settings import Settings

__all__ = ["Source", "reload_quietly", "reload_when_told"]

_INTERVAL = 2.0
"""Seconds between two looks at the files of the settings."""


class Source:
    """Where the settings come from: *load* reads them, *adapt* makes those to run with of them."""

    def __init__(
        self,
        first: Settings,
        load: Callable[[], Settings],
        adapt: Callable[[Settings], Settings],
    ) -> None:
        self._load = load
        self._adapt = adapt
        self._files: Iterable[Path] = first.environ.files
        self.settings = adapt(first)

    def read(self) -> Settings:
        """Read the settings again; raise `SettingsError`."""
        loaded = self._load()
        self._files = loaded.environ.files
        return self._adapt(loaded)

    def stamps(self) -> Mapping[Path, Stamp]:
        """Return what is another value once one of the files has changed."""
        return stamps_of(self._files)


def reload_when_told(
    source: Source, *, watch: bool, interval: float = _INTERVAL
) -> Callable[[web.Application], AsyncIterator[None]]:
    """Return the cleanup context of an application that reloads from *source* when it is told to.

    SIGHUP tells it, and with *watch* a change of a file of *source*, noticed within *interval*
    seconds.
    """

    async def run(app: web.Application) -> AsyncIterator[None]:
        app[LIVE].read = source.read
        told = asyncio.Event()
        with _hangup_sets(told):
            async with background(
                _keep_reloading(app, source, told, interval=interval if watch else None)
            ):
                yield

    return run


async def reload_quietly(app: web.Application) -> None:
    """Reload *app*; what is wrong is in the log."""
    with suppress(SettingsError, ProviderLoadError):
        await reload_settings(app)


async def _keep_reloading(
    app: web.Application, source: Source, told: asyncio.Event, *, interval: float | None
) -> None:
    seen = source.stamps()
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(interval):
                await told.wait()
        before = source.stamps()
        if told.is_set() or before != seen:
            told.clear()
            await reload_quietly(app)
            # What has changed since it was read is noticed next time; other files are new.
            before = {file: before.get(file, now) for file, now in source.stamps().items()}
        seen = before


@contextmanager
def _hangup_sets(told: asyncio.Event) -> Iterator[None]:
    """Set *told* on SIGHUP, which would end the process otherwise; Windows has no such signal."""
    if not hasattr(signal, "SIGHUP"):
        yield
        return
    loop = asyncio.get_running_loop()

    def tell(*_: object) -> None:
        loop.call_soon_threadsafe(told.set)

    before = signal.signal(signal.SIGHUP, tell)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)
