"""The tables of plans, keys and prices."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from gateway.core.errors import SettingsError
from gateway.core.moments import parse_moment
from gateway.settings import KeySettings, Plan, PriceSettings, Settings, load

HASH = "sha256:" + "5f" * 32
OTHER = "sha256:" + "60" * 32
IN_RANGE = "must be greater than or equal to 1 and less than or equal to 1000000000"

TEAM = f"""
[plans.team]
models = ["mistral-*", "!mistral-large*"]
rpm = 60
tpm = 100000
concurrency = 4
budget = 20.0
budget_period = "week"
manage = true

[plans.none]

[keys.alice]
hash = "{HASH}"
plan = "team"
budget = 5
admin = true
expires = 2026-12-01
disabled = true

[keys.bob]
hash = "{OTHER}"
models = []
manage = false

[prices]
"mistral/mistral-large-*" = {{ input = 0.5, output = 1.5, cached = 0.05 }}
"local/*" = {{ input = 0, output = 0, request = 0.000001 }}
"""


def read(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "gateway.toml"
    file.write_text(text)
    return load(config=file)


def test_plans_keys_and_prices_are_read_as_they_are_written(tmp_path: Path) -> None:
    settings = read(tmp_path, TEAM)
    assert settings.plans == {
        "team": Plan(
            "team",
            ("mistral-*", "!mistral-large*"),
            60,
            100_000,
            4,
            Decimal("20.0"),
            "week",
            manage=True,
        ),
        "none": Plan("none"),
    }
    assert settings.keys == {
        "alice": KeySettings(
            HASH,
            "team",
            budget=Decimal(5),
            admin=True,
            expires=datetime(2026, 12, 1, tzinfo=UTC),
            disabled=True,
        ),
        "bob": KeySettings(OTHER, models=(), manage=False),
    }
    assert settings.prices == {
        "mistral/mistral-large-*": PriceSettings(
            Decimal("0.5"), Decimal("1.5"), Decimal("0.05"), Decimal(0)
        ),
        "local/*": PriceSettings(Decimal(0), Decimal(0), None, Decimal("0.000001")),
    }
    assert [*settings.prices] == ["mistral/mistral-large-*", "local/*"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[limits]\nrpm = 0", f"limits.rpm: {IN_RANGE}"),
        ("[plans.a]\ntpm = 0", f"plans.a.tpm: {IN_RANGE}"),
        ("[plans.a]\nconcurrency = 1.5", "plans.a.concurrency: not a valid integer"),
        ("[plans.a]\nbudget = -1", "plans.a.budget: must be from 0 to 2000000"),
        ("[plans.a]\nbudget = nan", "plans.a.budget: must be from 0 to 2000000"),
        ("[plans.a]\nbudget = 2000001", "plans.a.budget: must be from 0 to 2000000"),
        ("[plans.a]\nbudget = true", "plans.a.budget: must be a number"),
        ("[plans.a]\nbudget = '1'", "plans.a.budget: must be a number"),
        ("[plans.a]\nbudget = 0.0000001", "plans.a.budget: must have at most 6 decimals"),
        (
            "[plans.a]\nbudget_period = 'year'",
            "plans.a.budget_period: must be one of: hour, day, week, month, total",
        ),
        (
            "[plans.a]\nmodels = ['!']",
            "plans.a.models.0: must be a pattern of names, with ! in front to exclude them",
        ),
        ("[plans.a]\nmodels = 'm'", "plans.a.models: not a valid list"),
        ("[plans.'*']", "plans.*: a plan's name consists of letters, digits, - and _"),
        ("[plans.a]\n[plans.A]", "plans.A: differs from another name only in case"),
        (
            "[plans.a]\nhash = 'x'",
            "plans.a.hash: unknown key (allowed: budget, budget_period, concurrency, manage,"
            " models, rpm, tpm)",
        ),
        ("[keys.a]", "keys.a.hash: missing data for required field"),
        (
            "[keys.a]\nhash = 'sk-gw-secret'",
            "keys.a.hash: must be sha256: and 64 hexadecimal digits",
        ),
        (
            f"[keys.a]\nhash = '{HASH.upper()}'",
            "keys.a.hash: must be sha256: and 64 hexadecimal digits",
        ),
        (
            f"[keys.'a b']\nhash = '{HASH}'",
            "keys.a b: a key's name consists of letters, digits, - and _",
        ),
        (
            f"[keys.a]\nhash = '{HASH}'\n[keys.A]\nhash = '{OTHER}'",
            "keys.A: differs from another name only in case",
        ),
        (
            f"[keys.a]\nhash = '{HASH}'\n[keys.b]\nhash = '{HASH}'",
            "keys.b.hash: is that of keys.a",
        ),
        (
            f"[keys.a]\nhash = '{HASH}'\nplan = 'x'",
            "keys.a.plan: no such plan (allowed: there is none)",
        ),
        (
            f"[plans.y]\n[keys.a]\nhash = '{HASH}'\nplan = 'x'",
            "keys.a.plan: no such plan (allowed: y)",
        ),
        (
            f"[keys.a]\nhash = '{HASH}'\nexpires = 'soon'",
            "keys.a.expires: must be a date, or a date and a time",
        ),
        (
            f"[keys.a]\nhash = '{HASH}'\nexpires = 07:32:00",
            "keys.a.expires: must be a date, or a date and a time",
        ),
        (
            "[auth]\nkey = 'short'",
            "auth.key: must be at least 16 letters, digits and signs, without spaces",
        ),
        (
            "[auth]\nkey = 'sixteen letters and more'",
            "auth.key: must be at least 16 letters, digits and signs, without spaces",
        ),
        (
            f"[auth]\nkey = 'sixteen-letters-x'\n[keys.default]\nhash = '{HASH}'",
            "keys.default: this is the name of auth.key, give one of them",
        ),
        ("[prices]\nm = { input = 1 }", "prices.m.output: missing data for required field"),
        (
            "[prices]\nm = { input = 1, output = 1000001 }",
            "prices.m.output: must be from 0 to 1000000",
        ),
        ("[prices]\n'' = { input = 1, output = 1 }", "prices.: shorter than minimum length 1"),
        (
            "[usage]\nkeep = 0",
            "usage.keep: must be greater than or equal to 1 and less than or equal to 36500",
        ),
        ("[state]\nprefix = '{a}'", "state.prefix: must be without spaces and braces"),
        ("[state]\non_failure = 'open'", "state.on_failure: must be one of: local, refuse"),
    ],
)
def test_what_is_wrong_is_named_with_what_is_allowed(
    tmp_path: Path, text: str, expected: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, text)
    assert str(caught.value).removeprefix(f"{tmp_path / 'gateway.toml'}: ") == expected


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-12-01", datetime(2026, 12, 1, tzinfo=UTC)),
        ("2026-12-01T10:30:00", datetime(2026, 12, 1, 10, 30, tzinfo=UTC)),
        ("2026-12-01T10:30:00+02:00", datetime(2026, 12, 1, 8, 30, tzinfo=UTC)),
        ("2026-12-01T10:30:00Z", datetime(2026, 12, 1, 10, 30, tzinfo=UTC)),
    ],
)
def test_a_moment_without_an_offset_is_in_utc(
    tmp_path: Path, written: str, meant: datetime
) -> None:
    assert parse_moment(written) == meant
    settings = read(tmp_path, f'[keys.a]\nhash = "{HASH}"\nexpires = {written}')
    assert settings.keys["a"].expires == meant


def test_no_secret_is_in_the_text_of_settings(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        f"""
        [auth]
        key = "sixteen-letters-x"
        [keys.a]
        hash = "{HASH}"
        [state]
        url = "redis://:hidden@host"
        """,
    )
    for secret in ("sixteen-letters-x", "5f5f", "hidden"):
        assert secret not in repr(settings)
