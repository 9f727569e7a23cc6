"""A whole answer has the parts of the streamed one, in the order in which they came."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from anthropic_wire import read_events as read_anthropic
from gateway.core import codec
from gateway.core.events import (
    ChatEvent,
    Finish,
    FinishReason,
    TextDelta,
    Thinking,
    ThinkingDelta,
    Thought,
    ToolCall,
    ToolCallDelta,
    fold,
)
from gateway.dialects.anthropic.encode import MessageEncoder
from gateway.dialects.openai.bodies import ResponseBody
from gateway.dialects.openai.encode import ChatEncoder
from gateway.dialects.openai.responses import ResponseEncoder
from openai_wire import read_events

DONE = Finish(FinishReason.STOP)
SIGNED = {"mistral": {"blocks": [{"thinking": "Hm.", "signature": "sig"}]}}
REDACTED = {"anthropic": {"blocks": [{"type": "redacted_thinking", "data": "x"}]}}
CALL = ToolCall("get", {"q": 1}, "call_1")
ROUND = [
    *(ThinkingDelta("H"), ThinkingDelta("m.")),
    *(TextDelta("One"), TextDelta(".")),
    CALL,
    ThinkingDelta("So."),
    TextDelta("Two."),
]
"""What interleaved thinking looks like."""


def called(number: int, *, is_streamed: bool) -> list[ChatEvent]:
    call = ToolCall("get", {"q": number}, f"call_{number}")
    arguments = codec.encode(call.arguments).decode()
    pieces = [ToolCallDelta(call.id, call.name, piece) for piece in (arguments[:3], arguments[3:])]
    return [*pieces, call] if is_streamed else [call]


runs = st.lists(
    st.sampled_from(["text", "thinking", "signed", "redacted", "call", "streamed"]), max_size=8
)


def events_of(kinds: Sequence[str]) -> list[ChatEvent]:
    events: list[ChatEvent] = []
    for number, kind in enumerate(kinds):
        match kind:
            case "text":
                events += [TextDelta(f"t{number}"), TextDelta(".")]
            case "thinking":
                events += [ThinkingDelta(f"h{number}"), ThinkingDelta(".")]
            case "signed":
                events += [ThinkingDelta(f"s{number}"), Thought(SIGNED)]
            case "redacted":
                events.append(Thought(REDACTED))
            case _:
                events += called(number, is_streamed=kind == "streamed")
    return [*events, DONE]


def blocks_of(sent: bytes) -> list[Any]:
    """Return the blocks of a stream as Anthropic's libraries put them together."""
    blocks: list[Any] = []
    for event in read_anthropic(sent):
        if event["type"] == "content_block_start":
            blocks.append({**event["content_block"]})
            if blocks[-1]["type"] == "tool_use":
                blocks[-1]["input"] = ""
        elif event["type"] == "content_block_delta":
            delta, block = event["delta"], blocks[event["index"]]
            (name,) = delta.keys() - {"type"}
            block["input" if name == "partial_json" else name] += delta[name]
    for block in blocks:
        if block["type"] == "tool_use":
            block["input"] = json.loads(block["input"])
    return blocks


@given(kinds=runs)
def test_blocks_of_a_message_come_in_the_order_of_the_stream(kinds: list[str]) -> None:
    events = events_of(kinds)
    whole = MessageEncoder("m", identity="1").document(fold(events, DONE))
    assert json.loads(whole)["content"] == blocks_of(
        MessageEncoder("m", identity="1").lines(events)
    )


@given(kinds=runs)
def test_items_of_a_response_come_in_the_order_of_the_stream(kinds: list[str]) -> None:
    events = events_of(kinds)

    def encoder() -> ResponseEncoder:
        return ResponseEncoder(ResponseBody("m"), identity="1", now=lambda: 1.0)

    last = read_events(encoder().lines(events))[-1]["response"]
    assert json.loads(encoder().document(fold(events, DONE))) == last


def test_a_message_that_is_not_the_last_part_of_a_cut_answer_is_complete() -> None:
    cut = Finish(FinishReason.LENGTH)
    encoder = ResponseEncoder(ResponseBody("m"), identity="1")
    whole = json.loads(encoder.document(fold([TextDelta("a"), CALL, TextDelta("b"), cut], cut)))
    assert [item["status"] for item in whole["output"]] == ["completed", "completed", "incomplete"]
    assert whole["status"] == "incomplete"


def test_where_parts_have_no_order_they_are_joined_by_kind() -> None:
    answer = fold([*ROUND, DONE], DONE)
    assert answer.parts == (Thinking("Hm."), "One.", CALL, Thinking("So."), "Two.")
    message = json.loads(ChatEncoder("m", identity="1").document(answer))["choices"][0]["message"]
    assert (message["content"], message["reasoning"]) == ("One.Two.", "Hm.So.")


def test_thinking_that_has_ended_is_not_joined_with_what_follows() -> None:
    events = [ThinkingDelta("a"), Thought(SIGNED), Thought(REDACTED), ThinkingDelta("b"), DONE]
    assert fold(events, DONE).parts == (
        Thinking("a", SIGNED),
        Thinking("", REDACTED),
        Thinking("b"),
    )
