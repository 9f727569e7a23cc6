"""``doctor``: would the apps that people use work with this gateway, and if not, what to do."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web
from yarl import URL

from gateway.access.hosts import guard_hosts
from gateway.app import create_app
from gateway.cli.arguments import add_config
from gateway.cli.doctor.apps import App, read_apps
from gateway.cli.doctor.mistakes import base_finding, buffering, connect
from gateway.cli.doctor.play import Report, play
from gateway.cli.doctor.report import FORMATS, as_json, as_text
from gateway.cli.doctor.visit import Patience, Visitor, visiting
from gateway.cli.sandbox import sandboxed
from gateway.cli.settings import at_home, load_settings
from gateway.core.errors import SettingsError
from gateway.core.version import __version__
from gateway.settings import Settings

__all__ = ["add_arguments", "examine", "run"]

_CONNECTION = "connection"
_ANY_ADDRESS = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - no bind


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "app", nargs="*", metavar="APP", help="apps to play, such as open-webui; by default all"
    )
    parser.add_argument(
        "--url",
        default="",
        metavar="U",
        help="base URL as it is set in the app; by default that"
        " of the gateway that the settings describe",
    )
    parser.add_argument("--key", default="", metavar="K", help="key of a client")
    parser.add_argument("--model", default="", metavar="M", help="model that the apps shall use")
    parser.add_argument(
        "--ask", action="store_true", help="ask for short answers too, which costs a few tokens"
    )
    parser.add_argument("--format", choices=FORMATS, default=FORMATS[0])
    parser.add_argument(
        "--apps", type=Path, metavar="DIR", help="directory with TOML files of further apps"
    )
    parser.add_argument(
        "--sandbox", action="store_true", help="start a gateway with an imitation of Mistral"
    )
    add_config(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the report and return 1 if anything fails, else 0; raise `SettingsError`."""
    if arguments.url and arguments.sandbox:
        raise SettingsError("--url and --sandbox name two gateways (see gateway doctor --help)")
    apps = _chosen(arguments.app, read_apps(arguments.apps))
    # Whoever names a URL may be on another machine, where there are no settings.
    settings = None if arguments.url else at_home(load_settings(arguments.config))

    async def reports() -> Sequence[Report]:
        async with _reached(arguments, settings) as visitor:
            return await examine(
                apps,
                visitor,
                key=arguments.key or ("" if settings is None else settings.auth.key),
                model=arguments.model,
                ask=arguments.ask,
                typed=bool(arguments.url),
                named=bool(arguments.app),
            )

    found = asyncio.run(reports())
    text = as_json(found) if arguments.format == "json" else "\n".join(as_text(found))
    print(text)  # noqa: T201 - for people
    return 0 if all(report.ok for report in found) else 1


async def examine(
    apps: Sequence[App],
    visitor: Visitor,
    *,
    key: str = "",
    model: str = "",
    ask: bool = False,
    typed: bool = False,
    named: bool = False,
) -> Sequence[Report]:
    """Check the connection and then play *apps*, unless no app could work; return all reports.

    The URL of *visitor* is judged as the base URL of each app if somebody has *typed* it and has
    *named* the apps, or if it is not the address of the gateway.
    """
    url = visitor.url
    found = await connect(visitor, key=key, model=model)
    if found.works and ask:
        found.findings.append(await buffering(visitor, found.models, key=key))
    reports = [Report(_CONNECTION, __version__, found.findings)]
    if not found.root or not found.models.listed:
        return reports
    for app in apps:
        report = await play(app, visitor, models=found.models, key=key, ask=ask)
        if typed and (named or url.rstrip("/") != found.root):
            findings = [base_finding(app, url, found.root), *report.findings]
            report = Report(app.slug, app.version, findings)
        reports.append(report)
    return reports


def _chosen(names: Sequence[str], apps: Mapping[str, App]) -> Sequence[App]:
    for name in names:
        if name not in apps:
            raise SettingsError(f"there is no app {name} (allowed: {', '.join(apps)})")
    return [apps[name] for name in names] or [*apps.values()]


@asynccontextmanager
async def _reached(
    arguments: argparse.Namespace, settings: Settings | None
) -> AsyncIterator[Visitor]:
    """Yield a visitor of the gateway that the arguments name."""
    patience = Patience()
    if settings is None:
        async with visiting(_read_url(arguments.url), patience) as visitor:
            yield visitor
    elif arguments.sandbox:
        async with (
            sandboxed() as adapt,
            _served(adapt(settings)) as url,
            visiting(url, patience) as visitor,
        ):
            yield visitor
    else:
        server = settings.server
        host = _ANY_ADDRESS.get(server.host, server.host)
        url = str(URL.build(scheme="http", host=host, port=server.port))
        async with visiting(url, patience, socket=server.socket) as visitor:
            yield visitor


def _read_url(text: str) -> str:
    try:
        url = URL(text if "://" in text else f"http://{text}")
    except ValueError:
        url = URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise SettingsError("--url: must be an address such as http://127.0.0.1:11434")
    return str(url)


@asynccontextmanager
async def _served(settings: Settings) -> AsyncIterator[str]:
    """Serve a gateway on a free port of loopback, and yield its URL."""
    app = create_app(settings)
    guard_hosts(app, "127.0.0.1", settings.server.allowed_hosts)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()
