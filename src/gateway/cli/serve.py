"""The command ``serve``: run the server, in this process or in several workers."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from contextlib import suppress
from pathlib import Path

from gateway.cli import logs
from gateway.cli.arguments import add_reload, add_settings
from gateway.cli.complaints import complain
from gateway.cli.sandbox import adapting
from gateway.cli.settings import at_home, settings_of
from gateway.core.errors import SettingsError
from gateway.settings import Settings

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_settings(parser)
    add_reload(parser)


def run(arguments: argparse.Namespace) -> int:
    """Serve until a stop signal, and return the exit status, 1 if there is no port to listen on.

    Raise `SettingsError` or `ProviderLoadError` for what cannot be served.
    """
    settings = settings_of(arguments)
    logs.configure(settings.server.log_level, settings.server.log_format, stream=sys.stderr)
    if arguments.reload:
        return _develop(settings, arguments)
    if settings.server.workers > 1 and arguments.supervisor is None:
        return _supervise(settings, arguments)
    return _serve(settings, arguments)


def _develop(settings: Settings, arguments: argparse.Namespace) -> int:
    """Serve in another process, which is started anew whenever a file changes."""
    from gateway.cli.development import (  # noqa: PLC0415 - only where it is used
        restart_on_change,
        source_files,
    )

    of_settings = {*settings.environ.files}

    def files() -> set[Path]:
        nonlocal of_settings
        with suppress(SettingsError):  # the same files until they can be read again
            of_settings = {*settings_of(arguments).environ.files}
        return source_files() | of_settings

    rest = [one for one in arguments.argv if one != "--reload"]
    asyncio.run(restart_on_change([sys.executable, "-m", "gateway", *rest], files))
    return 0


def _supervise(settings: Settings, arguments: argparse.Namespace) -> int:
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
    count = settings.server.workers
    latest = settings

    def check() -> None:
        nonlocal latest
        latest = settings_of(arguments)

    async def free(owner: str) -> None:
        await free_leases(latest.state, home=at_home(latest).home, owner=owner)

    # Given again, since each is to know of the others, also when the file is changed meanwhile.
    more = ("--workers", str(count), "--supervisor")
    command = [sys.executable, "-m", "gateway", *arguments.argv, *more]
    with shared_metrics(settings.metrics) as forget:
        return asyncio.run(supervise(count, command, check=check, free=free, ended=forget))


def _serve(settings: Settings, arguments: argparse.Namespace) -> int:
    """Serve in this process."""
    from gateway.cli.reload import Source  # noqa: PLC0415 - brings aiohttp
    from gateway.cli.server import CannotListen, loop_factory  # noqa: PLC0415 - brings aiohttp
    from gateway.cli.worker import serve_gateway, with_ui  # noqa: PLC0415 - brings the application

    async def serve() -> None:
        async with adapting(sandbox=arguments.sandbox) as adapt:
            source = Source(
                settings, lambda: settings_of(arguments), lambda read: with_ui(adapt(read))
            )
            await serve_gateway(source, supervisor=arguments.supervisor, owner=arguments.owner)

    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(serve())
    except CannotListen as error:
        remedy = "server.socket" if settings.server.socket else "--host and --port"
        return complain(f"{error} (choose another address with {remedy})", 1)
    return 0
