from __future__ import annotations

import logging
from typing import Any

import pytest

from gateway.core.chat import (
    ChatRequest,
    FillRequest,
    JsonFormat,
    NamedTool,
    Sampling,
    Think,
    Tool,
)
from gateway.core.errors import InvalidRequest
from gateway.providers.mistral.encode import (
    chat_body,
    embed_body,
    fim_body,
    local_stops,
    prefix_of,
)
from mistral_histories import (
    HEARING,
    PLAIN,
    REASONING,
    WAV,
    assistant,
    result,
    system,
    user,
)

BASE: dict[str, Any] = {
    "model": "m",
    "messages": [{"role": "user", "content": "Hi."}],
    "stream": True,
}
WEATHER = Tool("weather")
WIRE_WEATHER = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}},
}


def ask(**fields: Any) -> ChatRequest:
    return ChatRequest("m", (user(),), **fields)


def test_a_body_holds_what_was_asked_for_in_one_order() -> None:
    request = ask(
        tools=(WEATHER,),
        tool_choice=NamedTool("weather"),
        parallel_tool_calls=False,
        sampling=Sampling(temperature=0.0, seed=7, max_tokens=10, stop=("a", "b", "c", "d", "e")),
        think="low",
        response_format=JsonFormat({"type": "array"}),
        extra={"safe_prompt": True, "num_ctx": 1},
    )
    assert list(chat_body(request, REASONING).items()) == list(
        {
            **BASE,
            "temperature": 0.0,
            "max_tokens": 10,
            "stop": ["a", "b", "c", "d"],
            "random_seed": 7,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "response", "schema": {"type": "array"}, "strict": True},
            },
            "tools": [WIRE_WEATHER],
            "safe_prompt": True,
            "tool_choice": {"type": "function", "function": {"name": "weather"}},
            "parallel_tool_calls": False,
            "reasoning_effort": "high",
        }.items()
    )
    assert local_stops(request.sampling) == ("e",)


@pytest.mark.parametrize(
    ("think", "reasoning", "default_on", "plain"),
    [
        pytest.param(True, "high", "high", None, id="true"),
        pytest.param("low", "high", "high", None, id="low"),
        pytest.param("medium", "high", "high", None, id="medium"),
        pytest.param("high", "high", "high", None, id="high"),
        pytest.param("max", "high", "high", None, id="max"),
        pytest.param(False, "none", "none", None, id="false"),
        pytest.param(None, None, "high", None, id="absent"),
    ],
)
def test_thinking_is_switched_on_models_that_reason(
    think: Think | None, reasoning: str | None, default_on: str | None, plain: str | None
) -> None:
    request = ask(think=think)
    assert [
        chat_body(request, REASONING).get("reasoning_effort"),
        chat_body(request, REASONING, think_default=True).get("reasoning_effort"),
        chat_body(request, PLAIN, think_default=True).get("reasoning_effort"),
    ] == [reasoning, default_on, plain]


@pytest.mark.parametrize("think", [True, False, None])
def test_a_refused_parameter_is_not_sent_again(think: Think | None) -> None:
    request = ask(think=think, extra={"reasoning_effort": "high"})
    assert chat_body(request, REASONING, think_default=True, effort_rejected=True) == BASE


def test_an_effort_in_mistrals_words_goes_before_think() -> None:
    request = ask(think=True, extra={"reasoning_effort": "none"})
    assert chat_body(request, REASONING) == {**BASE, "reasoning_effort": "none"}


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        pytest.param({"tool_choice": "required"}, {"tool_choice": "any"}, id="required"),
        pytest.param({"parallel_tool_calls": True}, {"parallel_tool_calls": True}, id="parallel"),
        pytest.param({"extra": {"tool_choice": "none"}}, {"tool_choice": "none"}, id="as-option"),
        pytest.param(
            {
                "tool_choice": "auto",
                "parallel_tool_calls": True,
                "extra": {"tool_choice": "none", "parallel_tool_calls": False},
            },
            {"tool_choice": "auto", "parallel_tool_calls": True},
            id="said-twice",
        ),
    ],
)
def test_tool_choice_goes_with_tools_only(fields: dict[str, Any], sent: dict[str, object]) -> None:
    assert chat_body(ask(tools=(WEATHER,), **fields), PLAIN) == BASE | sent | {
        "tools": [WIRE_WEATHER]
    }
    assert chat_body(ask(**fields), PLAIN) == BASE


def test_a_seed_in_mistrals_words_goes_before_ollamas() -> None:
    request = ask(sampling=Sampling(seed=1), extra={"random_seed": 2})
    assert chat_body(request, PLAIN) == {**BASE, "random_seed": 2}


def test_any_json_is_asked_for_in_words() -> None:
    assert chat_body(ask(response_format=JsonFormat()), PLAIN) == {
        **BASE,
        "messages": [{"role": "system", "content": "Answer with JSON only."}, *BASE["messages"]],
        "response_format": {"type": "json_object"},
    }


def test_beside_a_recording_the_user_gives_all_instructions() -> None:
    history = (system("Be brief."), user("Listen!"), result("", "record", "", WAV))
    body = chat_body(ChatRequest("m", history, response_format=JsonFormat()), HEARING)
    messages = body["messages"]
    assert isinstance(messages, list)
    assert [messages[0], messages[-1]] == [
        {"role": "user", "content": "Be brief.\n\nAnswer with JSON only.\n\nListen!"},
        {
            "role": "user",
            "content": [{"type": "input_audio", "input_audio": "UklGRg=="}],
        },
    ]


def test_thinking_is_replayed_to_models_that_reason() -> None:
    request = ChatRequest("m", (user(), assistant("Yes.", thinking="Hm."), user()))
    replayed = chat_body(request, REASONING)["messages"]
    plain = chat_body(request, PLAIN)["messages"]
    assert isinstance(replayed, list)
    assert isinstance(plain, list)
    assert (replayed[1], plain[1]) == (
        {
            "role": "assistant",
            "content": [
                {
                    "type": "thinking",
                    "thinking": [{"type": "text", "text": "Hm."}],
                    "closed": True,
                },
                {"type": "text", "text": "Yes."},
            ],
        },
        {"role": "assistant", "content": "Yes."},
    )


@pytest.mark.parametrize(
    ("body", "prefix"),
    [
        pytest.param(chat_body(ask(), PLAIN), "", id="a-question"),
        pytest.param(
            chat_body(ChatRequest("m", (user(), assistant("Once upon "))), PLAIN),
            "Once upon ",
            id="a-beginning",
        ),
        pytest.param({"messages": []}, "", id="no-messages"),
        pytest.param({"model": "m"}, "", id="another-body"),
    ],
)
def test_the_prefix_is_the_answer_to_continue(body: dict[str, object], prefix: str) -> None:
    assert prefix_of(body) == prefix


def nested(depth: int) -> dict[str, object]:
    schema: dict[str, object] = {}
    for _ in range(depth):
        schema = {"items": schema}
    return schema


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"response_format": JsonFormat(nested(100_000))}, id="format"),
        pytest.param({"response_format": JsonFormat(nested(700))}, id="format-that-json-can-hold"),
        pytest.param({"tools": (Tool("f", parameters=nested(100_000)),)}, id="tool"),
        pytest.param({"extra": {"metadata": nested(100_000)}}, id="metadata"),
    ],
)
def test_endless_nesting_is_the_clients_fault(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="nested too deeply"):
        chat_body(ask(**fields), PLAIN)


def test_the_log_names_options_left_out_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "gateway.providers.mistral")
    sampling = Sampling(temperature=2.0, top_k=40)
    chat_body(ask(sampling=sampling, extra={"num_ctx": 1, "evil\n\ud83d": 2}), PLAIN)
    assert caplog.messages == [
        "options changed or left out for 'm': "
        r"['num_ctx', 'evil\n\ud83d', 'temperature', 'top_k']"
    ]


def test_a_gap_to_fill() -> None:
    request = FillRequest(
        "codestral-latest",
        "def f(\ud83d",
        "return x",
        Sampling(temperature=0.0, seed=1, presence_penalty=1.0),
        {"metadata": {"a": 1}, "random_seed": 2, "safe_prompt": "yes", "num_ctx": 1},
    )
    assert list(fim_body(request, PLAIN).items()) == [
        ("model", "codestral-latest"),
        ("prompt", "def f(\ufffd"),
        ("suffix", "return x"),
        ("stream", True),
        ("temperature", 0.0),
        ("random_seed", 2),
        ("metadata", {"a": 1}),
    ]


def test_a_raw_prompt_has_no_suffix() -> None:
    assert fim_body(FillRequest("c", "def f("), PLAIN) == {
        "model": "c",
        "prompt": "def f(",
        "stream": True,
    }


@pytest.mark.parametrize(
    ("dimensions", "sent"),
    [
        pytest.param(None, {}, id="native-dimensions"),
        pytest.param(256, {"output_dimension": 256}, id="fewer-dimensions"),
    ],
)
def test_texts_to_embed(dimensions: int | None, sent: dict[str, object]) -> None:
    assert (
        embed_body("e", ("a", "\ud83d"), dimensions=dimensions)
        == {
            "model": "e",
            "input": ["a", "\ufffd"],
        }
        | sent
    )
