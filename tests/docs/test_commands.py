"""The tables of the commands with arguments of their own, against their parsers."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable

from gateway.cli import keys, usage
from gateway.state.rows import UsageCounts
from gateway.usage.reports import FIELDS, FORMATS
from pages import codes, section, table

PAGE = "reference/settings.md"


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
        for action in keys._parser()._actions
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
    actions = [one for one in usage._parser()._actions if one.option_strings[-1] != "--help"]
    assert {name: "".join(codes(row["Default"])) for name, row in rows.items()} == {
        action.option_strings[-1]: action.default or "" for action in actions
    }
    assert {*codes(rows["--by"]["Meaning"])} == {*FIELDS, "attribution.NAME"}
    assert codes(rows["--format"]["Meaning"]) == [*FORMATS]
    assert {*UsageCounts._fields} <= {*codes(section(PAGE, "Command `usage`"))}
