"""Chunks of text alone: which these are, and that a quick reading of them does not show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from unittest.mock import Mock, patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import codec
from gateway.core.events import ChatEvent, TextDelta
from gateway.providers.mistral import decode as mistral
from gateway.providers.openai import decode as openai
from gateway.providers.upstream.decoding import Decoder
from gateway.providers.upstream.framing import ErrorEvent


def chunk(delta: object, *, index: object = 0, reason: object = None, **members: object) -> bytes:
    choice = {"index": index, "delta": delta, "finish_reason": reason, "logprobs": None}
    return codec.encode({"id": "1", "object": "chunk", "choices": [choice], **members})


TEXT = chunk({"content": " a"}, p="abc")
PLAIN = {
    "text": TEXT,
    "no text": chunk({"content": ""}, usage=None),
    "escapes": rb'{"choices":[{"delta":{"content":"\u00e9\n\ud83d\ude00"}}]}',
}
NULLS = {
    "role": chunk({"role": "assistant", "content": ""}),
    "nulls": chunk({"content": "a", "tool_calls": None, "reasoning": None, "refusal": None}),
}
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


CALLS = [{"id": "abcdefgh1", "index": 0, "function": {"name": "f", "arguments": "{}"}}]
THOUGHT = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]
CHUNKS = {
    **PLAIN,
    **NULLS,
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
        patch.object(openai, "_read_plain_chunk", refuse),
    ):
        return _told(make, batches)


def _read_quickly(decoder: Decoder, batch: Sequence[bytes]) -> Sequence[ChatEvent]:
    """Return the events of chunks that must not need a careful reading."""
    with (
        patch.object(mistral, "read_chunk", Mock(side_effect=AssertionError)),
        patch.object(openai, "_read_chunk", Mock(side_effect=AssertionError)),
    ):
        return decoder.feed(batch)


@pytest.mark.parametrize("data", PLAIN.values(), ids=PLAIN)
@pytest.mark.parametrize("name", ["mistral", "openai"])
def test_text_alone_needs_no_careful_reading(name: str, data: bytes) -> None:
    decoder = DECODERS[name]()
    decoder.feed([NULLS["role"]])
    _read_quickly(decoder, [data])


@pytest.mark.parametrize("data", NULLS.values(), ids=NULLS)
def test_what_some_servers_say_in_each_chunk_needs_none_either(data: bytes) -> None:
    _read_quickly(DECODERS["openai"](), [data])


@pytest.mark.parametrize("make", DECODERS.values(), ids=DECODERS)
@pytest.mark.parametrize("data", CHUNKS.values(), ids=CHUNKS)
def test_any_chunk_among_plain_ones_tells_what_it_tells_with_care(
    make: Callable[[], Decoder], data: bytes
) -> None:
    batches = [[TEXT, data, TEXT, TEXT], [CHUNKS["finish and usage"]]]
    assert _told(make, batches) == _told_with_care(make, batches)


@pytest.mark.parametrize("make", DECODERS.values(), ids=DECODERS)
@given(
    batches=st.lists(
        st.lists(st.sampled_from([*CHUNKS.values(), *[TEXT] * len(CHUNKS)]), max_size=5), max_size=4
    )
)
def test_any_stream_tells_what_it_tells_with_care(
    make: Callable[[], Decoder], batches: list[list[bytes]]
) -> None:
    assert _told(make, batches) == _told_with_care(make, batches)


@pytest.mark.parametrize("name", ["mistral", "openai"])
def test_text_is_read_quickly_again_after_something_else(name: str) -> None:
    decoder = DECODERS[name]()
    decoder.feed([OTHERS["calls"], OTHERS["null content"], TEXT])
    assert _read_quickly(decoder, [TEXT, TEXT]) == [TextDelta(" a")] * 2


def test_a_server_that_adds_to_each_chunk_is_soon_read_with_care_alone() -> None:
    decoder = DECODERS["openai"]()
    decoder.feed([OTHERS["usage"]] * 50)
    with patch.object(openai, "_read_plain_chunk", Mock(side_effect=AssertionError)):
        assert decoder.feed([OTHERS["usage"]] * 2) == [TextDelta("a")] * 2
