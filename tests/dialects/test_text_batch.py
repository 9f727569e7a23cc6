"""Batches of nothing but text: read once for all dialects, and written like any other batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from unittest.mock import patch

import pytest
from hypothesis import given
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
from gateway.core.timing import Timing
from gateway.dialects.anthropic.encode import MessageEncoder
from gateway.dialects.base import AnswerEncoder
from gateway.dialects.ollama import encode as ollama
from gateway.dialects.ollama.clock import Clock
from gateway.dialects.openai import encode as openai
from gateway.dialects.text_batch import LONGEST_TEXT, encode_text_batch

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
    assert encode_text_batch(events, before=b"<", after=b">") == b""


@pytest.mark.parametrize("count", [1, 2])
def test_a_batch_that_might_be_too_long_for_a_line_is_none_of_texts(count: int) -> None:
    fits = [TextDelta("a" * ((LONGEST_TEXT - 5) // count))] * count
    assert encode_text_batch(fits, before=b"", after=b"") != b""
    assert encode_text_batch([*fits, TextDelta("abcde")], before=b"", after=b"") == b""


@given(texts=st.lists(st.text(min_size=1), min_size=1))
def test_texts_are_escaped_json_between_what_a_dialect_has_there(texts: list[str]) -> None:
    encoded = encode_text_batch([TextDelta(text) for text in texts], before=b'{"a":', after=b"}\n")
    lines = [codec.escape_html(codec.encode({"a": text})) + b"\n" for text in texts]
    assert encoded == b"".join(lines)


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
@given(batches=BATCHES)
def test_batches_of_text_are_written_like_any_others(
    make: Callable[[], AnswerEncoder], batches: list[list[ChatEvent]]
) -> None:
    encoder, plain = make(), make()
    batches.append([FINISH])
    with patch(f"{type(plain).__module__}.encode_text_batch", lambda _, **__: b""):
        expected = [plain.lines(batch) for batch in batches]
    assert [encoder.lines(batch) for batch in batches] == expected


@pytest.mark.parametrize("make", ENCODERS.values(), ids=ENCODERS)
def test_a_batch_is_written_like_its_events_one_by_one(make: Callable[[], AnswerEncoder]) -> None:
    encoder, one_by_one = make(), make()
    batches = [[TEXT], [TextDelta("b"), TextDelta("<"), TEXT], [TEXT, TEXT]]
    expected = [one_by_one.lines([event]) for batch in batches for event in batch]
    assert b"".join([encoder.lines(batch) for batch in batches]) == b"".join(expected)
