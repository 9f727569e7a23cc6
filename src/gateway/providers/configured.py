"""Providers as the settings configure them: found, checked, and made."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, TypeAlias

import aiohttp

from gateway.core.errors import ProviderLoadError, SettingsError
from gateway.providers.adapter_calls import FAILURES
from gateway.providers.base import KEY_OPTION, AnyProvider, ProviderContext
from gateway.providers.facts import NO_FACTS, Facts
from gateway.providers.failed import FailedProvider
from gateway.providers.keepsakes import Keepsakes
from gateway.providers.network import network_of
from gateway.providers.option_sources import OptionSource
from gateway.providers.presets import RETIRED, Preset, find_preset
from gateway.providers.registry import check_adapter, installed, load_adapter
from gateway.settings import NetworkSettings, ProviderSettings, Settings

__all__ = [
    "Configured",
    "Given",
    "configure",
    "facts_names",
    "open_provider",
    "preset_of",
    "services_of",
]

Given: TypeAlias = Mapping[str, "type[AnyProvider] | AnyProvider"]
"""Adapters handed over in code, by name: a class to be configured, or a finished provider."""


@dataclass(frozen=True, slots=True)
class Configured:
    """A provider that is named in the settings, with its class found and its options checked.

    ``missing`` holds one sentence for each required option that has no value. ``key`` is the number
    of the key in the options, from 1, if the provider has several; there is one of these for each.
    ``network`` says how the provider is reached, ``key_variable`` is the variable for its key, and
    ``preset`` the name of the preset that it was made from.
    """

    name: str
    adapter: type[AnyProvider]
    options: Any
    missing: tuple[str, ...] = ()
    key: int = 0
    network: NetworkSettings = field(default_factory=NetworkSettings)
    key_variable: str = ""
    preset: str = ""

    @property
    def has_key(self) -> bool:
        """Tell whether the options have a key of an account."""
        if isinstance(self.options, dict):
            return bool(self.options.get(KEY_OPTION))
        return bool(getattr(self.options, KEY_OPTION, ""))

    @property
    def label(self) -> str:
        """What to call it where people read."""
        return f"{self.name} (key {self.key})" if self.key else self.name


def configure(settings: Settings, given: Given) -> list[Configured]:
    """Return the providers of the settings in their order, leaving out finished ones of *given*.

    One that has several keys is there once for each. Raise `ProviderLoadError` or `SettingsError`.
    """
    wanted = {**settings.providers}
    for name in given:
        wanted.setdefault(name, ProviderSettings(name))
    configured = []
    for name, table in wanted.items():
        adapter, preset = given.get(name), None
        if adapter is None:
            preset = preset_of(table)
            adapter = load_adapter(table.adapter if preset is None else preset.adapter)
        if isinstance(adapter, type):
            adapter = check_adapter(name, adapter)
            found = _configure(OptionSource(name, table, adapter, preset, settings.environ))
            network = network_of(name, table, settings, found[0].options)
            if settings.cassettes.mode == "replay":  # which asks nobody
                found = [replace(one, missing=()) for one in found]
            configured += [replace(one, network=network) for one in found]
    return configured


def preset_of(table: ProviderSettings) -> Preset | None:
    """Return the preset that a table of the settings means, None if it means an adapter.

    An installed adapter comes before a preset of its name. Raise `ProviderLoadError` if there is
    neither.
    """
    name = table.preset or table.adapter
    if not table.preset and name in installed():
        return None
    found = find_preset(name)
    if found is None and name in RETIRED:
        raise ProviderLoadError(f"[providers.{name}]: {RETIRED[name]}")
    if found is None and table.preset:
        raise ProviderLoadError(
            f"there is no preset {name!r} (see python -m gateway providers --presets)"
        )
    return found


def _configure(source: OptionSource) -> list[Configured]:
    table, name = source.table, source.name
    unset: list[str] = []
    values, variables = source.values(unset), source.variables
    for option, names in variables.items():
        value = next(filter(None, map(source.environ.get, names)), None)
        if value is not None:
            values[option] = value
    keys = table.api_keys
    uses_keys = KEY_OPTION in source.adapter.options_schema().fields
    if table.key_from == "client" and not uses_keys:
        raise SettingsError(
            f"[providers.{name}] key_from: the adapter {table.adapter} does not use keys"
        )
    # Of several values the variable ends in an ``S``.
    plurals = (source.environ.get(f"{one}S") for one in variables.get(KEY_OPTION, ()))
    if listed := next(filter(None, plurals), ""):
        keys = tuple(dict.fromkeys(re.split(r"[\s,]+", listed)))
    if not keys:
        found = _load(source, values, unset)
        if table.key_from == "client":
            needless = f"{name} needs {KEY_OPTION}: "
            missing = tuple(one for one in found.missing if not one.startswith(needless))
            found = replace(found, missing=missing)
        return [found]
    if not uses_keys:
        raise SettingsError(
            f"[providers.{name}] api_keys: the adapter {table.adapter} does not use keys"
        )
    if KEY_OPTION in values:
        raise SettingsError(
            f"[providers.{name}] api_key and api_keys are both set: set only one of them"
        )
    loaded = [_load(source, {**values, KEY_OPTION: key}, unset) for key in keys]
    if len(loaded) == 1:
        return loaded
    return [replace(one, key=number) for number, one in enumerate(loaded, 1)]


def _load(source: OptionSource, values: Mapping[str, object], unset: Sequence[str]) -> Configured:
    options, missing = source.load(values, unset)
    return Configured(
        source.name,
        source.adapter,
        options,
        tuple(missing),
        key_variable=next(iter(source.variables.get(KEY_OPTION, ())), ""),
        preset="" if source.preset is None else source.preset.name,
    )


def services_of(configured: Iterable[Configured], settings: Settings) -> Mapping[str, str]:
    """Return the service of each provider that is known: its preset, or the adapter's own.

    Those at another base URL are somebody else's service, or a local one.
    """
    services = {}
    for one in configured:
        table = settings.providers.get(one.name)
        if table is not None and one.preset:
            if "base_url" not in table.options:
                services[one.name] = one.preset
        elif table is not None and is_dataclass(one.options):
            defaults = {field.name: field.default for field in fields(one.options)}
            url = defaults.get("base_url")
            # An empty one is that of the service as well, which the adapter finds by other options.
            if isinstance(url, str) and getattr(one.options, "base_url", None) == url:
                services[one.name] = table.adapter
    return services


def facts_names(configured: Iterable[Configured], settings: Settings) -> Mapping[str, str]:
    """Return what the service of each provider is called at models.dev, if it is known."""
    configured = list(configured)
    services = services_of(configured, settings)
    names = {}
    for one in configured:
        preset = find_preset(one.preset) if one.preset else None
        own = one.adapter.facts_name if preset is None else preset.facts
        if one.name in services:
            names[one.name] = own or services[one.name]
    return names


def open_provider(
    configured: Configured,
    session: aiohttp.ClientSession,
    keepsakes: Keepsakes | None = None,
    facts: Facts = NO_FACTS,
) -> AnyProvider:
    """Make the provider; it borrows *session*, and keeps no keepsakes without *keepsakes*.

    Nor does it know *facts* that it is not given.

    An adapter that cannot be made is an error in the log, and in answer to each request for it.
    """
    log = logging.getLogger(f"gateway.providers.{configured.name}")
    context = ProviderContext(
        configured.name,
        configured.options,
        session,
        log,
        keepsakes or Keepsakes(0),
        configured.key_variable,
        facts,
    )
    try:
        return configured.adapter(context)
    except FAILURES:
        log.exception("the adapter of %s failed to start", configured.name)
        return FailedProvider(context)
