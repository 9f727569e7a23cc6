"""Thinking between tags, cut at every character."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.events import TextDelta, ThinkingDelta
from gateway.providers.openai.tags import TagReader


def split(*pieces: str) -> tuple[str, str]:
    """Return the thinking and the text of an answer that comes in *pieces*."""
    reader = TagReader()
    events = [event for piece in pieces for event in reader.feed(piece)] + reader.end()
    return (
        "".join([event.text for event in events if isinstance(event, ThinkingDelta)]),
        "".join([event.text for event in events if isinstance(event, TextDelta)]),
    )


ANSWERS = {
    "<think>a</think>b": ("a", "b"),
    "\n <think>\n\na b\n</think>\n\nc\n": ("a b\n", "c\n"),
    "<think></think>b": ("", "b"),
    "<think>a < b </thin </think>c</think>": ("a < b </thin ", "c</think>"),
    "<think>never ends </thi": ("never ends </thi", ""),
    "no tag <think>at</think> the beginning": ("", "no tag <think>at</think> the beginning"),
    "<thinking>is another tag": ("", "<thinking>is another tag"),
    "<thi": ("", "<thi"),
    "   ": ("", "   "),
    "": ("", ""),
    " " * 70 + "<think>late</think>": ("", " " * 70 + "<think>late</think>"),
}


@pytest.mark.parametrize(("answer", "expected"), ANSWERS.items(), ids=repr)
def test_an_answer_is_split_wherever_it_is_cut(answer: str, expected: tuple[str, str]) -> None:
    assert split(*answer) == expected
    for cut in range(len(answer) + 1):
        assert split(answer[:cut], answer[cut:]) == expected


@given(st.lists(st.sampled_from(["<think>", "</think>", "<", "a", " ", "th"]), max_size=12))
def test_pieces_say_what_the_whole_says(pieces: list[str]) -> None:
    assert split(*pieces) == split("".join(pieces))


def test_after_the_thinking_all_is_text() -> None:
    reader = TagReader()
    reader.feed("<think>a</think>")
    assert not reader.is_over
    assert reader.feed("\n") == []
    assert reader.feed("\nb") == [TextDelta("b")]
    assert reader.is_over
