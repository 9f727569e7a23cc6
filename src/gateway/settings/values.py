"""The settings as plain values, with all defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from gateway.core.body_limits import BodyLimits
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
from gateway.settings.telemetry import MetricsSettings, OtelSettings

__all__ = [
    "CoolDownSettings",
    "KeyFrom",
    "LimitsSettings",
    "ModelsSettings",
    "NetworkSettings",
    "OllamaSettings",
    "ProviderSettings",
    "RetrySettings",
    "ServerSettings",
    "Settings",
    "TimeoutSettings",
]


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How the command line listens, logs and stops; without effect in an embedded gateway.

    An empty ``host`` means all addresses, ``port`` 0 any free port. ``socket`` is the path of a
    Unix socket to listen on instead. ``shutdown_timeout`` is the
    number of seconds that open streams may take to finish during a shutdown. ``workers`` is the
    number of processes that share the port. ``allowed_hosts`` are names in ``Host`` that are
    allowed besides those of this machine and its network; ``*.`` before a name stands for all names
    below it, and ``*`` for all names. ``trusted_proxies`` are addresses and networks, and ``unix``
    for a Unix socket, whose ``X-Forwarded-For`` is believed for the log. With ``watch`` the
    settings are read again when one of their files changes.
    """

    host: str = "127.0.0.1"
    port: int = 11434
    log_level: str = "info"
    log_format: str = "text"
    shutdown_timeout: float = 10.0
    workers: int = 1
    allowed_hosts: tuple[str, ...] = ()
    socket: str = ""
    watch: bool = False
    trusted_proxies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OllamaSettings:
    """What the gateway reports to Ollama clients, and which web pages it admits.

    ``version`` is what ``/api/version`` reports. ``origins`` are allowed in addition to Ollama's
    own list. ``keep_alive`` is the number of seconds that a used model counts as loaded,
    ``math.inf`` means for ever. ``abort_broken_streams`` closes the connection after the error line
    of a failed stream, without the final chunk of a complete body, so that a client that ignores
    error lines notices that the answer is incomplete; by default the body ends properly, as at
    Ollama. ``show_remote`` marks models as remote, with the provider's name of the model and its
    origin, in lists, descriptions and lines; by default they look like local ones.
    """

    version: str = "0.33.0"
    origins: tuple[str, ...] = ()
    keep_alive: float = 300.0
    abort_broken_streams: bool = False
    show_remote: bool = False


@dataclass(frozen=True, slots=True)
class ModelsSettings:
    """Which models clients see and under which names.

    ``aliases`` maps a name that clients use to a model, or to several in order of preference.
    ``expose`` limits the models to names that match one of its shell-style patterns; empty exposes
    all. ``default_provider`` serves names without a namespace; empty means the first provider.
    ``refresh`` is the number of seconds after which a model list is fetched again, ``list_timeout``
    how many a provider may take to answer with it, and ``list_retry`` how many pass until the next
    try after a failure. Requests wait at most ``startup_wait`` seconds for the first lists.
    ``facts`` is a file with facts of models, in the place of the package that has some.
    """

    aliases: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    expose: tuple[str, ...] = ()
    default_provider: str = ""
    refresh: float = 300.0
    list_timeout: float = 30.0
    list_retry: float = 5.0
    startup_wait: float = 5.0
    facts: str = ""


@dataclass(frozen=True, slots=True)
class LimitsSettings(BodyLimits):
    """What one request may cost; more is rejected before a provider is asked.

    ``body`` and ``form`` are the largest bodies in bytes, ``form_parts`` and ``frames`` the numbers
    of parts of a form and of frames of a body compressed with zstd. ``body_timeout`` is how many
    seconds the next 64 KiB of a body may take, 0 for no limit. ``keepsakes`` is how many bytes are
    remembered of what providers want back with a history, 0 for none. ``responses`` is how many
    answers of ``/v1/responses`` are kept in memory for requests that continue them, 0 for none, and
    ``response_bytes`` how many bytes they may take. The other limits are those of a JSON body.

    ``rpm`` and ``tpm`` are requests and tokens in a minute, ``concurrency`` requests at one time,
    of all clients together; ``None`` is no limit. ``reserve`` is how many tokens are set aside for
    an answer until its counts are known.
    """

    body: int = 1 << 30
    body_timeout: float = 60.0
    form: int = 25 << 20
    form_parts: int = 1000
    frames: int = 100
    keepsakes: int = 32 << 20
    responses: int = 1000
    response_bytes: int = 64 << 20
    rpm: int | None = None
    tpm: int | None = None
    concurrency: int | None = None
    reserve: int = 1024


@dataclass(frozen=True, slots=True)
class RetrySettings:
    """How often, and how soon, a refused request is sent to the same target again.

    ``count`` is the number of retries, ``within`` how many seconds they may take in all. ``delay``
    is how many seconds pass before the first one, ``growth`` the factor for each further delay. Up
    to the share ``jitter`` of a delay is added at random, so that clients that were refused
    together do not return together.
    """

    count: int = 2
    within: float = 5.0
    delay: float = 0.5
    growth: float = 1.5
    jitter: float = 0.25


@dataclass(frozen=True, slots=True)
class CoolDownSettings:
    """For how many seconds a target is skipped after a failure that names no time itself.

    The failures are a connection that could not be made (``unavailable``), 429 (``rate_limited``),
    and a refused key (``denied``); any other one may be about its request only. ``longest`` is a
    limit on what a failure may ask for.
    """

    unavailable: float = 5.0
    rate_limited: float = 5.0
    denied: float = 60.0
    longest: float = 3600.0


@dataclass(frozen=True, slots=True)
class TimeoutSettings:
    """How many seconds the gateway waits for what happens beside an answer.

    ``disconnect_poll`` is the time between two looks for clients that have disconnected,
    ``key_poll`` that between two for keys that were made or revoked.
    ``heartbeat`` is how long a client of server-sent events waits without a byte before it is sent
    a sign, and a head if it has none yet.
    ``stream_end`` is how long a provider's stream may take to end after its last event, so that its
    connection can be used again. ``loaded_models`` is how long a provider may take to tell which
    models it has loaded. A request waits ``store_read`` for the models that users made, and a
    change ``store_lock`` for those of other processes; after a failure models are read again after
    ``store_retry``.
    """

    disconnect_poll: float = 0.5
    key_poll: float = 1.0
    heartbeat: float = 10.0
    stream_end: float = 1.0
    loaded_models: float = 5.0
    store_read: float = 2.0
    store_retry: float = 5.0
    store_lock: float = 10.0


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """How providers are reached, unless a session is lent.

    ``transport`` is ``own`` or ``aiohttp``. ``ca_file`` is a PEM file of certificate authorities to
    trust in addition to those of the system. ``proxy`` is the URL of an HTTP proxy. ``trust_env``
    allows one from the variables in `Settings.environ`; ``None`` means that the command line does.
    Loopback addresses are never reached through a proxy.
    """

    transport: Literal["own", "aiohttp"] = "own"
    ca_file: str = ""
    proxy: str = field(default="", repr=False)
    trust_env: bool | None = None


KeyFrom: TypeAlias = Literal["settings", "client"]
"""Whose key the requests to a provider are sent with: the operator's, or that of each client."""


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """One provider: the name of its adapter, and the adapter's options before validation.

    ``api_keys`` are several values for the option ``api_key``, which are used in turn.
    ``network`` holds the keys of `NetworkSettings` that differ for this provider. With ``key_from``
    ``client`` each request is sent with the key that its client gives; a key of the options is for
    the list of models alone then. ``preset`` names the service whose preset gives the adapter and
    its options; where it is empty and no adapter of the name is installed, ``adapter`` may be the
    name of a preset as well.
    """

    adapter: str
    options: Mapping[str, object] = field(default_factory=dict, repr=False)
    api_keys: tuple[str, ...] = field(default=(), repr=False)
    network: Mapping[str, Any] = field(default_factory=dict)
    key_from: KeyFrom = "settings"
    preset: str = ""


def _mistral() -> Mapping[str, ProviderSettings]:
    return {"mistral": ProviderSettings("mistral")}


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, in one group for each part of the gateway.

    ``home`` is the directory for data that must survive a restart; ``None`` keeps it in memory.
    ``environ`` is a further source of adapters' options besides ``providers``, and knows the files
    that were read. ``sources`` says where the settings came from; it never contains a value.
    """

    server: ServerSettings = ServerSettings()
    ollama: OllamaSettings = OllamaSettings()
    models: ModelsSettings = ModelsSettings()
    limits: LimitsSettings = LimitsSettings()
    retry: RetrySettings = RetrySettings()
    cool_down: CoolDownSettings = CoolDownSettings()
    timeouts: TimeoutSettings = TimeoutSettings()
    network: NetworkSettings = NetworkSettings()
    auth: AuthSettings = field(default=AuthSettings())
    plans: Mapping[str, Plan] = field(default_factory=dict)
    keys: Mapping[str, KeySettings] = field(default_factory=dict)
    prices: Mapping[str, PriceSettings] = field(default_factory=dict)
    usage: UsageSettings = field(default=UsageSettings())
    state: StateSettings = field(default=StateSettings())
    metrics: MetricsSettings = field(default=MetricsSettings())
    cache: CacheSettings = field(default=CacheSettings())
    cassettes: CassetteSettings = field(default=CassetteSettings())
    otel: OtelSettings = field(default=OtelSettings())
    ui: UiSettings = field(default=UiSettings())
    providers: Mapping[str, ProviderSettings] = field(default_factory=_mistral)
    home: Path | None = None
    environ: Environment = field(default=Environment(), repr=False, compare=False)
    sources: tuple[str, ...] = field(default=(), compare=False)
