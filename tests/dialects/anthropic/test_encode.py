"""Events to Anthropic's events, byte for byte; the golden ones are in ``transcripts/anthropic``."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anthropic_wire import read_events
from gateway.core.errors import (
    BodyTooLarge,
    ContextOverflow,
    Forbidden,
    GatewayError,
    InvalidRequest,
    ModelNotFound,
    ShuttingDown,
    UpstreamDenied,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
)
from gateway.core.events import (
    ChatEvent,
    Finish,
    FinishReason,
    TextDelta,
    ThinkingDelta,
    ToolCall,
    Usage,
    fold,
)
from gateway.dialects.anthropic.documents import error_document
from gateway.dialects.anthropic.encode import MessageEncoder

GOLDEN = Path(__file__).parents[2] / "transcripts" / "anthropic"
USAGE = Usage(input_tokens=12, output_tokens=7)
STOP = Finish(FinishReason.STOP, USAGE)
CALLED = Finish(FinishReason.TOOL_CALLS, USAGE)
PARIS = ToolCall("get_weather", {"city": "Paris", "days": 2}, "abcdefghi")
LYON = ToolCall("get_weather", {"city": "Lyon"}, "jklmnopqr")

ANSWERS: dict[str, list[ChatEvent]] = {
    "text": [TextDelta("Hel"), TextDelta("lo"), STOP],
    "thinking-then-text": [ThinkingDelta("Let me "), ThinkingDelta("see."), TextDelta("42"), STOP],
    "one-call": [PARIS, CALLED],
    "text-then-call": [TextDelta("I look."), PARIS, CALLED],
    "thinking-then-call": [ThinkingDelta("Weather?"), PARIS, CALLED],
    "parallel-calls": [PARIS, LYON, CALLED],
    "text-after-call": [PARIS, TextDelta("There."), CALLED],
    "thinking-between-texts": [TextDelta("a"), ThinkingDelta("b"), TextDelta("c"), STOP],
    "length": [TextDelta("It never"), Finish(FinishReason.LENGTH, USAGE)],
    "refusal": [TextDelta("I"), Finish(FinishReason.CONTENT_FILTER, USAGE)],
    "call-without-id": [ToolCall("now", {}), CALLED],
    "awkward-text": [TextDelta('<b>&"\\\n\u2028\u2029\u0085é😀'), STOP],
    "empty": [STOP],
    "no-usage": [TextDelta("x"), Finish(FinishReason.STOP)],
}


def encoder() -> MessageEncoder:
    return MessageEncoder("Tiny", identity="c0ffee", input_tokens=5)


def stream(batches: Sequence[Sequence[ChatEvent]]) -> bytes:
    made = encoder()
    return b"".join([made.lines(batch) for batch in batches])


@pytest.mark.parametrize("name", ANSWERS)
def test_a_stream_is_the_golden_one_however_it_is_cut(name: str) -> None:
    events = ANSWERS[name]
    golden = (GOLDEN / name / "stream.sse").read_bytes()
    assert stream([events]) == golden
    assert stream([[event] for event in events]) == golden
    assert stream([[], *([event] for event in events)]) == golden


@pytest.mark.parametrize("name", ANSWERS)
def test_a_document_is_the_golden_one(name: str) -> None:
    events = ANSWERS[name]
    finish = events[-1]
    assert isinstance(finish, Finish)
    document = encoder().document(fold(events, finish))
    assert document == (GOLDEN / name / "document.json").read_bytes()


def test_a_failure_is_the_last_event() -> None:
    made = encoder()
    sent = made.lines([TextDelta("Hel")]) + made.error_line(UpstreamTimeout("too <quiet>"))
    golden = (GOLDEN / "failure" / "stream.sse").read_bytes()
    assert sent == golden


def test_a_request_that_says_nothing_is_loaded() -> None:
    golden = GOLDEN / "load"
    assert encoder().load_stream() == (golden / "stream.sse").read_bytes()
    assert encoder().load_document() == (golden / "document.json").read_bytes()


def test_an_open_stream_says_something_at_once() -> None:
    made = encoder()
    assert [event["type"] for event in read_events(made.lines([]))] == ["message_start"]
    assert made.lines([]) == b""


ERRORS: list[tuple[GatewayError, str]] = [
    (InvalidRequest("x"), "invalid_request_error"),
    (GatewayError("x", status=401), "authentication_error"),
    (Forbidden("x"), "permission_error"),
    (ModelNotFound("x"), "not_found_error"),
    (UpstreamRateLimited("x"), "rate_limit_error"),
    (ShuttingDown("x"), "overloaded_error"),
    (UpstreamRejected("x", status=529), "overloaded_error"),
    (BodyTooLarge("x"), "request_too_large"),
    (GatewayError("x"), "api_error"),
    (UpstreamDenied("x"), "api_error"),
    (UpstreamTimeout("x"), "api_error"),
]


@pytest.mark.parametrize(("error", "kind"), ERRORS, ids=[str(e.status) + k for e, k in ERRORS])
def test_an_error_has_anthropics_envelope(error: GatewayError, kind: str) -> None:
    assert json.loads(error_document(error, "0123456789abcdef")) == {
        "type": "error",
        "error": {"type": kind, "message": "x"},
        "request_id": "req_000000000123456789abcdef",
    }


TEXTS = st.text(min_size=1, max_size=8)
EVENTS = st.lists(
    st.one_of(
        TEXTS.map(TextDelta),
        TEXTS.map(ThinkingDelta),
        st.builds(ToolCall, TEXTS, st.dictionaries(TEXTS, TEXTS, max_size=2), TEXTS),
    ),
    max_size=12,
)


@given(EVENTS, st.data())
def test_every_stream_keeps_the_grammar_and_loses_nothing(
    events: list[ChatEvent], data: st.DataObject
) -> None:
    batches: list[list[ChatEvent]] = [[]]
    for event in [*events, STOP]:
        if data.draw(st.booleans()):
            batches.append([])
        batches[-1].append(event)
    sent = stream(batches)
    assert not re.search("[\u0085\u2028\u2029<>&]", sent.decode())
    first, *middle, delta, last = read_events(sent)
    assert (first["type"], delta["type"], last["type"]) == (
        "message_start",
        "message_delta",
        "message_stop",
    )
    assert blocks(middle) == joined(events)


def blocks(events: list[dict[str, Any]]) -> list[Any]:
    """Return what the blocks say; fail where they are not one after the other."""
    found: list[Any] = []
    is_open = False
    for event in events:
        match event:
            case {"type": "content_block_start", "index": index, "content_block": block}:
                assert (is_open, index) == (False, len(found))
                found.append([block["type"], block.get("name", ""), ""])
                is_open = True
            case {"type": "content_block_delta", "index": index, "delta": delta}:
                assert (is_open, index) == (True, len(found) - 1)
                (value,) = [value for key, value in delta.items() if key != "type"]
                found[-1][2] += value
            case {"type": "content_block_stop", "index": index}:
                assert (is_open, index) == (True, len(found) - 1)
                is_open = False
    assert not is_open
    return found


def joined(events: list[ChatEvent]) -> list[Any]:
    found: list[Any] = []
    for event in events:
        match event:
            case TextDelta(text=text) | ThinkingDelta(text=text):
                kind = "text" if isinstance(event, TextDelta) else "thinking"
                if not found or found[-1][0] != kind:
                    found.append([kind, "", ""])
                found[-1][2] += text
            case ToolCall():
                arguments = json.dumps(event.arguments, ensure_ascii=False, separators=(",", ":"))
                found.append(["tool_use", event.name, arguments])
    return found


FINISHES: dict[str, tuple[Finish, dict[str, Any], dict[str, int]]] = {
    "cached tokens": (
        Finish(FinishReason.STOP, Usage(12, 7, 4)),
        {"stop_reason": "end_turn"},
        {"input_tokens": 8, "cache_read_input_tokens": 4, "output_tokens": 7},
    ),
    "kinds of cached tokens": (
        Finish(
            FinishReason.STOP,
            Usage(37, 7, 30),
            {
                "anthropic": {
                    "usage": {"cache_creation_input_tokens": 2, "cache_read_input_tokens": 30}
                }
            },
        ),
        {"stop_reason": "end_turn"},
        {
            "input_tokens": 5,
            "cache_creation_input_tokens": 2,
            "cache_read_input_tokens": 30,
            "output_tokens": 7,
        },
    ),
    "more cached than counted": (
        Finish(FinishReason.STOP, Usage(1, 7, 4)),
        {"stop_reason": "end_turn"},
        {"input_tokens": 0, "cache_read_input_tokens": 4, "output_tokens": 7},
    ),
    "a stop sequence": (
        Finish(FinishReason.STOP, USAGE, {"anthropic": {"stop_sequence": "END"}}),
        {"stop_reason": "stop_sequence", "stop_sequence": "END"},
        {"input_tokens": 12, "output_tokens": 7},
    ),
    "a limit after all": (
        Finish(FinishReason.LENGTH, USAGE, {"anthropic": {"stop_sequence": "END"}}),
        {"stop_reason": "max_tokens"},
        {"input_tokens": 12, "output_tokens": 7},
    ),
    "what another dialect tells": (
        Finish(FinishReason.STOP, USAGE, {"ollama": {"stop_sequence": "END"}}),
        {"stop_reason": "end_turn"},
        {"input_tokens": 12, "output_tokens": 7},
    ),
    "no counts": (
        Finish(FinishReason.STOP),
        {"stop_reason": "end_turn"},
        {"input_tokens": 0, "output_tokens": 1},
    ),
}


@pytest.mark.parametrize(("finish", "end", "usage"), FINISHES.values(), ids=FINISHES)
def test_the_end_of_an_answer_tells_what_the_service_has_told(
    finish: Finish, end: dict[str, Any], usage: dict[str, int]
) -> None:
    encoder = MessageEncoder("m", identity="1")
    document = json.loads(encoder.document(fold([TextDelta("a")], finish)))
    assert {name: document[name] for name in end} == end
    assert document["usage"] == usage
    *_, last, _ = read_events(encoder.lines([TextDelta("a"), finish]))
    assert (last["delta"], last["usage"]) == (end, usage)


OVERFLOWS = {
    "Prompt contains 300000 tokens, too large for model": (
        "prompt is too long: Prompt contains 300000 tokens, too large for model"
    ),
    "maximum context length is 8192 tokens": (
        "prompt is too long: maximum context length is 8192 tokens"
    ),
    "Prompt is too long: 9 tokens > 8 maximum": "Prompt is too long: 9 tokens > 8 maximum",
}


@pytest.mark.parametrize(("said", "told"), OVERFLOWS.items(), ids=OVERFLOWS)
def test_a_conversation_that_is_too_long_is_told_in_the_words_that_clients_know(
    said: str, told: str
) -> None:
    error = ContextOverflow(said)
    document = json.loads(error_document(error, "1"))
    assert (error.status, document["error"]) == (
        400,
        {"type": "invalid_request_error", "message": told},
    )
    line = MessageEncoder("m", identity="1").error_line(error)
    assert read_events(line)[0]["error"]["message"] == told
