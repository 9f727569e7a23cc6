"""Batches of nothing but text: read once for all dialects, and written like any other batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core import codec
from gateway.core.events import (
    ChatEvent,
    Finish,
    FinishReason,
    Logprobs,
    TextDelta,
    ThinkingDelta,
    TokenLogprob,
    ToolCall,
    Usage,
)
from gateway.dialects.anthropic.encode import MessageEncoder
from gateway.dialects.base import AnswerEncoder
from gateway.dialects.ollama import encode as ollama
from gateway.dialects.ollama.clock import Clock
from gateway.dialects.openai import encode as openai
from gateway.dialects.text_batch import encode_texts
from gateway.observe.timing import Timing

TEXT = TextDelta("a")
CALL = ToolCall("f", {"a": "<"}, "abcdefgh1")
TOKENS = Logprobs((TokenLogprob("a", -0.5),))
FINISH = Finish(FinishReason.STOP, Usage(3, 2))


@pytest.mark.parametrize(
    "events",
    [[], [ThinkingDelta("a")], [FINISH], [TEXT, FINISH], [CALL, TEXT], [TEXT, TEXT, TOKENS]],
    ids=["nothing", "thinking", "finish", "text-and-finish", "call-and-text", "probabilities"],
)
def test_a_batch_with_anything_but_text_is_none_of_texts(events: Sequence[ChatEvent]) -> None:
    assert encode_texts(events) == b""


@settings(deadline=None)
@given(texts=st.lists(st.text(min_size=1), min_size=1))
def test_texts_are_escaped_json_between_line_feeds(texts: list[str]) -> None:
    encoded = encode_texts([TextDelta(text) for text in texts])
    assert encoded == b"\n".join([codec.escape_html(codec.encode(text)) for text in texts])
    assert [codec.decode(line) for line in encoded.split(b"\n")] == texts


def stopped() -> Timing:
    """Return a stopwatch on which no time goes by."""
    return Timing(lambda: 1)


ENCODERS: dict[str, Callable[[], AnswerEncoder]] = {
    "ollama-chat": lambda: ollama.ChatEncoder("m", timing=stopped(), clock=Clock(lambda: 1)),
    "ollama-generate": lambda: ollama.GenerateEncoder(
        "m", timing=stopped(), clock=Clock(lambda: 1)
    ),
    "openai-chat": lambda: openai.ChatEncoder("<m>", identity="7", now=lambda: 1),
    "openai-completions": lambda: openai.CompletionEncoder(
        "<m>", identity="7", include_usage=True, now=lambda: 1
    ),
    "anthropic": lambda: MessageEncoder("<m>", identity="7"),
}
TEXTS = st.text(min_size=1, max_size=5) | st.sampled_from(["<&>", "\u2028", "\n", '"', "é\x85"])
OTHERS = st.sampled_from([ThinkingDelta("hm"), CALL])
BATCHES = st.lists(
    st.lists(st.builds(TextDelta, TEXTS), max_size=4)
    | st.lists(st.builds(TextDelta, TEXTS) | OTHERS, max_size=4),
    max_size=5,
)


@pytest.mark.parametrize("make", ENCODERS.values(), ids=ENCODERS)
@settings(deadline=None, max_examples=100)
@given(batches=BATCHES)
def test_batches_of_text_are_written_like_any_others(
    make: Callable[[], AnswerEncoder], batches: list[list[ChatEvent]]
) -> None:
    encoder, plain = make(), make()
    batches.append([FINISH])
    with patch(f"{type(plain).__module__}.encode_texts", lambda _: b""):
        expected = [plain.lines(batch) for batch in batches]
    assert [encoder.lines(batch) for batch in batches] == expected


@pytest.mark.parametrize("make", ENCODERS.values(), ids=ENCODERS)
def test_a_batch_is_written_like_its_events_one_by_one(make: Callable[[], AnswerEncoder]) -> None:
    encoder, one_by_one = make(), make()
    batches = [[TEXT], [TextDelta("b"), TextDelta("<"), TEXT], [TEXT, TEXT]]
    expected = [one_by_one.lines([event]) for batch in batches for event in batch]
    assert b"".join([encoder.lines(batch) for batch in batches]) == b"".join(expected)
