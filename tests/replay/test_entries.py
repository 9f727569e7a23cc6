"""What is kept of an answer is that answer: only runs of fragments become one."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.embeddings import EmbedResult
from gateway.core.events import (
    ChatEvent,
    Finish,
    FinishReason,
    Logprobs,
    TextDelta,
    ThinkingDelta,
    Thought,
    TokenLogprob,
    ToolCall,
    ToolCallDelta,
    Usage,
    fold,
)
from gateway.replay.entries import decode, encode, joined

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5)
MEMBERS = st.dictionaries(TEXT, st.integers(-(2**70), 2**70) | TEXT | st.none(), max_size=2)
KEEPSAKES = st.dictionaries(TEXT, MEMBERS, max_size=2)
TOKENS = st.builds(TokenLogprob, TEXT, st.floats(-100, 0), st.lists(st.integers(0, 255)).map(tuple))
EVENTS = st.one_of(
    st.builds(TextDelta, TEXT),
    st.builds(ThinkingDelta, TEXT),
    st.builds(Thought, KEEPSAKES),
    st.builds(ToolCallDelta, st.sampled_from(["a", "b"]), st.just("f"), TEXT),
    st.builds(ToolCall, TEXT, MEMBERS, TEXT, KEEPSAKES),
    st.builds(Logprobs, st.lists(TOKENS, max_size=2).map(tuple)),
)
FINISHES = st.builds(
    Finish,
    st.sampled_from(FinishReason),
    st.none() | st.builds(Usage, st.integers(0), st.integers(0), st.integers(0)),
    st.none() | KEEPSAKES,
    st.none() | KEEPSAKES,
)


@given(st.lists(EVENTS, max_size=8), FINISHES)
def test_kept_events_fold_into_the_same_answer(events: list[ChatEvent], finish: Finish) -> None:
    kept = decode(encode([*events, finish]))
    assert isinstance(kept, Sequence)
    assert kept == [*joined([*events, finish])]
    assert kept[-1] == finish
    assert fold(kept, finish) == fold(events, finish)


def test_runs_of_fragments_become_one_and_no_others() -> None:
    events: list[ChatEvent] = [
        *(ThinkingDelta("a"), ThinkingDelta("b"), TextDelta("c"), TextDelta("d")),
        *(ToolCallDelta("1", "f", "{"), ToolCallDelta("1", "f", "}"), ToolCall("f", {}, "1")),
        *(ToolCallDelta("2", "f", "["), ToolCallDelta("3", "f", "]"), ToolCall("f", {}, "2")),
        *(ToolCall("f", {}, "3"), TextDelta("e"), Logprobs(()), TextDelta("f"), Logprobs(())),
    ]
    assert [*joined(events)] == [
        *(ThinkingDelta("ab"), TextDelta("cd")),
        *(ToolCallDelta("1", "f", "{}"), ToolCall("f", {}, "1")),
        *events[7:],
    ]


def test_vectors_keep_their_types() -> None:
    result = EmbedResult([[1, 2.5, 1.0, 0.1 + 0.2]], Usage(3, 0), {"openai": {"a": 1}})
    kept = decode(encode(result))
    assert kept == result
    assert isinstance(kept, EmbedResult)
    assert [*map(type, kept.vectors[0])] == [int, float, float, float]


@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        b"7",
        b'[["text"]]',
        b'[["unheard_of",{}]]',
        b'[["text",{"content":1}]]',
        encode([Logprobs((TokenLogprob("a", -math.inf),))]),
    ],
)
def test_what_is_no_answer_is_an_error_of_one_kind(encoded: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the text is of no interest
        decode(encoded)
