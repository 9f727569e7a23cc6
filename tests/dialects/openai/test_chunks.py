"""The exact sequences of chunks, and the documents, of the two older endpoints."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from gateway.core.errors import UpstreamRateLimited, UpstreamTimeout
from gateway.core.events import (
    Answer,
    ChatEvent,
    Finish,
    FinishReason,
    TextDelta,
    ThinkingDelta,
    ToolCall,
    Usage,
    fold,
)
from gateway.dialects.openai.encode import ChatEncoder, CompletionEncoder
from openai_wire import DONE, read_chunks

STOP = Finish(FinishReason.STOP, Usage(9, 2))
LENGTH = Finish(FinishReason.LENGTH, Usage(9, 2))
PARIS = ToolCall("look", {"city": "Paris"}, "abcdefgh1")
LYON = ToolCall("look", {"city": "Lyon"}, "abcdefgh2")
COUNTS = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
ZERO = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


def chat_encoder(*, include_usage: bool = False) -> ChatEncoder:
    return ChatEncoder("m", identity="7", include_usage=include_usage, now=lambda: 1787300000.9)


def completion_encoder(*, include_usage: bool = False) -> CompletionEncoder:
    return CompletionEncoder("m", identity="7", include_usage=include_usage, now=lambda: 1787300000)


def chunk(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
    return {
        "id": "chatcmpl-7",
        "object": "chat.completion.chunk",
        "created": 1787300000,
        "model": "m",
        "system_fingerprint": "fp_ollama",
        "choices": [{"index": 0, "delta": delta, "finish_reason": reason}],
    }


def piece(text: str, reason: str | None = None, **more: object) -> dict[str, Any]:
    return {
        "id": "cmpl-7",
        "object": "text_completion",
        "created": 1787300000,
        "model": "m",
        "system_fingerprint": "fp_ollama",
        "choices": [{"text": text, "index": 0, "finish_reason": reason}],
        **more,
    }


def call(identity: str, index: int, city: str) -> dict[str, Any]:
    return {
        "id": identity,
        "index": index,
        "type": "function",
        "function": {"name": "look", "arguments": f'{{"city":"{city}"}}'},
    }


FIRST = {"role": "assistant"}
SEQUENCES: dict[str, tuple[Sequence[Sequence[ChatEvent]], list[Any]]] = {
    "text": (
        [[], [TextDelta("Hi"), TextDelta(" there")], [TextDelta("!")], [STOP]],
        [
            chunk({**FIRST, "content": "Hi"}),
            chunk({"content": " there"}),
            chunk({"content": "!"}),
            chunk({}, "stop"),
        ],
    ),
    "thinking and text": (
        [[ThinkingDelta("hm")], [ThinkingDelta("."), TextDelta("Hi")], [STOP]],
        [
            chunk({**FIRST, "content": "", "reasoning": "hm"}),
            chunk({"content": "", "reasoning": "."}),
            chunk({"content": "Hi"}),
            chunk({}, "stop"),
        ],
    ),
    "one call": (
        [[PARIS, STOP]],
        [
            chunk({**FIRST, "content": "", "tool_calls": [call("abcdefgh1", 0, "Paris")]}),
            chunk({}, "tool_calls"),
        ],
    ),
    "parallel calls": (
        [[TextDelta("I look.")], [PARIS, LYON], [LYON], [STOP]],
        [
            chunk({**FIRST, "content": "I look."}),
            chunk(
                {
                    "content": "",
                    "tool_calls": [call("abcdefgh1", 0, "Paris"), call("abcdefgh2", 1, "Lyon")],
                }
            ),
            chunk({"content": "", "tool_calls": [call("abcdefgh2", 2, "Lyon")]}),
            chunk({}, "tool_calls"),
        ],
    ),
    "a provider that says why it called": (
        [[PARIS], [Finish(FinishReason.TOOL_CALLS)]],
        [
            chunk({**FIRST, "content": "", "tool_calls": [call("abcdefgh1", 0, "Paris")]}),
            chunk({}, "tool_calls"),
        ],
    ),
    "a call that never came": (
        [[TextDelta("Hi")], [Finish(FinishReason.TOOL_CALLS)]],
        [chunk({**FIRST, "content": "Hi"}), chunk({}, "stop")],
    ),
    "a stop for length": (
        [[TextDelta("Hi"), LENGTH]],
        [chunk({**FIRST, "content": "Hi"}), chunk({}, "length")],
    ),
    "a call before a stop for length": (
        [[PARIS, LENGTH]],
        [
            chunk({**FIRST, "content": "", "tool_calls": [call("abcdefgh1", 0, "Paris")]}),
            chunk({}, "length"),
        ],
    ),
    "a filter": (
        [[TextDelta("Hi"), Finish(FinishReason.CONTENT_FILTER)]],
        [chunk({**FIRST, "content": "Hi"}), chunk({}, "content_filter")],
    ),
    "an empty answer": (
        [[], [STOP]],
        [chunk({**FIRST, "content": ""}), chunk({}, "stop")],
    ),
}


@pytest.mark.parametrize(("batches", "chunks"), SEQUENCES.values(), ids=SEQUENCES)
def test_a_chat_streams_these_chunks(
    batches: Sequence[Sequence[ChatEvent]], chunks: list[Any]
) -> None:
    encoder = chat_encoder()
    assert read_chunks(b"".join(map(encoder.lines, batches))) == [*chunks, DONE]


@pytest.mark.parametrize(("batches", "chunks"), SEQUENCES.values(), ids=SEQUENCES)
def test_how_events_come_in_batches_changes_no_text(
    batches: Sequence[Sequence[ChatEvent]], chunks: list[Any]
) -> None:
    encoder = chat_encoder()
    sent = b"".join(encoder.lines([event]) for batch in batches for event in batch)
    read = read_chunks(sent)
    assert read[-2:] == [chunks[-1], DONE]
    deltas, expected = (
        [one["choices"][0]["delta"] for one in every] for every in (read[:-1], chunks)
    )
    for key in ("content", "reasoning"):
        assert [d[key] for d in deltas if d.get(key)] == [d[key] for d in expected if d.get(key)]
    calls, wanted = (
        [made for delta in every for made in delta.get("tool_calls", ())]
        for every in (deltas, expected)
    )
    assert calls == wanted


def test_a_chat_is_written_as_ollama_writes_it() -> None:
    encoder = chat_encoder(include_usage=True)
    assert encoder.lines([TextDelta("a<b>&\u2028\u0085é"), STOP]) == (
        b'data: {"id":"chatcmpl-7","object":"chat.completion.chunk","created":1787300000,'
        b'"model":"m","system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":'
        b'{"role":"assistant","content":"a\\u003cb\\u003e\\u0026\\u2028\\u0085\xc3\xa9"},'
        b'"finish_reason":null}]}\n\n'
        b'data: {"id":"chatcmpl-7","object":"chat.completion.chunk","created":1787300000,'
        b'"model":"m","system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":{},'
        b'"finish_reason":"stop"}]}\n\n'
        b'data: {"id":"chatcmpl-7","object":"chat.completion.chunk","created":1787300000,'
        b'"model":"m","system_fingerprint":"fp_ollama","choices":[],"usage":{"prompt_tokens":9,'
        b'"completion_tokens":2,"total_tokens":11}}\n\n'
        b"data: [DONE]\n\n"
    )


def test_there_is_no_usage_when_the_provider_gives_none() -> None:
    encoder = chat_encoder(include_usage=True)
    *_, last, done = read_chunks(encoder.lines([Finish(FinishReason.STOP)]))
    assert (last["choices"][0]["finish_reason"], "usage" in last, done) == ("stop", False, DONE)
    whole = chat_encoder().document(Answer(("Hi",), Finish(FinishReason.STOP)))
    assert "usage" not in json.loads(whole)


def test_cached_tokens_are_told_where_there_are_any() -> None:
    encoder = chat_encoder(include_usage=True)
    *_, last, _ = read_chunks(encoder.lines([Finish(FinishReason.STOP, Usage(9, 2, 4))]))
    assert last["usage"] == {**COUNTS, "prompt_tokens_details": {"cached_tokens": 4}}


def test_a_call_without_an_id_gets_one_that_is_the_same_each_time() -> None:
    nameless = [ToolCall("look", {"city": "Paris"}), ToolCall("look", {"city": "Paris"})]
    made = [
        one["id"]
        for _ in range(2)
        for one in read_chunks(chat_encoder().lines(nameless))[0]["choices"][0]["delta"][
            "tool_calls"
        ]
    ]
    assert made[:2] == made[2:]
    assert len({*made}) == 2
    assert {len(one) for one in made} == {9}


@pytest.mark.parametrize(
    ("encoder", "before"),
    [(chat_encoder(), b"data: {"), (completion_encoder(), b"data: {")],
    ids=["chat", "completion"],
)
def test_a_failure_in_mid_stream_is_an_error_object(
    encoder: ChatEncoder | CompletionEncoder, before: bytes
) -> None:
    assert encoder.lines([TextDelta("Hi")]).startswith(before)
    assert encoder.error_line(UpstreamTimeout("too quiet")) == (
        b'data: {"error":{"message":"too quiet","type":"api_error","param":null,"code":null}}\n\n'
    )
    assert b'"type":"api_error"' in encoder.error_line(UpstreamRateLimited("slow down"))


DOCUMENTS: dict[str, tuple[Sequence[ChatEvent], dict[str, Any], str]] = {
    "text": ([TextDelta("Hi"), TextDelta("!")], {"content": "Hi!"}, "stop"),
    "thinking": (
        [ThinkingDelta("hm"), TextDelta("Hi")],
        {"content": "Hi", "reasoning": "hm"},
        "stop",
    ),
    "calls": (
        [PARIS, LYON],
        {
            "content": "",
            "tool_calls": [call("abcdefgh1", 0, "Paris"), call("abcdefgh2", 1, "Lyon")],
        },
        "tool_calls",
    ),
    "nothing": ([], {"content": ""}, "stop"),
}


@pytest.mark.parametrize(("events", "message", "reason"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_whole_chat(events: Sequence[ChatEvent], message: dict[str, Any], reason: str) -> None:
    document = chat_encoder().document(fold(events, STOP))
    assert document.endswith(b"}\n")
    assert b"\n" not in document[:-1]
    (read,) = read_chunks(b"data: " + document + b"\n")
    assert read == {
        "id": "chatcmpl-7",
        "object": "chat.completion",
        "created": 1787300000,
        "model": "m",
        "system_fingerprint": "fp_ollama",
        "choices": [
            {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": reason}
        ],
        "usage": COUNTS,
    }


def test_a_completion_streams_text_alone() -> None:
    encoder = completion_encoder()
    sent = b"".join(
        encoder.lines(batch)
        for batch in ([], [ThinkingDelta("hm")], [TextDelta("a"), TextDelta("b")], [LENGTH])
    )
    assert read_chunks(sent) == [piece("a"), piece("b"), piece("", "length"), DONE]


def test_a_completion_with_usage_has_empty_counts_in_each_chunk() -> None:
    encoder = completion_encoder(include_usage=True)
    assert read_chunks(encoder.lines([TextDelta("a"), STOP])) == [
        piece("a", usage=ZERO),
        piece("", "stop", usage=ZERO),
        {**piece("", usage=COUNTS), "choices": []},
        DONE,
    ]


def test_a_whole_completion() -> None:
    document = completion_encoder().document(fold([TextDelta("a")], STOP))
    assert read_chunks(b"data: " + document + b"\n") == [piece("a", "stop", usage=COUNTS)]


def test_an_empty_prompt_loads() -> None:
    assert read_chunks(completion_encoder().load_stream()) == [piece("", "load"), DONE]
    document = completion_encoder().load_document()
    assert read_chunks(b"data: " + document + b"\n") == [piece("", "load", usage=ZERO)]
