"""The settings that a command runs with: from its arguments, the environment and files."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from gateway.core.errors import SettingsError
from gateway.settings import Settings, load
from gateway.settings.home import is_kept

__all__ = ["at_home", "load_settings", "overrides_of", "settings_of"]


def settings_of(arguments: argparse.Namespace) -> Settings:
    """Return the settings that *arguments* from `add_settings` stand for; raise `SettingsError`."""
    return load_settings(arguments.config, overrides_of(arguments))


def load_settings(config: Path | None, overrides: Mapping[str, object] | None = None) -> Settings:
    """Load the settings as a program of its own does, which follows the variables for proxies."""
    settings = load(
        config=config, environ=os.environ, dotenv=Path(".env"), overrides=overrides or {}
    )
    if settings.network.trust_env is not None:
        return settings
    return replace(settings, network=replace(settings.network, trust_env=True))


def overrides_of(arguments: argparse.Namespace) -> dict[str, object]:
    """Return the settings that *arguments* from `add_settings` give, by their keys."""
    given = {
        name: getattr(arguments, name)
        for name in ("host", "port", "workers", "log_level", "log_format")
    }
    found = {f"server.{name}": value for name, value in given.items() if value is not None}
    if arguments.ui is not None:
        found["ui.enabled"] = arguments.ui
    for mode in ("record", "replay"):
        if (path := getattr(arguments, mode)) is not None:
            found |= {"cassettes.mode": mode, "cassettes.path": path}
    return found


def at_home(settings: Settings) -> Settings:
    """Return *settings* with the system's data directory as ``home`` if none is set.

    For a user without a home directory, or with that of another user, it is one that the store
    reports as such.
    """
    if settings.home is not None:
        return settings
    from platformdirs import user_data_path  # noqa: PLC0415 - large, and a container sets home

    try:
        home = user_data_path("ollama-gateway", appauthor=False)
        is_kept(home)
    except (RuntimeError, SettingsError):
        home = Path("~", "ollama-gateway")
    return replace(settings, home=home)
