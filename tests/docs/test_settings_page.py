"""The page on settings against the settings."""

from __future__ import annotations

import argparse
import dataclasses
import tomllib
from typing import Any

import pytest

from gateway.cli import _parser
from gateway.providers.mistral import MistralOptions, MistralOptionsSchema, MistralProvider
from gateway.settings import VARIABLES, Settings
from gateway.settings.environment import FILE_SUFFIX
from gateway.settings.sources import _KEYS
from pages import codes, page, table

PAGE = "reference/settings.md"
COLUMNS = ["Key", "Variable", "Argument", "Default", "Meaning"]
GROUPS = ("server", "ollama", "models", "limits")
ARGUMENTS = {
    option
    for action in _parser()._actions
    if action.help is not argparse.SUPPRESS
    for option in action.option_strings
    if option != "-h"
}


def value_of(cell: str) -> Any:
    """Read a default as TOML; an empty cell is none."""
    if not cell:
        return None
    (text,) = codes(cell)
    value = tomllib.loads(f"value = {text}")["value"]
    return tuple(value) if isinstance(value, list) else value


def rows_of(heading: str, prefix: str) -> dict[str, tuple[frozenset[str], frozenset[str], Any]]:
    rows = table(PAGE, heading)
    assert list(rows[0]) == COLUMNS
    return {
        prefix + codes(row["Key"])[0]: (
            frozenset(codes(row["Variable"])),
            frozenset(codes(row["Argument"])),
            value_of(row["Default"]),
        )
        for row in rows
    }


def variables_of(key: str) -> frozenset[str]:
    found = {variable for variable, other in _KEYS.items() if other == key}
    return frozenset(found | ({"OLLAMA_HOST"} if key in {"server.host", "server.port"} else set()))


def arguments_of(key: str) -> frozenset[str]:
    argument = "--" + key.rpartition(".")[2].replace("_", "-")
    return frozenset({argument} & ARGUMENTS) if key.startswith("server.") else frozenset()


@pytest.mark.parametrize("group", GROUPS)
def test_every_setting_of_a_group_is_documented_with_its_default(group: str) -> None:
    defaults = dataclasses.asdict(getattr(Settings(), group))
    assert rows_of(f"`{group}`", f"{group}.") == {
        f"{group}.{name}": (
            variables_of(f"{group}.{name}"),
            arguments_of(f"{group}.{name}"),
            value,
        )
        for name, value in defaults.items()
    }


def test_settings_outside_of_groups_are_documented() -> None:
    own = {field.name for field in dataclasses.fields(Settings)}
    own -= {*GROUPS, "providers", "environ", "sources"}
    assert rows_of("At the top", "") == {
        name: (variables_of(name), frozenset(), getattr(Settings(), name)) for name in own
    }


def test_every_variable_is_documented() -> None:
    shown = {
        variable
        for heading in (*(f"`{group}`" for group in GROUPS), "At the top")
        for row in table(PAGE, heading)
        for variable in codes(row["Variable"])
    }
    assert shown | {"GATEWAY_CONFIG"} == set(VARIABLES)
    assert {"GATEWAY_CONFIG", FILE_SUFFIX} <= set(codes(page(PAGE)))


def test_every_option_of_mistral_is_documented_with_its_default() -> None:
    rows = table(PAGE, "Options of Mistral")
    shown = {
        codes(row["Option"])[0]: (codes(row["Variable"]), value_of(row["Default"])) for row in rows
    }
    assert shown == {
        name: (
            [MistralProvider.options_from_env[name]]
            if name in MistralProvider.options_from_env
            else [],
            getattr(MistralOptions(), name),
        )
        for name in MistralOptionsSchema().fields
    }


def test_every_argument_is_documented() -> None:
    of_settings = {
        argument
        for group in GROUPS
        for key in rows_of(f"`{group}`", "").values()
        for argument in key[1]
    }
    others = {codes(row["Argument"])[0] for row in table(PAGE, "Arguments that are no settings")}
    assert of_settings | others == ARGUMENTS | {"serve", "check"}
