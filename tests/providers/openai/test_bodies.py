"""What the adapter for OpenAI's dialect sends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from adapter_provider import ask
from gateway.core.chat import (
    ChatRequest,
    FillRequest,
    JsonFormat,
    Media,
    Message,
    NamedTool,
    Role,
    Sampling,
    Tool,
)
from gateway.core.errors import InvalidRequest
from gateway.core.events import ToolCall
from gateway.core.model_info import Capability, ModelInfo
from gateway.providers.openai import ModelRule, OpenAIOptions
from gateway.providers.openai.encode import chat_body, completion_body, embed_body
from gateway.providers.upstream.payload import LONG, LongText

OFFICIAL = OpenAIOptions()
LOCAL = OpenAIOptions(base_url="http://127.0.0.1:8080/v1")
THINKER = ModelInfo("m", capabilities=frozenset({Capability.COMPLETION, Capability.THINKING}))
USER = Message(Role.USER, "Hi")
PNG = Media("image/png", "iVBORw0KGgo=")


def sent(
    *messages: Message, info: ModelInfo = THINKER, options: OpenAIOptions = LOCAL, **more: Any
) -> dict[str, object]:
    model = more.pop("model", "m")
    body = chat_body(ChatRequest(model, messages or (USER,), **more), info, options)
    for name in ("model", "stream", "stream_options"):
        body.pop(name, None)
    if not messages:
        del body["messages"]
    return body


def test_a_plain_question_is_this_body() -> None:
    assert chat_body(ask("Hi"), THINKER, OFFICIAL) == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


@pytest.mark.parametrize(("longest", "limit"), [(0, 9), (5, 5), (50, 9)])
def test_a_limit_is_at_most_the_longest_answer(longest: int, limit: int) -> None:
    info = ModelInfo("m", output_length=longest)
    sampling = Sampling(max_tokens=9)
    assert sent(info=info, sampling=sampling) == {"max_tokens": limit}
    assert sent(info=info) == {}
    fill = FillRequest("m", "a", sampling=sampling)
    assert completion_body(fill, LOCAL, longest=longest)["max_tokens"] == limit


@pytest.mark.parametrize(
    ("think", "effort"), [(False, "low"), (True, "low"), ("high", "high"), ("max", "high")]
)
def test_the_effort_is_one_that_the_model_knows(think: Any, effort: str) -> None:
    info = replace(THINKER, efforts=("low", "high"))
    assert sent(info=info, think=think) == {"reasoning_effort": effort}
    rule = OpenAIOptions(base_url=LOCAL.base_url, thinking_levels={"max": "xhigh"})
    assert sent(info=info, options=rule, think="max") == {"reasoning_effort": "xhigh"}


def test_usage_need_not_be_asked_for() -> None:
    quiet = OpenAIOptions(stream_usage=False)
    assert "stream_options" not in chat_body(ask(), THINKER, quiet)
    assert "stream_options" not in completion_body(FillRequest("m", "a"), quiet)


FULL = Sampling(0.0, 0.5, 40, 0.1, 7, 100, ("a", "", "b", "a"), 0.5, -0.5)
SAMPLING: dict[str, Any] = {
    "elsewhere": (
        {"options": LOCAL},
        {
            "temperature": 0.0,
            "top_p": 0.5,
            "top_k": 40,
            "min_p": 0.1,
            "seed": 7,
            "max_tokens": 100,
            "stop": ["a", "b"],
            "presence_penalty": 0.5,
            "frequency_penalty": -0.5,
        },
    ),
    "at OpenAI": (
        {"options": OFFICIAL, "model": "gpt-4o"},
        {
            "temperature": 0.0,
            "top_p": 0.5,
            "seed": 7,
            "max_tokens": 100,
            "stop": ["a", "b"],
            "presence_penalty": 0.5,
            "frequency_penalty": -0.5,
        },
    ),
    "a reasoning model of OpenAI": (
        {"options": OFFICIAL, "model": "gpt-5-mini"},
        {"seed": 7, "max_completion_tokens": 100, "stop": ["a", "b"]},
    ),
    "the same behind a router": (
        {
            "options": OpenAIOptions(
                base_url=LOCAL.base_url, models={"openai/o*": ModelRule(base="o3")}
            ),
            "model": "openai/o3",
        },
        {"seed": 7, "max_completion_tokens": 100, "stop": ["a", "b"], "top_k": 40, "min_p": 0.1},
    ),
    "as the settings say": (
        {
            "options": OpenAIOptions(max_tokens_field="max_completion_tokens", pass_options=()),
            "model": "x",
        },
        {
            "temperature": 0.0,
            "top_p": 0.5,
            "seed": 7,
            "max_completion_tokens": 100,
            "stop": ["a", "b"],
            "presence_penalty": 0.5,
            "frequency_penalty": -0.5,
        },
    ),
}


@pytest.mark.parametrize(("more", "expected"), SAMPLING.values(), ids=SAMPLING)
def test_sampling(more: dict[str, Any], expected: dict[str, object]) -> None:
    assert sent(sampling=FULL, **more) == expected


THINKING: dict[str, Any] = {
    "not said": (None, LOCAL, {}),
    "off": (False, LOCAL, {"reasoning_effort": "none"}),
    "on": (True, LOCAL, {"reasoning_effort": "medium"}),
    "a level": ("low", LOCAL, {"reasoning_effort": "low"}),
    "the most": ("max", LOCAL, {"reasoning_effort": "xhigh"}),
    "by the template": (
        "high",
        OpenAIOptions(thinking_by="enable_thinking"),
        {"chat_template_kwargs": {"enable_thinking": True}},
    ),
    "off by the template": (
        False,
        OpenAIOptions(thinking_by="enable_thinking"),
        {"chat_template_kwargs": {"enable_thinking": False}},
    ),
    "not at all": (True, OpenAIOptions(thinking_by="nothing"), {}),
}


@pytest.mark.parametrize(("think", "options", "expected"), THINKING.values(), ids=THINKING)
def test_thinking(think: Any, options: OpenAIOptions, expected: dict[str, object]) -> None:
    assert sent(think=think, options=options) == expected


def test_a_model_that_does_not_think_is_not_told_to() -> None:
    assert sent(think=True, info=ModelInfo("m")) == {}


def test_options_that_are_documented_go_along() -> None:
    extra = {"reasoning_effort": "minimal", "user": "u", "mirostat": 1, "messages": [], "n": 2}
    assert sent(extra=extra, think=True) == {"reasoning_effort": "minimal", "user": "u"}
    passing = OpenAIOptions(pass_options=("mirostat",))
    assert sent(extra=extra, options=passing)["mirostat"] == 1


FORMATS: dict[str, Any] = {
    "a schema": (
        JsonFormat({"type": "object"}),
        {"type": "json_schema", "json_schema": {"name": "response", "schema": {"type": "object"}}},
    ),
    "a schema with all": (
        JsonFormat({"type": "object"}, name="n", description="d", strict=False),
        {
            "type": "json_schema",
            "json_schema": {
                "name": "n",
                "schema": {"type": "object"},
                "description": "d",
                "strict": False,
            },
        },
    ),
}


@pytest.mark.parametrize(("form", "expected"), FORMATS.values(), ids=FORMATS)
def test_formats(form: JsonFormat, expected: dict[str, object]) -> None:
    assert sent(response_format=form) == {"response_format": expected}


def test_any_json_is_announced_where_nobody_speaks_of_it() -> None:
    form = JsonFormat()
    assert sent(USER, response_format=form) == {
        "messages": [
            {"role": "system", "content": "Answer in JSON."},
            {"role": "user", "content": "Hi"},
        ],
        "response_format": {"type": "json_object"},
    }
    asked = Message(Role.USER, "Hi in Json")
    assert sent(asked, response_format=form)["messages"] == [
        {"role": "user", "content": "Hi in Json"}
    ]


def test_tools() -> None:
    tools = (
        Tool("a", "does a", {"type": "object", "properties": {"x": {}}}, strict=True),
        Tool("b"),
    )
    assert sent(tools=tools) == {
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "a",
                    "description": "does a",
                    "strict": True,
                    "parameters": {"type": "object", "properties": {"x": {}}},
                },
            },
            {
                "type": "function",
                "function": {"name": "b", "parameters": {"type": "object", "properties": {}}},
            },
        ]
    }


def test_choices_need_tools() -> None:
    choice: dict[str, Any] = {"tool_choice": "required", "parallel_tool_calls": False}
    assert sent(**choice) == {}
    body = sent(tools=(Tool("a"),), **choice)
    assert (body["tool_choice"], body["parallel_tool_calls"]) == ("required", False)
    body = sent(tools=(Tool("a"),), tool_choice=NamedTool("a"))
    assert body["tool_choice"] == {"type": "function", "function": {"name": "a"}}


def test_calls_and_results_are_paired() -> None:
    history = (
        Message(Role.SYSTEM, "Be brief."),
        USER,
        Message(Role.ASSISTANT, tool_calls=(ToolCall("f", {"x": 1}), ToolCall("g", {}, "call_g1"))),
        Message(Role.TOOL, "2", tool_name="g"),
        Message(Role.TOOL, ("1", PNG), tool_name="f"),
    )
    messages = sent(*history)["messages"]
    assert isinstance(messages, list)
    first = messages[2]["tool_calls"][0]["id"]
    assert first
    assert messages == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": first,
                    "type": "function",
                    "function": {"name": "f", "arguments": '{"x":1}'},
                },
                {
                    "id": "call_g1",
                    "type": "function",
                    "function": {"name": "g", "arguments": "{}"},
                },
            ],
        },
        {"role": "tool", "tool_call_id": "call_g1", "content": "2"},
        {"role": "tool", "tool_call_id": first, "content": "1"},
        {
            "role": "user",
            "content": [
                {
                    "type": "image_url",
                    "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="},
                }
            ],
        },
    ]


def test_a_result_without_a_name_has_that_of_its_call() -> None:
    call = Message(Role.ASSISTANT, "Wait.", tool_calls=(ToolCall("f", {}, "1"),))
    named = OpenAIOptions(tool_names=True)
    result = Message(Role.TOOL, "x", tool_call_id="1")
    messages = sent(USER, call, result, options=named)["messages"]
    assert isinstance(messages, list)
    assert messages[1]["content"] == "Wait."
    assert messages[2] == {"role": "tool", "tool_call_id": "1", "name": "f", "content": "x"}


def test_thinking_goes_back_only_under_a_name_that_is_set() -> None:
    history = (USER, Message(Role.ASSISTANT, "So.", thinking="Hm."), USER)
    bare = {"role": "assistant", "content": "So."}
    assert sent(*history)["messages"][1] == bare  # type: ignore[index] # a list
    named = OpenAIOptions(thinking_field="reasoning_content")
    messages = sent(*history, options=named)["messages"]
    assert messages[1] == {**bare, "reasoning_content": "Hm."}  # type: ignore[index] # a list


MEDIA: dict[str, Any] = {
    "an image": (
        Media("image/jpeg", "AAAA"),
        {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,AAAA"}},
    ),
    "an address": (
        Media(url="https://x.example/a.png"),
        {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}},
    ),
    "a recording": (
        Media("audio/mpeg", "AAAA"),
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
    ),
    "a document": (
        Media("application/pdf", "AAAA"),
        {
            "type": "file",
            "file": {
                "filename": "document.pdf",
                "file_data": "data:application/pdf;base64,AAAA",
            },
        },
    ),
}


@pytest.mark.parametrize(("media", "part"), MEDIA.values(), ids=MEDIA)
def test_media(media: Media, part: dict[str, object]) -> None:
    (message,) = sent(Message(Role.USER, ("What?", media)))["messages"]  # type: ignore[misc] # a list
    assert message == {"role": "user", "content": [{"type": "text", "text": "What?"}, part]}


def test_a_large_image_is_not_copied() -> None:
    image = Media("image/png", "A" * LONG)
    (message,) = sent(Message(Role.USER, (image,)))["messages"]  # type: ignore[misc] # a list
    url = message["content"][0]["image_url"]["url"]
    assert isinstance(url, LongText)
    assert (url.start, url.rest) == ("data:image/png;base64,", image.base64)


@pytest.mark.parametrize("media_type", ["", "video/mp4"])
def test_media_without_a_form_are_refused(media_type: str) -> None:
    with pytest.raises(InvalidRequest, match="unsupported media format"):
        sent(Message(Role.USER, (Media(media_type, "AAAA"),)))


def test_what_is_nested_too_deeply_is_the_clients_fault() -> None:
    deep: dict[str, object] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    with pytest.raises(InvalidRequest, match="nested too deeply"):
        sent(tools=(Tool("a", parameters=deep),))


def test_completions() -> None:
    request = FillRequest("m", "a", "b", Sampling(max_tokens=3), {"user": "u", "top_k": 1})
    assert completion_body(request, LOCAL) == {
        "model": "m",
        "prompt": "a",
        "suffix": "b",
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 3,
        "top_k": 1,
    }
    assert "suffix" not in completion_body(FillRequest("m", "a"), LOCAL)


def test_embeddings() -> None:
    assert embed_body("m", ["a"]) == {"model": "m", "input": ["a"], "encoding_format": "float"}
    assert embed_body("m", ["a"], dimensions=3)["dimensions"] == 3
