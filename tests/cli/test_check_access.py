"""What ``check`` warns of before others use the gateway."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from callers import KEY, settings_of, with_key
from gateway.access.client_keys import hash_key, new_key
from gateway.access.key_file import KeyFile
from gateway.access.prices import shipped_date
from gateway.cli.check_access import access_warnings
from gateway.settings import AuthSettings, KeySettings, Plan, ServerSettings, Settings
from gateway.settings.callers import KEYS_FILE

SOON = shipped_date() + timedelta(days=180)
OPEN = ServerSettings(host="0.0.0.0")
KEYS = {"alice": KeySettings(hash_key(KEY))}
RICH = {"alice": KeySettings(hash_key(KEY), budget=Decimal(1))}
LATER = SOON + timedelta(days=1)
OLD = "a budget relies on prices that are 181 days old where [prices] has none"
NO_KEY = "auth.required: there is no key, so the gateway does not start"
CASES: Mapping[str, tuple[Settings, date, list[str]]] = {
    "nothing": (settings_of(), LATER, []),
    "open": (
        settings_of(server=OPEN),
        SOON,
        ["everybody who can reach 0.0.0.0 can use the gateway"],
    ),
    "open everywhere": (
        settings_of(server=ServerSettings(host="")),
        SOON,
        ["everybody who can reach this machine can use the gateway"],
    ),
    "a socket": (settings_of(server=ServerSettings(host="", socket="/run/s")), SOON, []),
    "open with keys": (settings_of(server=OPEN, keys=KEYS), SOON, []),
    "open with one key": (settings_of(server=OPEN, auth=AuthSettings(key=KEY)), SOON, []),
    "keys that nobody needs": (
        settings_of(server=OPEN, keys=KEYS, auth=AuthSettings(required=False)),
        SOON,
        ["auth.required is false: clients without a key can use the gateway"],
    ),
    "required, and none": (settings_of(auth=AuthSettings(required=True)), SOON, [NO_KEY]),
    "old prices": (settings_of(keys=RICH), LATER, [OLD]),
    "prices that are not old": (settings_of(keys=RICH), SOON, []),
    "old prices of a plan": (settings_of(plans={"p": Plan("p", budget=1)}), LATER, [OLD]),
    "old prices that nobody needs": (settings_of(keys=KEYS), LATER, []),
}


@pytest.mark.parametrize(("settings", "today", "warnings"), CASES.values(), ids=CASES)
def test_what_is_hardly_meant_is_said(settings: Settings, today: date, warnings: list[str]) -> None:
    assert [*access_warnings(settings, today=today)] == warnings


def test_keys_of_the_file_are_looked_at_too(tmp_path: Path) -> None:
    file = KeyFile(tmp_path / KEYS_FILE)
    for name, settings in (
        ("Alice", KeySettings("")),
        ("bob", KeySettings("", plan="gone")),
        ("carol", KeySettings("")),
        ("default", KeySettings("", budget=Decimal(1))),
    ):
        file.add(name, new_key(), settings, now=datetime.now(UTC))
    settings = settings_of(home=tmp_path, keys=with_key().keys, auth=AuthSettings(key=KEY + "x"))
    assert [*access_warnings(settings, today=LATER)] == [
        "key Alice: the one of the settings counts, not that of keys.sqlite3",
        "key bob: rejected, since there is no plan gone",
        "key default: the one of the settings counts, not that of keys.sqlite3",
        OLD,
    ]
