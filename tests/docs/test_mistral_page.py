"""The page on Mistral against the bodies that are sent and the answers that are read."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from gateway.core import options as ollama_options
from gateway.core.chat import ChatRequest, FillRequest, Media, Message, Role, Tool
from gateway.core.errors import InvalidRequest
from gateway.core.events import Finish, FinishReason
from gateway.core.options import read_options
from gateway.core.timing import Timing
from gateway.dialects.ollama import schemas
from gateway.dialects.ollama.checks import chat_request, generate_request
from gateway.dialects.ollama.encode import ChatEncoder
from gateway.providers.finish_reasons import is_failure, read_reason
from gateway.providers.history.results import NO_RESULT
from gateway.providers.mistral import embed, errors, extra_options
from gateway.providers.mistral.bridge import BRIDGE
from gateway.providers.mistral.decode import ChatDecoder
from gateway.providers.mistral.encode import chat_body, embed_body, fim_body
from gateway.providers.mistral.messages import media_chunk
from gateway.providers.mistral.models import describe, parse_models
from gateway.providers.mistral.repair import REPAIRS
from gateway.providers.upstream import ErrorResponse
from pages import codes, section, table

PAGE = "reference/mistral.md"
MEDIUM = describe("mistral-medium-latest")
LARGE = describe("mistral-large-latest")
HELLO = [{"role": "user", "content": "Hello!"}]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {}}}
PNG = "iVBORw0KGgo="


def rows(heading: str, column: str) -> dict[str, dict[str, str]]:
    return {codes(row[column])[0]: row for row in table(PAGE, heading)}


def chat(**fields: Any) -> dict[str, object]:
    """Return what Mistral is sent for a body of ``/api/chat``."""
    call = schemas.load_chat(json.dumps({"model": "m", "messages": HELLO, **fields}).encode())
    return chat_body(chat_request(call, "m"), MEDIUM)


def generate(**fields: Any) -> dict[str, object]:
    """Return what Mistral is sent for a body of ``/api/generate``."""
    call = schemas.load_generate(json.dumps({"model": "m", "prompt": "x", **fields}).encode())
    asked = generate_request(call, "m", info=MEDIUM)
    if isinstance(asked, FillRequest):
        return fim_body(asked, MEDIUM)
    return chat_body(asked, MEDIUM)


SENT: dict[str, tuple[dict[str, object], object]] = {
    "model": (chat(), "m"),
    "messages": (chat(), HELLO),
    "prompt": (generate(), [{"role": "user", "content": "x"}]),
    "system": (
        generate(system="s"),
        [{"role": "system", "content": "s"}, {"role": "user", "content": "x"}],
    ),
    "images": (
        generate(prompt="", images=[PNG]),
        [
            {
                "role": "user",
                "content": [{"type": "image_url", "image_url": f"data:image/png;base64,{PNG}"}],
            }
        ],
    ),
    "suffix": (generate(suffix="y"), "y"),
    "stream": (chat(stream=False), True),
    "tools": (
        chat(tools=[TOOL]),
        [{**TOOL, "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}],
    ),
    "format": (chat(format="json"), {"type": "json_object"}),
    "think": (chat(think=True), "high"),
    "input": (embed_body("m", ["x"]), ["x"]),
    "dimensions": (embed_body("m", ["x"], dimensions=3), 3),
}
WITHOUT_EFFECT: dict[str, object] = {
    "truncate": False,
    "raw": True,
    "keep_alive": "1h",
    "template": "t",
    "context": [1],
    "shift": False,
    "logprobs": True,
    "top_logprobs": 3,
}


def test_every_field_of_the_requests_is_on_the_page() -> None:
    read = {
        name
        for schema in (schemas.ChatSchema, schemas.GenerateSchema, schemas.EmbedSchema)
        for name in schema().known
    }
    shown = rows("Fields", "Field")
    assert set(shown) == read
    assert set(SENT) | set(WITHOUT_EFFECT) | {"options"} == read
    assert {name for name, row in shown.items() if row["Mistral's field"]} == set(SENT) | {
        "options"
    }


@pytest.mark.parametrize("name", SENT)
def test_a_field_that_is_sent_has_the_name_on_the_page(name: str) -> None:
    row = rows("Fields", "Field")[name]
    body, value = SENT[name]
    assert row["Handling"].startswith("sent")
    assert body[codes(row["Mistral's field"])[0]] == value


@pytest.mark.parametrize("name", WITHOUT_EFFECT)
def test_a_field_that_is_not_sent_changes_nothing(name: str) -> None:
    row = rows("Fields", "Field")[name]
    assert row["Handling"].startswith(("local", "dropped"))
    assert generate(**{name: WITHOUT_EFFECT[name]}) == generate()


OPTIONS: dict[str, tuple[object, object]] = {
    "temperature": (0.5, 0.5),
    "top_p": (0.5, 0.5),
    "seed": (7, 7),
    "num_predict": (5, 5),
    "stop": (["a"], ["a"]),
    "presence_penalty": (0.5, 0.5),
    "frequency_penalty": (0.5, 0.5),
}
EDGES: list[tuple[str, object, object]] = [
    ("temperature", -1, 0.0),
    ("temperature", 2, 1.5),
    ("top_p", 0, None),
    ("top_p", 1.5, None),
    ("seed", -1, None),
    ("num_predict", -1, None),
    ("num_predict", MEDIUM.context_length, None),
    ("stop", list("abcdef"), list("abcd")),
    ("presence_penalty", 3, 2.0),
    ("frequency_penalty", -3, -2.0),
]


def test_every_option_of_ollama_is_on_the_page() -> None:
    assert set(rows("Options", "Option")) == set(ollama_options._READERS)


@pytest.mark.parametrize("name", ollama_options._READERS)
def test_an_option_is_sent_or_dropped_as_the_page_says(name: str) -> None:
    row = rows("Options", "Option")[name]
    if row["Mistral's field"]:
        given, sent = OPTIONS[name]
        assert row["Handling"].startswith("sent")
        assert chat(options={name: given}) == {**chat(), codes(row["Mistral's field"])[0]: sent}
    else:
        value = True if name == "use_mmap" else 1
        assert row["Handling"].startswith("dropped")
        assert chat(options={name: value}) == chat()


@pytest.mark.parametrize(("name", "given", "sent"), EDGES)
def test_the_edges_of_options_are_those_on_the_page(name: str, given: object, sent: object) -> None:
    wire = codes(rows("Options", "Option")[name]["Mistral's field"])[0]
    assert chat(options={name: given}).get(wire) == sent


def test_penalties_are_dropped_when_filling_in_and_top_p_beside_zero() -> None:
    penalties = {"presence_penalty": 1, "frequency_penalty": 1}
    assert generate(suffix="y", options=penalties) == generate(suffix="y")
    assert chat(options={"temperature": 0, "top_p": 0.5}) == chat(options={"temperature": 0})


OWN: dict[str, tuple[object, object]] = {
    "random_seed": (1, "x"),
    "tool_choice": ("any", 1),
    "parallel_tool_calls": (False, 1),
    "reasoning_effort": ("high", 1),
    "prediction": ("x", 1),
    "safe_prompt": (True, 1),
    "guardrails": ([{}], 1),
    "prompt_cache_key": ("x", 1),
    "service_tier": ("x", 1),
    "metadata": ({}, 1),
}


def test_every_parameter_of_mistral_is_on_the_page_with_its_type() -> None:
    shown = rows("Mistral's own parameters", "Option")
    assert {name: row["Type"] for name, row in shown.items()} == {
        name: kind for name, (_, kind) in extra_options._TYPES.items()
    }


@pytest.mark.parametrize("name", extra_options._TYPES)
def test_a_parameter_of_mistral_is_sent_where_the_page_says(name: str) -> None:
    row = rows("Mistral's own parameters", "Option")[name]
    given, wrong = OWN[name]
    sampling, extra = read_options({name: given})
    history, tools = (Message(Role.USER, "x"),), (Tool("f"),)
    with_tools = ChatRequest("m", history, tools=tools, sampling=sampling, extra=extra)
    without = ChatRequest("m", history, sampling=sampling, extra=extra)
    fill = FillRequest("m", "x", "y", sampling, extra)
    assert row["Chat"].startswith("sent")
    assert name in chat_body(with_tools, LARGE)
    assert (name in chat_body(without, LARGE)) == ("if there are tools" not in row["Chat"])
    assert (name in fim_body(fill, LARGE)) == (row["Fill-in-the-middle"] == "sent")
    with pytest.raises(InvalidRequest) as refused:
        chat_body(ChatRequest("m", history, tools=tools, extra={name: wrong}), LARGE)
    assert (refused.value.status, refused.value.message) == (
        400,
        f'option "{name}" must be of type {row["Type"]}',
    )


def test_thinking_is_asked_for_as_the_page_says() -> None:
    cells = table(PAGE, "Thinking")
    for row in cells:
        wanted = codes(row["Model with thinking"])[:1] if row["`think`"] != "not set" else []
        for text in codes(row["`think`"]) or ["null"]:
            assert [*filter(None, [chat(think=json.loads(text)).get("reasoning_effort")])] == wanted
    request = ChatRequest("m", (Message(Role.USER, "x"),))
    assert chat_body(request, MEDIUM, think_default=True)["reasoning_effort"] == "high"
    assert "reasoning_effort" not in chat_body(request, LARGE, think_default=True)


def test_formats_are_those_of_the_page() -> None:
    cells = [codes(row["`response_format`"])[0] for row in table(PAGE, "Structured output")]
    any_json = chat(format={}, messages=[{"role": "user", "content": "JSON"}])["response_format"]
    call = chat(format={"title": "City", "type": "object", "properties": {"a": {}}})
    shaped: Any = call["response_format"]
    assert [any_json, shaped["type"]] == [{"type": cells[0]}, cells[1]]
    assert shaped["json_schema"]["name"] == "City"
    assert shaped["json_schema"]["strict"] is True


def test_the_repairs_are_those_of_the_page_in_their_order() -> None:
    assert [row["Step"] for row in table(PAGE, "Conversations")] == list(REPAIRS)


@pytest.mark.parametrize(
    "row", table(PAGE, "Images, audio and documents"), ids=lambda row: str(row["Media type"])
)
def test_media_travel_in_the_chunks_of_the_page(row: dict[str, str]) -> None:
    media = Media(codes(row["Media type"])[0], "AAAA")
    assert media_chunk(media)["type"] == codes(row["Chunk"])[0]


def test_the_limits_of_embeddings_are_those_of_the_page() -> None:
    assert [int(row["Value"]) for row in table(PAGE, "Embeddings")] == [
        embed._MOST_INPUTS,
        embed._MOST_TOKENS,
        embed._AT_ONCE,
    ]


@pytest.mark.parametrize(
    "row", table(PAGE, "Answers"), ids=lambda row: str(row["Mistral's finish reason"])
)
def test_finish_reasons_become_those_of_the_page(row: dict[str, str]) -> None:
    (reason,) = codes(row["Mistral's finish reason"])
    decoder = ChatDecoder("mistral")
    chunk = {"choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": reason}]}
    events = [*decoder.feed([json.dumps(chunk).encode()]), *decoder.end()]
    if reason == "error":
        assert decoder.failure is not None
        return
    assert isinstance(events[-1], Finish)
    line = json.loads(ChatEncoder("m", timing=Timing()).lines(events).splitlines()[-1])
    assert line["done_reason"] == codes(row["`done_reason`"])[0]


def test_every_finish_reason_is_on_the_page() -> None:
    shown = {codes(row["Mistral's finish reason"])[0] for row in table(PAGE, "Answers")}
    reasons = {word: read_reason(word) for word in shown if not is_failure(word)}
    assert set(reasons.values()) == set(FinishReason)
    assert [word for word in shown if is_failure(word)] == ["error"]


ANSWERS = {
    "400 with code 1500": [(400, {"message": "Invalid model", "code": "1500"})],
    "404 in JSON": [(404, {"detail": "Not Found"})],
    "404 that is not JSON, or a redirect": [(404, None), (302, None)],
    "any other status": [(418, {"message": "tea"}), (599, None)],
}


@pytest.mark.parametrize(
    "row", table(PAGE, "Error responses"), ids=lambda row: str(row["Mistral's response"])
)
def test_refusals_become_the_errors_of_the_page(row: dict[str, str]) -> None:
    said = row["Mistral's response"]
    plain = [(int(status), {"message": "so it is"}) for status in re.findall(r"\d{3}", said)]
    for status, payload in ANSWERS.get(said, plain):
        body = b"<html>" if payload is None else json.dumps(payload).encode()
        error = errors.error_for(ErrorResponse(status, {"Retry-After": "7"}, body), "mistral")
        assert type(error).__name__ == codes(row["Class"])[0]
        assert error.status == int(row["Status"])
        for words in codes(row["Message"]):
            if words == "Retry-After":
                assert error.headers == {"Retry-After": "7"}
            else:
                assert words in error.message
        if row["Message"] == "Mistral's" and payload is not None:
            assert error.message == payload["message"]


def test_flags_of_models_become_the_capabilities_of_the_page() -> None:
    shown = rows("Models", "Mistral's flag")
    for flag, row in shown.items():
        flags = {"completion_chat": True, "reasoning": False} | {flag: True}
        listed = parse_models({"data": [{"id": "x", "capabilities": flags}]}, "mistral")
        others = {"completion", *codes(row["Capability"])}
        assert {str(word) for word in listed[0].capabilities} == others
    embedder = {"data": [{"id": "an-embed", "capabilities": {}}]}
    assert [model.id for model in parse_models(embedder, "mistral")] == ["an-embed"]
    assert parse_models({"data": [{"id": "x", "capabilities": {}}]}, "mistral") == []


def test_fixed_texts_are_those_of_the_page() -> None:
    assert {BRIDGE, NO_RESULT} <= set(codes(section(PAGE, "Conversations")))
