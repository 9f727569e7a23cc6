"""The settings: their values, schemas and sources."""

from __future__ import annotations

from gateway.settings.building import read_key
from gateway.settings.callers import (
    AuthSettings,
    KeySettings,
    Period,
    Plan,
    PriceSettings,
    StateSettings,
    UsageSettings,
)
from gateway.settings.environment import Environment
from gateway.settings.interface import UiSettings
from gateway.settings.replay import CacheSettings, CassetteSettings
from gateway.settings.sources import VARIABLES, load
from gateway.settings.telemetry import MetricsSettings, OtelSettings
from gateway.settings.values import (
    CoolDownSettings,
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

__all__ = [
    "VARIABLES",
    "AuthSettings",
    "CacheSettings",
    "CassetteSettings",
    "CoolDownSettings",
    "Environment",
    "KeySettings",
    "LimitsSettings",
    "MetricsSettings",
    "ModelsSettings",
    "NetworkSettings",
    "OllamaSettings",
    "OtelSettings",
    "Period",
    "Plan",
    "PriceSettings",
    "ProviderSettings",
    "RetrySettings",
    "ServerSettings",
    "Settings",
    "StateSettings",
    "TimeoutSettings",
    "UiSettings",
    "UsageSettings",
    "load",
    "read_key",
]
