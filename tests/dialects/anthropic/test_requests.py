"""Bodies of ``/v1/messages`` to requests, and the refusals of what is none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from anthropic_wire import PNG
from gateway.core.chat import (
    ChatRequest,
    JsonFormat,
    Media,
    Message,
    NamedTool,
    Role,
    Sampling,
    Think,
    Tool,
    ToolChoice,
)
from gateway.core.errors import Forbidden, InvalidRequest
from gateway.core.events import ToolCall
from gateway.dialects.anthropic.requests import read_messages

PDF = "JVBERi0xLjQK"
PICTURE = {"type": "base64", "media_type": "image/png", "data": PNG}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def load(**body: Any) -> ChatRequest:
    minimal = {"model": "Tiny", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    request, _ = read_messages(json.dumps({**minimal, **body}).encode())
    return request


def refusal(body: bytes) -> str:
    with pytest.raises(InvalidRequest) as caught:
        read_messages(body)
    assert caught.value.status == 400
    return caught.value.message


def said(*blocks: Any, role: str = "user") -> tuple[Message, ...]:
    """Return what one message consists of."""
    return load(messages=[{"role": role, "content": [*blocks]}]).messages


def test_what_the_client_did_not_say_is_not_made_up() -> None:
    assert load() == ChatRequest(
        model="Tiny", messages=(Message(Role.USER, "hi"),), sampling=Sampling(max_tokens=9)
    )


def test_everything_that_can_be_said_is_kept() -> None:
    call = load(
        system="Be brief.",
        temperature=0,
        top_p=0.5,
        top_k=3,
        stop_sequences=["END", "."],
        tools=[
            {
                "name": "get_weather",
                "description": "Look",
                "input_schema": SCHEMA,
                "strict": True,
                "cache_control": {"type": "ephemeral"},
            },
            {"name": "now"},
        ],
        tool_choice={"type": "any", "disable_parallel_tool_use": True},
        thinking={"type": "enabled", "budget_tokens": 1024},
        output_config={"format": {"type": "json_schema", "schema": SCHEMA}},
        metadata={"user_id": "me"},
        service_tier="auto",
    )
    assert call == ChatRequest(
        model="Tiny",
        messages=(Message(Role.SYSTEM, "Be brief."), Message(Role.USER, "hi")),
        tools=(Tool("get_weather", "Look", SCHEMA, strict=True), Tool("now")),
        tool_choice="required",
        parallel_tool_calls=False,
        sampling=Sampling(temperature=0.0, top_p=0.5, top_k=3, max_tokens=9, stop=("END", ".")),
        think=True,
        response_format=JsonFormat(schema=SCHEMA),
        native={
            "anthropic": {
                "fields": {"metadata": {"user_id": "me"}, "service_tier": "auto"},
                "budget": 1024,
                "tools": {"get_weather": {"type": "ephemeral"}},
            }
        },
    )


@pytest.mark.parametrize(("value", "stream"), [("true", True), ("false", False), ("null", False)])
def test_streams_are_for_those_who_ask(value: str, stream: bool) -> None:
    body = b'{"model":"m","max_tokens":9,"messages":[{"content":"hi"}],"stream":%b}'
    assert read_messages(body % value.encode())[1] is stream


def test_nulls_and_the_case_of_names_do_not_matter() -> None:
    odd, _ = read_messages(
        b'{"MODEL":"Tiny","Max_Tokens":9,"system":null,"tools":null,"tool_choice":null,'
        b'"thinking":null,"stream":null,"unknown":1,'
        b'"messages":[{"Role":"USER","Content":[{"Type":"text","TEXT":"hi"},null]}]} trailing'
    )
    assert odd == load()


TEXT = {"type": "text", "text": "a"}

SYSTEMS: dict[str, tuple[Any, str]] = {
    "text": ("Be brief.", "Be brief."),
    "blocks": (
        [
            {"type": "text", "text": "You are X.", "cache_control": {"type": "ephemeral"}},
            {"type": "text", "text": "Be brief."},
        ],
        "You are X.\n\nBe brief.",
    ),
    "other blocks": ([{"type": "new"}, {"type": "text", "text": 3}, "x", TEXT], "x\n\na"),
    "what is meant for the billing of Anthropic": (
        [{"type": "text", "text": "x-anthropic-billing-header: cc_version=2; cch=1;"}, TEXT],
        "a",
    ),
    "the same in one text": ("x-anthropic-billing-header: cch=1;\nBe brief.", "Be brief."),
    "the same alone": ("x-anthropic-billing-header: cch=1;", ""),
    "empty": ("", ""),
    "no blocks": ([], ""),
    "a number": (3, ""),
}


@pytest.mark.parametrize(("system", "text"), SYSTEMS.values(), ids=SYSTEMS)
def test_instructions_come_first(system: Any, text: str) -> None:
    expected = (Message(Role.SYSTEM, text),) if text else ()
    assert load(system=system).messages == (*expected, Message(Role.USER, "hi"))


CALL = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"x": 1}}
SEARCH = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "q"}}
FOUND = {"type": "web_search_result", "title": "T", "url": "https://e.example"}


def result(content: Any, **rest: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": "toolu_1", "content": content, **rest}


def found(content: Any) -> dict[str, Any]:
    return {"type": "web_search_tool_result", "tool_use_id": "s1", "content": content}


BLOCKS: dict[str, tuple[list[Any], Message]] = {
    "texts are put together": ([TEXT, {"type": "text"}, TEXT], Message(Role.USER, "a\n\na")),
    "an image": (
        [TEXT, {"type": "image", "source": PICTURE}],
        Message(Role.USER, ("a", Media("image/png", PNG))),
    ),
    "an image behind a URL": (
        [{"type": "image", "source": {"type": "url", "url": "https://e.example/a.png"}}],
        Message(Role.USER, (Media(url="https://e.example/a.png"),)),
    ),
    "a document": (
        [{"type": "document", "source": {"type": "base64", "data": PDF}}],
        Message(Role.USER, (Media("application/pdf", PDF),)),
    ),
    "a document behind a URL": (
        [{"type": "document", "source": {"type": "url", "url": "https://e.example/a.pdf"}}],
        Message(Role.USER, (Media("application/pdf", url="https://e.example/a.pdf"),)),
    ),
    "a document of plain text": (
        [TEXT, {"type": "document", "source": {"type": "text", "data": "plain"}}],
        Message(Role.USER, "a\n\nplain"),
    ),
    "unknown blocks say nothing": (
        [{"type": "redacted_thinking", "data": "x"}, {"type": "new"}, TEXT],
        Message(Role.USER, "a"),
    ),
}


@pytest.mark.parametrize(("blocks", "message"), BLOCKS.values(), ids=BLOCKS)
def test_blocks_become_one_message(blocks: list[Any], message: Message) -> None:
    assert said(*blocks) == (message,)


def signed(*blocks: dict[str, object]) -> dict[str, dict[str, object]]:
    return {"anthropic": {"blocks": [*blocks]}}


def test_signed_thinking_stays_where_it_was() -> None:
    first = {"type": "thinking", "thinking": "Hm. ", "signature": "EqoB"}
    sealed = {"type": "redacted_thinking", "data": "EmwK"}
    second = {"type": "thinking", "thinking": "So.", "signature": "EqoC"}
    assert said(first, sealed, TEXT, second, CALL, second, role="assistant") == (
        Message(Role.ASSISTANT, "a", thinking="Hm. ", keepsake=signed(first, sealed)),
        Message(
            Role.ASSISTANT,
            thinking="So.So.",
            tool_calls=(ToolCall("f", {"x": 1}, "toolu_1"),),
            keepsake=signed(second, second),
        ),
    )


def test_thinking_in_a_users_turn_has_nothing_to_keep() -> None:
    thinking = {"type": "thinking", "thinking": "Hm.", "signature": "EqoB"}
    assert said(TEXT, thinking) == (Message(Role.USER, "a", thinking="Hm."),)


def test_an_answer_carries_its_thinking_and_its_calls() -> None:
    assert said(
        {"type": "thinking", "thinking": "Hm. ", "signature": ""},
        TEXT,
        {"type": "thinking", "thinking": "So."},
        CALL,
        {"type": "tool_use", "id": "toolu_2", "name": "g"},
        role="assistant",
    ) == (
        Message(
            Role.ASSISTANT,
            "a",
            thinking="Hm. So.",
            tool_calls=(ToolCall("f", {"x": 1}, "toolu_1"), ToolCall("g", {}, "toolu_2")),
        ),
    )


RESULTS: dict[str, tuple[Any, Message]] = {
    "a text": ("21 C", Message(Role.TOOL, "21 C", tool_call_id="toolu_1")),
    "nothing": (None, Message(Role.TOOL, tool_call_id="toolu_1")),
    "a number": (3, Message(Role.TOOL, tool_call_id="toolu_1")),
    "texts": (
        [TEXT, "x", {"type": "text"}, TEXT],
        Message(Role.TOOL, "a\n\nx\n\na", tool_call_id="toolu_1"),
    ),
    "a picture": (
        [TEXT, {"type": "image", "source": PICTURE}],
        Message(Role.TOOL, ("a", Media("image/png", PNG)), tool_call_id="toolu_1"),
    ),
}


@pytest.mark.parametrize(("content", "message"), RESULTS.values(), ids=RESULTS)
def test_a_result_becomes_a_message_of_the_tool(content: Any, message: Message) -> None:
    assert said(result(content)) == (message,)


def test_results_come_before_the_users_own_text() -> None:
    assert said(TEXT, result("1"), result("2")) == (
        Message(Role.TOOL, "1", tool_call_id="toolu_1"),
        Message(Role.TOOL, "2", tool_call_id="toolu_1"),
        Message(Role.USER, "a"),
    )


SEARCHES: dict[str, tuple[Any, str]] = {
    "results": ([FOUND, FOUND], "- T: https://e.example\n" * 2),
    "an error": (
        {"type": "web_search_tool_result_error", "error_code": "unavailable"},
        "web_search_tool_result_error: unavailable",
    ),
    "an error without a code": (
        {"type": "web_search_tool_result_error"},
        "web_search_tool_result_error",
    ),
    "a text": ("as it is", "as it is"),
    "nothing": (None, ""),
}


@pytest.mark.parametrize(("content", "text"), SEARCHES.values(), ids=SEARCHES)
def test_a_search_of_anthropics_server_stays_in_the_history(content: Any, text: str) -> None:
    assert said(SEARCH, found(content), TEXT, role="assistant") == (
        Message(Role.ASSISTANT, tool_calls=(ToolCall("web_search", {"query": "q"}, "s1"),)),
        Message(Role.TOOL, text, tool_name="web_search", tool_call_id="s1"),
        Message(Role.ASSISTANT, "a"),
    )


ROLES = {
    "user": Role.USER,
    "Assistant": Role.ASSISTANT,
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
    "narrator": Role.USER,
    "": Role.USER,
}


@pytest.mark.parametrize(("role", "expected"), ROLES.items())
def test_roles_are_read_as_in_the_native_dialect(role: str, expected: Role) -> None:
    assert said(TEXT, role=role) == (Message(expected, "a"),)


@pytest.mark.parametrize("content", [None, "", [], [{"type": "new"}]])
def test_a_message_that_says_nothing_is_none(content: Any) -> None:
    assert load(messages=[{"role": "user", "content": content}]).messages == ()


CHOICES: dict[str, tuple[Any, ToolChoice | None, bool | None]] = {
    "auto": ({"type": "auto"}, "auto", None),
    "any": ({"type": "any"}, "required", None),
    "none": ({"type": "none"}, "none", None),
    "tool": ({"type": "tool", "name": "f"}, NamedTool("f"), None),
    "one at a time": ({"type": "auto", "disable_parallel_tool_use": True}, "auto", False),
    "several": ({"type": "auto", "disable_parallel_tool_use": False}, "auto", True),
    "unknown": ({"type": "some"}, None, None),
    "a tool without a name": ({"type": "tool"}, None, None),
    "empty": ({}, None, None),
}


@pytest.mark.parametrize(("value", "choice", "parallel"), CHOICES.values(), ids=CHOICES)
def test_the_choice_of_tools_is_kept(
    value: Any, choice: ToolChoice | None, parallel: bool | None
) -> None:
    request = load(tool_choice=value)
    assert (request.tool_choice, request.parallel_tool_calls) == (choice, parallel)


THOUGHTS: dict[str, tuple[Any, Any, Think | None]] = {
    "enabled": ({"type": "enabled", "budget_tokens": 2048}, None, True),
    "disabled": ({"type": "disabled"}, None, False),
    "adaptive": ({"type": "adaptive"}, None, None),
    "low": (None, {"effort": "low"}, "low"),
    "medium": (None, {"effort": " Medium "}, "medium"),
    "high": (None, {"effort": "high"}, "high"),
    "xhigh": (None, {"effort": "xhigh"}, "high"),
    "max": (None, {"effort": "max"}, "max"),
    "an unknown effort": (None, {"effort": "some"}, None),
    "adaptive and an effort": ({"type": "adaptive"}, {"effort": "medium"}, "medium"),
    "enabled and an effort": ({"type": "enabled"}, {"effort": "low"}, "low"),
    "enabled and an unknown effort": ({"type": "enabled"}, {"effort": "some"}, True),
    "disabled and an effort": ({"type": "disabled"}, {"effort": "max"}, False),
}


@pytest.mark.parametrize(("thinking", "output", "think"), THOUGHTS.values(), ids=THOUGHTS)
def test_whether_and_how_hard_to_think(thinking: Any, output: Any, think: Think | None) -> None:
    assert load(thinking=thinking, output_config=output).think == think


FORMATS: dict[str, tuple[Any, JsonFormat | None]] = {
    "a schema": ({"type": "json_schema", "schema": SCHEMA}, JsonFormat(schema=SCHEMA)),
    "an empty schema": ({"type": "json_schema", "schema": {}}, JsonFormat()),
    "an unknown form": ({"type": "grammar"}, None),
    "no schema": ({"type": "json_schema"}, None),
}


@pytest.mark.parametrize(("value", "form"), FORMATS.values(), ids=FORMATS)
def test_the_form_of_the_answer_is_kept(value: Any, form: JsonFormat | None) -> None:
    assert load(output_config={"format": value}).response_format == form


UNREADABLE = {
    b"": "EOF",
    b" \r\n\t": "EOF",
    b"{": "unexpected EOF",
    b"x": "invalid character 'x' looking for beginning of value",
    b"[]": "json: cannot unmarshal array into Go value of type anthropic.MessagesRequest",
    b"null": "model is required",
    b"{}": "model is required",
    b'{"model":" "}': "model is required",
    b'{"model":"m"}': "max_tokens is required and must be positive",
    b'{"model":"m","max_tokens":-1}': "max_tokens is required and must be positive",
    b'{"model":"m","max_tokens":1}': "messages is required",
    b'{"model":"m","max_tokens":1,"messages":[]}': "messages is required",
}


@pytest.mark.parametrize(("body", "text"), UNREADABLE.items(), ids=[*map(repr, UNREADABLE)])
def test_what_is_missing_is_told_in_ollamas_order(body: bytes, text: str) -> None:
    assert refusal(body) == text


MISTYPED: dict[str, tuple[dict[str, Any], str]] = {
    "model": ({"model": 1}, "number into Go struct field MessagesRequest.model of type string"),
    "max_tokens": (
        {"max_tokens": "9"},
        "string into Go struct field MessagesRequest.max_tokens of type int",
    ),
    "max_tokens as a fraction": (
        {"max_tokens": 9.0},
        "number 9.0 into Go struct field MessagesRequest.max_tokens of type int",
    ),
    "temperature": (
        {"temperature": True},
        "bool into Go struct field MessagesRequest.temperature of type float64",
    ),
    "stream": ({"stream": 0}, "number into Go struct field MessagesRequest.stream of type bool"),
    "stop_sequences": (
        {"stop_sequences": "x"},
        "string into Go struct field MessagesRequest.stop_sequences of type []string",
    ),
    "messages": (
        {"messages": {}},
        "object into Go struct field MessagesRequest.messages of type []anthropic.MessageParam",
    ),
    "a message": (
        {"messages": ["x"]},
        "string into Go struct field MessagesRequest.messages of type anthropic.MessageParam",
    ),
    "content": (
        {"messages": [{"content": 1}]},
        "number into Go struct field MessagesRequest.messages.content"
        " of type []anthropic.ContentBlock",
    ),
    "a block": (
        {"messages": [{"content": ["x"]}]},
        "string into Go struct field MessagesRequest.messages.content"
        " of type anthropic.ContentBlock",
    ),
    "a text": (
        {"messages": [{"content": [{"text": 1}]}]},
        "number into Go struct field MessagesRequest.messages.content.text of type string",
    ),
    "tools": (
        {"tools": {}},
        "object into Go struct field MessagesRequest.tools of type []anthropic.Tool",
    ),
    "a tool": (
        {"tools": [1]},
        "number into Go struct field MessagesRequest.tools of type anthropic.Tool",
    ),
    "tool_choice": (
        {"tool_choice": "auto"},
        "string into Go struct field MessagesRequest.tool_choice of type anthropic.ToolChoice",
    ),
    "thinking": (
        {"thinking": True},
        "bool into Go struct field MessagesRequest.thinking of type anthropic.ThinkingConfig",
    ),
    "effort": (
        {"output_config": {"effort": 3}},
        "number into Go struct field OutputConfig.output_config.effort of type string",
    ),
}


@pytest.mark.parametrize(("body", "text"), MISTYPED.values(), ids=MISTYPED)
def test_a_wrong_type_comes_before_what_is_missing(body: dict[str, Any], text: str) -> None:
    assert refusal(json.dumps(body).encode()) == f"json: cannot unmarshal {text}"


@pytest.mark.parametrize("message", ['{"role":"user"}', "null"])
def test_a_message_needs_content(message: str) -> None:
    body = f'{{"model":"m","max_tokens":1,"messages":[{message}]}}'
    assert refusal(body.encode()) == "unexpected end of JSON input"


IMPOSSIBLE: dict[str, tuple[Any, str]] = {
    "an image behind an open URL": (
        {"type": "image", "source": {"type": "url", "url": "http://e.example/a.png"}},
        "invalid image source: the URL must start with https://",
    ),
    "an image behind an open URL in a result": (
        result([{"type": "image", "source": {"type": "url", "url": "data:"}}]),
        "invalid image source: the URL must start with https://",
    ),
    "an image that is no base64": (
        {"type": "image", "source": {"type": "base64", "data": "data:image/png"}},
        "invalid base64 image data: illegal base64 data at input byte 4",
    ),
    "a call without an id": (
        {"type": "tool_use", "name": "f"},
        "tool_use block missing required 'id' field",
    ),
    "a call without a name": (
        {"type": "tool_use", "id": "1"},
        "tool_use block missing required 'name' field",
    ),
}


@pytest.mark.parametrize(("block", "text"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_what_cannot_be_carried_is_refused(block: Any, text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        said(TEXT, block)
    assert (caught.value.status, caught.value.message) == (400, text)


def test_an_image_without_data_is_one_that_nobody_recognises() -> None:
    assert said({"type": "image", "source": {"type": "base64"}}) == (
        Message(Role.USER, (Media(),)),
    )


TOOLS: dict[str, tuple[Any, str]] = {
    "a schema of a wrong type": (
        {"name": "f", "input_schema": "x"},
        'invalid input_schema for tool "f": json: cannot unmarshal string into Go',
    ),
    "a keyword of a wrong type": (
        {"name": "f", "input_schema": {"type": "object", "required": "x"}},
        'invalid input_schema for tool "f": json: cannot unmarshal string into Go',
    ),
}


@pytest.mark.parametrize(("tool", "text"), TOOLS.values(), ids=TOOLS)
def test_what_is_no_function_is_refused(tool: Any, text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        load(tools=[tool])
    assert caught.value.status == 400
    assert caught.value.message.startswith(text)


def test_there_is_no_web_search() -> None:
    with pytest.raises(Forbidden) as caught:
        load(tools=[{"type": "web_search_20250305", "name": "web_search", "max_uses": 5}])
    assert caught.value.message == "ollama cloud is disabled: web search is unavailable"
