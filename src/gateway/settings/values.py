"""The settings as plain values, with all defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gateway.settings.environment import Environment

__all__ = [
    "LimitsSettings",
    "ModelsSettings",
    "OllamaSettings",
    "ProviderSettings",
    "ServerSettings",
    "Settings",
]


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How the command line listens, logs and stops; without effect in an embedded gateway.

    An empty ``host`` means all addresses, ``port`` 0 any free port. ``shutdown_timeout`` is the
    number of seconds that open streams may take to finish during a shutdown. ``workers`` is the
    number of processes that share the port.
    """

    host: str = "127.0.0.1"
    port: int = 11434
    log_level: str = "info"
    log_format: str = "text"
    shutdown_timeout: float = 10.0
    workers: int = 1


@dataclass(frozen=True, slots=True)
class OllamaSettings:
    """What the gateway reports to Ollama clients, and which web pages it admits.

    ``version`` is what ``/api/version`` reports. ``origins`` are allowed in addition to Ollama's
    own list. ``keep_alive`` is the number of seconds that a used model counts as loaded,
    ``math.inf`` means for ever. ``clean_stream_errors`` ends a failed stream as Ollama does, with
    the final chunk of a complete body after the error line; by default the connection is closed
    without it, so that a client that ignores error lines notices that the answer is incomplete.
    """

    version: str = "0.33.0"
    origins: tuple[str, ...] = ()
    keep_alive: float = 300.0
    clean_stream_errors: bool = False


@dataclass(frozen=True, slots=True)
class ModelsSettings:
    """Which models clients see and under which names.

    ``aliases`` maps a name that clients use to a model, or to several in order of preference.
    ``expose`` limits the models to names that match one of its shell-style patterns; empty exposes
    all. ``default_provider`` serves names without a namespace; empty means the first provider.
    ``refresh`` is the number of seconds after which a model list is fetched again.
    """

    aliases: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    expose: tuple[str, ...] = ()
    default_provider: str = ""
    refresh: float = 300.0


@dataclass(frozen=True, slots=True)
class LimitsSettings:
    """Limits of requests; ``body`` is the largest request body in bytes."""

    body: int = 1 << 30


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """One provider: the name of its adapter, and the adapter's options before validation.

    ``api_keys`` are several values for the option ``api_key``, which are used in turn.
    """

    adapter: str
    options: Mapping[str, object] = field(default_factory=dict, repr=False)
    api_keys: tuple[str, ...] = field(default=(), repr=False)


def _mistral() -> Mapping[str, ProviderSettings]:
    return {"mistral": ProviderSettings("mistral")}


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, in one group for each part of the gateway.

    ``home`` is the directory for data that must survive a restart; ``None`` keeps it in memory.
    ``environ`` is a further source of adapters' options besides ``providers``. ``sources`` says
    where the settings came from; it never contains a value.
    """

    server: ServerSettings = ServerSettings()
    ollama: OllamaSettings = OllamaSettings()
    models: ModelsSettings = ModelsSettings()
    limits: LimitsSettings = LimitsSettings()
    providers: Mapping[str, ProviderSettings] = field(default_factory=_mistral)
    home: Path | None = None
    environ: Environment = field(default=Environment(), repr=False, compare=False)
    sources: tuple[str, ...] = field(default=(), compare=False)
