"""The token counts of an answer that nobody has counted."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from gateway.core.events import (
    ChatEvent,
    Finish,
    FinishReason,
    TextDelta,
    ThinkingDelta,
    ToolCall,
    ToolCallDelta,
    fold,
)
from gateway.dialects.anthropic.encode import MessageEncoder
from openai_wire import read_events

FINISH = Finish(FinishReason.STOP)
CALL = ToolCall("get", {"q": "0123456789"}, "call_1")
ANSWERS: dict[str, Sequence[ChatEvent]] = {
    "text": [TextDelta("0123456789" * 40)],
    "text in pieces": [TextDelta("0123456789")] * 40,
    "thinking": [ThinkingDelta("0123456789")] * 40,
    "a call": [TextDelta("0" * 382), CALL],
    "a call in fragments": [
        TextDelta("0" * 382),
        ToolCallDelta("call_1", "get", '{"q":"01234'),
        ToolCallDelta("call_1", "get", '56789"}'),
        CALL,
    ],
}


@pytest.mark.parametrize("events", ANSWERS.values(), ids=ANSWERS)
def test_tokens_that_nobody_has_counted_are_about_a_quarter_of_the_characters(
    events: Sequence[ChatEvent],
) -> None:
    whole = MessageEncoder("m", identity="1", input_tokens=7)
    assert json.loads(whole.document(fold(events, FINISH)))["usage"] == {
        "input_tokens": 7,
        "output_tokens": 100,
    }
    streamed = MessageEncoder("m", identity="1", input_tokens=7)
    frames = b"".join([streamed.lines([event]) for event in [*events, FINISH]])
    (end,) = [event for event in read_events(frames) if event["type"] == "message_delta"]
    assert end["usage"]["input_tokens"] == 7
    assert 100 <= end["usage"]["output_tokens"] <= 150
