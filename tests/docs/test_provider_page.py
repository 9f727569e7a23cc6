"""The page on the contract of providers against the contract."""

from __future__ import annotations

import ast
import dataclasses
import inspect
from typing import Any

import msgspec
import pytest

from gateway import providers, testing
from gateway.core import chat, embeddings, errors, events, transcriptions
from gateway.core import model_info as catalog
from gateway.providers import base, error_responses, options, upstream
from gateway.providers.registry import GROUP
from gateway.providers.upstream.framing import LONGEST_EVENT
from gateway.providers.upstream.named_framings import FRAMINGS
from pages import codes, page, section, table

PAGE = "reference/provider.md"
VALUES = (
    chat.ChatRequest,
    chat.FillRequest,
    embeddings.EmbedRequest,
    embeddings.EmbedResult,
    transcriptions.TranscribeRequest,
    transcriptions.Transcript,
    chat.Message,
    chat.Media,
    chat.Tool,
    chat.Sampling,
    chat.JsonFormat,
)
EVENTS = (
    events.TextDelta,
    events.ThinkingDelta,
    events.ToolCallDelta,
    events.Thought,
    events.ToolCall,
    events.Logprobs,
    events.TokenLogprob,
    events.Finish,
    events.Usage,
)


METHODS = (
    "chat",
    "list_models",
    "describe",
    "has_unlisted",
    "fill",
    "embed",
    "transcribe",
    "load_model",
    "unload_model",
    "loaded_models",
    "with_key",
    "aclose",
)


def rows(heading: str, column: str) -> list[dict[str, str]]:
    return table(PAGE, heading, column)


def signature(function: Any, name: str) -> str:
    text = str(inspect.signature(function)).replace("'", "")
    return f"{name}({text.removeprefix('(self').removeprefix(', ')}"


def fields(kind: Any) -> list[str]:
    if issubclass(kind, msgspec.Struct):
        return [field.name for field in msgspec.structs.fields(kind)]
    return [field.name for field in dataclasses.fields(kind)]


def test_the_methods_are_those_of_the_class() -> None:
    own = {
        name: member
        for name, member in vars(base.Provider).items()
        if inspect.isfunction(member) and not name.startswith("_")
    }
    shown = rows("`Provider`", "Method")
    assert [codes(row["Method"])[0] for row in shown] == [
        signature(own[name], name) for name in METHODS
    ]
    assert len(shown) == len(own)
    needed = {codes(row["Method"])[0].partition("(")[0] for row in shown if row["Needed"] == "yes"}
    assert needed == base.Provider.__abstractmethods__
    coroutines = {
        codes(row["Method"])[0].partition("(")[0]
        for row in shown
        if row["Contract"].endswith("a coroutine.")
    }
    assert coroutines == {name for name in own if inspect.iscoroutinefunction(own[name])}


def test_the_attributes_are_those_of_the_class() -> None:
    named = {codes(row["Attribute"])[0] for row in rows("`Provider`", "Attribute")}
    own = {name for name in vars(base.Provider) if not name.startswith("_")}
    methods = {name for name in own if inspect.isfunction(vars(base.Provider)[name])}
    assert named == own - methods
    assert page(PAGE).count(f"contract version {base.CONTRACT},") == 1
    assert f"`{GROUP}`" in section(PAGE, "How an adapter is found")


@pytest.mark.parametrize(
    ("heading", "column", "kind"),
    [
        ("`Provider`", "Field", base.ProviderContext),
        ("`ModelInfo`", "Field", catalog.ModelInfo),
    ],
)
def test_the_fields_in_rows_are_those_of_the_class(heading: str, column: str, kind: Any) -> None:
    assert [codes(row[column])[0] for row in rows(heading, column)] == fields(kind)


def test_what_is_loaded_is_described_by_its_fields() -> None:
    (line,) = [line for line in section(PAGE, "`ModelInfo`").splitlines() if "LoadedModel" in line]
    assert codes(line) == ["LoadedModel", *fields(catalog.LoadedModel)]


def test_the_events_are_those_of_the_vocabulary() -> None:
    assert {codes(row["Event"])[0]: codes(row["Fields"]) for row in rows("Events", "Event")} == {
        kind.__name__: fields(kind) for kind in EVENTS
    }
    assert {reason.name for reason in events.FinishReason} <= set(codes(section(PAGE, "Events")))


def test_the_values_are_those_of_the_vocabulary() -> None:
    assert {codes(row["Value"])[0]: codes(row["Fields"]) for row in rows("Requests", "Value")} == {
        kind.__name__: fields(kind) for kind in VALUES
    }


def test_copies_of_values_are_made_as_described() -> None:
    request = chat.ChatRequest("a", (chat.Message(chat.Role.USER, "hi"),))
    assert chat.replace(request, model="b") == chat.ChatRequest("b", request.messages)
    assert chat.replace(request.messages[0], content="") == chat.Message(chat.Role.USER)
    recording = transcriptions.TranscribeRequest("a", b"", filename="", media_type="")
    assert dataclasses.replace(recording, model="b").model == "b"


def test_the_capabilities_are_ollamas_words() -> None:
    (row,) = [row for row in rows("`ModelInfo`", "Field") if row["Field"] == "`capabilities`"]
    assert codes(row["Meaning"])[1:] == [str(word) for word in catalog.Capability]


def test_upstream_is_as_described() -> None:
    assert [codes(row["Method"])[0] for row in rows("`Upstream`", "Method")] == [
        signature(getattr(upstream.Upstream, name), name)
        for name in ("stream", "post", "post_form", "get")
    ]
    shown = {
        codes(row["Framing"])[0]: tuple(codes(row["Content type of the response"]))
        for row in rows("`Upstream`", "Framing")
    }
    assert shown == {name: one.media_types for name, one in FRAMINGS.items()}
    assert f"may have {upstream.Bounds().document // 2**20} MiB" in section(PAGE, "`Upstream`")
    assert upstream.Bounds().document == LONGEST_EVENT
    assert f"a whole stream {upstream.Bounds().stream // 2**20} MiB" in section(PAGE, "`Upstream`")
    assert {*fields(upstream.Outgoing), "body"} - {"payload"} <= set(codes(page(PAGE)))
    keywords = [
        parameter.name
        for parameter in inspect.signature(upstream.Upstream).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY
    ]
    assert [codes(row["Keyword"])[0] for row in rows("`Upstream`", "Keyword")] == keywords
    limits = rows("`Upstream`", "Limit of `Timeouts`")
    assert {codes(row["Limit of `Timeouts`"])[-1]: float(row["Seconds"]) for row in limits} == (
        dataclasses.asdict(upstream.Timeouts())
    )
    assert fields(upstream.ErrorResponse) == ["status", "headers", "body"]


def test_the_options_of_every_service_are_those_of_the_class() -> None:
    shown = {
        codes(row["Option"])[0]: ast.literal_eval(codes(row["Default"])[0])
        for row in rows("Common options and error responses", "Option")
    }
    assert shown == dataclasses.asdict(options.ServiceOptions())
    assert set(shown) == set(options.ServiceOptionsSchema().fields)


def test_the_error_for_a_status_is_made_as_described() -> None:
    names = ", ".join(inspect.signature(error_responses.error_for_status).parameters)
    named = names.replace("message, ", "message, *, ")
    assert f"gateway.providers.error_for_status({named})" in codes(page(PAGE))


def test_the_methods_for_services_with_openais_api_are_those_of_the_class() -> None:
    names = ("authorization", "error_for", "path")
    assert [codes(row["Method"])[0] for row in rows("Services with OpenAI's API", "Method")] == [
        signature(getattr(providers.OpenAIProvider, name), name) for name in names
    ]


def test_every_function_for_adapters_is_on_the_page() -> None:
    functions = {
        name
        for name in providers.__all__
        if inspect.isfunction(getattr(providers, name)) and name not in page(PAGE)
    }
    assert functions == set()
    named = {name for row in rows("Further functions", "Name") for name in codes(row["Name"])}
    assert named <= set(providers.__all__)


def test_the_errors_it_names_exist() -> None:
    named = {code for code in codes(page(PAGE)) if code.startswith("gateway.providers.Upstream")}
    assert {name.rpartition(".")[2] for name in named} <= {*errors.__all__, "Upstream"}


def test_the_testing_kit_is_as_described() -> None:
    assert {codes(row["Name"])[0] for row in rows("Testing kit", "Name")} == set(testing.__all__)
    shown = rows("Testing kit", "Attribute")
    contract = testing.ProviderContract
    own = {name for base in contract.__mro__ for name in inspect.get_annotations(base)}
    assert {codes(row["Attribute"])[0] for row in shown} == own
    needed = {codes(row["Attribute"])[0] for row in shown if row["Needed"] == "yes"}
    assert needed == {name for name in own if not hasattr(contract, name)}
