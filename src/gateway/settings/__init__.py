"""The settings: their values, schemas and sources."""

from __future__ import annotations

from gateway.settings.environment import Environment
from gateway.settings.sources import VARIABLES, load
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
    "CoolDownSettings",
    "Environment",
    "LimitsSettings",
    "ModelsSettings",
    "NetworkSettings",
    "OllamaSettings",
    "ProviderSettings",
    "RetrySettings",
    "ServerSettings",
    "Settings",
    "TimeoutSettings",
    "load",
]
