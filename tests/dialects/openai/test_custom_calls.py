"""Calls of custom tools in streams: their input is no JSON, so it is sent whole."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from gateway.core.events import ChatEvent, Finish, FinishReason, ToolCall, ToolCallDelta
from gateway.dialects.openai.bodies import ResponseBody
from gateway.dialects.openai.encode import ChatEncoder
from gateway.dialects.openai.responses import ResponseEncoder
from gateway.dialects.openai.tools import OfferedTools
from openai_wire import DONE, read_chunks, read_events

CALL = ToolCall("patch", {"input": "*** Begin"}, "abcdefgh1")
FRAGMENTS = [
    ToolCallDelta("abcdefgh1", "patch", '{"input": "***'),
    ToolCallDelta("abcdefgh1", "patch", ' Begin"}'),
]
STOP = Finish(FinishReason.STOP)
BODY = ResponseBody("m", tools=OfferedTools(custom=frozenset({"patch"})))


def chat() -> ChatEncoder:
    return ChatEncoder("m", identity="1", custom={"patch"}, now=lambda: 1.0)


def response() -> ResponseEncoder:
    return ResponseEncoder(BODY, identity="1", now=lambda: 1.0)


@pytest.mark.parametrize("before", [[], FRAGMENTS], ids=["whole", "in fragments"])
def test_a_chat_has_the_input_in_one_chunk(before: Sequence[ChatEvent]) -> None:
    encoder = chat()
    chunks = read_chunks(b"".join(encoder.lines([event]) for event in [*before, CALL, STOP]))
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks if chunk != DONE]
    made = [call for delta in deltas for call in delta.get("tool_calls", [])]
    custom = {"name": "patch", "input": "*** Begin"}
    assert made == [{"id": "abcdefgh1", "index": 0, "type": "custom", "custom": custom}]
    assert [chunk for chunk in chunks if chunk != DONE][-1]["choices"][0]["finish_reason"] == (
        "tool_calls"
    )


def test_how_the_input_comes_changes_nothing_in_a_response() -> None:
    whole = response().lines([CALL, STOP])
    assert response().lines([*FRAGMENTS, CALL, STOP]) == whole
    deltas = [event for event in read_events(whole) if event["type"].endswith("input.delta")]
    assert [event["delta"] for event in deltas] == ["*** Begin"]


def test_a_call_that_was_cut_off_is_left_out_and_the_answer_incomplete() -> None:
    *_, last = read_events(response().lines([FRAGMENTS[0], STOP]))
    assert last["type"] == "response.incomplete"
    assert [item["type"] for item in last["response"]["output"]] == ["message"]
    chunks = read_chunks(chat().lines([FRAGMENTS[0], STOP]))
    assert chunks[-2]["choices"][0]["finish_reason"] == "length"
