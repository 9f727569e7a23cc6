"""The page on settings against the settings."""

from __future__ import annotations

import argparse
import dataclasses
import tomllib
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.main import _WITH_SETTINGS, COMMANDS, _first_parser, parser_of
from gateway.core.model_info import Capability
from gateway.providers.anthropic import AnthropicOptions, AnthropicProvider
from gateway.providers.base import AnyProvider
from gateway.providers.configured import configure
from gateway.providers.mistral import MistralOptions, MistralProvider
from gateway.providers.ollama import OllamaProvider
from gateway.providers.openai import ModelRule, OpenAIOptions, OpenAIProvider
from gateway.providers.registry import installed
from gateway.settings import VARIABLES, KeySettings, Plan, PriceSettings, Settings, load
from gateway.settings.environment import FILE_SUFFIX
from gateway.settings.live import _FIXED, LIVE
from gateway.settings.sources import _KEYS
from pages import DOCS, blocks, codes, page, section, table

PAGE = "reference/settings.md"
TABLES = ("plans", "keys", "prices")
COLUMNS = ["Key", "Variable", "Argument", "Default", "Meaning"]
GROUPS = (
    *("server", "ollama", "models", "limits", "retry", "cool_down", "timeouts", "network"),
    *("auth", "usage", "state", "metrics", "cache", "cassettes", "otel", "ui"),
)
OF_OLLAMA_HOST = {"server.host", "server.port", "server.socket"}
ARGUMENTS = {
    option
    for parser in (
        _first_parser(),
        *(parser_of(command)[1] for command in (*_WITH_SETTINGS, "init-adapter")),
    )
    for action in parser._actions
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
    return frozenset(found | ({"OLLAMA_HOST"} if key in OF_OLLAMA_HOST else set()))


def arguments_of(key: str) -> frozenset[str]:
    if key.startswith("cassettes."):  # each of them says both
        return frozenset({"--record", "--replay"})
    if key == "ui.enabled":
        return frozenset({"--ui", "--no-ui"})
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
    own -= {*GROUPS, *TABLES, "providers", "environ", "sources"}
    assert rows_of("Top-level keys", "") == {
        name: (variables_of(name), frozenset(), getattr(Settings(), name)) for name in own
    }


def test_the_tables_of_keys_plans_and_prices_are_documented() -> None:
    def shown(heading: str) -> set[str]:
        return {key for row in table(PAGE, heading, "Key") for key in codes(row["Key"])}

    def fields(kind: type[Any]) -> set[str]:
        return {field.name for field in dataclasses.fields(kind)}

    assert shown("`keys` and `plans`") == fields(KeySettings) | fields(Plan) - {"name"}
    assert shown("`prices`") == fields(PriceSettings)


def test_every_variable_is_documented() -> None:
    shown = {
        variable
        for heading in (*(f"`{group}`" for group in GROUPS), "Top-level keys")
        for row in table(PAGE, heading)
        for variable in codes(row["Variable"])
    }
    in_words = {"GATEWAY_CONFIG", "GATEWAY_PROVIDERS"}
    assert shown | in_words == set(VARIABLES)
    assert in_words | {FILE_SUFFIX} <= set(codes(page(PAGE)))


@pytest.mark.parametrize(
    ("heading", "adapter", "options"),
    [
        ("Options of Mistral", MistralProvider, MistralOptions()),
        ("Options of OpenAI", OpenAIProvider, OpenAIOptions()),
        ("Options of Anthropic", AnthropicProvider, AnthropicOptions()),
    ],
)
def test_every_option_of_an_adapter_is_documented_with_its_default(
    heading: str, adapter: type[AnyProvider], options: object
) -> None:
    rows = table(PAGE, heading)
    shown = {
        codes(row["Option"])[0]: (codes(row["Variable"]), value_of(row["Default"])) for row in rows
    }
    variables = adapter.options_from_env
    assert shown == {
        name: ([variables[name]] if name in variables else [], getattr(options, name))
        for name in adapter.options_schema().fields
    }
    is_needed = "without one the server does not start" in rows[0]["Meaning"]
    assert is_needed == (adapter.required_options == ("api_key",))


def test_every_adapter_has_its_options_on_the_page() -> None:
    headings = {"mistral": "Mistral", "openai": "OpenAI", "anthropic": "Anthropic"}
    headings["ollama"] = "Ollama"  # which has them on a page of its own
    assert headings.keys() == {
        name
        for name, points in installed().items()
        if any(point.value.startswith("gateway.providers.") for point in points)
    }
    for adapter, heading in headings.items():
        assert f'adapter = "{adapter}"' in section(PAGE, f"Options of {heading}")


def test_what_is_said_of_models_is_documented() -> None:
    rows = table(PAGE, "Options of OpenAI", "Key")
    keys = {key: row["Meaning"] for row in rows for key in codes(row["Key"])}
    assert keys.keys() == {field.name for field in dataclasses.fields(ModelRule)}
    assert codes(keys["capabilities"]) == [str(word) for word in Capability]


def test_the_example_of_four_providers_has_them_all(tmp_path: Path) -> None:
    (block,) = [
        block.text
        for block in blocks(DOCS / PAGE, "toml")
        if block.text in section(PAGE, "Example with four providers")
    ]
    file = tmp_path / "gateway.toml"
    file.write_text(block)
    environ = {"MISTRAL_API_KEY": "m", "OPENAI_API_KEY": "o", "ANTHROPIC_API_KEY": "a"}
    configured = configure(load(config=file, environ=environ), {})
    assert [one.missing for one in configured] == [()] * 4
    assert [(one.name, one.adapter, one.options.api_key) for one in configured] == [
        ("mistral", MistralProvider, "m"),
        ("openai", OpenAIProvider, "o"),
        ("claude", AnthropicProvider, "the-key-at-anthropic"),
        ("home", OllamaProvider, ""),
    ]


def test_every_argument_is_documented() -> None:
    of_settings = {
        argument
        for group in GROUPS
        for key in rows_of(f"`{group}`", "").values()
        for argument in key[1]
    }
    others = {codes(row["Argument"])[0] for row in table(PAGE, "Command-line arguments")}
    assert of_settings | others == ARGUMENTS | {*COMMANDS}


def test_the_settings_that_a_reload_takes_over_are_those_of_the_page() -> None:
    rows = table(PAGE, "Reload")
    at_once, limits, waits = (codes(row["Settings"]) for row in rows)
    named = codes(rows[1]["After a reload"])
    assert {*at_once, *limits} == {*LIVE}
    assert {*named} == {f"{group}.{key}" for group, keys in _FIXED.items() for key in keys}
    groups = {one.name for one in dataclasses.fields(Settings)} - {"environ", "sources"}
    assert {*waits} - {"log_level", "by_caller"} == groups - {*LIVE}
