"""What is learned from a rejection: one more request, and none for the next chat."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from adapter_provider import ask, body_of, events_of, json_answer, opened
from gateway.core.chat import (
    ChatRequest,
    FillRequest,
    JsonFormat,
    Message,
    NamedTool,
    Role,
    Sampling,
    Tool,
)
from gateway.core.embeddings import EmbedRequest
from gateway.core.errors import GatewayError, UpstreamError, UpstreamRejected
from gateway.core.events import Finish, FinishReason, TextDelta, ThinkingDelta, ToolCall
from gateway.providers.facts import NO_FACTS
from gateway.providers.openai import ModelRule, OpenAIProvider
from gateway.providers.openai.learned import Lesson, learn
from gateway.providers.openai.memory import ModelMemory
from gateway.providers.openai.options import OpenAIOptions
from gateway.providers.openai.traits import Traits
from gateway.testing import Answer

HELLO = Answer([b'data: {"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}\n\n'])
SAID = [TextDelta("a"), Finish(FinishReason.STOP)]
THINKS = {"*": {"capabilities": ["completion", "tools", "thinking"]}}
SAMPLING = Sampling(temperature=0.5, seed=7, max_tokens=9, stop=("x",))
TOOL = Tool("f", parameters={"type": "object"}, strict=True)
CALL = ToolCall("f", {}, id="call_1")
HISTORY = (
    Message(Role.USER, "Hi"),
    Message(Role.ASSISTANT, "", thinking="so", tool_calls=(CALL,)),
    Message(Role.TOOL, "1", tool_call_id="call_1"),
)


def asked(**more: Any) -> ChatRequest:
    """Return a request with a history."""
    return ChatRequest("m", more.pop("messages", HISTORY[:1]), **more)


def rejected(message: str, status: int = 400, **members: object) -> Answer:
    return json_answer({"error": {"message": message, **members}}, status)


REJECTIONS: dict[str, Any] = {
    "a parameter in a member": (
        rejected("no", param="seed"),
        {"sampling": SAMPLING},
        lambda body: "seed" in body,
    ),
    "a parameter in quotes": (
        rejected("Unsupported parameter: 'seed'"),
        {"sampling": SAMPLING},
        lambda body: "seed" in body,
    ),
    "the place of a validation error": (
        json_answer({"detail": [{"loc": ["body", "stop"], "msg": "Extra inputs"}]}, 422),
        {"sampling": SAMPLING},
        lambda body: "stop" in body,
    ),
    "the name of the limit": (
        rejected("'max_tokens' is not supported: use 'max_completion_tokens' instead"),
        {"sampling": SAMPLING},
        lambda body: "max_tokens" in body or "max_completion_tokens" not in body,
    ),
    "an effort": (
        rejected("Unsupported parameter: reasoning_effort"),
        {"think": "low"},
        lambda body: "reasoning_effort" in body,
    ),
    "a value of an effort": (
        rejected(
            "reasoning_effort does not support the value 'none': use 'low', 'medium' or 'high'"
        ),
        {"think": False},
        lambda body: body.get("reasoning_effort") != "low",
    ),
    "a choice of a tool": (
        rejected("tool_choice must be auto"),
        {"tools": (TOOL,), "tool_choice": NamedTool("f")},
        lambda body: body["tool_choice"] != "auto",
    ),
    "a choice of no tool": (
        rejected("tool_choice must be auto"),
        {"tools": (TOOL,), "tool_choice": "none"},
        lambda body: "tools" in body,
    ),
    "a form": (
        rejected("response_format of type json_schema is unavailable"),
        {"response_format": JsonFormat({"type": "object"})},
        lambda body: body["response_format"] != {"type": "json_object"},
    ),
    "strict": (
        rejected("Unknown member `strict`"),
        {"tools": (TOOL,)},
        lambda body: "strict" in body["tools"][0]["function"],
    ),
    "thinking that is missing": (
        rejected("The reasoning_content in the thinking mode must be passed back to the API."),
        {"messages": HISTORY},
        lambda body: body["messages"][1].get("reasoning_content") != "so",
    ),
}


@pytest.mark.parametrize(("answer", "more", "is_wrong"), REJECTIONS.values(), ids=REJECTIONS)
async def test_what_is_named_is_left_out_from_then_on(
    answer: Answer, more: dict[str, Any], is_wrong: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with opened(OpenAIProvider, answer, HELLO, models=THINKS) as (provider, upstream):
        for _ in range(2):
            assert await events_of(provider.chat(asked(**more))) == SAID
        verdicts = [is_wrong(body_of(request)) for request in upstream.requests]
    assert verdicts == [True, False, False]
    told = [record.message for record in caplog.records if "to avoid" in record.message]
    assert len(told) == 1
    assert '.models] "m" = { ' in told[0]


async def test_thinking_that_a_service_refuses_in_a_history_is_not_sent_again() -> None:
    answer = rejected("'messages.1' : property 'reasoning_content' is unsupported")
    given = {"models": THINKS, "thinking_field": "reasoning_content"}
    async with opened(OpenAIProvider, answer, HELLO, **given) as (provider, upstream):
        assert await events_of(provider.chat(asked(messages=HISTORY))) == SAID
        first, second = map(body_of, upstream.requests)
    assert first["messages"][1]["reasoning_content"] == "so"
    assert "reasoning_content" not in second["messages"][1]


FINAL: dict[str, Any] = {
    "another reason": (rejected("no"), {"sampling": SAMPLING}, UpstreamRejected),
    "a part of another name": (rejected("'seeds' is bad"), {"sampling": SAMPLING}, GatewayError),
    "a word of English": (
        rejected("the user must stop to store metadata"),
        {"sampling": SAMPLING, "extra": {"user": "u"}},
        GatewayError,
    ),
    "what was not sent": (rejected("'seed' is bad"), {}, GatewayError),
    "a choice that is no other": (
        rejected("tool_choice is bad"),
        {"tools": (TOOL,), "tool_choice": "auto"},
        GatewayError,
    ),
    "a failure": (rejected("'seed' is bad", 500), {"sampling": SAMPLING}, GatewayError),
}


@pytest.mark.parametrize(("answer", "more", "kind"), FINAL.values(), ids=FINAL)
async def test_other_rejections_are_final(
    answer: Answer, more: dict[str, Any], kind: type[GatewayError]
) -> None:
    async with opened(OpenAIProvider, answer) as (provider, upstream):
        with pytest.raises(kind):
            await events_of(provider.chat(asked(**more)))
        assert len(upstream.requests) == 1


async def test_there_is_never_a_third_request() -> None:
    answers = [rejected(f"'{name}' is bad") for name in ("seed", "stop")]
    async with opened(OpenAIProvider, *answers) as (provider, upstream):
        with pytest.raises(UpstreamRejected, match="stop"):
            await events_of(provider.chat(ask(sampling=SAMPLING)))
        assert len(upstream.requests) == 2


async def test_a_completion_learns_as_well() -> None:
    text = Answer([b'data: {"choices":[{"index":0,"text":"a","finish_reason":"stop"}]}\n\n'])
    async with opened(OpenAIProvider, rejected("'seed' is bad"), text) as (provider, upstream):
        request = FillRequest("m", "x", "y", sampling=SAMPLING)
        assert await events_of(provider.fill(request)) == SAID
        assert "seed" not in body_of(upstream.requests[1])


def test_lessons_add_up_and_tell_the_settings_that_avoid_them() -> None:
    first = Lesson(ModelRule(max_tokens_field="max_completion_tokens"), frozenset({"seed"}))
    second = Lesson(ModelRule(thinking_levels={"false": "low"}), frozenset({"stop"}))
    both = second.added_to(first)
    assert both.apply(Traits(drop_options=("user",))).drop_options == ("user", "seed", "stop")
    assert both.setting("acme", "m") == (
        '[providers.acme.models] "m" = { thinking_levels = { "false" = "low" },'
        ' max_tokens_field = "max_completion_tokens", drop_options = ["seed","stop"] }'
    )


def test_an_effort_is_left_out_if_no_other_is_listed() -> None:
    body = {"reasoning_effort": "none", "messages": "odd"}
    error = UpstreamRejected("reasoning_effort does not support 'none'", status=400)
    assert learn(body, error, Traits(), "false") == Lesson(dropped=frozenset({"reasoning_effort"}))


def test_a_form_in_words_has_no_step_below() -> None:
    body = {"response_format": {"type": "json_object"}}
    error = UpstreamRejected("response_format is unknown", status=400)
    lesson = learn(body, error, Traits(), "")
    assert lesson == Lesson(ModelRule(format_by="words"))
    assert (
        learn({}, UpstreamRejected("response_format is unknown", status=400), Traits(), "") is None
    )


async def test_thinking_between_tags_is_thinking_where_that_is_set() -> None:
    chunks = ["<thi", "nk>\nwell", "</thi", "nk>\n\n", "a"]
    deltas = [{"choices": [{"delta": {"content": text}}]} for text in chunks]
    lines = [b"data: " + json.dumps(delta).encode() + b"\n\n" for delta in deltas]
    lines.append(b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n')
    answers = [Answer(lines) for _ in range(3)]
    async with opened(OpenAIProvider, *answers, thinking_tags=True) as (provider, _):
        *thought, finish = await events_of(provider.chat(ask()))
        assert thought == [ThinkingDelta("well"), TextDelta("a")]
        assert isinstance(finish, Finish)
        assert finish.keepsake == {"openai": {"reasoning_content": "well"}}
        assert (await events_of(provider.chat(ask(think=False))))[:-1] == SAID[:1]
    async with opened(OpenAIProvider, answers[0]) as (provider, _):
        events = await events_of(provider.chat(ask()))
    assert events[0] == TextDelta("<thi")


async def test_embeddings_are_asked_for_in_portions() -> None:
    def vectors(*values: float) -> Answer:
        data = [{"embedding": [value], "index": index} for index, value in enumerate(values)]
        return json_answer({"data": data, "usage": {"prompt_tokens": len(values)}})

    answers = [vectors(1, 2), vectors(3)]
    async with opened(OpenAIProvider, *answers, embed_batch=2) as (provider, upstream):
        result = await provider.embed(EmbedRequest("m", ("a", "b", "c")))
        inputs = [body_of(request)["input"] for request in upstream.requests]
    assert [*result.vectors] == [[1], [2], [3]]
    assert result.usage is not None
    assert result.usage.input_tokens == 3
    assert inputs == [["a", "b"], ["c"]]


async def test_a_job_of_which_a_part_was_billed_is_not_repeated() -> None:
    answers = [json_answer({"data": [{"embedding": [1.0], "index": 0}]}), rejected("busy", 503)]
    async with opened(OpenAIProvider, *answers, embed_batch=1) as (provider, _):
        with pytest.raises(UpstreamError) as caught:
            await provider.embed(EmbedRequest("m", ("a", "b")))
    assert not caught.value.repeatable


async def test_a_service_without_a_list_has_the_models_of_the_settings() -> None:
    given = {"list_path": "", "models": {"sonar": {"context_length": 9}, "son*": {}}}
    async with opened(OpenAIProvider, **given) as (provider, upstream):
        (info,) = await provider.list_models()
        assert (info.id, info.context_length) == ("sonar", 9)
        assert upstream.requests == []


async def test_a_query_goes_with_every_request() -> None:
    listed = json_answer({"data": []})
    async with opened(OpenAIProvider, HELLO, listed, query={"v": "1"}) as (provider, upstream):
        await events_of(provider.chat(ask()))
        await provider.list_models()
        assert [request.path for request in upstream.requests] == [
            "/chat/completions?v=1",
            "/models?v=1",
        ]


def test_a_client_that_names_many_models_costs_no_memory() -> None:
    memory = ModelMemory(OpenAIOptions(), NO_FACTS, most=1)
    first = memory.traits("a")
    assert memory.traits("b") is not memory.traits("b")
    assert memory.traits("a") is first
