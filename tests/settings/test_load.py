from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.core.errors import SettingsError
from gateway.settings import (
    VARIABLES,
    AuthSettings,
    CacheSettings,
    CassetteSettings,
    CoolDownSettings,
    LimitsSettings,
    MetricsSettings,
    ModelsSettings,
    NetworkSettings,
    OllamaSettings,
    OtelSettings,
    ProviderSettings,
    RetrySettings,
    ServerSettings,
    Settings,
    StateSettings,
    TimeoutSettings,
    UiSettings,
    UsageSettings,
    load,
)
from gateway.settings.schemas import GROUPS


def write(directory: Path, text: str, *, name: str = "gateway.toml") -> Path:
    path = directory / name
    path.write_text(text, encoding="utf-8")
    return path


def complaint(**sources: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        load(**sources)
    return str(caught.value)


def test_a_host_of_a_later_source_replaces_a_unix_socket(tmp_path: Path) -> None:
    config = write(tmp_path, '[server]\nsocket = "/run/a"')
    assert load(config=config).server.socket == "/run/a"
    assert load(config=config, environ={"OLLAMA_HOST": "0.0.0.0"}).server == ServerSettings(
        "0.0.0.0"
    )


def test_nothing_said_means_the_defaults() -> None:
    assert load() == Settings()


def test_the_defaults_are_those_of_ollama_on_loopback_with_one_provider() -> None:
    assert Settings() == Settings(
        server=ServerSettings(
            host="127.0.0.1",
            port=11434,
            log_level="info",
            log_format="text",
            shutdown_timeout=10.0,
        ),
        ollama=OllamaSettings(
            version="0.33.0",
            origins=(),
            keep_alive=300.0,
            abort_broken_streams=False,
            show_remote=False,
        ),
        models=ModelsSettings(
            aliases={},
            expose=(),
            default_provider="",
            refresh=300.0,
            list_timeout=30.0,
            list_retry=5.0,
            startup_wait=5.0,
        ),
        limits=LimitsSettings(body=1024**3),
        retry=RetrySettings(count=2, within=5.0, delay=0.5, growth=1.5, jitter=0.25),
        cool_down=CoolDownSettings(unavailable=5.0, rate_limited=5.0, denied=60.0, longest=3600.0),
        timeouts=TimeoutSettings(
            disconnect_poll=0.5,
            key_poll=1.0,
            heartbeat=10.0,
            stream_end=1.0,
            loaded_models=5.0,
            store_read=2.0,
            store_retry=5.0,
            store_lock=10.0,
        ),
        providers={"mistral": ProviderSettings("mistral", {})},
        home=None,
    )


def test_every_setting_has_a_field_of_the_schema_and_the_other_way_round() -> None:
    groups = {
        "server": ServerSettings,
        "ollama": OllamaSettings,
        "models": ModelsSettings,
        "limits": LimitsSettings,
        "retry": RetrySettings,
        "cool_down": CoolDownSettings,
        "timeouts": TimeoutSettings,
        "network": NetworkSettings,
        "auth": AuthSettings,
        "usage": UsageSettings,
        "state": StateSettings,
        "metrics": MetricsSettings,
        "otel": OtelSettings,
        "ui": UiSettings,
        "cache": CacheSettings,
        "cassettes": CassetteSettings,
    }

    assert {group: set(schema.fields) for group, schema in GROUPS.items()} == {
        group: {field.name for field in dataclasses.fields(values)}
        for group, values in groups.items()
    }


EVERYTHING = """
home = "/var/lib/gateway"

[server]
host = "::1"
port = 8080
log_level = "debug"
log_format = "json"
shutdown_timeout = 2
workers = 4
socket = "/run/gateway.sock"
watch = true
trusted_proxies = ["10.0.0.0/8", "unix"]
allowed_hosts = ["llm.example.org", "*.corp.example"]

[ollama]
version = "1.2.3-rc4"
origins = ["https://chat.example", "app://*"]
keep_alive = "1h30m"
abort_broken_streams = true
show_remote = true

[models]
expose = ["mistral-*", "codestral"]
default_provider = "work"
refresh = 60.5
list_timeout = 20
list_retry = 2.5
startup_wait = 1
facts = "api.json"

[models.aliases]
gpt-4o = "mistral-large:latest"
"team/fast" = ["ft:ministral:1234", "mistral-small"]

[limits]
body = 1000
body_timeout = 5.5
form = 900
form_parts = 8
frames = 7
responses = 70
response_bytes = 7000
keepsakes = 70
text = 600
depth = 50
members = 400
messages = 30
tools = 2
stops = 5
rpm = 600
tpm = 2000000
concurrency = 64
reserve = 512

[auth]
required = true
key = "sixteen-letters-x"

[usage]
enabled = true
keep = 30
flush = 0.5

[state]
url = "unix:///run/redis.sock"
prefix = "gw"
timeout = 0.5
on_failure = "refuse"

[retry]
count = 4
within = 20
delay = 0.1
growth = 2
jitter = 1

[cool_down]
unavailable = 1
rate_limited = 2
denied = 3
longest = 4

[timeouts]
disconnect_poll = 0.1
key_poll = 0.2
heartbeat = 5
stream_end = 0
loaded_models = 2
store_read = 3
store_retry = 4
store_lock = 6

[metrics]
enabled = true
by_caller = true
public = true

[cassettes]
mode = "auto"
path = "here"

[cache]
enabled = true
what = "all"
ttl = 60
size = 1000
scope = "everyone"

[ui]
enabled = true
exchanges = 0
exchange_bytes = 70000

[otel]
traces = true
metrics = true
content = true

[network]
transport = "aiohttp"
ca_file = "/etc/ssl/company.pem"
proxy = "http://proxy.corp:3128"
trust_env = true

[providers.work]
adapter = "mistral"
api_key = "sk-work"
extra = ["a", 1]
transport = "own"
proxy = ""
trust_env = false

[providers.acme]
api_keys = ["one", "two"]
"""

EVERYTHING_LOADED = Settings(
    server=ServerSettings(
        "::1",
        8080,
        "debug",
        "json",
        2.0,
        4,
        ("llm.example.org", "*.corp.example"),
        "/run/gateway.sock",
        True,
        ("10.0.0.0/8", "unix"),
    ),
    ollama=OllamaSettings("1.2.3-rc4", ("https://chat.example", "app://*"), 5400.0, True, True),
    models=ModelsSettings(
        {
            "gpt-4o": ("mistral-large:latest",),
            "team/fast": ("ft:ministral:1234", "mistral-small"),
        },
        ("mistral-*", "codestral"),
        "work",
        60.5,
        20.0,
        2.5,
        1.0,
        "api.json",
    ),
    limits=LimitsSettings(
        body=1000,
        body_timeout=5.5,
        form=900,
        form_parts=8,
        frames=7,
        responses=70,
        response_bytes=7000,
        keepsakes=70,
        text=600,
        depth=50,
        members=400,
        messages=30,
        tools=2,
        stops=5,
        rpm=600,
        tpm=2_000_000,
        concurrency=64,
        reserve=512,
    ),
    retry=RetrySettings(4, 20.0, 0.1, 2.0, 1.0),
    cool_down=CoolDownSettings(1.0, 2.0, 3.0, 4.0),
    timeouts=TimeoutSettings(0.1, 0.2, 5.0, 0.0, 2.0, 3.0, 4.0, 6.0),
    network=NetworkSettings("aiohttp", "/etc/ssl/company.pem", "http://proxy.corp:3128", True),
    auth=AuthSettings(True, "sixteen-letters-x"),
    usage=UsageSettings(True, 30, 0.5),
    state=StateSettings("unix:///run/redis.sock", "gw", 0.5, "refuse"),
    metrics=MetricsSettings(True, True, True),
    otel=OtelSettings(True, True, True),
    ui=UiSettings(True, 0, 70000),
    cassettes=CassetteSettings("auto", "here"),
    cache=CacheSettings(True, "all", 60.0, 1000, "everyone"),
    providers={
        "work": ProviderSettings(
            "mistral",
            {"api_key": "sk-work", "extra": ["a", 1]},
            network={"transport": "own", "proxy": "", "trust_env": False},
        ),
        "acme": ProviderSettings("acme", {}, ("one", "two")),
    },
    home=Path("/var/lib/gateway"),
)


def test_a_file_can_say_everything(tmp_path: Path) -> None:
    assert load(config=write(tmp_path, EVERYTHING)) == EVERYTHING_LOADED


def test_variables_can_say_everything_but_tables_of_which_there_may_be_many(tmp_path: Path) -> None:
    environ = {
        "GATEWAY_HOME": "/var/lib/gateway",
        "GATEWAY_SERVER_HOST": "::1",
        "GATEWAY_SERVER_PORT": "8080",
        "GATEWAY_SERVER_LOG_LEVEL": "debug",
        "GATEWAY_SERVER_LOG_FORMAT": "json",
        "GATEWAY_SERVER_SHUTDOWN_TIMEOUT": "2",
        "GATEWAY_SERVER_WORKERS": "4",
        "GATEWAY_SERVER_SOCKET": "/run/gateway.sock",
        "GATEWAY_SERVER_WATCH": "true",
        "GATEWAY_SERVER_TRUSTED_PROXIES": "10.0.0.0/8, unix",
        "GATEWAY_SERVER_ALLOWED_HOSTS": "llm.example.org, *.corp.example",
        "GATEWAY_OLLAMA_VERSION": "1.2.3-rc4",
        "GATEWAY_OLLAMA_ORIGINS": "https://chat.example, app://*",
        "GATEWAY_OLLAMA_KEEP_ALIVE": "1h30m",
        "GATEWAY_OLLAMA_ABORT_BROKEN_STREAMS": "Yes",
        "GATEWAY_OLLAMA_SHOW_REMOTE": "1",
        "GATEWAY_MODELS_ALIASES": "gpt-4o=mistral-large:latest,"
        " team/fast = ft:ministral:1234 | mistral-small",
        "GATEWAY_MODELS_EXPOSE": "mistral-*,codestral",
        "GATEWAY_MODELS_DEFAULT_PROVIDER": "work",
        "GATEWAY_MODELS_REFRESH": "60.5",
        "GATEWAY_MODELS_LIST_TIMEOUT": "20",
        "GATEWAY_MODELS_LIST_RETRY": "2.5",
        "GATEWAY_MODELS_STARTUP_WAIT": "1",
        "GATEWAY_MODELS_FACTS": "api.json",
        "GATEWAY_LIMITS_BODY": "1000",
        "GATEWAY_LIMITS_BODY_TIMEOUT": "5.5",
        "GATEWAY_LIMITS_FORM": "900",
        "GATEWAY_LIMITS_FORM_PARTS": "8",
        "GATEWAY_LIMITS_FRAMES": "7",
        "GATEWAY_LIMITS_RESPONSES": "70",
        "GATEWAY_LIMITS_RESPONSE_BYTES": "7000",
        "GATEWAY_LIMITS_KEEPSAKES": "70",
        "GATEWAY_LIMITS_TEXT": "600",
        "GATEWAY_LIMITS_DEPTH": "50",
        "GATEWAY_LIMITS_MEMBERS": "400",
        "GATEWAY_LIMITS_MESSAGES": "30",
        "GATEWAY_LIMITS_TOOLS": "2",
        "GATEWAY_LIMITS_STOPS": "5",
        "GATEWAY_RETRY_COUNT": "4",
        "GATEWAY_RETRY_WITHIN": "20",
        "GATEWAY_RETRY_DELAY": "0.1",
        "GATEWAY_RETRY_GROWTH": "2",
        "GATEWAY_RETRY_JITTER": "1",
        "GATEWAY_COOL_DOWN_UNAVAILABLE": "1",
        "GATEWAY_COOL_DOWN_RATE_LIMITED": "2",
        "GATEWAY_COOL_DOWN_DENIED": "3",
        "GATEWAY_COOL_DOWN_LONGEST": "4",
        "GATEWAY_TIMEOUTS_DISCONNECT_POLL": "0.1",
        "GATEWAY_TIMEOUTS_KEY_POLL": "0.2",
        "GATEWAY_TIMEOUTS_HEARTBEAT": "5",
        "GATEWAY_TIMEOUTS_STREAM_END": "0",
        "GATEWAY_TIMEOUTS_LOADED_MODELS": "2",
        "GATEWAY_TIMEOUTS_STORE_READ": "3",
        "GATEWAY_TIMEOUTS_STORE_RETRY": "4",
        "GATEWAY_TIMEOUTS_STORE_LOCK": "6",
        "GATEWAY_NETWORK_TRANSPORT": "aiohttp",
        "GATEWAY_NETWORK_CA_FILE": "/etc/ssl/company.pem",
        "GATEWAY_NETWORK_PROXY": "http://proxy.corp:3128",
        "GATEWAY_NETWORK_TRUST_ENV": "yes",
        "GATEWAY_LIMITS_RPM": "600",
        "GATEWAY_LIMITS_TPM": "2000000",
        "GATEWAY_LIMITS_CONCURRENCY": "64",
        "GATEWAY_LIMITS_RESERVE": "512",
        "GATEWAY_AUTH_REQUIRED": "true",
        "GATEWAY_AUTH_KEY": "sixteen-letters-x",
        "GATEWAY_USAGE_ENABLED": "1",
        "GATEWAY_USAGE_KEEP": "30",
        "GATEWAY_USAGE_FLUSH": "0.5",
        "GATEWAY_STATE_URL": "unix:///run/redis.sock",
        "GATEWAY_STATE_PREFIX": "gw",
        "GATEWAY_STATE_TIMEOUT": "0.5",
        "GATEWAY_STATE_ON_FAILURE": "refuse",
        "GATEWAY_METRICS_ENABLED": "1",
        "GATEWAY_METRICS_BY_CALLER": "yes",
        "GATEWAY_METRICS_PUBLIC": "true",
        "GATEWAY_CASSETTES_MODE": "auto",
        "GATEWAY_CASSETTES_PATH": "here",
        "GATEWAY_CACHE_ENABLED": "true",
        "GATEWAY_CACHE_WHAT": "all",
        "GATEWAY_CACHE_TTL": "60",
        "GATEWAY_CACHE_SIZE": "1000",
        "GATEWAY_CACHE_SCOPE": "everyone",
        "GATEWAY_UI_ENABLED": "true",
        "GATEWAY_UI_EXCHANGES": "0",
        "GATEWAY_UI_EXCHANGE_BYTES": "70000",
        "GATEWAY_OTEL_TRACES": "true",
        "GATEWAY_OTEL_METRICS": "true",
        "GATEWAY_OTEL_CONTENT": "true",
        "GATEWAY_CONFIG": str(write(tmp_path, EVERYTHING[EVERYTHING.index("[providers.work]") :])),
    }

    own = {name for name in VARIABLES if name.startswith("GATEWAY_")}
    assert {*environ} == own - {"GATEWAY_PROVIDERS"}
    assert load(environ=environ) == EVERYTHING_LOADED


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"OLLAMA_HOST": "0.0.0.0"}, Settings(server=ServerSettings("0.0.0.0", 11434))),
        ({"OLLAMA_HOST": "'http://[::]:80/x'"}, Settings(server=ServerSettings("::", 80))),
        ({"OLLAMA_HOST": ":0"}, Settings(server=ServerSettings("", 0))),
        ({"OLLAMA_HOST": "unix:/run/a"}, Settings(server=ServerSettings(socket="/run/a"))),
        (
            {"OLLAMA_ORIGINS": "http://a:1,chrome-extension://x,*"},
            Settings(ollama=OllamaSettings(origins=("http://a:1", "chrome-extension://x", "*"))),
        ),
        ({"OLLAMA_KEEP_ALIVE": "-1"}, Settings(ollama=OllamaSettings(keep_alive=math.inf))),
        ({"OLLAMA_KEEP_ALIVE": ""}, Settings()),
        ({"OLLAMA_MODELS": "/models", "PATH": "/bin"}, Settings()),
    ],
    ids=[
        "host",
        "host as a url",
        "all addresses",
        "socket",
        "origins",
        "keep alive",
        "empty",
        "others",
    ],
)
def test_ollamas_own_variables_have_their_meaning(
    environ: Mapping[str, str], expected: Settings
) -> None:
    assert load(environ=environ) == expected


def test_later_sources_win_and_each_says_only_what_it_says(tmp_path: Path) -> None:
    config = write(tmp_path, '[server]\nhost = "file"\nport = 1\nlog_level = "debug"\n')
    dotenv = write(
        tmp_path,
        "OLLAMA_HOST=dotenv:2\nGATEWAY_SERVER_SHUTDOWN_TIMEOUT=2\n# comment\nUNSET\n",
        name=".env",
    )
    environ = {"OLLAMA_HOST": "environment:3"}
    expected = [
        ServerSettings(),
        ServerSettings("file", 1, "debug"),
        ServerSettings("dotenv", 2, "debug", shutdown_timeout=2),
        ServerSettings("environment", 3, "debug", shutdown_timeout=2),
        ServerSettings("environment", 4, "debug", shutdown_timeout=2),
    ]
    sources: list[dict[str, Any]] = [
        {},
        {"config": config},
        {"dotenv": dotenv},
        {"environ": environ},
        {"overrides": {"server.port": "4"}},
    ]

    given: dict[str, Any] = {}
    loaded = []
    for source in sources:
        given |= source
        loaded.append(load(**given).server)

    assert loaded == expected


def test_our_own_variable_wins_over_ollamas_in_the_same_place() -> None:
    environ = {
        "GATEWAY_SERVER_PORT": "8080",
        "OLLAMA_HOST": "0.0.0.0:1234",
        "GATEWAY_OLLAMA_KEEP_ALIVE": "1m",
        "OLLAMA_KEEP_ALIVE": "2m",
    }

    assert load(environ=environ) == Settings(
        server=ServerSettings("0.0.0.0", 8080), ollama=OllamaSettings(keep_alive=60.0)
    )


def test_the_file_may_be_named_by_a_variable_but_an_argument_wins(tmp_path: Path) -> None:
    named = write(tmp_path, "[server]\nport = 1\n", name="named.toml")
    given = write(tmp_path, "[server]\nport = 2\n", name="given.toml")
    environ = {"GATEWAY_CONFIG": str(named)}

    assert [load(environ=environ).server.port, load(environ=environ, config=given).server.port] == [
        1,
        2,
    ]


def test_a_missing_dotenv_is_no_error(tmp_path: Path) -> None:
    assert load(dotenv=tmp_path / ".env") == Settings()


def test_a_dotenv_is_taken_literally(tmp_path: Path) -> None:
    dotenv = write(tmp_path, "export KEY='a${HOME}b$c'\nOTHER=\"x\"\n", name=".env")

    environ = load(dotenv=dotenv).environ

    assert [environ.get("KEY"), environ.get("OTHER")] == ["a${HOME}b$c", "x"]


def test_what_an_adapter_may_ask_for_comes_from_the_environment_before_dotenv(
    tmp_path: Path,
) -> None:
    dotenv = write(tmp_path, "MISTRAL_API_KEY=dotenv\nMISTRAL_BASE_URL=dotenv", name=".env")
    key = write(tmp_path, "from a file\n", name="key")

    environ = load(dotenv=dotenv, environ={"MISTRAL_API_KEY_FILE": str(key)}).environ

    assert [environ.get(name) for name in ("MISTRAL_API_KEY", "MISTRAL_BASE_URL", "OTHER")] == [
        "from a file",
        "dotenv",
        None,
    ]


def test_any_setting_may_come_from_a_file(tmp_path: Path) -> None:
    expose = write(tmp_path, "mistral-*,codestral\n", name="expose")

    settings = load(environ={"GATEWAY_MODELS_EXPOSE_FILE": str(expose)})

    assert settings.models.expose == ("mistral-*", "codestral")


def test_the_sources_are_told_without_their_values(tmp_path: Path) -> None:
    config = write(tmp_path, '[providers.mistral]\napi_key = "hidden"')
    dotenv = write(tmp_path, "OLLAMA_HOST=hidden\n", name=".env")
    environ = {"GATEWAY_CONFIG": str(config), "GATEWAY_HOME": "hidden", "PATH": "hidden"}

    settings = load(dotenv=dotenv, environ=environ, overrides={"server.log_level": "debug"})

    assert settings.sources == (
        str(config),
        f"{dotenv} (OLLAMA_HOST)",
        "environment (GATEWAY_HOME)",
        "--log-level",
    )


TABLES = (
    "auth, cache, cassettes, cool_down, home, keys, limits, metrics, models, network, ollama,"
    " otel, plans, prices, providers, retry, server, state, timeouts, ui, usage"
)
OWN = ", ".join(sorted(name for name in VARIABLES if name.startswith("GATEWAY_")))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "[server]\nprot = 1",
            "server.prot: unknown key"
            " (allowed: allowed_hosts, host, log_format, log_level, port,"
            " shutdown_timeout, socket, trusted_proxies, watch, workers)",
        ),
        (
            "[sever]\nport = 1",
            f"sever: unknown key (allowed: {TABLES})",
        ),
        ('[server]\nport = "1"', "server.port: not a valid integer"),
        ("[server]\nport = 1.5", "server.port: not a valid integer"),
        ("[server]\nport = true", "server.port: not a valid integer"),
        (
            "[server]\nport = 65536",
            "server.port: must be greater than or equal to 0 and less than or equal to 65535",
        ),
        (
            '[server]\nlog_level = "loud"\nhost = 1',
            "server.host: not a valid string;"
            " server.log_level: must be one of: debug, info, warning, error",
        ),
        (
            "[server]\nshutdown_timeout = -1",
            "server.shutdown_timeout: must be greater than or equal to 0",
        ),
        (
            "[models]\nrefresh = nan",
            "models.refresh: special numeric values (nan or infinity) are not permitted",
        ),
        ("server = 1", "server: invalid input type"),
        ("home = ''", "home: shorter than minimum length 1"),
        ('[ollama]\nversion = "new"', "ollama.version: must look like 0.33.0"),
        *(
            (
                f'[network]\nproxy = "{proxy}"',
                "network.proxy: must be the URL of an HTTP proxy such as http://proxy:3128",
            )
            for proxy in (
                "proxy:3128",
                "socks5://a:1",
                "https://a:1",
                "http://",
                "http://[",
                "http://a:0",
            )
        ),
        *(
            (
                f'[server]\nallowed_hosts = ["a", "{entry}"]',
                "server.allowed_hosts.1: must be a host name without scheme and port, *.name or *",
            )
            for entry in ("", "http://a", "a:1", "a.*", "*a", "**", "a b", "a/b", "\u00e9.example")
        ),
        (
            '[ollama]\norigins = ["ftp://x"]',
            "ollama.origins.0: must have one * or begin with http://, https://"
            " or an extension's scheme",
        ),
        (
            '[ollama]\norigins = ["http://*.*"]',
            "ollama.origins.0: must have one * or begin with http://, https://"
            " or an extension's scheme",
        ),
        (
            "[ollama]\nkeep_alive = false",
            "ollama.keep_alive: must be seconds or a duration such as 5m",
        ),
        (
            "[ollama]\nabort_broken_streams = 'yes'",
            "ollama.abort_broken_streams: not a valid boolean",
        ),
        ("[models]\nexpose = 'all'", "models.expose: not a valid list"),
        (
            "[models.aliases]\n'a b' = 'c'",
            "models.aliases.a b: not a valid model name",
        ),
        (
            "[providers.work]\n[providers.Work]",
            "providers.Work: differs from another name only in case",
        ),
        (
            "[models.aliases]\na = 1",
            "models.aliases.a: must be the name of a model, or a list of names",
        ),
        (
            "[models]\ndefault_provider = 'acme'\n[providers.work]\nadapter='mistral'",
            "models.default_provider: no such provider (allowed: work)",
        ),
        ("[limits]\nbody = 0", "limits.body: must be greater than or equal to 1"),
        (
            "[retry]\ncount = -1",
            "retry.count: must be greater than or equal to 0 and less than or equal to 100",
        ),
        (
            "[retry]\ngrowth = 0.5",
            "retry.growth: must be greater than or equal to 1 and less than or equal to 10",
        ),
        ("[cool_down]\ndenied = -1", "cool_down.denied: must be greater than or equal to 0"),
        ("[timeouts]\ndisconnect_poll = 0", "timeouts.disconnect_poll: must be greater than 0"),
        ("[models]\nlist_retry = 0", "models.list_retry: must be greater than 0"),
        (
            "[models]\nlist_timeout = inf",
            "models.list_timeout: special numeric values (nan or infinity) are not permitted",
        ),
        ("providers = {}", "providers: shorter than minimum length 1"),
        ("providers.x = 1", "providers.x: invalid input type"),
        ("[providers.x]\nadapter = 1", "providers.x.adapter: not a valid string"),
        (
            "[providers.'a/b']",
            "providers.a/b: a provider's name consists of letters, digits, - and _",
        ),
        ("[server", "expected ']' at the end of a table declaration (at end of document)"),
    ],
)
def test_what_is_wrong_in_a_file_is_named_with_what_is_allowed(
    tmp_path: Path, text: str, expected: str
) -> None:
    config = write(tmp_path, text)

    found = complaint(config=config)

    assert found.removeprefix(f"{config}: ") == expected


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        (
            {"GATEWAY_SERVER_PRT": "1"},
            f"unknown variable GATEWAY_SERVER_PRT (allowed: {OWN}, and each with _FILE appended)",
        ),
        (
            {"GATEWAY_PORT": "8080"},
            f"unknown variable GATEWAY_PORT (allowed: {OWN}, and each with _FILE appended)",
        ),
        ({"GATEWAY_SERVER_PORT": "high"}, "GATEWAY_SERVER_PORT: not a valid integer"),
        ({"GATEWAY_SERVER_PORT": "80.5"}, "GATEWAY_SERVER_PORT: not a valid integer"),
        (
            {"GATEWAY_OLLAMA_CLEAN_STREAM_ERRORS": "maybe"},
            "GATEWAY_OLLAMA_CLEAN_STREAM_ERRORS: not a valid boolean",
        ),
        ({"GATEWAY_MODELS_REFRESH": "often"}, "GATEWAY_MODELS_REFRESH: not a valid number"),
        (
            {"GATEWAY_MODELS_ALIASES": "a"},
            "GATEWAY_MODELS_ALIASES: must be the name of a model, or a list of names",
        ),
        (
            {"OLLAMA_KEEP_ALIVE": "5 minutes"},
            "OLLAMA_KEEP_ALIVE: must be seconds or a duration such as 5m",
        ),
        (
            {"OLLAMA_ORIGINS": "chat.example"},
            "OLLAMA_ORIGINS: must have one * or begin with http://, https://"
            " or an extension's scheme",
        ),
        (
            {"GATEWAY_CONFIG": "/nowhere/gateway.toml"},
            "settings: cannot read /nowhere/gateway.toml: no such file or directory",
        ),
    ],
)
def test_what_is_wrong_in_a_variable_is_named_by_the_variable(
    environ: Mapping[str, str], expected: str
) -> None:
    assert complaint(environ=environ) == expected


def test_dotenv_is_held_to_the_same_rules(tmp_path: Path) -> None:
    dotenv = write(tmp_path, "GATEWAY_SERVER_PRT=1\n", name=".env")

    assert complaint(dotenv=dotenv).startswith("unknown variable GATEWAY_SERVER_PRT (allowed: ")


def test_a_dotenv_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    assert complaint(dotenv=tmp_path) == f"settings: cannot read {tmp_path}: is a directory"


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({"server.port": "high"}, "--port: not a valid integer"),
        ({"server.log_level": "loud"}, "--log-level: must be one of: debug, info, warning, error"),
        (
            {"server.prot": "1"},
            "--prot: unknown key"
            " (allowed: allowed_hosts, host, log_format, log_level, port,"
            " shutdown_timeout, socket, trusted_proxies, watch, workers)",
        ),
        (
            {"port": 1},
            f"--port: unknown key (allowed: {TABLES})",
        ),
    ],
)
def test_what_is_wrong_in_an_argument_is_named_by_the_argument(
    overrides: Mapping[str, object], expected: str
) -> None:
    assert complaint(overrides=overrides) == expected


def test_what_container_platforms_inject_for_a_service_called_gateway_is_no_setting() -> None:
    environ = {
        "GATEWAY_SERVICE_HOST": "10.0.0.1",
        "GATEWAY_SERVICE_PORT": "80",
        "GATEWAY_SERVICE_PORT_HTTP": "80",
        "GATEWAY_PORT": "tcp://10.0.0.1:80",
        "GATEWAY_PORT_80_TCP": "tcp://10.0.0.1:80",
        "GATEWAY_PORT_80_TCP_PROTO": "tcp",
        "GATEWAY_TEST_SERVICE_HOST": "10.0.0.2",
        "GATEWAY_TEST_PORT": "tcp://10.0.0.2:80",
    }

    assert load(environ=environ) == Settings()


@pytest.mark.parametrize(
    "text",
    [
        '[providers.mistral]\napi_key = "s3cret"\nadapter = 1',
        '[providers."s"]\napi_key = "s3cret"\n[server]\nport = "s3cret"',
        '[server]\nlog_level = "s3cret"\nshutdown_timeout = "s3cret"\nhost = ["s3cret"]',
        '[models]\nexpose = "s3cret"\nrefresh = "s3cret"\naliases = "s3cret"',
        '[ollama]\nversion = "s3cret"\norigins = ["s3cret"]\nkeep_alive = "s3cret"',
        "[providers.mistral]\napi_key = s3cret",
        '[providers.mistral]\napi_key = "s3cret',
    ],
)
def test_no_complaint_shows_a_value(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(config=write(tmp_path, text))

    shown = f"{caught.value} {caught.value.__cause__!r} {caught.value.__context__!r}"
    assert "s3cret" not in shown


def test_no_repr_shows_a_secret(tmp_path: Path) -> None:
    config = write(tmp_path, '[providers.mistral]\napi_key = "s3cret"')

    settings = load(config=config, environ={"MISTRAL_API_KEY": "s3cret"})

    assert settings.providers["mistral"].options == {"api_key": "s3cret"}
    assert "s3cret" not in repr(settings)


def test_loaded_tables_are_read_only(tmp_path: Path) -> None:
    settings = load(config=write(tmp_path, EVERYTHING))

    for table in (
        settings.models.aliases,
        settings.providers,
        settings.providers["work"].options,
    ):
        with pytest.raises(TypeError):
            table["x"] = "y"  # type: ignore[index] # the point of the test


@pytest.mark.parametrize("clean", ["true", "false"])
def test_the_old_name_of_a_setting_is_read_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, clean: str
) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(f"[ollama]\nclean_stream_errors = {clean}\n")
    variable = {"GATEWAY_OLLAMA_CLEAN_STREAM_ERRORS": clean}
    for settings in (load(config=file), load(environ=variable)):
        assert settings.ollama.abort_broken_streams is (clean == "false")
    assert [record.getMessage() for record in caplog.records] == [
        "ollama.clean_stream_errors is replaced by ollama.abort_broken_streams,"
        " which has the opposite meaning"
    ] * 2


def test_the_new_name_of_a_setting_wins_over_the_old_one(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text("[ollama]\nclean_stream_errors = true\nabort_broken_streams = true\n")
    assert load(config=file).ollama.abort_broken_streams


def test_an_old_name_takes_no_other_values_than_the_new_one() -> None:
    message = "GATEWAY_OLLAMA_CLEAN_STREAM_ERRORS: not a valid boolean"
    with pytest.raises(SettingsError, match=message):
        load(environ={"GATEWAY_OLLAMA_CLEAN_STREAM_ERRORS": "perhaps"})


def test_a_variable_names_the_providers() -> None:
    environ = {"GATEWAY_PROVIDERS": "groq, mistral"}
    assert [*load(environ=environ).providers] == ["groq", "mistral"]
    assert load(environ=environ).providers["groq"] == ProviderSettings("groq")
    assert [*load(environ={"GATEWAY_PROVIDERS": " "}).providers] == ["mistral"]


def test_a_variable_selects_and_orders_the_providers_of_a_file(tmp_path: Path) -> None:
    config = write(tmp_path, "[providers.a]\n[providers.b]\nx = 1\n[providers.c]")
    settings = load(config=config, environ={"GATEWAY_PROVIDERS": "d,b"})
    assert [*settings.providers] == ["d", "b"]
    assert settings.providers["b"].options == {"x": 1}


def test_a_variable_names_no_provider_that_a_file_could_not() -> None:
    with pytest.raises(SettingsError, match=r"GATEWAY_PROVIDERS: .*letters, digits"):
        load(environ={"GATEWAY_PROVIDERS": "a/b"})


def test_a_table_may_name_a_preset(tmp_path: Path) -> None:
    settings = load(config=write(tmp_path, '[providers.fast]\npreset = "groq"'))
    assert settings.providers["fast"] == ProviderSettings("fast", preset="groq")
