"""The servers that are measured, and how each of them is started."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from benchmarks.dialects import OLLAMA, OPENAI, Dialect
from benchmarks.machine import free_port
from benchmarks.processes import Child, python, started

__all__ = [
    "DIRECT",
    "FEATURES",
    "KEY",
    "RELAY",
    "Server",
    "Target",
    "direct",
    "gateway",
    "other",
    "relay",
    "running",
]

IMPORT, IMPORT_ALL = "import", "import of the application"
DIRECT = "no server"
RELAY = "bare relay"

_NO_UVLOOP = "import sys; sys.modules['uvloop'] = None; "
KEY = "sk-gw-benchmark-0123456789abcdef"
_NONE: Mapping[str, str] = {}
FEATURES: Mapping[str, Mapping[str, str]] = {
    "keyed": {"GATEWAY_AUTH_KEY": KEY},
    # They are counted for each request, and never reached.
    "limited": {
        "GATEWAY_AUTH_KEY": KEY,
        "GATEWAY_USAGE_ENABLED": "false",
        **{f"GATEWAY_LIMITS_{name}": "1000000000" for name in ("RPM", "TPM", "CONCURRENCY")},
    },
    "counted": {"GATEWAY_METRICS_ENABLED": "true"},
    "traced": {
        "GATEWAY_OTEL_TRACES": "true",
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": "0.01",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",  # where nobody listens
    },
    "cached": {"GATEWAY_CACHE_ENABLED": "true", "GATEWAY_CACHE_WHAT": "all"},
}
"""What is set to switch a feature on; `KEY` is the key for clients wherever there is one."""
_GATEWAY = "from gateway.cli.main import main; sys.exit(main(sys.argv[1:]))"


@dataclass(frozen=True, slots=True)
class Target:
    """A kind of server. ``command`` makes its command line from a port and the upstream's URL.

    Without one the upstream itself is asked, which shows what upstream and load could do at most.
    ``modules`` are those whose import is timed, by the name of the figure. ``workers`` makes the
    same target with so many processes, if it can have more than one. ``featured`` makes it with a
    feature switched on, a name of `FEATURES`, if it has features.
    """

    name: str
    dialect: Dialect
    command: Callable[[int, str], Sequence[str]] | None = None
    environ: Callable[[str], Mapping[str, str]] = field(default=lambda _: {})
    modules: Mapping[str, str] = field(default_factory=dict)
    workers: Callable[[int], Target] | None = None
    featured: Callable[[str], Target] | None = None


@dataclass(frozen=True, slots=True)
class Server:
    """A target that runs; ``child`` is None when the upstream itself is asked."""

    target: Target
    port: int
    child: Child | None

    @property
    def dialect(self) -> Dialect:
        """Return how this server is asked."""
        return self.target.dialect

    @property
    def is_copied(self) -> bool:
        """Tell whether an answer is as the upstream gave it."""
        return self.target.name in {DIRECT, RELAY}


def direct() -> Target:
    """Return the upstream itself."""
    return Target(DIRECT, OPENAI)


def relay(loop: str) -> Target:
    """Return the bare relay, on the event loop called *loop*."""

    def command(port: int, upstream: str) -> list[str]:
        where = ("--port", str(port), "--upstream", upstream)
        return python("-m", "benchmarks.bare_relay", *where, "--loop", loop)

    return Target(RELAY, OPENAI, command, modules={IMPORT_ALL: "aiohttp.web"})


def gateway(
    loop: str,
    *,
    dialect: Dialect = OLLAMA,
    arguments: Sequence[str] = (),
    settings: Mapping[str, str] = _NONE,
) -> Target:
    """Return the gateway as it is shipped, asked in *dialect*; *settings* are variables."""

    def command(port: int, _: str) -> list[str]:
        run = ("-m", "gateway")
        if loop == "asyncio":
            # The gateway takes uvloop where it is installed, so it must not find it.
            run = ("-c", _NO_UVLOOP + _GATEWAY)
        return python(*run, "--port", str(port), *arguments)

    def environ(upstream: str) -> dict[str, str]:
        return {"MISTRAL_API_KEY": "benchmark", "MISTRAL_BASE_URL": upstream, **settings}

    def workers(count: int) -> Target:
        return gateway(loop, dialect=dialect, arguments=(*arguments, "--workers", str(count)))

    def featured(name: str) -> Target:
        return gateway(loop, dialect=dialect, arguments=arguments, settings=FEATURES[name])

    modules = {IMPORT: "gateway", IMPORT_ALL: "gateway.app"}
    return Target(
        f"gateway {dialect.path}",
        dialect,
        command,
        environ,
        modules=modules,
        workers=workers,
        featured=featured,
    )


def other(command: str, *, path: str) -> Target:
    """Return any other server that *command* starts, a line for the shell.

    ``{port}`` in it stands for the port to listen on, ``{upstream}`` for the upstream's URL. *path*
    says how the server is asked: Ollama's way, or like the bare relay.
    """
    dialect = replace(OLLAMA if path.startswith("/api/") else OPENAI, path=path)

    def words(port: int, upstream: str) -> list[str]:
        line = command.replace("{port}", str(port)).replace("{upstream}", upstream)
        return ["/bin/sh", "-c", f"exec {line}"]

    return Target("other", dialect, words)


@asynccontextmanager
async def running(
    target: Target, upstream: Child, *, core: int | None = None
) -> AsyncIterator[Server]:
    """Run *target*, on *core* if given, in front of *upstream* while the block runs."""
    if target.command is None:
        yield Server(target, upstream.port, None)
        return
    port = free_port()
    url = f"http://127.0.0.1:{upstream.port}"
    command = target.command(port, url)
    with tempfile.TemporaryDirectory() as home:
        # No server is to find, or to change, what its user keeps.
        environ = {**target.environ(url), "GATEWAY_HOME": home}
        async with started(command, port, core=core, environ=environ) as child:
            yield Server(target, port, child)
