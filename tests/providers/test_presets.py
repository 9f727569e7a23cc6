"""Services by name: each preset's options, its variables, and who comes first."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any

import pytest

from gateway.core.errors import ProviderLoadError, SettingsError
from gateway.providers import configured, registry
from gateway.providers import presets as module
from gateway.providers.configured import configure, services_of
from gateway.providers.openai import OpenAIOptions
from gateway.providers.presets import expand, presets
from gateway.settings import Environment, ProviderSettings, Settings

VARIABLES = {"AZURE_RESOURCE_NAME": "corp", "AWS_REGION": "eu-west-1"}
ALL = pytest.mark.parametrize("name", sorted(presets()))


def settings(name: str, environ: dict[str, str], **table: Any) -> Settings:
    return Settings(
        providers={name: ProviderSettings(table.pop("adapter", name), **table)},
        environ=Environment((environ,)),
    )


@ALL
def test_a_name_and_a_key_are_enough(name: str) -> None:
    preset = presets()[name]
    environ = {**VARIABLES, **dict.fromkeys(preset.variables, "k")}
    (one,) = configure(settings(name, environ), {})
    assert (one.missing, one.preset) == ((), name)
    assert one.options.api_key == ("k" if preset.variables else "")
    assert one.key_variable == next(iter(preset.variables), "")
    assert "{" not in one.options.base_url
    assert services_of([one], settings(name, environ)) == {name: name}


@ALL
def test_without_a_key_the_first_variable_is_named(name: str) -> None:
    preset = presets()[name]
    (one,) = configure(settings(name, VARIABLES), {})
    expected = (f"{name} needs api_key: set {preset.variables[0]}",) if preset.required else ()
    assert one.missing == expected


def test_each_of_several_variables_may_have_the_key() -> None:
    for variable in ("COHERE_API_KEY", "CO_API_KEY"):
        (one,) = configure(settings("cohere", {variable: "k"}), {})
        assert one.options.api_key == "k"
    both = {"COHERE_API_KEY": "first", "CO_API_KEY": "second"}
    assert configure(settings("cohere", both), {})[0].options.api_key == "first"


def test_a_variable_in_the_plural_lists_keys() -> None:
    found = configure(settings("groq", {"GROQ_API_KEYS": "a, b"}), {})
    assert [(one.key, one.options.api_key) for one in found] == [(1, "a"), (2, "b")]


def test_a_variable_of_the_address_is_required() -> None:
    (one,) = configure(settings("azure", {"AZURE_API_KEY": "k"}), {})
    assert one.missing == ("azure needs AZURE_RESOURCE_NAME: set it",)


def test_a_table_of_another_name_names_its_preset() -> None:
    environ = {"GROQ_API_KEY": "of the name"}
    for table in ({"preset": "groq"}, {"adapter": "groq"}):
        (one,) = configure(settings("fast", environ, **table), {})
        assert (one.preset, one.options.api_key, one.key_variable) == ("groq", "", "")
        assert one.missing == ("fast needs api_key: set api_key in [providers.fast]",)


def test_the_settings_come_before_the_preset() -> None:
    options = {
        "api_key": "k",
        "thinking_back": "always",
        "models": {"*qwen3*": {"fixed_sampling": True}, "mine": {"context_length": 9}},
        "headers": {"X-Mine": "{HERE}"},
    }
    (one,) = configure(settings("groq", {"HERE": "there"}, options=options), {})
    loaded = one.options
    assert isinstance(loaded, OpenAIOptions)
    assert (loaded.thinking_back, loaded.headers) == ("always", {"X-Mine": "there"})
    assert [*loaded.models] == ["*qwen3*", "mine", "*gpt-oss*"]
    assert loaded.models["*qwen3*"].body is None
    merged = settings("openrouter", {"OPENROUTER_API_KEY": "k"}, options={"headers": {"A": "b"}})
    assert configure(merged, {})[0].options.headers == {"A": "b", "X-Title": "ollama-gateway"}


def test_the_key_may_be_that_of_a_variable() -> None:
    options = {"base_url": "http://127.0.0.1:1", "api_key": "{ACME_KEY}"}
    table = {"adapter": "openai", "options": options}
    (one,) = configure(settings("acme", {"ACME_KEY": "k"}, **table), {})
    assert (one.options.api_key, one.missing) == ("k", ())
    (one,) = configure(settings("acme", {}, **table), {})
    assert one.missing == ("acme needs ACME_KEY: set it",)


def test_at_another_address_it_is_another_service() -> None:
    changed = settings("groq", {"GROQ_API_KEY": "k"}, options={"base_url": "http://127.0.0.1:1"})
    assert services_of(configure(changed, {}), changed) == {}


def test_an_installed_adapter_comes_before_a_preset(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("groq", "gateway.providers.openai:OpenAIProvider", registry.GROUP)
    known = registry.installed()
    for place in (registry, configured):
        monkeypatch.setattr(place, "installed", lambda: {**known, "groq": [point]})
    (one,) = configure(settings("groq", {"GROQ_API_KEY": "k"}), {})
    assert (one.preset, one.options.base_url) == ("", "https://api.openai.com/v1")
    (asked,) = configure(settings("groq", {"GROQ_API_KEY": "k"}, preset="groq"), {})
    assert asked.preset == "groq"


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"adapter": "nothing"}, "no adapter named 'nothing'.*no preset"),
        ({"preset": "nothing"}, "no preset 'nothing'.*providers --presets"),
        ({"adapter": "github"}, "GitHub Models was retired"),
    ],
)
def test_a_name_of_nothing_is_an_error_that_helps(table: dict[str, str], words: str) -> None:
    with pytest.raises(ProviderLoadError, match=words):
        configure(settings("mine", {}, **table), {})


def test_options_of_a_preset_are_checked_as_all_others() -> None:
    with pytest.raises(SettingsError, match=r"\[providers.groq\] thinking_by"):
        configure(settings("groq", {}, options={"thinking_by": "magic"}), {})


PACKAGE = {"adapter": "openai", "options": {"base_url": "http://127.0.0.1:1/v1"}}


def points(monkeypatch: pytest.MonkeyPatch, table: object) -> None:
    monkeypatch.setattr("fake_presets.TABLE", table, raising=False)
    found = [EntryPoint("acme", "fake_presets:TABLE", module.GROUP)]
    monkeypatch.setattr(module, "entry_points", lambda group: found)


@pytest.fixture(autouse=True)
def _package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fake_presets", ModuleType("fake_presets"))


def test_a_package_brings_presets(monkeypatch: pytest.MonkeyPatch) -> None:
    points(monkeypatch, PACKAGE)
    (one,) = configure(settings("acme", {}), {})
    assert (one.preset, one.options.base_url) == ("acme", "http://127.0.0.1:1/v1")


@pytest.mark.parametrize("table", [None, {"adapter": "openai", "magic": 1}, {"options": {}}])
def test_a_preset_that_cannot_be_read_is_named(
    monkeypatch: pytest.MonkeyPatch, table: object
) -> None:
    points(monkeypatch, table)
    with pytest.raises(ProviderLoadError, match="the preset 'acme'"):
        presets()


def test_variables_stand_in_texts_and_tables_only() -> None:
    missing: list[str] = []
    value = {"a": "{X}-{Y}", "b": 1}
    found = expand(value, {"X": "x"}.get, missing)
    assert (found, missing) == ({"a": "x-{Y}", "b": 1}, ["Y"])
