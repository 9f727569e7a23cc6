"""What a client of Anthropic's dialect says beside the conversation reaches Anthropic unchanged."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter_provider import ask, body_of, events_of, opened
from gateway.core.chat import ChatRequest, Message, Role, replace
from gateway.core.model_info import ModelInfo
from gateway.dialects.anthropic.requests import read_messages
from gateway.providers.anthropic import AnthropicProvider
from gateway.providers.anthropic.encode import messages_body
from gateway.providers.anthropic.models import Claude
from gateway.providers.anthropic.native import with_native
from gateway.testing import Answer

MARK = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h"}
HELLO = [{"role": "user", "content": "hi"}]


def text(words: str, mark: Any = None) -> dict[str, Any]:
    return {"type": "text", "text": words, **({"cache_control": mark} if mark else {})}


def asked(**body: Any) -> ChatRequest:
    whole = {"model": "m", "max_tokens": 9, "messages": HELLO, **body}
    return read_messages(json.dumps(whole).encode())[0]


def sent(request: ChatRequest) -> dict[str, Any]:
    return messages_body(request, Claude(ModelInfo("m")), max_tokens=9)


def through(**body: Any) -> dict[str, Any]:
    return sent(asked(**body))


def test_a_client_of_another_dialect_sends_nothing_of_this() -> None:
    body = sent(ask("hi"))
    assert body == {
        "model": "m",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": [text("hi")]}],
        "stream": True,
    }
    assert through() == body


def test_fields_pass_through() -> None:
    fields = {"metadata": {"user_id": "u"}, "service_tier": "auto", "cache_control": MARK}
    assert {name: through(**fields)[name] for name in fields} == fields


SYSTEMS: dict[str, tuple[Any, Any]] = {
    "marks": ([text("A", HOUR), text("B", MARK)], [text("A", HOUR), text("B", MARK)]),
    "one mark": ([text("A"), text("B", MARK)], [text("A"), text("B", MARK)]),
    "a header for billing": (
        [text("x-anthropic-billing-header: cch=1;"), text("B", MARK)],
        [text("B", MARK)],
    ),
    "a blank text": ([text(" ", MARK), text("B", MARK)], [text("B", MARK)]),
    "no marks": ([text("A"), text("B")], "A\n\nB"),
    "a mark that is none": ([text("A", "x")], "A"),
    "a text": ("A", "A"),
}


@pytest.mark.parametrize(("system", "expected"), SYSTEMS.values(), ids=SYSTEMS)
def test_marks_of_instructions_pass_through(system: Any, expected: Any) -> None:
    assert through(system=system)["system"] == expected


def test_what_is_added_to_the_instructions_has_no_mark() -> None:
    output = {"format": {"type": "json_schema", "schema": {}}}
    body = through(system=[text("A", MARK)], output_config=output)
    hint = text("Answer with one JSON object and nothing else.")
    assert body["system"] == [text("A", MARK), hint]


def test_marks_of_other_instructions_are_dropped() -> None:
    request = asked(system=[text("A", MARK)])
    changed = (Message(Role.SYSTEM, "AB"), *request.messages[1:])
    assert sent(replace(request, messages=changed))["system"] == "AB"
    assert "system" not in sent(replace(request, messages=request.messages[1:]))


def test_marks_of_tools_pass_through() -> None:
    tools = [
        {"name": "f", "input_schema": {"type": "object"}},
        {"name": "g", "input_schema": {"type": "object"}, "cache_control": MARK},
    ]
    assert through(tools=tools)["tools"] == tools


CALL = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}


def result(**more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": "toolu_1", "content": [text("r")], **more}


def test_marks_of_turns_pass_through() -> None:
    messages = [
        {"role": "user", "content": [text("a", MARK), text("b")]},
        {"role": "assistant", "content": [text("x"), CALL]},
        {"role": "user", "content": [result(cache_control=MARK)]},
        {"role": "system", "content": "LATE"},
        {"role": "user", "content": [text("c", HOUR)]},
    ]
    first, second, third = through(messages=messages)["messages"]
    assert first["content"] == [text("a\n\nb", MARK)]
    assert second["content"] == [text("x"), CALL]
    assert [block.get("cache_control") for block in third["content"]] == [None, HOUR]


def test_the_field_for_an_error_passes_through() -> None:
    messages = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": [CALL]},
        {"role": "user", "content": [result(is_error=True)]},
    ]
    (failed,) = through(messages=messages)["messages"][-1]["content"]
    assert failed == {**result(content=[text("[error] r")]), "is_error": True}


def test_a_turn_that_begins_a_conversation_here_takes_no_mark_of_another() -> None:
    messages = [{"role": "assistant", "content": [text("x", MARK)]}]
    opening, answer = through(messages=messages)["messages"]
    assert opening["content"] == [text(".")]
    assert answer["content"] == [text("x", MARK)]


def test_signed_thinking_takes_no_mark() -> None:
    turn = {"type": "thinking", "thinking": "hm", "signature": "s"}
    body = {"messages": [{"role": "assistant", "content": [turn]}]}
    assert with_native(body, {"turns": {0: MARK}}) == body


MARKED = st.sampled_from([None, MARK, HOUR])
BLOCKS = st.one_of(
    st.builds(text, st.sampled_from(["a", "", " "]), MARKED),
    st.builds(lambda mark: {**result(), **({"cache_control": mark} if mark else {})}, MARKED),
    st.just(CALL),
    st.just({"type": "thinking", "thinking": "hm", "signature": "s"}),
)
TURNS = st.lists(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["user", "assistant", "system"]),
            "content": st.lists(BLOCKS, min_size=1, max_size=3),
        }
    ),
    min_size=1,
    max_size=6,
)


def marks_in(body: Any) -> list[Any]:
    blocks = [block for turn in body["messages"] for block in turn["content"]]
    return [block["cache_control"] for block in blocks if "cache_control" in block]


@given(TURNS)
def test_a_body_with_marks_is_valid_and_has_no_more_of_them(turns: list[Any]) -> None:
    body = through(messages=turns)
    given_marks = marks_in({"messages": turns})
    assert len(marks_in(body)) <= len(given_marks)
    roles = [turn["role"] for turn in body["messages"]]
    assert roles[0] == "user"
    assert all(one != other for one, other in pairwise(roles))
    assert all(turn["content"] for turn in body["messages"])


@pytest.mark.parametrize(
    ("option", "header", "expected"),
    [
        ("", "", None),
        ("b-1", "", "b-1"),
        ("", "c-1,c-2", "c-1,c-2"),
        ("b-1", "c-1", "b-1,c-1"),
        ("b-1", "x" * 9_000, "b-1"),
        ("b-1", "caf\u00e9", "b-1"),
    ],
)
async def test_the_header_for_betas_passes_through(
    option: str, header: str, expected: str | None
) -> None:
    data = json.dumps({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}).encode()
    request, _ = read_messages(
        json.dumps({"model": "m", "max_tokens": 9, "messages": HELLO}).encode(), betas=header
    )
    hello = Answer([b"data: " + data + b"\n\n"])
    async with opened(AnthropicProvider, hello, api_key="k", beta=option) as (provider, upstream):
        await events_of(provider.chat(request))
        (received,) = upstream.requests
    assert received.headers.get("anthropic-beta") == expected
    assert body_of(received)["messages"] == [{"role": "user", "content": [text("hi")]}]
