"""Adapters: found by entry point, checked, configured."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import aiohttp
import marshmallow as ma
import pytest

from gateway.core.chat import ChatRequest, FillRequest
from gateway.core.embeddings import EmbedRequest
from gateway.core.errors import NotSupported, ProviderLoadError, SettingsError, UpstreamError
from gateway.core.events import ChatStream
from gateway.core.transcriptions import TranscribeRequest
from gateway.providers import base, registry
from gateway.providers.base import Provider, ProviderContext
from gateway.providers.configured import Configured, configure, open_provider
from gateway.providers.mistral import MistralProvider
from gateway.providers.registry import installed, load_adapter
from gateway.settings import Environment, ProviderSettings, Settings
from scripted import ScriptedProvider


class AcmeSchema(ma.Schema):
    api_key = ma.fields.String(load_default="")
    retries = ma.fields.Integer(strict=True)
    nested = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.Integer())


class AcmeProvider(ScriptedProvider):
    options_schema = AcmeSchema
    options_from_env = {"api_key": "ACME_API_KEY"}
    required_options = ("api_key", "retries")

    def __init__(self, context: Any) -> None:
        super().__init__()
        self.context = context


class HalfProvider(Provider[None]):
    def chat(self, request: ChatRequest) -> ChatStream:
        raise NotImplementedError


class FutureProvider(AcmeProvider):
    contract = 99


def points(*values: tuple[str, str]) -> Any:
    def entry_points(*, group: str) -> Iterable[EntryPoint]:
        assert group == "gateway.providers"
        return [EntryPoint(name, value, group) for name, value in values]

    return entry_points


@pytest.fixture(autouse=True)
def adapters(monkeypatch: pytest.MonkeyPatch) -> None:
    found = points(
        ("acme", f"{__name__}:AcmeProvider"),
        ("twice", "one:A"),
        ("twice", "two:B"),
        ("same", "one:A"),
        ("same", "one:A"),
        ("broken", "no_such_module:Provider"),
        ("function", f"{__name__}:points"),
        ("future", f"{__name__}:FutureProvider"),
        ("half", f"{__name__}:HalfProvider"),
    )
    monkeypatch.setattr(registry, "entry_points", found)


def settings(name: str = "acme", adapter: str = "acme", **options: object) -> Settings:
    return Settings(
        providers={name: ProviderSettings(adapter, options)},
        environ=Environment(({"ACME_API_KEY": "from-env"},)),
    )


def test_mistral_is_registered_like_any_stranger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert [point.value for point in installed()["mistral"]] == [
        "gateway.providers.mistral:MistralProvider"
    ]
    assert load_adapter("mistral") is MistralProvider


def test_the_same_adapter_seen_twice_is_one() -> None:
    assert {name: len(found) for name, found in installed().items()} == {
        "acme": 1,
        "broken": 1,
        "function": 1,
        "future": 1,
        "half": 1,
        "same": 1,
        "twice": 2,
    }


REFUSED = {
    "nobody": "no adapter named 'nobody' is installed (installed: acme, broken,",
    "twice": "the adapter name 'twice' is ambiguous: one:A and two:B",
    "broken": "the adapter 'broken' cannot be imported: ModuleNotFoundError: No module named",
    "function": "the adapter 'function' is not a Provider class: <function points",
    "half": "the adapter 'half' lacks list_models",
    "future": "the adapter 'future' needs contract 99, this gateway has 2: update",
}


@pytest.mark.parametrize(("name", "text"), REFUSED.items(), ids=REFUSED)
def test_an_adapter_that_cannot_be_used_says_why(name: str, text: str) -> None:
    with pytest.raises(ProviderLoadError) as caught:
        load_adapter(name)
    assert text in str(caught.value)


class NextProvider(AcmeProvider):
    contract = base.CONTRACT + 1


def test_an_adapter_for_the_next_contract_waits_for_the_next_gateway(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registry, "entry_points", points(("next", f"{__name__}:NextProvider")))
    with pytest.raises(ProviderLoadError, match="needs contract 3, this gateway has 2: update"):
        load_adapter("next")

    monkeypatch.setattr(registry, "CONTRACT", base.CONTRACT + 1)
    assert load_adapter("next").contract == 3


def test_an_adapter_that_declares_no_contract_claims_no_newer_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = Path(base.__file__).read_text("utf-8")
    raised = ModuleType("raised")
    monkeypatch.setitem(sys.modules, "raised", raised)
    exec(source.replace("CONTRACT = 2\n", "CONTRACT = 3\n"), vars(raised))
    assert (raised.CONTRACT, raised.Provider.contract) == (3, 2)


def test_our_own_adapters_declare_their_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    ours = ("anthropic", "mistral", "ollama", "openai")
    assert [vars(load_adapter(name))["contract"] for name in ours] == [2] * len(ours)


def test_without_adapters_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "entry_points", points())
    with pytest.raises(ProviderLoadError, match=r"\(installed: none\)"):
        load_adapter("acme")


def test_the_environment_wins_over_the_file() -> None:
    (one,) = configure(settings(api_key="from-file", retries=1), {})
    assert (one.name, one.adapter.__name__) == ("acme", "AcmeProvider")
    assert (one.options, one.missing) == ({"api_key": "from-env", "retries": 1}, ())


@pytest.mark.parametrize(
    ("environ", "keys"),
    [
        ({"ACME_API_KEY": "one", "OLD_ACME_KEY": "two"}, ["one"]),
        ({"ACME_API_KEY": "", "OLD_ACME_KEY": "two"}, ["two"]),
        ({"OLD_ACME_KEYS": "two,three"}, ["two", "three"]),
        ({}, [""]),
    ],
)
def test_of_several_variables_of_an_option_the_first_that_is_set_counts(
    environ: dict[str, str], keys: list[str]
) -> None:
    names = {"api_key": ("ACME_API_KEY", "OLD_ACME_KEY")}
    adapter = type("Renamed", (AcmeProvider,), {"options_from_env": names})
    tables = {"acme": ProviderSettings("acme", {"retries": 1})}
    configured = configure(
        Settings(providers=tables, environ=Environment((environ,))), {"acme": adapter}
    )
    assert [one.options["api_key"] for one in configured] == keys
    assert {one.key_variable for one in configured} == {"ACME_API_KEY"}
    missing = configured[0].missing
    assert missing == (() if keys[0] else ("acme needs api_key: set ACME_API_KEY",))


def test_variables_belong_to_the_provider_that_bears_the_adapters_name() -> None:
    (one,) = configure(settings(name="second", retries=1), {})
    assert one.options == {"api_key": "", "retries": 1}
    assert one.missing == ("second needs api_key: set api_key in [providers.second]",)


def test_what_is_missing_is_named_with_the_way_to_set_it() -> None:
    bare = Settings(providers={"acme": ProviderSettings("acme", {})})
    (one,) = configure(bare, {})
    assert one.missing == (
        "acme needs api_key: set ACME_API_KEY",
        "acme needs retries: set retries in [providers.acme]",
    )


COMPLAINTS = {
    "unknown key": (
        {"colour": "red"},
        "[providers.acme] has no setting 'colour' (allowed: api_key, nested, retries)",
    ),
    "wrong type": ({"retries": "x"}, "[providers.acme] retries: Not a valid integer."),
    "wrong type inside": ({"nested": {"a": "x"}}, "[providers.acme] nested: {'a': {'value'"),
}


@pytest.mark.parametrize(("options", "text"), COMPLAINTS.values(), ids=COMPLAINTS)
def test_a_wrong_option_is_named(options: dict[str, object], text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        configure(settings(**options), {})
    assert text in str(caught.value)
    assert caught.value.__cause__ is None


def with_keys(*keys: str, adapter: str = "acme", **options: object) -> Settings:
    return Settings(providers={"acme": ProviderSettings(adapter, {"retries": 1, **options}, keys)})


def test_a_provider_is_there_once_for_each_of_its_keys() -> None:
    configured = configure(with_keys("one", "two"), {})
    assert [(one.label, one.key, one.options["api_key"]) for one in configured] == [
        ("acme (key 1)", 1, "one"),
        ("acme (key 2)", 2, "two"),
    ]
    assert not any(one.missing for one in configured)


def test_one_key_in_a_list_is_no_choice() -> None:
    (one,) = configure(with_keys("one"), {})
    assert (one.label, one.key, one.options["api_key"]) == ("acme", 0, "one")


@pytest.mark.parametrize("text", ["one,two", "one, two,one", "one\ntwo"])
def test_a_variable_may_list_the_keys(text: str) -> None:
    listed = dataclasses.replace(
        with_keys("from-file"), environ=Environment(({"ACME_API_KEYS": text},))
    )
    assert [one.options["api_key"] for one in configure(listed, {})] == ["one", "two"]


def test_one_key_and_several_are_not_both_said() -> None:
    with pytest.raises(SettingsError) as caught:
        configure(with_keys("one", "two", api_key="three"), {})
    assert (
        str(caught.value)
        == "[providers.acme] api_key and api_keys are both set: set only one of them"
    )


def test_an_adapter_may_have_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AcmeProvider, "options_schema", ma.Schema)
    with pytest.raises(SettingsError) as caught:
        configure(with_keys("one", "two"), {})
    assert str(caught.value) == "[providers.acme] api_keys: the adapter acme does not use keys"


def test_classes_and_instances_can_be_given_in_code() -> None:
    ready = ScriptedProvider()
    bare = Settings(providers={"ready": ProviderSettings("nobody", {})})
    configured = configure(bare, {"ready": ready, "own": AcmeProvider})
    assert [(one.name, one.adapter) for one in configured] == [("own", AcmeProvider)]


async def test_a_provider_gets_its_options_and_borrows_the_session() -> None:
    (one,) = configure(settings(retries=1), {})
    async with aiohttp.ClientSession() as session:
        context = open_provider(one, session).context
        assert (context.name, context.options) == ("acme", one.options)
        assert context.session is session
        assert context.log.name == "gateway.providers.acme"


async def test_what_a_provider_lacks_it_refuses() -> None:
    (one,) = configure(settings(retries=1), {})
    async with aiohttp.ClientSession() as session:
        provider = open_provider(one, session)
        with pytest.raises(NotSupported, match="acme does not support chat"):
            Provider.chat(provider, ChatRequest("m", ()))
        with pytest.raises(NotSupported, match="acme does not support fill-in-the-middle"):
            Provider.fill(provider, FillRequest("m", "a"))
        with pytest.raises(NotSupported, match="acme does not support embeddings"):
            await Provider.embed(provider, EmbedRequest("m", ("a",)))
        with pytest.raises(NotSupported, match="acme does not support transcription"):
            await Provider.transcribe(
                provider, TranscribeRequest("m", b"RIFF", "a.wav", "audio/wav")
            )
        assert Provider.remote_host.fget(provider) == ""  # type: ignore[attr-defined] # a property
        assert Provider.describe(provider, "m").id == "m"
        await Provider.aclose(provider)


class NoSchema:
    """Lacks what makes it a schema."""


WRONG_ATTRIBUTES: tuple[tuple[str, object], ...] = (
    ("contract", "2"),
    ("options_schema", NoSchema),
    ("options_from_env", ("ACME_API_KEY",)),
    ("options_from_env", {1: "ACME_API_KEY"}),
    ("options_from_env", {"api_key": 1}),
    ("options_from_env", {"api_key": ()}),
    ("options_from_env", {"api_key": (1,)}),
    ("required_options", "api_key"),
)


@pytest.mark.parametrize(("name", "value"), WRONG_ATTRIBUTES)
def test_an_attribute_that_is_none_is_one_line(name: str, value: object) -> None:
    adapter = type("Wrong", (AcmeProvider,), {name: value})
    with pytest.raises(ProviderLoadError) as caught:
        configure(Settings(providers={}), {"acme": adapter})
    assert str(caught.value).startswith(f"the adapter 'acme' has {name} = ")


class RaisingSchema(ma.Schema):
    class Meta:
        unknown = ma.INCLUDE

    @ma.post_load
    def build(self, data: dict[str, object], **_: object) -> object:
        raise self.context_error(data)

    def context_error(self, data: dict[str, object]) -> Exception:
        kind = {"known": SettingsError, "unknown": KeyError}[str(data["kind"])]
        return kind(f"s3cr3t {data}")


@pytest.mark.parametrize("kind", ["known", "unknown"])
def test_a_schema_that_raises_is_one_line_without_values(kind: str) -> None:
    adapter = type("Raising", (AcmeProvider,), {"options_schema": RaisingSchema})
    tables = {"acme": ProviderSettings("acme", {"kind": kind})}
    with pytest.raises((SettingsError, ProviderLoadError)) as caught:
        configure(Settings(providers=tables), {"acme": adapter})
    words = "the adapter of acme failed to read its options: KeyError"
    assert (str(caught.value) == words) == (kind == "unknown")


async def test_an_adapter_that_cannot_be_made_answers_with_the_reason(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Stillborn(AcmeProvider):
        def __init__(self, context: ProviderContext[Any]) -> None:
            super().__init__(context)
            raise ZeroDivisionError

    (one,) = configure(settings(retries=1), {"acme": Stillborn})
    async with aiohttp.ClientSession() as session:
        provider = open_provider(one, session)
    with pytest.raises(UpstreamError, match="^the adapter of acme failed to start$"):
        await provider.list_models()
    with pytest.raises(UpstreamError, match="failed to start"):
        provider.chat(ChatRequest("m", ()))
    with pytest.raises(UpstreamError, match="failed to start"):
        provider.fill(FillRequest("m", ""))
    with pytest.raises(UpstreamError, match="failed to start"):
        await provider.embed(EmbedRequest("m", ("a",)))
    with pytest.raises(UpstreamError, match="failed to start"):
        await provider.transcribe(TranscribeRequest("m", b"", "a.wav", "audio/wav"))
    await provider.aclose()
    assert "the adapter of acme failed to start" in caplog.text


@pytest.mark.parametrize(
    ("options", "has_key"),
    [({"api_key": "k"}, True), ({"api_key": ""}, False), ({}, False), (None, False)],
)
def test_a_key_is_found_in_options_of_any_kind(options: Any, has_key: bool) -> None:
    assert Configured("own", MistralProvider, options).has_key == has_key
