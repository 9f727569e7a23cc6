"""``usage``: a report of what requests have used."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from gateway.cli.arguments import add_config
from gateway.cli.settings import at_home, load_settings
from gateway.core.errors import SettingsError
from gateway.settings import Settings
from gateway.settings.home import is_kept
from gateway.state import open_state
from gateway.state.rows import HOUR, UsageRow
from gateway.state.sqlite import FILE
from gateway.usage.reports import DEFAULT_BY, FORMATS, parse_by, parse_time, report

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "--since", default="7d", metavar="TIME", help="a date, or how long ago as 7d (the default)"
    )
    parser.add_argument("--until", metavar="TIME", help="likewise; by default now")
    parser.add_argument(
        "--by",
        default=",".join(DEFAULT_BY),
        metavar="FIELDS",
        help="caller, provider, model, operation, and hour, day or month, with commas",
    )
    parser.add_argument("--format", choices=FORMATS, default="table")
    add_config(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the report and return the exit status.

    Raise `SettingsError` for wrong usage, or `StateUnavailable`.
    """
    now = datetime.now(UTC)
    try:
        by = parse_by(arguments.by)
    except ValueError as error:
        raise SettingsError(f"--by: {error}") from None
    since = _time("--since", arguments.since, now)
    until = _time("--until", arguments.until, now) if arguments.until else _after(now)
    rows = asyncio.run(_read(at_home(load_settings(arguments.config)), since, until))
    found = report(rows, by)
    text = {"table": found.table, "csv": found.csv, "json": found.json}[arguments.format]()
    print(text.rstrip("\n"))  # noqa: T201 - for people
    return 0


async def _read(settings: Settings, since: int, until: int) -> Sequence[UsageRow]:
    assert settings.home is not None  # noqa: S101 - so says `at_home`
    if not settings.state.url and not is_kept(settings.home / FILE):
        return ()
    async with open_state(settings.state, home=settings.home, keep=settings.usage.keep) as state:
        return await state.usage(since, until)


def _time(option: str, text: str, now: datetime) -> int:
    try:
        return parse_time(text, now=now)
    except ValueError as error:
        raise SettingsError(f"{option}: {error}") from None


def _after(now: datetime) -> int:
    """Return the end of the hour that *now* is in."""
    return int(now.timestamp()) // HOUR * HOUR + HOUR
