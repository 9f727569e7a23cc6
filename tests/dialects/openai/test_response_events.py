"""The exact sequences of events, and the documents, of ``/v1/responses``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from gateway.core.errors import ContextOverflow, GatewayError, UpstreamRateLimited, UpstreamTimeout
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
from gateway.dialects.openai.bodies import ResponseBody
from gateway.dialects.openai.documents import error_fields
from gateway.dialects.openai.responses import ResponseEncoder
from gateway.dialects.openai.thinking import seal_thinking
from gateway.dialects.openai.tools import OfferedTools
from gateway.dialects.tool_names import join_name
from openai_wire import read_events

STOP = Finish(FinishReason.STOP, Usage(9, 2, 4))
LENGTH = Finish(FinishReason.LENGTH, Usage(9, 2))
PARIS = ToolCall("look", {"city": "Paris"}, "abcdefgh1")
LYON = ToolCall(join_name("maps", "look"), {"city": "Lyon"}, "abcdefgh2")
PATCH = ToolCall("patch", {"input": "*** Begin <Patch>"}, "abcdefgh3")
CALL = ResponseBody("m", tools=OfferedTools(custom=frozenset({"patch"})))

RESPONSE = {
    "id": "resp_7",
    "object": "response",
    "created_at": 1787300000,
    "completed_at": None,
    "status": "in_progress",
    "incomplete_details": None,
    "model": "m",
    "previous_response_id": None,
    "instructions": None,
    "output": [],
    "error": None,
    "tools": [],
    "tool_choice": "auto",
    "truncation": "disabled",
    "parallel_tool_calls": True,
    "text": {"format": {"type": "text"}},
    "top_p": 1.0,
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "top_logprobs": 0,
    "temperature": 1.0,
    "reasoning": None,
    "usage": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "store": False,
    "background": False,
    "service_tier": "default",
    "metadata": {},
    "safety_identifier": None,
    "prompt_cache_key": None,
}


def encoder(call: ResponseBody = CALL) -> ResponseEncoder:
    return ResponseEncoder(call, identity="7", now=iter([1787300000.5, 1787300003]).__next__)


def usage(cached: int = 0) -> dict[str, Any]:
    return {
        "input_tokens": 9,
        "output_tokens": 2,
        "total_tokens": 11,
        "input_tokens_details": {"cached_tokens": cached},
        "output_tokens_details": {"reasoning_tokens": 0},
    }


def part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def message(index: int, text: str, status: str = "completed") -> dict[str, Any]:
    return {
        "id": f"msg_7_{index}",
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": [part(text)],
    }


def thought(index: int, text: str) -> dict[str, Any]:
    return {
        "id": f"rs_7_{index}",
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": text}],
        "encrypted_content": seal_thinking(text, {}),
    }


def function_call(index: int, call: ToolCall, **more: str) -> dict[str, Any]:
    return {
        "id": f"fc_7_{index}",
        "type": "function_call",
        "status": "completed",
        "call_id": call.id,
        "name": "look",
        "arguments": json.dumps(call.arguments, separators=(",", ":")),
        **more,
    }


def message_events(index: int, *deltas: str, status: str = "completed") -> list[dict[str, Any]]:
    whole = message(index, "".join(deltas), status)
    place = {"item_id": whole["id"], "output_index": index, "content_index": 0}
    return [
        {
            "type": "response.output_item.added",
            "output_index": index,
            "item": whole | {"status": "in_progress", "content": []},
        },
        {"type": "response.content_part.added", **place, "part": part("")},
        *(
            {"type": "response.output_text.delta", **place, "delta": delta, "logprobs": []}
            for delta in deltas
        ),
        {
            "type": "response.output_text.done",
            **place,
            "text": "".join(deltas),
            "logprobs": [],
        },
        {"type": "response.content_part.done", **place, "part": part("".join(deltas))},
        {"type": "response.output_item.done", "output_index": index, "item": whole},
    ]


def thought_events(index: int, *deltas: str) -> list[dict[str, Any]]:
    whole = thought(index, "".join(deltas))
    place = {"item_id": whole["id"], "output_index": index, "summary_index": 0}
    return [
        {
            "type": "response.output_item.added",
            "output_index": index,
            "item": {"id": whole["id"], "type": "reasoning", "summary": []},
        },
        *(
            {"type": "response.reasoning_summary_text.delta", **place, "delta": delta}
            for delta in deltas
        ),
        {
            "type": "response.reasoning_summary_text.done",
            **place,
            "text": "".join(deltas),
        },
        {"type": "response.output_item.done", "output_index": index, "item": whole},
    ]


def call_events(index: int, call: ToolCall, **more: str) -> list[dict[str, Any]]:
    whole = function_call(index, call, **more)
    place = {"item_id": whole["id"], "output_index": index}
    arguments = whole["arguments"]
    return [
        {
            "type": "response.output_item.added",
            "output_index": index,
            "item": whole | {"status": "in_progress", "arguments": ""},
        },
        {"type": "response.function_call_arguments.delta", **place, "delta": arguments},
        {
            "type": "response.function_call_arguments.done",
            **place,
            "name": whole["name"],
            "arguments": arguments,
        },
        {"type": "response.output_item.done", "output_index": index, "item": whole},
    ]


def custom_call(index: int, call: ToolCall) -> dict[str, Any]:
    return {
        "id": f"ctc_7_{index}",
        "type": "custom_tool_call",
        "status": "completed",
        "call_id": call.id,
        "name": call.name,
        "input": call.arguments["input"],
    }


def custom_events(index: int, call: ToolCall) -> list[dict[str, Any]]:
    whole = custom_call(index, call)
    place = {"item_id": whole["id"], "output_index": index}
    return [
        {
            "type": "response.output_item.added",
            "output_index": index,
            "item": whole | {"status": "in_progress", "input": ""},
        },
        {"type": "response.custom_tool_call_input.delta", **place, "delta": whole["input"]},
        {"type": "response.custom_tool_call_input.done", **place, "input": whole["input"]},
        {"type": "response.output_item.done", "output_index": index, "item": whole},
    ]


BEGIN = [
    {"type": "response.created", "response": RESPONSE},
    {"type": "response.in_progress", "response": RESPONSE},
]


def completed(output: list[dict[str, Any]], **more: object) -> dict[str, Any]:
    return {
        **RESPONSE,
        "status": "completed",
        "completed_at": 1787300003,
        "output": output,
        "usage": usage(),
        **more,
    }


def incomplete(reason: str) -> dict[str, Any]:
    details = {"reason": reason}
    return {"status": "incomplete", "completed_at": None, "incomplete_details": details}


CUT = incomplete("max_output_tokens")
CACHED = {"usage": usage(4)}
# What comes from the provider; the events of each item; the items; the rest of the answer.
SEQUENCES: dict[
    str,
    tuple[
        Sequence[Sequence[ChatEvent]],
        list[dict[str, Any]],
        list[dict[str, Any]],
        dict[str, Any],
    ],
] = {
    "text": (
        [[], [TextDelta("Hi"), TextDelta(" there")], [TextDelta("!")], [STOP]],
        message_events(0, "Hi", " there", "!"),
        [message(0, "Hi there!")],
        CACHED,
    ),
    "thinking and text": (
        [[ThinkingDelta("hm")], [ThinkingDelta("."), TextDelta("Hi")], [STOP]],
        [*thought_events(0, "hm", "."), *message_events(1, "Hi")],
        [thought(0, "hm."), message(1, "Hi")],
        CACHED,
    ),
    "thinking again": (
        [[ThinkingDelta("hm"), TextDelta("Hi"), ThinkingDelta("so"), TextDelta("!"), LENGTH]],
        [
            *thought_events(0, "hm"),
            *message_events(1, "Hi"),
            *thought_events(2, "so"),
            *message_events(3, "!", status="incomplete"),
        ],
        [
            thought(0, "hm"),
            message(1, "Hi"),
            thought(2, "so"),
            message(3, "!", "incomplete"),
        ],
        CUT,
    ),
    "one call": ([[PARIS, STOP]], call_events(0, PARIS), [function_call(0, PARIS)], CACHED),
    "parallel calls after words and thoughts": (
        [[ThinkingDelta("hm")], [TextDelta("I look.")], [PARIS, LYON], [STOP]],
        [
            *thought_events(0, "hm"),
            *message_events(1, "I look."),
            *call_events(2, PARIS),
            *call_events(3, LYON, namespace="maps"),
        ],
        [
            thought(0, "hm"),
            message(1, "I look."),
            function_call(2, PARIS),
            function_call(3, LYON, namespace="maps"),
        ],
        CACHED,
    ),
    "a call of a custom tool": (
        [[PATCH, PARIS, STOP]],
        [*custom_events(0, PATCH), *call_events(1, PARIS)],
        [custom_call(0, PATCH), function_call(1, PARIS)],
        CACHED,
    ),
    "a stop for length": (
        [[TextDelta("Hi"), LENGTH]],
        message_events(0, "Hi", status="incomplete"),
        [message(0, "Hi", "incomplete")],
        CUT,
    ),
    "a filter": (
        [[TextDelta("Hi"), Finish(FinishReason.CONTENT_FILTER, Usage(9, 2))]],
        message_events(0, "Hi", status="incomplete"),
        [message(0, "Hi", "incomplete")],
        incomplete("content_filter"),
    ),
    "nothing but thoughts": (
        [[ThinkingDelta("hm")], [LENGTH]],
        [*thought_events(0, "hm"), *message_events(1, status="incomplete")],
        [thought(0, "hm"), message(1, "", "incomplete")],
        CUT,
    ),
    "an empty answer": (
        [[], [LENGTH]],
        message_events(0, status="incomplete"),
        [message(0, "", "incomplete")],
        CUT,
    ),
}
ROWS = [pytest.param(*row, id=name) for name, row in SEQUENCES.items()]


def numbered(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event | {"sequence_number": number} for number, event in enumerate(events)]


@pytest.mark.parametrize(("batches", "events", "items", "rest"), ROWS)
def test_an_answer_streams_these_events(
    batches: Sequence[Sequence[ChatEvent]],
    events: list[dict[str, Any]],
    items: list[dict[str, Any]],
    rest: dict[str, Any],
) -> None:
    made = encoder()
    response = completed(items, **rest)
    end = {"type": f"response.{response['status']}", "response": response}
    sent = b"".join(map(made.lines, batches))
    assert read_events(sent) == numbered([*BEGIN, *events, end])


@pytest.mark.parametrize(("batches", "events", "items", "rest"), ROWS)
def test_how_events_come_in_batches_changes_nothing(
    batches: Sequence[Sequence[ChatEvent]],
    events: list[dict[str, Any]],
    items: list[dict[str, Any]],
    rest: dict[str, Any],
) -> None:
    one, other = encoder(), encoder()
    single = b"".join(other.lines([event]) for batch in batches for event in batch)
    assert single == b"".join(map(one.lines, batches))


@pytest.mark.parametrize(
    ("batches", "events", "items", "rest"), [row for row in ROWS if row.id != "thinking again"]
)
def test_a_whole_answer_has_the_items_of_its_stream(
    batches: Sequence[Sequence[ChatEvent]],
    events: list[dict[str, Any]],
    items: list[dict[str, Any]],
    rest: dict[str, Any],
) -> None:
    *before, finish = [event for batch in batches for event in batch]
    assert isinstance(finish, Finish)
    document = encoder().document(fold(before, finish))
    assert document.endswith(b"}\n")
    assert json.loads(document) == completed(items, **rest)


def test_the_first_batch_opens_the_answer_even_if_it_is_empty() -> None:
    made = encoder()
    assert read_events(made.lines([])) == numbered(BEGIN)
    assert made.lines([]) == b""


def test_no_character_breaks_a_line() -> None:
    sent = encoder().lines([TextDelta("a\u2028<\u0085>\n")])
    assert rb'"delta":"a\u2028\u003c\u0085\u003e\n"}' in sent


def test_usage_is_null_when_the_provider_gives_none() -> None:
    *_, last = read_events(encoder().lines([Finish(FinishReason.STOP)]))
    assert last["response"]["usage"] is None


def test_an_answer_repeats_what_was_asked() -> None:
    echo = {"temperature": 0.5, "tool_choice": "none", "reasoning": {"effort": "low"}}
    made = encoder(ResponseBody("m", instructions="Be kind.", echo=echo))
    created, *_ = read_events(made.lines([]))
    assert created["response"] == {**RESPONSE, "instructions": "Be kind.", **echo}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UpstreamTimeout("<quiet>"), "server_error"),
        (UpstreamRateLimited("<quiet>"), "rate_limit_exceeded"),
        (ContextOverflow("<quiet>"), "context_length_exceeded"),
    ],
    ids=["timeout", "limit", "overflow"],
)
def test_a_failure_in_mid_stream_is_an_error_and_a_failed_answer(
    error: GatewayError, code: str
) -> None:
    made = encoder()
    made.lines([ThinkingDelta("hm"), TextDelta("Hi")])
    assert read_events(made.error_line(error)) == [
        {
            "type": "error",
            "sequence_number": 9,
            "error": error_fields(error),
        },
        {
            "type": "response.failed",
            "sequence_number": 10,
            "response": {
                **RESPONSE,
                "status": "failed",
                "output": [thought(0, "hm")],
                "error": {"code": code, "message": "<quiet>"},
            },
        },
    ]
