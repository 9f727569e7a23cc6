"""``usage``: a report of what requests have used."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from gateway.cli.arguments import Parser
from gateway.core.errors import SettingsError
from gateway.settings import Settings
from gateway.settings.home import is_kept
from gateway.state import open_state
from gateway.state.rows import HOUR, UsageRow
from gateway.state.sqlite import FILE
from gateway.usage.reports import DEFAULT_BY, FORMATS, parse_by, parse_time, report

__all__ = ["run_usage"]


def run_usage(argv: Sequence[str], settings_of: Callable[[Path | None], Settings]) -> int:
    """Run the command with the arguments after its name; return the exit status.

    *settings_of* reads the settings, with a file named by the arguments; ``home`` is set in them.
    Raise `SettingsError` for wrong usage, or `StateUnavailable`.
    """
    arguments = _parser().parse_args(argv)
    now = datetime.now(UTC)
    try:
        by = parse_by(arguments.by)
    except ValueError as error:
        raise SettingsError(f"--by: {error}") from None
    since = _time("--since", arguments.since, now)
    until = _time("--until", arguments.until, now) if arguments.until else _after(now)
    rows = asyncio.run(_read(settings_of(arguments.config), since, until))
    found = report(rows, by)
    text = {"table": found.table, "csv": found.csv, "json": found.json}[arguments.format]()
    print(text.rstrip("\n"))  # noqa: T201 - for people
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="gateway usage", description="Report what requests have used.")
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
    parser.add_argument("--config", type=Path, metavar="FILE", help="TOML file with settings")
    return parser


async def _read(settings: Settings, since: int, until: int) -> Sequence[UsageRow]:
    assert settings.home is not None  # noqa: S101 - the caller's promise
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
