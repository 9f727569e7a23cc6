"""Everything that can be configured: the values, and where they come from."""

from __future__ import annotations

from gateway.settings.environment import Environment
from gateway.settings.sources import VARIABLES, load
from gateway.settings.values import (
    LimitsSettings,
    ModelsSettings,
    OllamaSettings,
    ProviderSettings,
    ServerSettings,
    Settings,
)

__all__ = [
    "VARIABLES",
    "Environment",
    "LimitsSettings",
    "ModelsSettings",
    "OllamaSettings",
    "ProviderSettings",
    "ServerSettings",
    "Settings",
    "load",
]
