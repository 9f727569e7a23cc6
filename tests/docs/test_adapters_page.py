"""The page on OpenAI's dialect and Anthropic against the bodies that are sent, and the answers."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from adapter_provider import json_answer, opened
from gateway.core.chat import ChatRequest, FillRequest, Media, Message, Role
from gateway.core.errors import GatewayError, InvalidRequest, NotSupported
from gateway.core.events import Finish, ToolCall
from gateway.core.model_info import Capability, ModelInfo
from gateway.core.timing import Timing
from gateway.dialects.ollama import schemas
from gateway.dialects.ollama.checks import chat_request, embed_request, generate_request
from gateway.dialects.ollama.encode import ChatEncoder
from gateway.providers import finish_reasons
from gateway.providers.anthropic import AnthropicOptions, AnthropicProvider
from gateway.providers.anthropic import decode as anthropic_decode
from gateway.providers.anthropic import encode as anthropic_encode
from gateway.providers.anthropic import errors as anthropic_errors
from gateway.providers.anthropic.encode import messages_body
from gateway.providers.anthropic.messages import wire_turns
from gateway.providers.anthropic.models import Claude
from gateway.providers.anthropic.models import parse_models as parse_claudes
from gateway.providers.history.results import NO_RESULT
from gateway.providers.openai import OpenAIOptions
from gateway.providers.openai import decode as openai_decode
from gateway.providers.openai import encode as openai_encode
from gateway.providers.openai import errors as openai_errors
from gateway.providers.openai.encode import chat_body, completion_body, embed_body
from gateway.providers.openai.messages import wire_messages
from gateway.providers.upstream import ErrorResponse
from gateway.providers.upstream.decoding import Decoder
from pages import codes, section, table

PAGE = "reference/adapters.md"
OPENAI, ANTHROPIC = "OpenAI's dialect", "Anthropic"
BOTH = pytest.mark.parametrize("column", [OPENAI, ANTHROPIC])

OFFICIAL, LOCAL = OpenAIOptions(), OpenAIOptions(base_url="http://127.0.0.1:8080/v1")
ABLE = ModelInfo("m", capabilities=frozenset(Capability))
LEVELS = ("low", "medium", "high", "max")
DECIDES = Claude(replace(ABLE, efforts=LEVELS), adapts=True)
BUDGETED = Claude(ABLE)
# All that Ollama has; the page on Mistral is held against the reader of options.
OPTIONS = [codes(row["Option"])[0] for row in table("reference/mistral.md", "Options")]
HELLO = [{"role": "user", "content": "Hello!"}]
PNG = "iVBORw0KGgo="
TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {}}}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}

Body = dict[str, Any]


def rows(heading: str, column: str) -> dict[str, dict[str, str]]:
    return {codes(row[column])[0]: row for row in table(PAGE, heading, column)}


def body_of(request: ChatRequest | FillRequest, column: str) -> Body:
    """Return what the service of a column is sent."""
    if isinstance(request, FillRequest):
        return completion_body(request, LOCAL)
    if column == OPENAI:
        return chat_body(request, ABLE, LOCAL)
    return messages_body(request, BUDGETED, max_tokens=AnthropicOptions().max_tokens)


def chat(column: str, **fields: Any) -> Body:
    call = schemas.load_chat(json.dumps({"model": "m", "messages": HELLO, **fields}).encode())
    return body_of(chat_request(call, "m"), column)


def generate(column: str, **fields: Any) -> Body:
    call = schemas.load_generate(json.dumps({"model": "m", "prompt": "x", **fields}).encode())
    return body_of(generate_request(call, "m", info=ABLE), column)


def embed(**fields: Any) -> Body:
    call = schemas.load_embed(json.dumps({"model": "m", "input": ["x"], **fields}).encode())
    asked = embed_request(call, "m")
    return embed_body(asked.model, asked.inputs, dimensions=asked.dimensions)


def block(text: str) -> Body:
    return {"type": "text", "text": text}


FUNCTION = {"name": "f", "description": "d"}
NO_PARAMETERS = {"type": "object", "properties": {}}
SENT: dict[str, dict[str, tuple[Body, object]]] = {
    OPENAI: {
        "model": (chat(OPENAI), "m"),
        "messages": (chat(OPENAI), HELLO),
        "prompt": (generate(OPENAI), [{"role": "user", "content": "x"}]),
        "system": (
            generate(OPENAI, system="s"),
            [{"role": "system", "content": "s"}, {"role": "user", "content": "x"}],
        ),
        "images": (
            generate(OPENAI, prompt="", images=[PNG]),
            [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "image_url",
                            "image_url": {"url": f"data:image/png;base64,{PNG}"},
                        }
                    ],
                }
            ],
        ),
        "suffix": (generate(OPENAI, suffix="y"), "y"),
        "stream": (chat(OPENAI, stream=False), True),
        "tools": (
            chat(OPENAI, tools=[TOOL]),
            [{"type": "function", "function": {**FUNCTION, "parameters": NO_PARAMETERS}}],
        ),
        "format": (
            chat(OPENAI, format=SCHEMA),
            {"type": "json_schema", "json_schema": {"name": "response", "schema": SCHEMA}},
        ),
        "think": (chat(OPENAI, think="high"), "high"),
        "input": (embed(), ["x"]),
        "dimensions": (embed(dimensions=3), 3),
    },
    ANTHROPIC: {
        "model": (chat(ANTHROPIC), "m"),
        "messages": (chat(ANTHROPIC), [{"role": "user", "content": [block("Hello!")]}]),
        "prompt": (generate(ANTHROPIC), [{"role": "user", "content": [block("x")]}]),
        "system": (generate(ANTHROPIC, system="s"), "s"),
        "images": (
            generate(ANTHROPIC, prompt="", images=[PNG]),
            [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "image",
                            "source": {"type": "base64", "media_type": "image/png", "data": PNG},
                        }
                    ],
                }
            ],
        ),
        "stream": (chat(ANTHROPIC, stream=False), True),
        "tools": (
            chat(ANTHROPIC, tools=[TOOL]),
            [{**FUNCTION, "input_schema": {"type": "object"}}],
        ),
        "format": (
            chat(ANTHROPIC, format=SCHEMA),
            {"format": {"type": "json_schema", "schema": SCHEMA}},
        ),
        "think": (chat(ANTHROPIC, think="low"), {"type": "enabled", "budget_tokens": 2048}),
    },
}
WITHOUT_EFFECT: dict[str, object] = {
    "truncate": False,
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
    assert set(shown) >= read
    for column, sent in SENT.items():
        named = {name for name, row in shown.items() if row[column].startswith("`")}
        assert named == {*sent}
        idle = {name for name, row in shown.items() if row[column].startswith(("dropped", "local"))}
        assert idle == {*WITHOUT_EFFECT, "raw"}


@BOTH
def test_a_field_that_is_sent_has_the_name_on_the_page(column: str) -> None:
    for name, (body, value) in SENT[column].items():
        cell = rows("Fields", "Field")[name][column]
        assert (name, body[codes(cell)[0]]) == (name, value)


@BOTH
@pytest.mark.parametrize("name", WITHOUT_EFFECT)
def test_a_field_that_is_not_sent_changes_nothing(name: str, column: str) -> None:
    assert chat(column, **{name: WITHOUT_EFFECT[name]}) == chat(column)
    assert generate(column, **{name: WITHOUT_EFFECT[name]}) == generate(column)


def test_a_raw_prompt_is_continued_where_that_can_be_done() -> None:
    assert generate(OPENAI, raw=True)["prompt"] == "x"
    call = schemas.load_generate(b'{"model": "m", "prompt": "x", "raw": true}')
    chatty = ModelInfo("m", capabilities=frozenset({Capability.COMPLETION}))
    asked = generate_request(call, "m", info=chatty)
    assert isinstance(asked, ChatRequest)
    assert body_of(asked, ANTHROPIC) == generate(ANTHROPIC)


async def test_what_anthropic_does_not_have_is_refused() -> None:
    refused = {
        name for name, row in rows("Fields", "Field").items() if "rejected" in row[ANTHROPIC]
    }
    assert refused == {"suffix", "input", "dimensions"}
    async with opened(AnthropicProvider, json_answer({}), api_key="k") as (provider, upstream):
        with pytest.raises(NotSupported):
            provider.fill(FillRequest("m", "x", "y"))
        with pytest.raises(NotSupported):
            await provider.embed(embed_request(schemas.load_embed(b'{"input": "x"}'), "m"))
        assert upstream.requests == []


GIVEN: dict[str, dict[str, tuple[object, object]]] = {
    OPENAI: {
        "temperature": (1.5, 1.5),
        "top_p": (0.5, 0.5),
        "top_k": (7, 7),
        "min_p": (0.1, 0.1),
        "seed": (7, 7),
        "num_predict": (5, 5),
        "stop": (["a", "a"], ["a"]),
        "presence_penalty": (0.5, 0.5),
        "frequency_penalty": (0.5, 0.5),
    },
    ANTHROPIC: {
        "temperature": (1.5, 1.0),
        "top_p": (-1, 0.0),
        "top_k": (7, 7),
        "num_predict": (5, 5),
        "stop": (["a", " ", "a"], ["a"]),
    },
}


@BOTH
@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_is_sent_or_dropped_as_the_page_says(name: str, column: str) -> None:
    cell = rows("Options", "Option")[name][column]
    if name in GIVEN[column]:
        given, sent = GIVEN[column][name]
        wire = codes(cell)[0]
        assert chat(column, options={name: given}) == {**chat(column), wire: sent}
    else:
        assert cell == "dropped"
        value = True if name == "use_mmap" else 1
        assert chat(column, options={name: value}) == chat(column)


def test_every_option_of_ollama_is_on_the_page() -> None:
    assert set(rows("Options", "Option")) == set(OPTIONS)


def test_what_the_page_says_of_single_options() -> None:
    shown = rows("Options", "Option")
    at_openai = {name for name, row in shown.items() if "not to OpenAI itself" in row[OPENAI]}
    assert at_openai == LOCAL.passed - OFFICIAL.passed
    assert chat(ANTHROPIC, options={"temperature": 0, "top_p": 0.5}) == chat(
        ANTHROPIC, options={"temperature": 0}
    )
    assert chat(ANTHROPIC, options={"num_predict": -1}) == chat(ANTHROPIC)
    assert "`max_completion_tokens`" in shown["num_predict"][OPENAI]
    o3 = chat_request(
        schemas.load_chat(
            json.dumps(
                {"messages": HELLO, "options": {"num_predict": 5, "temperature": 1, "top_p": 1}}
            ).encode()
        ),
        "o3",
    )
    assert chat_body(o3, ABLE, OFFICIAL).keys() - chat(OPENAI).keys() == {"max_completion_tokens"}


def test_every_parameter_of_the_services_is_on_the_page() -> None:
    shown = rows("Parameters of the services", "Option")
    taken = {
        OPENAI: openai_encode._OPENAI_OPTIONS,
        ANTHROPIC: anthropic_encode._KNOWN_EXTRA,
    }
    for column, names in taken.items():
        assert {name for name, row in shown.items() if row[column].startswith("sent")} == names
    assert set(shown) == set().union(*taken.values())
    for name, row in shown.items():
        for column in taken:
            body = chat(column, options={name: "x"})
            assert body.get(name) == ("x" if row[column].startswith("sent") else None)
        assert generate(OPENAI, suffix="y", options={name: "x"}) == generate(OPENAI, suffix="y")
    assert chat(OPENAI, think="low", options={"reasoning_effort": "x"})["reasoning_effort"] == "x"


def test_thinking_is_asked_for_as_the_page_says() -> None:
    seen = []
    for row in table(PAGE, "Thinking"):
        said, effort, decides, budget = (codes(cell) for cell in row.values())
        fields = {"think": json.loads(said[0])} if said else {}
        seen += [json.dumps(value) for value in fields.values()]
        assert [*filter(None, [chat(OPENAI, **fields).get("reasoning_effort")])] == effort
        call = schemas.load_chat(json.dumps({"messages": HELLO, **fields}).encode())
        told = messages_body(chat_request(call, "m"), DECIDES, max_tokens=9)
        assert [*filter(None, [told.get("thinking", {}).get("type")])] == decides
        level = fields.get("think")
        assert told.get("output_config") == ({"effort": level} if level in LEVELS else None)
        thinking = chat(ANTHROPIC, **fields).get("thinking", {})
        tokens = thinking.get("budget_tokens", thinking.get("type"))
        assert [str(tokens)] * (tokens is not None) == budget
    assert seen == ["false", "true", '"low"', '"medium"', '"high"', '"max"']


def test_formats_are_those_of_the_page() -> None:
    any_json, shaped = table(PAGE, "Structured output")
    body = chat(OPENAI, format="json")
    assert body["response_format"]["type"] == codes(any_json[OPENAI])[0]
    assert "JSON" in body["messages"][0]["content"]
    assert chat(ANTHROPIC, format="json")["system"]
    assert chat(OPENAI, format=SCHEMA)["response_format"]["type"] == codes(shaped[OPENAI])[0]
    config = chat(ANTHROPIC, format=SCHEMA)["output_config"]
    assert config["format"]["type"] == codes(shaped[ANTHROPIC])[0]


def test_conversations_are_mended_as_the_page_says() -> None:
    text = section(PAGE, "Conversations")
    call = ToolCall("f", {}, "")
    history = [
        Message(Role.ASSISTANT, "", tool_calls=(call, call)),
        Message(Role.TOOL, "1", tool_name="f"),
        Message(Role.TOOL, "2", tool_name="g", tool_call_id="lost"),
    ]
    to_openai = wire_messages(history, LOCAL, LOCAL)
    assert [one["role"] for one in to_openai] == ["assistant", "tool", "tool"]
    to_anthropic = wire_turns([history[0]])
    assert to_anthropic[0] == {"role": "user", "content": [block(".")]}
    assert "`.`" in text
    assert NO_RESULT in json.dumps(to_anthropic)
    assert f"`{NO_RESULT}`" in text


@BOTH
@pytest.mark.parametrize(
    "row", table(PAGE, "Images, audio and documents"), ids=lambda row: str(row["Media type"])
)
def test_media_travel_in_the_parts_of_the_page(row: dict[str, str], column: str) -> None:
    media = Media(codes(row["Media type"])[0], "AAAA")
    request = ChatRequest("m", (Message(Role.USER, (media,)),))
    if row[column] == "rejected":
        with pytest.raises(InvalidRequest):
            body_of(request, column)
    else:
        (part,) = body_of(request, column)["messages"][0]["content"]
        assert part["type"] == codes(row[column])[0]


def done_reason(decoder: Decoder, *events: object) -> str:
    found = [*decoder.feed([json.dumps(event).encode() for event in events]), *decoder.end()]
    assert isinstance(found[-1], Finish)
    line = json.loads(ChatEncoder("m", timing=Timing()).lines(found).splitlines()[-1])
    reason: str = line["done_reason"]
    return reason


def test_finish_reasons_become_those_of_the_page() -> None:
    column = "Finish reason of the service"
    shown = rows("Answers", column).values()
    named = [(word, row["`done_reason`"]) for row in shown for word in codes(row[column])]
    known = {*finish_reasons._REASONS, *finish_reasons._FAILURES}
    assert {word for word, _ in named} == {*known, "stop", "end_turn", "stop_sequence"}
    for word, reason in named:
        chunk = {"choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": word}]}
        ends = {"type": "message_delta", "delta": {"stop_reason": word}}
        openai, anthropic = openai_decode.ChatDecoder("p"), anthropic_decode.MessageDecoder("p")
        if finish_reasons.is_failure(word):
            assert openai.feed([json.dumps(chunk).encode()])
            assert openai.failure is not None
            continue
        assert [done_reason(openai, chunk)] == codes(reason)
        assert [done_reason(anthropic, ends, {"type": "message_stop"})] == codes(reason)


ONLY_AT = {"OpenAI": openai_errors.error_for, "Anthropic": anthropic_errors.error_for}
SAID = {"error": {"message": "so it is"}}
ANSWERS: dict[str, list[tuple[int, object]]] = {
    "404 without a message, 405, or a redirect": [(404, None), (405, None), (302, None)],
    "429 for a quota, at OpenAI": [
        (429, {"error": {"message": "so it is", "code": "insufficient_quota"}})
    ],
}


@pytest.mark.parametrize(
    "row", table(PAGE, "Error responses"), ids=lambda row: str(row["The service's response"])
)
def test_refusals_become_the_errors_of_the_page(row: dict[str, str]) -> None:
    said = row["The service's response"]
    plain: list[tuple[int, object]] = [(int(one), SAID) for one in re.findall(r"\d{3}", said)]
    where = [error_for for name, error_for in ONLY_AT.items() if said.endswith(f"at {name}")]
    for error_for in where or ONLY_AT.values():
        for status, payload in ANSWERS.get(said, plain):
            body = b"<html>" if payload is None else json.dumps(payload).encode()
            error: GatewayError = error_for(ErrorResponse(status, {"Retry-After": "7"}, body), "p")
            assert type(error).__name__ == codes(row["Class"])[0]
            assert error.status == int(row["Status"])
            if row["Message"].startswith("the service's"):
                assert error.message == "so it is"
            for words in codes(row["Message"]):
                found = error.headers if words == "Retry-After" else error.message
                assert words in found


def test_what_anthropics_list_says_becomes_the_capabilities_of_the_page() -> None:
    always, *flags = table(PAGE, "Models")
    for row in flags:
        (flag,) = codes(row["Anthropic's list"])
        entry = {"id": "x", "capabilities": {flag: {"supported": True}}}
        (model,) = parse_claudes({"data": [entry]}, "p")
        wanted = {*codes(always["Capability"]), *codes(row["Capability"])}
        assert {str(word) for word in model.info.capabilities} == wanted
