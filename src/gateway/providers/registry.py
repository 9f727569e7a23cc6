"""Find adapters by entry point, check them, and create providers."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeAlias

import aiohttp
import marshmallow as ma

from gateway.core.errors import ProviderLoadError, SettingsError
from gateway.core.secrets import protect
from gateway.providers.base import CONTRACT, KEY_OPTION, AnyProvider, Provider, ProviderContext
from gateway.providers.failed import FailedProvider
from gateway.providers.keepsakes import Keepsakes
from gateway.providers.network import network_of
from gateway.providers.presets import RETIRED, Preset, expand, find_preset
from gateway.settings import Environment, NetworkSettings, ProviderSettings, Settings

__all__ = [
    "GROUP",
    "Configured",
    "Given",
    "configure",
    "installed",
    "load_adapter",
    "open_provider",
    "preset_of",
    "services_of",
]

GROUP = "gateway.providers"
"""The entry-point group: one line ``name = module:Class`` for each adapter."""

_MERGED = ("models", "headers", "query", "body", "embed_body", "thinking_levels")
"""Options that are tables, whose rows may come from the settings and from a preset."""

_EXPANDED = frozenset({"base_url", "headers", KEY_OPTION})
"""Options in whose texts ``{NAME}`` stands for a variable."""

_SECRET_NAME = re.compile("key|token|secret|password", re.IGNORECASE)


def _is_names(value: object) -> bool:
    return isinstance(value, tuple | list | set | frozenset) and all(
        isinstance(one, str) for one in value
    )


def _is_variables(value: object) -> bool:
    return isinstance(value, str) or (_is_names(value) and bool(value))


_ATTRIBUTES: Sequence[tuple[str, Callable[[Any], bool], str]] = (
    ("contract", lambda value: type(value) is int, "a number"),
    (
        "options_schema",
        lambda value: isinstance(value, type) and issubclass(value, ma.Schema),
        "a class of marshmallow schemas",
    ),
    (
        "options_from_env",
        lambda value: (
            isinstance(value, Mapping)
            and _is_names([*value])
            and all(map(_is_variables, value.values()))
        ),
        "a mapping of options to variables",
    ),
    ("required_options", _is_names, "a tuple of names"),
    ("learned", _is_names, "a tuple of names"),
)
"""The attributes of an adapter's class: what each has to be, as a test and in words."""

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


def installed() -> dict[str, list[EntryPoint]]:
    """Return the entry points of all installed adapters by adapter name; nothing is imported."""
    found: dict[str, list[EntryPoint]] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        points = found.setdefault(point.name, [])
        if point.value not in [other.value for other in points]:
            points.append(point)
    return found


def load_adapter(name: str) -> type[AnyProvider]:
    """Import and check one adapter; raise `ProviderLoadError` saying why it cannot be used."""
    found = installed()
    points = found.get(name, [])
    if not points:
        names = ", ".join(found) or "none"
        raise ProviderLoadError(
            f"no adapter named {name!r} is installed (installed: {names}), and no preset has that"
            " name (see python -m gateway providers --presets)"
        )
    if len(points) > 1:
        values = " and ".join(point.value for point in points)
        raise ProviderLoadError(f"the adapter name {name!r} is ambiguous: {values}")
    try:
        adapter = points[0].load()
    except (Exception, SystemExit) as error:
        raise ProviderLoadError(
            f"the adapter {name!r} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    return _check_adapter(name, adapter)


def _check_adapter(name: str, adapter: object) -> type[AnyProvider]:
    """Return *adapter* if it is a provider class for a contract that this gateway knows."""
    if not (isinstance(adapter, type) and issubclass(adapter, Provider)):
        raise ProviderLoadError(f"the adapter {name!r} is not a Provider class: {adapter!r}")
    for attribute, is_right, wanted in _ATTRIBUTES:
        if not is_right(value := getattr(adapter, attribute)):
            found = f"{value!r:.80}"
            raise ProviderLoadError(f"the adapter {name!r} has {attribute} = {found}, not {wanted}")
    if adapter.contract > CONTRACT:
        raise ProviderLoadError(
            f"the adapter {name!r} needs contract {adapter.contract}, this gateway has {CONTRACT}:"
            " update ollama-gateway"
        )
    if missing := ", ".join(sorted(adapter.__abstractmethods__)):
        raise ProviderLoadError(f"the adapter {name!r} lacks {missing}")
    return adapter


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
            adapter = _check_adapter(name, adapter)
            found = _configure(_Source(name, table, adapter, preset, settings.environ))
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


@dataclass(frozen=True, slots=True)
class _Source:
    """A provider's table, and what else its options come from."""

    name: str
    table: ProviderSettings
    adapter: type[AnyProvider]
    preset: Preset | None
    environ: Environment

    @property
    def variables(self) -> Mapping[str, Sequence[str]]:
        """The variables of each option; the first one that is set counts.

        They belong to the one provider that has the name of its preset or adapter: with several
        instances they could mean any of them.
        """
        if self.preset is not None:
            named = self.preset.name == self.name
            return {KEY_OPTION: self.preset.variables} if named and self.preset.variables else {}
        if self.name != self.table.adapter:
            return {}
        return {
            option: (names,) if isinstance(names, str) else tuple(names)
            for option, names in self.adapter.options_from_env.items()
        }

    @property
    def required(self) -> Sequence[str]:
        """The options without which nothing can be asked."""
        if self.preset is None:
            return self.adapter.required_options
        return (KEY_OPTION,) if self.preset.required else ()

    def values(self, missing: list[str]) -> dict[str, object]:
        """Return the options, but for those of variables, which come last and win.

        The names of variables that options stand for and that are not set are added to *missing*.
        """
        own, base = self.table.options, {} if self.preset is None else self.preset.options
        values = {**base, **own}
        for option in _MERGED:
            first, second = own.get(option), base.get(option)
            if isinstance(first, Mapping) and isinstance(second, Mapping):
                # What stands first counts: the patterns of the user, then those of the preset.
                values[option] = {**first, **{k: v for k, v in second.items() if k not in first}}
        for option in _EXPANDED & values.keys():
            values[option] = expand(values[option], self.environ.get, missing)
        return values


def _configure(source: _Source) -> list[Configured]:
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


def _load(source: _Source, values: Mapping[str, object], unset: Sequence[str]) -> Configured:
    name, variables = source.name, source.variables
    # A URL whose variables are missing is no URL.
    given = {k: value for k, value in values.items() if not (unset and k in _EXPANDED)}
    try:
        schema = source.adapter.options_schema()
        options = schema.load(given)
    except ma.ValidationError as error:
        raise SettingsError(_complaint(name, schema, error)) from None
    except (SettingsError, ProviderLoadError):
        raise
    except Exception as error:
        # Without its text and its traceback, which may hold values of the settings.
        raise ProviderLoadError(
            f"the adapter of {name} failed to read its options: {type(error).__name__}"
        ) from None
    protect(_secrets(options))
    missing = [f"{name} needs {variable}: set it" for variable in dict.fromkeys(unset)]
    missing += [
        f"{name} needs {option}: set {variables[option][0]}"
        if option in variables
        else f"{name} needs {option}: set {option} in [providers.{name}]"
        for option in source.required
        if not values.get(option)
    ]
    return Configured(
        name,
        source.adapter,
        options,
        tuple(missing),
        key_variable=next(iter(variables.get(KEY_OPTION, ())), ""),
        preset="" if source.preset is None else source.preset.name,
    )


def _secrets(options: object) -> Iterator[str]:
    """Yield the texts of those options that must not be shown.

    A data class leaves them out of its representation; in a dictionary their names tell.
    """
    shown: Mapping[str, object] = options if isinstance(options, dict) else {}
    found = [value for name, value in shown.items() if _SECRET_NAME.search(name)]
    if is_dataclass(options):
        found = [getattr(options, one.name) for one in fields(options) if not one.repr]
    yield from (value for value in found if isinstance(value, str))


def _complaint(name: str, schema: ma.Schema, error: ma.ValidationError) -> str:
    # The cause holds the rejected values, which may be secrets; only the field's words are used.
    assert isinstance(error.messages, dict)  # noqa: S101 - a schema never raises a bare list
    key, messages = next(iter(error.messages.items()))
    if key in schema.fields:
        reason = messages[0] if isinstance(messages, list) else messages
        return f"[providers.{name}] {key}: {reason}"
    return (
        f"[providers.{name}] has no setting {key!r} (allowed: {', '.join(sorted(schema.fields))})"
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
            if url and getattr(one.options, "base_url", "") == url:
                services[one.name] = table.adapter
    return services


def open_provider(
    configured: Configured,
    session: aiohttp.ClientSession,
    keepsakes: Keepsakes | None = None,
) -> AnyProvider:
    """Make the provider; it borrows *session*, and keeps no keepsakes without *keepsakes*.

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
    )
    try:
        return configured.adapter(context)
    except Exception:
        log.exception("the adapter of %s failed to start", configured.name)
        return FailedProvider(context)
