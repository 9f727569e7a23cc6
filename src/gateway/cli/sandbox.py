"""Run a command with the sandbox in the place of all providers."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import replace
from typing import TypeAlias

from gateway.cli.settings import at_home
from gateway.settings import Environment, ProviderSettings, Settings

__all__ = ["Adapt", "adapting", "sandboxed"]

Adapt: TypeAlias = Callable[[Settings], Settings]
"""Makes the settings to run with of those that were loaded."""

_PACE = 0.02
"""Seconds between two words of the sandbox, so that a user sees the text stream."""

_log = logging.getLogger("gateway")


def adapting(*, sandbox: bool) -> AbstractAsyncContextManager[Adapt]:
    """Run the sandbox, if it is wanted, and yield what adapts settings to it or to this system."""
    return sandboxed() if sandbox else nullcontext(at_home)


@asynccontextmanager
async def sandboxed() -> AsyncIterator[Adapt]:
    """Run the sandbox, and yield what makes it the only provider of settings, without keys."""
    from gateway import sandbox  # noqa: PLC0415 - large, and rarely used

    async with await sandbox.start(sandbox=sandbox.Sandbox(pace=_PACE)) as running:
        _log.info("the sandbox replaces all providers: its answers are invented")
        options = {"api_key": "sandbox", "base_url": running.base_url}

        def adapt(settings: Settings) -> Settings:
            return replace(
                settings,
                models=replace(settings.models, default_provider=""),
                providers={"mistral": ProviderSettings("mistral", options)},
                environ=Environment(),
            )

        yield adapt
