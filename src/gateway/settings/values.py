"""What can be configured, as plain values; every default stands here and nowhere else."""

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
    """How the command line listens, logs and stops; an embedding application has its own ways.

    An empty ``host`` means all addresses, ``port`` 0 any free port. ``shutdown_timeout`` is how
    many seconds open streams may still take once the server is told to stop. ``workers`` is the
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
    """How we look to an Ollama client.

    ``version`` is what ``/api/version`` reports. ``origins`` are allowed besides Ollama's own list.
    ``keep_alive`` is how many seconds a used model counts as loaded, ``math.inf`` is forever.
    ``clean_stream_errors`` ends a failed stream as Ollama does, with the terminator of a complete
    body after the error line; by default the connection is closed without it, so that a client
    which overlooks error lines notices that the answer is not complete.
    """

    version: str = "0.33.0"
    origins: tuple[str, ...] = ()
    keep_alive: float = 300.0
    clean_stream_errors: bool = False


@dataclass(frozen=True, slots=True)
class ModelsSettings:
    """Which models clients see and under which names.

    ``aliases`` maps a name that clients use to a model, or to several of which each stands in for
    those before it. ``expose`` narrows the list to names that
    match one of its shell-style patterns; empty exposes all. ``default_provider`` serves names
    without a namespace; empty is the first provider. ``refresh`` is how many seconds a list of
    models stays good.
    """

    aliases: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    expose: tuple[str, ...] = ()
    default_provider: str = ""
    refresh: float = 300.0


@dataclass(frozen=True, slots=True)
class LimitsSettings:
    """What a client may ask of us; ``body`` is the largest request body in bytes."""

    body: int = 1 << 30


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """One provider: the adapter that serves it and the adapter's own options, not yet validated.

    ``api_keys`` are several values for the option ``api_key``, which then take turns.
    """

    adapter: str
    options: Mapping[str, object] = field(default_factory=dict, repr=False)
    api_keys: tuple[str, ...] = field(default=(), repr=False)


def _mistral() -> Mapping[str, ProviderSettings]:
    return {"mistral": ProviderSettings("mistral")}


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be configured, in the groups that its parts receive.

    ``home`` is the directory for what must outlive the process; ``None`` keeps it in memory.
    ``environ`` is where an adapter's options may come from besides ``providers``. ``sources`` tells
    a reader where the settings came from; it never holds a value.
    """

    server: ServerSettings = ServerSettings()
    ollama: OllamaSettings = OllamaSettings()
    models: ModelsSettings = ModelsSettings()
    limits: LimitsSettings = LimitsSettings()
    providers: Mapping[str, ProviderSettings] = field(default_factory=_mistral)
    home: Path | None = None
    environ: Environment = field(default=Environment(), repr=False, compare=False)
    sources: tuple[str, ...] = field(default=(), compare=False)
