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
from gateway.settings import NetworkSettings, ProviderSettings, Settings

__all__ = [
    "GROUP",
    "Configured",
    "Given",
    "configure",
    "installed",
    "load_adapter",
    "open_provider",
    "services_of",
]

GROUP = "gateway.providers"
"""The entry-point group: one line ``name = module:Class`` for each adapter."""

_SECRET_NAME = re.compile("key|token|secret|password", re.IGNORECASE)


def _is_names(value: object) -> bool:
    return isinstance(value, tuple | list | set | frozenset) and all(
        isinstance(one, str) for one in value
    )


_ATTRIBUTES: Sequence[tuple[str, Callable[[Any], bool], str]] = (
    ("contract", lambda value: type(value) is int, "a number"),
    (
        "options_schema",
        lambda value: isinstance(value, type) and issubclass(value, ma.Schema),
        "a class of marshmallow schemas",
    ),
    (
        "options_from_env",
        lambda value: isinstance(value, Mapping) and _is_names([*value, *value.values()]),
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
    ``network`` says how the provider is reached.
    """

    name: str
    adapter: type[AnyProvider]
    options: Any
    missing: tuple[str, ...] = ()
    key: int = 0
    network: NetworkSettings = field(default_factory=NetworkSettings)

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
        raise ProviderLoadError(f"no adapter named {name!r} is installed (installed: {names})")
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
        adapter = given.get(name)
        if adapter is None:
            adapter = load_adapter(table.adapter)
        if isinstance(adapter, type):
            found = _configure(name, table, _check_adapter(name, adapter), settings)
            network = network_of(name, table, settings, found[0].options)
            configured += [replace(one, network=network) for one in found]
    return configured


def _configure(
    name: str, table: ProviderSettings, adapter: type[AnyProvider], settings: Settings
) -> list[Configured]:
    values = dict(table.options)
    # The adapter's variables belong to the one provider that bears its name: with several
    # instances they could mean any of them.
    variables = adapter.options_from_env if name == table.adapter else {}
    for option, variable in variables.items():
        value = settings.environ.get(variable)
        if value is not None:
            values[option] = value
    keys = table.api_keys
    uses_keys = KEY_OPTION in adapter.options_schema().fields
    if table.key_from == "client" and not uses_keys:
        raise SettingsError(
            f"[providers.{name}] key_from: the adapter {table.adapter} does not use keys"
        )
    # Of several values the variable ends in an ``S``.
    if KEY_OPTION in variables and (listed := settings.environ.get(f"{variables[KEY_OPTION]}S")):
        keys = tuple(dict.fromkeys(re.split(r"[\s,]+", listed)))
    if not keys:
        found = _load(name, adapter, values, variables)
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
    loaded = [_load(name, adapter, {**values, KEY_OPTION: key}, variables) for key in keys]
    if len(loaded) == 1:
        return loaded
    return [replace(one, key=number) for number, one in enumerate(loaded, 1)]


def _load(
    name: str,
    adapter: type[AnyProvider],
    values: Mapping[str, object],
    variables: Mapping[str, str],
) -> Configured:
    try:
        schema = adapter.options_schema()
        options = schema.load(values)
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
    missing = tuple(
        f"{name} needs {option}: set {variables[option]}"
        if option in variables
        else f"{name} needs {option}: set {option} in [providers.{name}]"
        for option in adapter.required_options
        if not values.get(option)
    )
    return Configured(name, adapter, options, missing)


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
    """Return the adapter's name for each provider that is the adapter's own service.

    Those at another base URL are somebody else's service, or a local one.
    """
    services = {}
    for one in configured:
        table = settings.providers.get(one.name)
        if table is not None and is_dataclass(one.options):
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
        configured.name, configured.options, session, log, keepsakes or Keepsakes(0)
    )
    try:
        return configured.adapter(context)
    except Exception:
        log.exception("the adapter of %s failed to start", configured.name)
        return FailedProvider(context)
