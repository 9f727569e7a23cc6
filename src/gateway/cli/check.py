"""Look for trouble before a client meets it: settings, adapters, and the models within reach."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass

import aiohttp

from gateway.core.errors import GatewayError
from gateway.models.catalog import Library, Shelf
from gateway.providers.base import AnyProvider
from gateway.providers.inventory import list_adapters
from gateway.providers.registry import configure, open_provider
from gateway.settings import Settings

__all__ = ["Finding", "examine"]

_WITHIN = 30.0
"""Seconds that a provider may take to list its models."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report; with ``trouble`` it says what keeps the gateway from working."""

    text: str
    trouble: bool = False


async def examine(settings: Settings) -> AsyncGenerator[Finding, None]:
    """Yield what is configured and what is reachable, and ask each provider once for its models.

    Raise `SettingsError` or `ProviderLoadError` as the start of the server would.
    """
    yield Finding(f"settings: {', '.join(settings.sources) or 'defaults'}")
    for adapter in list_adapters():
        yield Finding(f"adapter {adapter.name}: {adapter.entry_point} ({adapter.origin})")
    shelves: dict[str, Shelf] = {}
    async with aiohttp.ClientSession() as session:
        for configured in configure(settings, {}):
            if configured.missing:
                yield Finding("; ".join(configured.missing), trouble=True)
                continue
            provider = open_provider(configured, session)
            try:
                shelf = await _shelf(provider)
                shelves.setdefault(configured.name, shelf)
                if configured.key:
                    yield Finding(f"provider {configured.label}: accepted")
            except (GatewayError, TimeoutError) as error:
                reason = str(error) or f"no answer within {_WITHIN:.0f} seconds"
                yield Finding(f"provider {configured.label}: {reason}", trouble=True)
            finally:
                await provider.aclose()
    for finding in _models([*shelves.values()], settings):
        yield finding


async def _shelf(provider: AnyProvider) -> Shelf:
    async with asyncio.timeout(_WITHIN):
        models = await provider.list_models()
    return Shelf(
        provider=provider.context.name,
        remote_host=provider.remote_host,
        models=models,
        complete=True,
        describe=provider.describe,
    )


def _models(shelves: Sequence[Shelf], settings: Settings) -> Iterator[Finding]:
    aliases = settings.models.aliases
    library = Library(shelves, aliases=aliases, expose=settings.models.expose)
    for shelf in shelves:
        names = [model.name for model in library.models if model.provider == shelf.provider]
        listed = f"{len(names)} models: {', '.join(names)}" if names else "no models"
        yield Finding(f"provider {shelf.provider}: {listed}", trouble=not names)
    for alias, meant in aliases.items():
        for name in [meant] if isinstance(meant, str) else meant:
            alone = Library(shelves, aliases={alias: name}, expose=settings.models.expose)
            if shelves and alone.find(alias) is None:
                yield Finding(f"alias {alias}: there is no model {name}", trouble=True)
