"""What the adapter for Anthropic sends."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter_provider import ask
from gateway.core.chat import (
    ChatRequest,
    JsonFormat,
    Media,
    Message,
    NamedTool,
    Role,
    Sampling,
    Tool,
    replace,
)
from gateway.core.errors import InvalidRequest
from gateway.core.events import ToolCall
from gateway.core.model_info import Capability, ModelInfo
from gateway.providers.anthropic.encode import messages_body
from gateway.providers.anthropic.models import Claude
from gateway.providers.upstream.payload import LONG, LongText

MIND = frozenset({Capability.COMPLETION, Capability.TOOLS, Capability.THINKING})
OLD = Claude(ModelInfo("m", MIND))
NEW = Claude(ModelInfo("m", MIND, output_length=64_000, efforts=("low", "high")), adapts=True)
RESTLESS = Claude(ModelInfo("m", MIND), adapts=True, can_rest=False)
SMALL = Claude(ModelInfo("m", MIND, output_length=4_096))
SIMPLE = Claude(ModelInfo("m", MIND - {Capability.THINKING}))
USER = Message(Role.USER, "Hi")
TOOLS = (Tool("f"),)


def sent(request: ChatRequest, model: Claude = OLD, *, max_tokens: int = 8_192) -> dict[str, Any]:
    body = messages_body(request, model, max_tokens=max_tokens)
    assert (body.pop("model"), body.pop("stream")) == ("m", True)
    return body


def beside(request: ChatRequest, model: Claude = OLD) -> dict[str, Any]:
    """Return what stands in a body besides what always does."""
    body = sent(request, model)
    return {name: body[name] for name in body if name not in {"messages", "max_tokens", "tools"}}


def turns(*history: Message) -> Any:
    return sent(ChatRequest("m", history))["messages"]


def text(words: str) -> dict[str, object]:
    return {"type": "text", "text": words}


def test_a_plain_question_is_this_body() -> None:
    assert messages_body(ask("Hi"), OLD, max_tokens=5) == {
        "model": "m",
        "max_tokens": 5,
        "messages": [{"role": "user", "content": [text("Hi")]}],
        "stream": True,
    }


LIMITS: dict[str, Any] = {
    "of the settings": (None, OLD, 8_192),
    "of the client": (100, OLD, 100),
    "of the model": (None, SMALL, 4_096),
    "of the model, though the client wants more": (9_999, SMALL, 4_096),
}


@pytest.mark.parametrize(("asked", "model", "limit"), LIMITS.values(), ids=LIMITS)
def test_there_is_always_a_limit(asked: int | None, model: Claude, limit: int) -> None:
    assert sent(ask(sampling=Sampling(max_tokens=asked)), model)["max_tokens"] == limit


SAMPLING: dict[str, Any] = {
    "nothing": (Sampling(), {}),
    "all": (
        Sampling(1.5, 0.5, 40, 0.1, 7, None, ("a", " ", "", "a"), 0.5, 0.5),
        {"temperature": 1.0, "top_k": 40, "stop_sequences": ["a"]},
    ),
    "zero": (Sampling(temperature=0.0, top_k=0), {"temperature": 0.0}),
    "the other one": (Sampling(top_p=0.5), {"top_p": 0.5}),
}


@pytest.mark.parametrize(("sampling", "expected"), SAMPLING.values(), ids=SAMPLING)
def test_sampling(sampling: Sampling, expected: dict[str, object]) -> None:
    assert beside(ask(sampling=sampling)) == expected


def test_a_model_that_takes_no_sampling_is_told_only_when_to_stop() -> None:
    fixed = Claude(ModelInfo("m", MIND), takes_sampling=False)
    sampling = Sampling(temperature=0.5, top_k=3, stop=("x",))
    assert beside(ask(sampling=sampling), fixed) == {"stop_sequences": ["x"]}


HOT = Sampling(temperature=0.5, top_p=0.5, top_k=3, max_tokens=100, stop=("x",))
ADAPTIVE = {"type": "adaptive", "display": "summarized"}
THINKING: dict[str, Any] = {
    "not said": (None, OLD, {}),
    "off": (False, OLD, {"thinking": {"type": "disabled"}}),
    "off where that is refused": (False, RESTLESS, {}),
    "on": (True, OLD, {"thinking": {"type": "enabled", "budget_tokens": 8_192}}),
    "a little": ("low", OLD, {"thinking": {"type": "enabled", "budget_tokens": 2_048}}),
    "more than the model has": (
        "max",
        SMALL,
        {"thinking": {"type": "enabled", "budget_tokens": 2_048}},
    ),
    "adaptive": (True, NEW, {"thinking": ADAPTIVE}),
    "adaptive with an effort": (
        "high",
        NEW,
        {"thinking": ADAPTIVE, "output_config": {"effort": "high"}},
    ),
    "adaptive with an effort it has not": ("max", NEW, {"thinking": ADAPTIVE}),
    "of a model that does not": (True, SIMPLE, {}),
}


@pytest.mark.parametrize(("think", "model", "expected"), THINKING.values(), ids=THINKING)
def test_thinking(think: Any, model: Claude, expected: dict[str, object]) -> None:
    assert beside(ask(think=think), model) == expected


def test_thinking_takes_no_sampling() -> None:
    body = sent(ask(think="low", sampling=replace(HOT, max_tokens=9_000)))
    assert body.keys() == {"max_tokens", "messages", "thinking", "stop_sequences"}
    assert "temperature" in sent(ask(think=False, sampling=HOT))


# the client's limit, its wish, its own budget, the model: the budget, and the limit upstream
BUDGETS: dict[str, tuple[int | None, Any, int, Claude, int | None, int]] = {
    "no limit": (None, "low", 0, OLD, 2_048, 8_192 + 2_048),
    "no limit but the model's": (None, "max", 0, SMALL, 2_048, 4_096),
    "room for both": (9_000, "low", 0, OLD, 2_048, 9_000),
    "half of the limit": (4_000, True, 0, OLD, 2_000, 4_000),
    "the least budget": (1_500, "max", 0, OLD, 1_024, 1_500),
    "just the least budget": (1_025, True, 0, OLD, 1_024, 1_025),
    "no room to think": (1_024, True, 0, OLD, None, 1_024),
    "hardly a limit": (100, "max", 0, SMALL, None, 100),
    "a budget of the client": (4_000, True, 2_000, OLD, 2_000, 4_000),
    "a large budget of the client": (4_000, True, 3_999, OLD, 3_999, 4_000),
    "a budget without a limit": (None, True, 5_000, OLD, 5_000, 8_192 + 5_000),
    "a budget beyond the limit": (4_000, True, 4_000, OLD, 2_000, 4_000),
    "a budget beyond the model": (9_000, True, 8_000, SMALL, 2_048, 4_096),
    "too small a budget": (4_000, True, 500, OLD, None, 4_000),
}


@pytest.mark.parametrize("case", BUDGETS.values(), ids=BUDGETS)
def test_a_budget_is_cut_to_what_the_client_allows(case: Any) -> None:
    limit, think, given, model, budget, most = case
    native = {"anthropic": {"budget": given}} if given else {}
    body = sent(ask(think=think, sampling=Sampling(max_tokens=limit), native=native), model)
    assert body["max_tokens"] == most
    thinking = body.get("thinking")
    assert thinking == (budget and {"type": "enabled", "budget_tokens": budget})


@given(
    st.integers(1, 100_000),
    st.sampled_from([True, "low", "medium", "high", "max"]),
    st.integers(0, 100_000),
    st.sampled_from([OLD, SMALL, NEW]),
)
def test_a_limit_is_never_exceeded(limit: int, think: Any, given: int, model: Claude) -> None:
    native = {"anthropic": {"budget": given}}
    body = sent(ask(think=think, sampling=Sampling(max_tokens=limit), native=native), model)
    assert body["max_tokens"] <= limit
    budget = body.get("thinking", {}).get("budget_tokens")
    assert budget is None or 1_024 <= budget < body["max_tokens"]


@pytest.mark.parametrize("choice", ["required", NamedTool("f")], ids=["any", "named"])
def test_a_budget_gives_way_to_a_forced_call(choice: Any) -> None:
    assert "thinking" not in sent(ask(think=True, tools=TOOLS, tool_choice=choice))


def test_a_budget_gives_way_to_a_turn_that_has_begun_without_its_thinking() -> None:
    call = Message(Role.ASSISTANT, thinking="Hm.", tool_calls=(ToolCall("f", {}, "1"),))
    result = Message(Role.TOOL, "1", tool_call_id="1")
    begun = ChatRequest("m", (USER, call, result, Message(Role.SYSTEM, "S")), TOOLS, think=True)
    assert "thinking" not in sent(begun)
    assert "thinking" in sent(begun, NEW)


def test_a_budget_gives_way_to_a_call_that_has_to_be_invented() -> None:
    result = Message(Role.TOOL, "1", tool_call_id="1")
    for history in ((result,), (USER, result)):
        assert "thinking" not in sent(ChatRequest("m", history, TOOLS, think=True))
    assert "thinking" in sent(ChatRequest("m", (Message(Role.SYSTEM, "S"),), TOOLS, think=True))


def test_a_budget_gives_way_to_an_answer_that_the_client_has_begun() -> None:
    begun = ChatRequest("m", (USER, Message(Role.ASSISTANT, "It is")), think=True)
    assert "thinking" not in sent(begun)
    over = ChatRequest("m", (USER, Message(Role.ASSISTANT, "It is"), USER), think=True)
    assert "thinking" in sent(over)


def test_instructions_at_the_beginning_stand_apart_and_late_ones_in_their_place() -> None:
    body = sent(
        ChatRequest(
            "m",
            (
                Message(Role.SYSTEM, "A"),
                Message(Role.SYSTEM, " "),
                Message(Role.SYSTEM, "B"),
                USER,
                Message(Role.SYSTEM, "C"),
            ),
        )
    )
    assert body["system"] == "A\n\nB"
    assert body["messages"] == [
        {"role": "user", "content": [text("Hi\n\n[System instruction]\nC")]}
    ]


def test_formats() -> None:
    schema = {"type": "object"}
    assert beside(ask(response_format=JsonFormat(schema))) == {
        "output_config": {"format": {"type": "json_schema", "schema": schema}}
    }
    assert beside(ask(response_format=JsonFormat())) == {
        "system": "Answer with one JSON object and nothing else."
    }


def test_tools() -> None:
    tools = (Tool("a", "does a", {"properties": {"x": {}}}, strict=True), Tool("b"))
    assert sent(ask(tools=tools))["tools"] == [
        {
            "name": "a",
            "description": "does a",
            "strict": True,
            "input_schema": {"type": "object", "properties": {"x": {}}},
        },
        {"name": "b", "input_schema": {"type": "object"}},
    ]


CHOICES: dict[str, Any] = {
    "none said": (None, None, {}),
    "auto": ("auto", None, {"tool_choice": {"type": "auto"}}),
    "required": ("required", True, {"tool_choice": {"type": "any"}}),
    "none": ("none", False, {"tool_choice": {"type": "none"}}),
    "one": (NamedTool("f"), None, {"tool_choice": {"type": "tool", "name": "f"}}),
    "one at a time": (
        None,
        False,
        {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
    ),
}


@pytest.mark.parametrize(("choice", "parallel", "expected"), CHOICES.values(), ids=CHOICES)
def test_choices(choice: Any, parallel: Any, expected: dict[str, object]) -> None:
    request = ask(tools=TOOLS, tool_choice=choice, parallel_tool_calls=parallel)
    assert beside(request) == expected
    assert beside(ask(tool_choice=choice, parallel_tool_calls=parallel)) == {}


def test_options_that_are_documented_go_along() -> None:
    extra = {"metadata": {"user_id": "u"}, "num_ctx": 1, "stream": False}
    assert beside(ask(extra=extra)) == {"metadata": {"user_id": "u"}}


HISTORIES: dict[str, Any] = {
    "nothing": ((), [("user", [text(".")])]),
    "one role after the other": (
        (USER, Message(Role.USER, "You?"), Message(Role.ASSISTANT, "Yes \n")),
        [("user", [text("Hi"), text("You?")]), ("assistant", [text("Yes")])],
    ),
    "the assistant first": (
        (Message(Role.ASSISTANT, "Hello "), USER),
        [("user", [text(".")]), ("assistant", [text("Hello ")]), ("user", [text("Hi")])],
    ),
    "what is blank": (
        (USER, Message(Role.ASSISTANT, "", thinking="Hm."), Message(Role.USER, " ")),
        [("user", [text("Hi")])],
    ),
    "calls and results": (
        (
            USER,
            Message(Role.ASSISTANT, "Wait.", tool_calls=(ToolCall("f", {"x": 1}, "call_1"),)),
            Message(Role.TOOL, (Media("image/png", "AAAA"),), tool_call_id="call_1"),
            USER,
        ),
        [
            ("user", [text("Hi")]),
            (
                "assistant",
                [
                    text("Wait."),
                    {"type": "tool_use", "id": "call_1", "name": "f", "input": {"x": 1}},
                ],
            ),
            (
                "user",
                [
                    {
                        "type": "tool_result",
                        "tool_use_id": "call_1",
                        "content": [
                            {
                                "type": "image",
                                "source": {
                                    "type": "base64",
                                    "media_type": "image/png",
                                    "data": "AAAA",
                                },
                            }
                        ],
                    },
                    text("Hi"),
                ],
            ),
        ],
    ),
    "a result of nothing": (
        (
            USER,
            Message(Role.ASSISTANT, tool_calls=(ToolCall("f", {}, "1"),)),
            Message(Role.TOOL, "", tool_call_id="1"),
        ),
        [
            ("user", [text("Hi")]),
            ("assistant", [{"type": "tool_use", "id": "1", "name": "f", "input": {}}]),
            ("user", [{"type": "tool_result", "tool_use_id": "1"}]),
        ],
    ),
}


@pytest.mark.parametrize(("history", "expected"), HISTORIES.values(), ids=HISTORIES)
def test_histories(history: tuple[Message, ...], expected: Any) -> None:
    assert turns(*history) == [{"role": role, "content": blocks} for role, blocks in expected]


def test_an_id_that_is_refused_is_replaced_in_call_and_result() -> None:
    call = Message(Role.ASSISTANT, tool_calls=(ToolCall("f", {}, "functions.f:0"),))
    result = Message(Role.TOOL, "1", tool_call_id="functions.f:0")
    _, asked, answered = turns(USER, call, result)
    new = asked["content"][0]["id"]
    assert new.isalnum()
    assert answered["content"][0]["tool_use_id"] == new


MEDIA: dict[str, Any] = {
    "a document": (
        Media("application/pdf", "AAAA"),
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"},
        },
    ),
    "an address": (
        Media(url="https://x.example/a.png"),
        {"type": "image", "source": {"type": "url", "url": "https://x.example/a.png"}},
    ),
}


@pytest.mark.parametrize(("media", "block"), MEDIA.values(), ids=MEDIA)
def test_media_stand_in_their_place_among_the_texts(media: Media, block: dict[str, object]) -> None:
    (turn,) = turns(Message(Role.USER, ("What", media, "is it?")))
    assert turn["content"] == [text("What"), block, text("is it?")]


def test_a_large_image_is_not_copied() -> None:
    image = Media("image/png", "A" * LONG)
    (turn,) = turns(Message(Role.USER, (image,)))
    data = turn["content"][0]["source"]["data"]
    assert isinstance(data, LongText)
    assert (data.start, data.rest) == ("", image.base64)


@pytest.mark.parametrize("media_type", ["", "audio/wav"])
def test_media_without_a_form_are_refused(media_type: str) -> None:
    with pytest.raises(InvalidRequest, match="unsupported media format"):
        turns(Message(Role.USER, (Media(media_type, "AAAA"),)))


def test_what_is_nested_too_deeply_is_the_clients_fault() -> None:
    deep: dict[str, object] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    with pytest.raises(InvalidRequest, match="nested too deeply"):
        sent(ask(tools=(Tool("a", parameters=deep),)))
