"""The tables of the commands with arguments of their own, against their parsers."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from gateway.cli.doctor import report
from gateway.cli.doctor.apps import _NEEDS, _AppSchema, _StepSchema, read_apps
from gateway.cli.main import parser_of
from gateway.state.rows import UsageCounts
from gateway.usage.reports import FIELDS, FORMATS
from pages import DOCS, blocks, codes, section, table

PAGE = "reference/settings.md"
DOCTOR = "how-to/doctor.md"


def names(actions: Iterable[argparse.Action]) -> set[str]:
    """Return the arguments as people type them."""
    return {
        action.option_strings[-1] if action.option_strings else str(action.metavar)
        for action in actions
        if not isinstance(action, argparse._HelpAction | argparse._SubParsersAction)
    }


def test_every_argument_of_keys_stands_with_its_actions() -> None:
    (actions,) = [
        action.choices
        for action in parser_of("keys")[1]._actions
        if isinstance(action, argparse._SubParsersAction)
    ]
    taken: dict[str, set[str]] = defaultdict(set)
    for name, parser in actions.items():
        for argument in names(parser._actions):
            taken[argument].add(name)
    rows = table(PAGE, "Command `keys`")
    assert {codes(row["Argument"])[0]: {*codes(row["Of"])} for row in rows} == taken
    assert {"create", "list", "rotate", "revoke"} == {*actions}


def test_every_argument_of_usage_stands_with_its_default() -> None:
    rows = {codes(row["Argument"])[0]: row for row in table(PAGE, "Command `usage`")}
    _, parser = parser_of("usage")
    actions = [one for one in parser._actions if one.option_strings[-1] != "--help"]
    assert {name: "".join(codes(row["Default"])) for name, row in rows.items()} == {
        action.option_strings[-1]: action.default or "" for action in actions
    }
    assert {*codes(rows["--by"]["Meaning"])} == {*FIELDS, "attribution.NAME"}
    assert codes(rows["--format"]["Meaning"]) == [*FORMATS]
    assert {*UsageCounts._fields} <= {*codes(section(PAGE, "Command `usage`"))}


def test_every_argument_of_doctor_stands_with_its_default() -> None:
    rows = {codes(row["Argument"])[0]: row for row in table(PAGE, "Command `doctor`")}
    actions = {
        (action.option_strings or [str(action.metavar)])[-1]: action.default or ""
        for action in parser_of("doctor")[1]._actions
        if action.dest != "help"
    }
    assert {name: "".join(codes(row["Default"])) for name, row in rows.items()} == actions
    assert codes(rows["--format"]["Meaning"]) == [*report.FORMATS]


def test_every_app_and_every_key_of_its_file_stands_on_the_page_of_the_doctor() -> None:
    apps = {codes(row["App"])[0]: row for row in table(DOCTOR, "Apps")}
    assert {slug: row["Name"] for slug, row in apps.items()} == {
        app.slug: app.name for app in read_apps(None).values()
    }
    for row, app in zip(apps.values(), read_apps(None).values(), strict=True):
        assert (row["Taken from"], row["On"]) == (app.version, app.date.isoformat())
    keys_of_steps = {codes(row["Key"])[0] for row in table(DOCTOR, "Apps of your own")}
    assert keys_of_steps == {*_AppSchema().fields, *_StepSchema().fields, *_NEEDS}


def test_the_app_that_the_page_shows_can_be_played(tmp_path: Path) -> None:
    (block,) = [one for one in blocks(DOCS / DOCTOR, "toml") if one.marker]
    (tmp_path / "ours.toml").write_text(block.text)
    assert len(read_apps(tmp_path)["ours"].steps) == 1
