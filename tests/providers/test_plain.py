"""Chunks of text alone: which these are, and that a quick reading of them does not show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from unittest.mock import Mock, patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import codec
from gateway.events import ChatEvent, TextDelta
from gateway.providers.decoding import Decoder
from gateway.providers.framing import ErrorEvent
from gateway.providers.mistral import decode as mistral
from gateway.providers.openai import decode as openai
from gateway.providers.plain import read_plain_chunk


def chunk(delta: object, *, index: object = 0, reason: object = None, **members: object) -> bytes:
    choice = {"index": index, "delta": delta, "finish_reason": reason, "logprobs": None}
    return codec.encode({"id": "1", "object": "chunk", "choices": [choice], **members})


PLAIN = {
    "text": (chunk({"content": " a"}, p="abc"), " a"),
    "role": (chunk({"role": "assistant", "content": ""}), ""),
    "nulls": (
        chunk({"content": "a", "tool_calls": None, "reasoning": None, "refusal": None}, usage=None),
        "a",
    ),
    "escapes": (rb'{"choices":[{"delta":{"content":"\u00e9\n\ud83d\ude00"}}]}', "é\n\U0001f600"),
}


@pytest.mark.parametrize(("data", "text"), PLAIN.values(), ids=PLAIN)
def test_text_alone_makes_a_chunk_plain(data: bytes, text: str) -> None:
    assert read_plain_chunk(data).choices[0].delta.content == text


OTHERS = {
    "calls": chunk({"content": "a", "tool_calls": []}),
    "refusal": chunk({"content": "", "refusal": "no"}),
    "reasoning": chunk({"content": "", "reasoning": "hm"}),
    "reasoning content": chunk({"content": "", "reasoning_content": "hm"}),
    "pieces": chunk({"content": [{"type": "text", "text": "a"}]}),
    "null content": chunk({"content": None}),
    "no content": chunk({}),
    "no delta": codec.encode({"choices": [{"index": 0, "message": {"content": "a"}}]}),
    "no choice": codec.encode({"choices": []}),
    "two choices": codec.encode({"choices": [{"delta": {"content": "a"}}] * 2}),
    "another index": chunk({"content": "a"}, index=1),
    "odd index": chunk({"content": "a"}, index="0"),
    "finish": chunk({"content": "a"}, reason="stop"),
    "odd finish": chunk({"content": "a"}, reason=False),
    "usage": chunk({"content": "a"}, usage={"prompt_tokens": 1}),
    "error": chunk({"content": "a"}, error={"message": "no"}),
    "half a pair": rb'{"choices":[{"delta":{"content":"\ud800"}}]}',
    "padding": b'{"p":"abc"}',
    "list": b"[]",
    "done": b"[DONE]",
    "junk": b"{",
    "not utf-8": b'{"choices":[{"delta":{"content":"\xff"}}]}',
}


@pytest.mark.parametrize("data", OTHERS.values(), ids=OTHERS)
def test_whatever_else_a_chunk_says_is_not_passed_over(data: bytes) -> None:
    with pytest.raises(ValueError, match="."):
        read_plain_chunk(data)


def test_nesting_that_is_too_deep_is_refused_as_ever() -> None:
    with pytest.raises((ValueError, RecursionError)):
        read_plain_chunk(b'{"choices":' + b"[" * 100_000)


TEXT = PLAIN["text"][0]
CALLS = [{"id": "abcdefgh1", "index": 0, "function": {"name": "f", "arguments": "{}"}}]
THOUGHT = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]
CHUNKS = {
    **{name: data for name, (data, _) in PLAIN.items()},
    **OTHERS,
    "thought": chunk({"content": THOUGHT}),
    "whole call": chunk({"content": "", "tool_calls": CALLS}),
    "finish and usage": chunk({"content": "z"}, reason="length", usage={"prompt_tokens": 3}),
    "usage alone": codec.encode({"choices": [], "usage": {"completion_tokens": 2}}),
    "error event": ErrorEvent(TEXT),
}
DECODERS: dict[str, Callable[[], Decoder]] = {
    "mistral": lambda: mistral.ChatDecoder("x"),
    "mistral-without-thinking": lambda: mistral.ChatDecoder("x", think=False),
    "mistral-with-stops": lambda: mistral.ChatDecoder("x", stops=["b"], prefix="a"),
    "openai": lambda: openai.ChatDecoder("x"),
    "openai-without-thinking": lambda: openai.ChatDecoder("x", think=False),
}


def _told(make: Callable[[], Decoder], batches: Sequence[Sequence[bytes]]) -> list[object]:
    """Return all that a decoder tells, after each batch and at the end."""
    decoder = make()
    told: list[object] = []
    for batch in batches:
        told += [decoder.feed(batch), decoder.finished, decoder.closing, decoder.cut]
    return [*told, decoder.end(), repr(decoder.failure)]


def _told_with_care(
    make: Callable[[], Decoder], batches: Sequence[Sequence[bytes]]
) -> list[object]:
    refuse = Mock(side_effect=ValueError)
    with (
        patch.object(mistral, "read_plain_chunk", refuse),
        patch.object(openai, "read_plain_chunk", refuse),
    ):
        return _told(make, batches)


@pytest.mark.parametrize("make", DECODERS.values(), ids=DECODERS)
@pytest.mark.parametrize("data", CHUNKS.values(), ids=CHUNKS)
def test_any_chunk_among_plain_ones_tells_what_it_tells_with_care(
    make: Callable[[], Decoder], data: bytes
) -> None:
    batches = [[TEXT, data, TEXT, TEXT], [CHUNKS["finish and usage"]]]
    assert _told(make, batches) == _told_with_care(make, batches)


@pytest.mark.parametrize("make", DECODERS.values(), ids=DECODERS)
@settings(deadline=None, max_examples=100)
@given(
    batches=st.lists(
        st.lists(st.sampled_from([*CHUNKS.values(), *[TEXT] * len(CHUNKS)]), max_size=5), max_size=4
    )
)
def test_any_stream_tells_what_it_tells_with_care(
    make: Callable[[], Decoder], batches: list[list[bytes]]
) -> None:
    assert _told(make, batches) == _told_with_care(make, batches)


@pytest.mark.parametrize("module", [mistral, openai], ids=["mistral", "openai"])
def test_text_is_read_quickly_again_after_something_else(module: Any) -> None:
    decoder = module.ChatDecoder("x")
    decoder.feed([OTHERS["calls"], OTHERS["null content"], TEXT])
    with patch.object(module, "read_plain_chunk", wraps=read_plain_chunk) as quick:
        assert decoder.feed([TEXT, TEXT]) == [TextDelta(" a")] * 2
    assert quick.call_count == 2


def test_a_server_that_adds_to_each_chunk_is_soon_read_with_care_alone() -> None:
    events: list[ChatEvent] = []
    with patch.object(openai, "read_plain_chunk", wraps=read_plain_chunk) as quick:
        decoder = openai.ChatDecoder("x")
        for _ in range(100):
            events += decoder.feed([OTHERS["usage"]])
    assert events == [TextDelta("a")] * 100
    assert quick.call_count < 10
