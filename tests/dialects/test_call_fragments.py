"""Each dialect with server-sent events passes on the fragments of calls; others get the call."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.events import (
    ChatEvent,
    Finish,
    FinishReason,
    TextDelta,
    ToolCall,
    ToolCallDelta,
)
from gateway.core.timing import Timing
from gateway.dialects.anthropic.encode import MessageEncoder
from gateway.dialects.base import AnswerEncoder
from gateway.dialects.ollama.encode import ChatEncoder as OllamaEncoder
from gateway.dialects.openai.bodies import ResponseBody
from gateway.dialects.openai.encode import ChatEncoder
from gateway.dialects.openai.responses import ResponseEncoder

CALLS = Finish(FinishReason.TOOL_CALLS)
LENGTH = Finish(FinishReason.LENGTH)
PARIS = ToolCall("look", {"city": "Paris"}, "call_1")
LYON = ToolCall("look", {"city": "Lyon"}, "call_2")
OPEN, REST = (
    ToolCallDelta("call_1", "look", '{"city":'),
    ToolCallDelta("call_1", "look", '"Paris"}'),
)


def frames(encoder: AnswerEncoder, batches: Iterable[Sequence[ChatEvent]]) -> list[Any]:
    """Return the data of all frames of an answer."""
    sent = b"".join([encoder.lines(batch) for batch in batches])
    data = [frame.split(b"data: ", 1)[1] for frame in sent.split(b"\n\n") if frame]
    return [json.loads(item) for item in data if item != b"[DONE]"]


def chat(batches: Iterable[Sequence[ChatEvent]]) -> tuple[dict[str, str], str]:
    calls: dict[str, str] = {}
    ids: dict[int, str] = {}
    reason = ""
    for chunk in frames(ChatEncoder("m", identity="1"), batches):
        (choice,) = chunk["choices"]
        for part in choice["delta"].get("tool_calls", ()):
            identity = ids.setdefault(part["index"], part.get("id", ""))
            calls[identity] = calls.get(identity, "") + part["function"]["arguments"]
        reason = choice["finish_reason"] or reason
    return calls, reason


def messages(batches: Iterable[Sequence[ChatEvent]]) -> tuple[dict[str, str], str]:
    calls: dict[str, str] = {}
    blocks: dict[int, dict[str, Any]] = {}
    reason = ""
    for event in frames(MessageEncoder("m", identity="1"), batches):
        match event:
            case {"type": "content_block_start", "index": index, "content_block": block}:
                assert index == len(blocks)
                blocks[index] = block | {"json": "", "open": True}
            case {"type": "content_block_delta", "index": index, "delta": delta}:
                assert blocks[index]["open"]
                blocks[index]["json"] += delta.get("partial_json", "")
            case {"type": "content_block_stop", "index": index}:
                blocks[index]["open"] = False
            case {"type": "message_delta", "delta": delta}:
                reason = delta["stop_reason"]
    for block in blocks.values():
        if block["type"] == "tool_use":
            calls[block["id"]] = block["json"]
    return calls, reason


def responses(batches: Iterable[Sequence[ChatEvent]]) -> tuple[dict[str, str], str]:
    calls: dict[str, str] = {}
    ids: dict[int, str] = {}
    for event in frames(ResponseEncoder(ResponseBody("m"), identity="1"), batches):
        match event:
            case {
                "type": "response.output_item.added",
                "output_index": index,
                "item": {"type": "function_call", "call_id": identity},
            }:
                ids[index] = identity
                calls[identity] = ""
            case {
                "type": "response.function_call_arguments.delta",
                "output_index": index,
                "delta": delta,
            }:
                calls[ids[index]] += delta
            case {
                "type": "response.output_item.done",
                "output_index": index,
                "item": {"type": "function_call"} as item,
            }:
                assert calls[ids[index]] == item["arguments"]
    details = event["response"]["incomplete_details"]
    return calls, details["reason"] if details else "completed"


READERS: dict[str, tuple[Callable[..., tuple[dict[str, str], str]], str, str]] = {
    "chat": (chat, "tool_calls", "length"),
    "messages": (messages, "tool_use", "max_tokens"),
    "responses": (responses, "completed", "max_output_tokens"),
}
each_dialect = pytest.mark.parametrize(("read", "done", "cut"), READERS.values(), ids=READERS)


@each_dialect
def test_fragments_come_as_they_are_and_the_call_once(read: Any, done: str, cut: str) -> None:
    batches = [[TextDelta("Hm.")], [OPEN], [], [REST], [PARIS, LYON, CALLS]]
    made = {"call_1": '{"city":"Paris"}', "call_2": '{"city":"Lyon"}'}
    assert read(batches) == (made, done)


@each_dialect
@pytest.mark.parametrize(
    "reason", [FinishReason.LENGTH, FinishReason.TOOL_CALLS, FinishReason.STOP]
)
@pytest.mark.parametrize("before", [[], [LYON]], ids=["alone", "after another"])
def test_a_call_that_is_open_at_the_end_is_cut(
    before: list[ChatEvent], reason: FinishReason, read: Any, done: str, cut: str
) -> None:
    calls, why = read([before, [OPEN], [Finish(reason)]])
    assert calls["call_1"] == '{"city":'
    assert why == cut


@each_dialect
def test_a_whole_call_may_follow_one_that_was_cut(read: Any, done: str, cut: str) -> None:
    made = {"call_1": '{"city":', "call_2": '{"city":"Lyon"}'}
    assert read([[OPEN], [LYON, LENGTH]]) == (made, cut)


@each_dialect
def test_text_may_come_while_a_call_is_open(read: Any, done: str, cut: str) -> None:
    batches = [[OPEN], [TextDelta("Hm.")], [REST, TextDelta("So.")], [PARIS, CALLS]]
    assert read(batches) == ({"call_1": '{"city":"Paris"}'}, done)


def test_a_filtered_answer_says_so_even_if_a_call_was_cut() -> None:
    batches = [[OPEN], [Finish(FinishReason.CONTENT_FILTER)]]
    assert [read(batches)[1] for read in (chat, messages, responses)] == [
        "content_filter",
        "refusal",
        "content_filter",
    ]


def test_a_response_leaves_out_a_call_that_was_cut() -> None:
    encoder = ResponseEncoder(ResponseBody("m"), identity="1")
    events = frames(encoder, [[TextDelta("a")], [OPEN], [LENGTH]])
    assert [item["type"] for item in events[-1]["response"]["output"]] == ["message"]
    done = [event["item"]["type"] for event in events if event["type"].endswith("item.done")]
    assert done == ["message"]


def test_clients_of_ollama_get_the_call_alone() -> None:
    encoder = OllamaEncoder("m", timing=Timing())
    assert encoder.lines([OPEN]) == encoder.lines([REST]) == b""
    (line,) = encoder.lines([REST, PARIS]).splitlines()
    (call,) = json.loads(line)["message"]["tool_calls"]
    assert call["function"] == {"index": 0, "name": "look", "arguments": {"city": "Paris"}}


@given(st.lists(st.integers(1, 15)), st.lists(st.booleans(), min_size=20, max_size=20))
def test_fragments_are_the_arguments_however_they_are_batched(
    cuts: list[int], breaks: list[bool]
) -> None:
    text = '{"city":"Paris"}'
    places = [0, *sorted({*cuts}), len(text)]
    events: list[ChatEvent] = [
        ToolCallDelta("call_1", "look", text[a:b]) for a, b in pairwise(places)
    ]
    batches: list[list[ChatEvent]] = [[]]
    for event, is_break in zip([*events, PARIS, CALLS], breaks, strict=False):
        batches[-1].append(event)
        if is_break:
            batches.append([])
    for read, done, _ in READERS.values():
        assert read([batch for batch in batches if batch]) == ({"call_1": text}, done)
