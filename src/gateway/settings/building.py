"""Make the settings of validated tables, and check what they say of each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar, cast

from gateway.core.errors import SettingsError
from gateway.settings.callers import (
    AuthSettings,
    KeySettings,
    Plan,
    PriceSettings,
    StateSettings,
    UsageSettings,
)
from gateway.settings.environment import Environment
from gateway.settings.interface import UiSettings
from gateway.settings.replay import CacheSettings, CassetteSettings
from gateway.settings.schemas import GROUPS
from gateway.settings.telemetry import MetricsSettings, OtelSettings
from gateway.settings.validation import check
from gateway.settings.values import (
    CoolDownSettings,
    KeyFrom,
    LimitsSettings,
    ModelsSettings,
    NetworkSettings,
    OllamaSettings,
    ProviderSettings,
    RetrySettings,
    ServerSettings,
    Settings,
    TimeoutSettings,
)

__all__ = ["build", "read_key"]

T = TypeVar("T")


def build(merged: Mapping[str, Any], environ: Environment, sources: tuple[str, ...]) -> Settings:
    """Return the settings of the validated table *merged*, which comes from *sources*.

    Raise `SettingsError` for settings that contradict each other.
    """
    groups = {
        group: {key: _frozen(value) for key, value in merged.get(group, {}).items()}
        for group in GROUPS
    }
    providers = {"providers": _providers(merged["providers"])} if "providers" in merged else {}
    settings = Settings(
        server=ServerSettings(**groups["server"]),
        ollama=OllamaSettings(**groups["ollama"]),
        models=ModelsSettings(**groups["models"]),
        limits=LimitsSettings(**groups["limits"]),
        retry=RetrySettings(**groups["retry"]),
        cool_down=CoolDownSettings(**groups["cool_down"]),
        timeouts=TimeoutSettings(**groups["timeouts"]),
        network=NetworkSettings(**groups["network"]),
        auth=AuthSettings(**groups["auth"]),
        plans=_tables(merged, "plans", lambda name, values: Plan(name, **values)),
        keys=_tables(merged, "keys", lambda _, values: KeySettings(**values)),
        prices=_tables(merged, "prices", lambda _, values: PriceSettings(**values)),
        usage=UsageSettings(**groups["usage"]),
        state=StateSettings(**groups["state"]),
        metrics=MetricsSettings(**groups["metrics"]),
        cache=CacheSettings(**groups["cache"]),
        cassettes=CassetteSettings(**groups["cassettes"]),
        otel=OtelSettings(**groups["otel"]),
        ui=UiSettings(**groups["ui"]),
        home=Path(merged["home"]) if "home" in merged else None,
        environ=environ,
        sources=sources,
        **providers,
    )
    default = settings.models.default_provider
    if default and default not in settings.providers:
        raise SettingsError(
            f"models.default_provider: no such provider (allowed: {', '.join(settings.providers)})"
        )
    _check_keys(settings)
    if settings.ui.exchanges and settings.server.workers > 1:
        raise SettingsError("ui.exchanges: one process has them, so server.workers must be 1")
    return settings


def read_key(name: str, table: Mapping[str, object], *, place: str) -> KeySettings:
    """Return the key that *table* would be as ``keys.<name>`` of a file, found at *place*.

    Raise `SettingsError` as `load` does.
    """
    loaded = check({"keys": {name: table}}, place, keys=True)
    return _tables(loaded, "keys", lambda _, values: KeySettings(**values))[name]


def _check_keys(settings: Settings) -> None:
    """Raise `SettingsError` where keys contradict each other or their plans."""
    if settings.auth.key and "default" in settings.keys:
        raise SettingsError("keys.default: this is the name of auth.key, give one of them")
    hashes: dict[str, str] = {}
    for name, key in settings.keys.items():
        if key.plan and key.plan not in settings.plans:
            allowed = ", ".join(settings.plans) or "there is none"
            raise SettingsError(f"keys.{name}.plan: no such plan (allowed: {allowed})")
        if (other := hashes.setdefault(key.hash, name)) != name:
            raise SettingsError(f"keys.{name}.hash: is that of keys.{other}")


def _tables(
    merged: Mapping[str, Any], group: str, make: Callable[[str, dict[str, Any]], T]
) -> Mapping[str, T]:
    """Return what *make* returns for each table of *group*, in which every name is another one."""
    made: dict[str, T] = {}
    for name, table in merged.get(group, {}).items():
        if group != "prices":
            _refuse_twins(group, name, made)
        made[name] = make(name, {key: _frozen(value) for key, value in table.items()})
    return MappingProxyType(made)


def _refuse_twins(group: str, name: str, others: Iterable[str]) -> None:
    if name.casefold() in {other.casefold() for other in others}:
        raise SettingsError(f"{group}.{name}: differs from another name only in case")


def _frozen(value: Any) -> Any:
    match value:
        case list():
            return tuple(value)
        case dict():
            return MappingProxyType(value)
        case _:
            return value


def _providers(tables: Mapping[str, Mapping[str, object]]) -> Mapping[str, ProviderSettings]:
    providers: dict[str, ProviderSettings] = {}
    for name, table in tables.items():
        _refuse_twins("providers", name, providers)
        options = {**table}
        adapter = str(options.pop("adapter", name))
        keys = tuple(cast("list[str]", options.pop("api_keys", [])))
        network = {key: options.pop(key) for key in GROUPS["network"].fields if key in options}
        key_from = cast("KeyFrom", options.pop("key_from", "settings"))
        preset = str(options.pop("preset", ""))
        providers[name] = ProviderSettings(
            adapter, MappingProxyType(options), keys, network, key_from, preset
        )
    return MappingProxyType(providers)
