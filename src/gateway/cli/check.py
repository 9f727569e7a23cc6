"""The command ``check``: check settings, adapters and models, and report problems."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.cli.arguments import add_settings
from gateway.cli.check_access import access_warnings
from gateway.cli.complaints import complain
from gateway.cli.sandbox import adapting
from gateway.cli.settings import settings_of
from gateway.core.errors import GatewayError
from gateway.models.catalog import build_index
from gateway.models.index import ProviderModels
from gateway.models.resolve import resolve_target
from gateway.providers.adapter_calls import calling, close_provider
from gateway.providers.base import AnyProvider
from gateway.providers.checked import (
    checked_describe,
    checked_models,
    checked_unlisted,
    remote_host_of,
)
from gateway.providers.configured import configure, facts_names, open_provider
from gateway.providers.facts import FactBook
from gateway.providers.inventory import list_adapters
from gateway.providers.network import shown_proxy
from gateway.providers.upstream.failures import with_reason
from gateway.providers.upstream.transport import Sessions
from gateway.settings import Settings

__all__ = ["Finding", "add_arguments", "examine", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_settings(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print what is found, and return 1 if there is a problem, else 0."""
    settings = settings_of(arguments)

    async def report() -> int:
        status = 0
        async with (
            adapting(sandbox=arguments.sandbox) as adapt,
            aclosing(examine(adapt(settings))) as findings,
        ):
            async for finding in findings:
                if finding.trouble:
                    status = complain(finding.text, 1)
                else:
                    print(finding.text)  # noqa: T201 - for people
        return status

    return asyncio.run(report())


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
    for warning in access_warnings(settings, today=datetime.now(UTC).date()):
        yield Finding(f"warning: {warning}")
    lists: dict[str, ProviderModels] = {}
    async with Sessions() as sessions:
        all_configured = configure(settings, {})
        facts, known_as = FactBook(settings.models.facts), facts_names(all_configured, settings)
        for configured in all_configured:
            if configured.missing:
                yield Finding("; ".join(configured.missing), trouble=True)
                continue
            if configured.preset:
                yield Finding(f"provider {configured.label}: preset {configured.preset}")
            network = configured.network
            if network.proxy:
                proxy = shown_proxy(network)
                yield Finding(f"provider {configured.label}: through the proxy {proxy}")
            session = await sessions.get(network.transport, network.ca_file, network.proxy)
            name = configured.name
            own_facts = facts.of(known_as.get(name, ""))
            provider = open_provider(configured, session, facts=own_facts)
            if settings.providers[name].key_from == "client" and not configured.has_key:
                lists[name] = ProviderModels(
                    name,
                    remote_host_of(name, provider),
                    (),
                    complete=False,
                    describe=checked_describe(name, provider),
                )
                yield Finding(f"provider {name}: its keys come from clients, so none is tried")
                await close_provider(name, provider)
                continue
            try:
                models = await _provider_models(
                    configured.name, provider, settings.models.list_timeout
                )
                lists.setdefault(configured.name, models)
                if configured.key:
                    yield Finding(f"provider {configured.label}: accepted")
            except (GatewayError, TimeoutError) as error:
                limit = f"no answer within {settings.models.list_timeout:g} seconds"
                reason = with_reason(error) or limit
                yield Finding(f"provider {configured.label}: {reason}", trouble=True)
            finally:
                await close_provider(name, provider)
    for finding in _findings([*lists.values()], settings):
        yield finding


async def _provider_models(name: str, provider: AnyProvider, seconds: float) -> ProviderModels:
    async with asyncio.timeout(seconds):
        with calling(name):
            models = checked_models(name, await provider.list_models())
    return ProviderModels(
        provider=name,
        remote_host=remote_host_of(name, provider),
        models=models,
        complete=True,
        describe=checked_describe(name, provider),
        has_unlisted=checked_unlisted(name, provider),
    )


def _findings(lists: Sequence[ProviderModels], settings: Settings) -> Iterator[Finding]:
    aliases = settings.models.aliases
    index = build_index(lists, aliases=aliases, expose=settings.models.expose)
    for provider in (one.provider for one in lists if one.complete):
        names = [model.name for model in index.models if model.provider == provider]
        listed = f"{len(names)} models: {', '.join(names)}" if names else "no models"
        yield Finding(f"provider {provider}: {listed}", trouble=not names)
    for alias, targets in aliases.items():
        for target in [targets] if isinstance(targets, str) else targets:
            if lists and resolve_target(index, target) is None:
                yield Finding(f"alias {alias}: there is no model {target}", trouble=True)
