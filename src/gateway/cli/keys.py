"""``keys create | list | rotate | revoke``: the keys of clients."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

from gateway.access.client_keys import NewKey, new_key
from gateway.access.key_file import KeyFile
from gateway.cli.arguments import add_config
from gateway.cli.settings import at_home, load_settings
from gateway.core import codec
from gateway.core.durations import parse_duration
from gateway.core.errors import SettingsError
from gateway.settings import KeySettings, Period, Settings, read_key
from gateway.settings.callers import KEYS_FILE
from gateway.settings.ollama import parse_list

__all__ = ["add_arguments", "run"]

_COLUMNS = ("NAME", "ID", "PLAN", "LIMITS", "RIGHTS", "EXPIRES", "STORED IN", "STATUS")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser("create", help="make a key, and show it once")
    create.add_argument("name", metavar="NAME")
    create.add_argument("--plan", metavar="P", help="plan whose values hold unless given here")
    create.add_argument(
        "--models", action="append", metavar="PATTERNS", help="models that may be used, with commas"
    )
    create.add_argument("--rpm", type=int, metavar="N", help="requests per minute")
    create.add_argument("--tpm", type=int, metavar="N", help="tokens per minute")
    create.add_argument("--concurrency", type=int, metavar="N", help="requests at one time")
    create.add_argument("--budget", type=float, metavar="X", help="money for each period")
    create.add_argument("--period", choices=get_args(Period), help="period of the budget")
    create.add_argument("--manage", action="store_true", help="may change models")
    create.add_argument("--admin", action="store_true", help="may see all usage")
    create.add_argument("--expires", metavar="D", help="date from which on it is rejected")
    create.add_argument(
        "--print", action="store_true", help="store nothing, print a table for the settings file"
    )
    listing = actions.add_parser("list", help="list all keys, without their secrets")
    rotate = actions.add_parser("rotate", help="replace a key by a new one, and show it once")
    rotate.add_argument("name", metavar="NAME")
    rotate.add_argument(
        "--overlap", metavar="TIME", default="0", help="how long the old key still works, as 24h"
    )
    revoke = actions.add_parser("revoke", help="delete a key")
    revoke.add_argument("name", metavar="NAME")
    for action in (create, listing, rotate, revoke):
        add_config(action)


def run(arguments: argparse.Namespace) -> int:
    """Run the action and return the exit status; raise `SettingsError` for what cannot be done."""
    settings = at_home(load_settings(arguments.config))
    assert settings.home is not None  # noqa: S101 - so says `at_home`
    file = KeyFile(settings.home / KEYS_FILE)
    try:
        for line in _COMMANDS[arguments.action](arguments, settings, file):
            print(line)  # noqa: T201 - for people
    finally:
        file.close()
    return 0


def _create(arguments: argparse.Namespace, settings: Settings, file: KeyFile) -> Iterator[str]:
    name = arguments.name
    table = _table_of(arguments)
    made = new_key()
    # The very rules of the settings, so that a key may stand in either place.
    key = read_key(name, {"hash": made.hash, **table}, place="keys create")
    _refuse_settings_key(name, settings)
    if arguments.plan is not None and arguments.plan not in settings.plans:
        allowed = ", ".join(settings.plans) or "there is none"
        raise SettingsError(f"--plan: no such plan (allowed: {allowed})")
    if arguments.print:
        yield from _toml(name, made, table)
        return
    file.add(name, made, key, now=datetime.now(UTC))
    yield made.key
    _note(f"this is the only time that the key of {name} is shown")


def _list(_: argparse.Namespace, settings: Settings, file: KeyFile) -> Iterator[str]:
    now = datetime.now(UTC)
    place = _place(settings)
    rows: list[tuple[str, ...]] = [_COLUMNS]
    if settings.auth.key:
        rows.append(("default", "", "", "", "manage admin", "", "auth.key", "active"))
    for name, key in settings.keys.items():
        rows.append(_row(name, "", key, place, _status(key, now)))
    names = {name.casefold() for name in settings.keys}
    if settings.auth.key:
        names.add("default")
    for stored in file.stored():
        is_hidden = stored.name.casefold() in names
        status = "hidden by the settings" if is_hidden else _status(stored.settings, now)
        rows.append(_row(stored.name, stored.id, stored.settings, KEYS_FILE, status))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def _rotate(arguments: argparse.Namespace, settings: Settings, file: KeyFile) -> Iterator[str]:
    try:
        overlap = timedelta(microseconds=parse_duration(arguments.overlap) / 1000)
    except (ValueError, OverflowError):
        overlap = timedelta(-1)
    if overlap < timedelta():
        raise SettingsError("--overlap: must be a duration such as 24h")
    _refuse_settings_key(arguments.name, settings)
    made = new_key()
    file.rotate(arguments.name, made, now=datetime.now(UTC), overlap=overlap)
    yield made.key
    _note(f"this is the only time that the new key of {arguments.name} is shown")


def _revoke(arguments: argparse.Namespace, settings: Settings, file: KeyFile) -> Iterator[str]:
    _refuse_settings_key(arguments.name, settings)
    file.revoke(arguments.name)
    yield f"revoked {arguments.name}"


_COMMANDS: Mapping[str, Callable[[argparse.Namespace, Settings, KeyFile], Iterator[str]]] = {
    "create": _create,
    "list": _list,
    "rotate": _rotate,
    "revoke": _revoke,
}


def _table_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what the arguments say, as it would stand in the settings."""
    patterns = [one for given in arguments.models or () for one in parse_list(given)]
    table = {
        "plan": arguments.plan,
        "models": patterns if arguments.models else None,
        "rpm": arguments.rpm,
        "tpm": arguments.tpm,
        "concurrency": arguments.concurrency,
        "budget": arguments.budget,
        "budget_period": arguments.period,
        "manage": arguments.manage or None,
        "admin": arguments.admin or None,
        "expires": arguments.expires,
    }
    return {key: value for key, value in table.items() if value is not None}


def _toml(name: str, made: NewKey, table: Mapping[str, Any]) -> Iterator[str]:
    yield f"# {made.key} (shown only here)"
    yield f"[keys.{name}]"
    for key, value in {"hash": made.hash, **table}.items():
        # Texts, numbers, truth values and lists of texts are the same in JSON.
        yield f"{key} = {codec.encode(value).decode()}"


def _refuse_settings_key(name: str, settings: Settings) -> None:
    if name.casefold() in {other.casefold() for other in settings.keys}:
        raise SettingsError(f"the key {name} stands in {_place(settings)}")
    if settings.auth.key and name.casefold() == "default":
        raise SettingsError("the key default stands in auth.key")


def _place(settings: Settings) -> str:
    """Return the file that the tables of keys come from."""
    return settings.sources[0] if settings.sources else "the settings"


def _row(name: str, identity: str, key: KeySettings, place: str, status: str) -> tuple[str, ...]:
    limits = {
        "rpm": key.rpm,
        "tpm": key.tpm,
        "concurrency": key.concurrency,
        "budget": None if key.budget is None else f"{key.budget}/{key.budget_period or 'month'}",
        "models": None if key.models is None else ",".join(key.models) or "all",
    }
    shown = [f"{limit}={value}" for limit, value in limits.items() if value is not None]
    rights = [right for right in ("manage", "admin") if getattr(key, right)]
    expires = f"{key.expires:%Y-%m-%d %H:%M}" if key.expires else ""
    return name, identity, key.plan, " ".join(shown), " ".join(rights), expires, place, status


def _status(key: KeySettings, now: datetime) -> str:
    if key.disabled:
        return "disabled"
    return "expired" if key.expires is not None and now >= key.expires else "active"


def _note(text: str) -> None:
    """Tell the user something that is not part of the output."""
    print(f"gateway: {text}", file=sys.stderr)  # noqa: T201 - for people
