"""The command line ``python -m gateway``: parse the arguments and run the command."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from gateway.cli import logs
from gateway.cli.arguments import Parser
from gateway.core.errors import ProviderLoadError, SettingsError, StateUnavailable
from gateway.settings import (
    VARIABLES,
    Environment,
    OllamaSettings,
    ProviderSettings,
    Settings,
    load,
)
from gateway.settings.home import is_kept
from gateway.version import __version__

__all__ = ["main"]

_WITH_ACTIONS = ("keys", "usage", "doctor", "openapi")
_COMMANDS = ("serve", "check", "providers", "init-adapter", *_WITH_ACTIONS)
_FAILED, _MISUSED, _INTERRUPTED = 1, 2, 130

_SANDBOX_PACE = 0.02
"""Seconds between two words of the sandbox, so that a user sees the text stream."""

_log = logging.getLogger("gateway")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status, 1 for a problem and 2 for wrong usage."""
    try:
        given = sys.argv[1:] if argv is None else argv
        if given and given[0] in _WITH_ACTIONS:
            return _run_tool(*given)
        arguments = _parse(argv)
        if arguments.command == "init-adapter":
            return _init_adapter(
                arguments.name, arguments.directory, is_compatible=arguments.compatible
            )
        settings = _load(arguments.config, _overrides(arguments))
        is_worker = arguments.supervisor is not None
        if settings.server.workers > 1 and arguments.command == "serve" and not is_worker:
            return _supervise(settings, given)
        return _run(settings, arguments)
    except (SettingsError, ProviderLoadError) as error:
        return _complain(error, _MISUSED)
    except StateUnavailable as error:
        return _complain(error, _FAILED)
    except KeyboardInterrupt:
        return _INTERRUPTED


def _load(config: Path | None, overrides: Mapping[str, object]) -> Settings:
    settings = load(config=config, environ=os.environ, dotenv=Path(".env"), overrides=overrides)
    if settings.network.trust_env is not None:
        return settings
    return replace(settings, network=replace(settings.network, trust_env=True))


def _run_tool(command: str, *argv: str) -> int:
    """Run a command that has arguments of its own."""

    def settings_of(config: Path | None) -> Settings:
        return _at_home(_load(config, {}))

    # A server needs none of them.
    if command == "doctor":
        from gateway.cli.doctor import run_doctor  # noqa: PLC0415 - a server needs none of it

        return run_doctor(argv, settings_of, _sandbox)
    if command == "keys":
        from gateway.cli.keys import run_keys  # noqa: PLC0415 - a server needs none of it

        return run_keys(argv, settings_of)
    if command == "openapi":
        from gateway.cli.openapi import run_openapi  # noqa: PLC0415 - a server needs none of it

        return run_openapi(argv)
    from gateway.cli.usage import run_usage  # noqa: PLC0415 - a server needs none of it

    return run_usage(argv, settings_of)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    # Intermixed, since the optional name may follow options.
    arguments = _parser().parse_intermixed_args(argv)
    if arguments.command in _WITH_ACTIONS:
        raise SettingsError(f"{arguments.command} must be the first argument")
    # The parser itself would treat the value of an unknown option as a command.
    if arguments.command not in _COMMANDS:
        raise SettingsError(
            f"unknown command {arguments.command} (allowed: {', '.join(_COMMANDS)})"
        )
    if arguments.command == "init-adapter":
        if arguments.name is None:
            raise SettingsError("init-adapter needs a name (see gateway --help)")
    elif (arguments.name, arguments.directory, arguments.compatible) != (None, None, False):
        raise SettingsError(
            "only init-adapter takes a name, --directory or --compatible (see gateway --help)"
        )
    if arguments.presets and arguments.command != "providers":
        raise SettingsError("only providers takes --presets (see gateway --help)")
    return arguments


def _parser() -> argparse.ArgumentParser:
    server = Settings().server
    parser = Parser(
        prog="gateway",
        description="Serve cloud models to any Ollama client.",
        epilog=f"Environment, also read from .env: {', '.join(VARIABLES)}, and the variables of"
        " adapters such as MISTRAL_API_KEY; with the suffix _FILE, each names a file with its"
        " value.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "command",
        nargs="?",
        metavar="|".join(_COMMANDS),
        default="serve",
        help="start the server (the default), check settings, adapters and models, list the"
        " adapters, generate the package of a new one, manage the keys of clients, report what was"
        " used, try what known apps do, or build the document of the API; the last four have a"
        " --help of their own",
    )
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="name of the new adapter, for init-adapter"
    )
    parser.add_argument("--host", help=f"address to listen on (default {server.host})")
    parser.add_argument("--port", help=f"port to listen on (default {server.port})")
    parser.add_argument("--config", type=Path, metavar="FILE", help="TOML file with settings")
    parser.add_argument(
        "--sandbox", action="store_true", help="use a local imitation of Mistral; needs no key"
    )
    parser.add_argument(
        "--workers", type=int, help=f"processes that share the port (default {server.workers})"
    )
    parser.add_argument(
        "--ui",
        action=argparse.BooleanOptionalAction,
        help="serve the page at /ui/, by default where only this machine can reach it",
    )
    recordings = parser.add_mutually_exclusive_group()
    recordings.add_argument(
        "--record", metavar="DIR", help="write what providers answer to files below a directory"
    )
    recordings.add_argument(
        "--replay", metavar="DIR", help="answer from such files alone, without network and keys"
    )
    parser.add_argument(
        "--directory",
        type=Path,
        metavar="DIR",
        help="directory that init-adapter creates (default gateway-NAME)",
    )
    parser.add_argument(
        "--presets", action="store_true", help="list the services that providers can name"
    )
    parser.add_argument(
        "--compatible",
        action="store_true",
        help="with init-adapter: write settings for a service with OpenAI's API instead",
    )
    # Only the supervisor of several processes sets them.
    parser.add_argument("--supervisor", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--owner", default="", help=argparse.SUPPRESS)
    parser.add_argument("--log-level", help=f"debug, info, ... (default {server.log_level})")
    parser.add_argument("--log-format", help=f"text or json (default {server.log_format})")
    parser.add_argument(
        "--version",
        action="version",
        version=f"ollama-gateway {__version__} (Ollama API {OllamaSettings().version})",
    )
    return parser


def _overrides(arguments: argparse.Namespace) -> dict[str, object]:
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


def _complain(reason: object, status: int) -> int:
    """Print *reason* on one line, below all lines of the log, and return *status*."""
    logs.flush()
    print("gateway:", " ".join(str(reason).split()), file=sys.stderr)  # noqa: T201 - for people
    return status


def _supervise(settings: Settings, argv: Sequence[str]) -> int:
    """Run the configured number of worker processes, each with the same arguments."""
    from gateway.cli.worker_metrics import shared_metrics  # noqa: PLC0415 - one process needs none
    from gateway.cli.workers import supervise  # noqa: PLC0415 - one process needs none of it
    from gateway.state import free_leases  # noqa: PLC0415 - one process needs none of it

    if not hasattr(signal, "SIGHUP"):
        raise SettingsError(
            "--workers: processes cannot share a port on this system, use one worker"
        )
    if settings.server.socket:
        raise SettingsError("--workers: several workers cannot share a Unix socket")
    if settings.server.port == 0:
        raise SettingsError("--workers: several workers need a fixed port")
    logs.configure(settings.server.log_level, settings.server.log_format, stream=sys.stderr)
    count = settings.server.workers
    latest = settings

    def check() -> None:
        nonlocal latest
        latest = _load(_parse(argv).config, _overrides(_parse(argv)))

    async def free(owner: str) -> None:
        await free_leases(latest.state, home=_at_home(latest).home, owner=owner)

    # Said again, since each is to know of the others, also when the file is changed meanwhile.
    told = ("--workers", str(count), "--supervisor")
    command = [sys.executable, "-m", "gateway", *argv, *told]
    with shared_metrics(settings.metrics) as forget:
        return asyncio.run(supervise(count, command, check=check, free=free, ended=forget))


def _run(settings: Settings, arguments: argparse.Namespace) -> int:
    from gateway.cli.reload import Source  # noqa: PLC0415 - brings aiohttp
    from gateway.cli.serve import serve_gateway, with_ui  # noqa: PLC0415 - large, and no supervisor needs it
    from gateway.cli.server import CannotListen, loop_factory  # noqa: PLC0415 - brings aiohttp

    def load_again() -> Settings:
        return _load(arguments.config, _overrides(arguments))

    async def wired() -> int:
        async with _sandbox() if arguments.sandbox else nullcontext(_at_home) as adapt:
            if arguments.command == "check":
                return await _check(adapt(settings))
            if arguments.command == "providers":
                return _list_presets() if arguments.presets else _list_adapters(adapt(settings))
            source = Source(settings, load_again, lambda read: with_ui(adapt(read)))
            await serve_gateway(source, supervisor=arguments.supervisor, owner=arguments.owner)
            return 0

    if arguments.command == "serve":
        logs.configure(settings.server.log_level, settings.server.log_format, stream=sys.stderr)
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            return runner.run(wired())
    except CannotListen as error:
        remedy = "server.socket" if settings.server.socket else "--host and --port"
        return _complain(f"{error} (choose another address with {remedy})", _FAILED)


def _at_home(settings: Settings) -> Settings:
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


async def _check(settings: Settings) -> int:
    from gateway.cli.check import examine  # noqa: PLC0415 - a server needs none of it

    status = 0
    async with aclosing(examine(settings)) as findings:
        async for finding in findings:
            if finding.trouble:
                status = _complain(finding.text, _FAILED)
            else:
                print(finding.text)  # noqa: T201 - for people
    return status


def _list_adapters(settings: Settings) -> int:
    from gateway.providers.inventory import aligned, survey  # noqa: PLC0415 - a server needs none of it

    adapters = survey(settings)
    print(*aligned(adapters), sep="\n")  # noqa: T201 - for people
    return _FAILED if any(adapter.trouble for adapter in adapters) else 0


def _list_presets() -> int:
    from gateway.providers.inventory import in_columns, list_presets  # noqa: PLC0415 - as above

    print(*in_columns(list_presets()), sep="\n")  # noqa: T201 - for people
    return 0


def _init_adapter(name: str, directory: Path | None, *, is_compatible: bool) -> int:
    if is_compatible:
        from gateway.cli.init_adapter.compatible import write_settings  # noqa: PLC0415 - as below

        print(write_settings(name, directory).next_steps())  # noqa: T201 - for people
        return 0
    from gateway.cli.init_adapter import write_adapter  # noqa: PLC0415 - a server needs none of it

    print(write_adapter(name, directory).next_steps())  # noqa: T201 - for people
    return 0


@asynccontextmanager
async def _sandbox() -> AsyncIterator[Callable[[Settings], Settings]]:
    """Run the sandbox, and yield what makes it the only provider of settings, without keys."""
    from gateway import sandbox  # noqa: PLC0415 - large, and rarely used

    async with await sandbox.start(sandbox=sandbox.Sandbox(pace=_SANDBOX_PACE)) as running:
        _log.info("the sandbox replaces all providers: its answers are invented")
        options = {"api_key": "sandbox", "base_url": running.base_url}

        def adapt(settings: Settings) -> Settings:
            return replace(
                settings,
                models=replace(settings.models, default_provider=""),
                providers={"mistral": ProviderSettings("mistral", options)},
                environ=Environment(),
            )

        yield adapt
