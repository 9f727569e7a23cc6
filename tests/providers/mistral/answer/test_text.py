"""Echoes and stop strings are taken out of a text, in whatever pieces it comes."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.providers.mistral.text_filters import TextFilter

TEXTS = st.text("ab<> \n", max_size=24)


def filtered(pieces: list[str], prefix: str = "", stops: tuple[str, ...] = ()) -> list[str]:
    text = TextFilter(prefix, stops)
    return [*map(text.feed, pieces), text.flush()]


@pytest.mark.parametrize(
    ("prefix", "pieces", "shown"),
    [
        pytest.param("Once upon", ["Once upon a time"], [" a time", ""], id="in one piece"),
        pytest.param("Once upon", ["Once", " upon", " a"], ["", "", " a", ""], id="in pieces"),
        pytest.param("Once ", ["Once", " upon"], ["", "upon", ""], id="white space moved on"),
        pytest.param("Once ", ["Once", "upon"], ["", "upon", ""], id="white space lost"),
        pytest.param("a\n \n", ["a", "\n\nb"], ["", "\nb", ""], id="white space lost in part"),
        pytest.param("a ", ["a", "   b"], ["", "  b", ""], id="no more white space than there was"),
        pytest.param("Once", ["On", "ly"], ["", "Only", ""], id="no echo"),
        pytest.param("Once", ["Twice", "Once"], ["Twice", "Once", ""], id="a later echo is text"),
        pytest.param("Once", ["Once"], ["", ""], id="nothing but the echo"),
        pytest.param("Once ", ["Once"], ["", ""], id="nothing but the echo without its space"),
        pytest.param("Once", ["On"], ["", "On"], id="too short for an echo"),
        pytest.param("Once", [], [""], id="no text at all"),
    ],
)
def test_the_echo_of_a_prefix_is_dropped(prefix: str, pieces: list[str], shown: list[str]) -> None:
    assert filtered(pieces, prefix) == shown


@pytest.mark.parametrize(
    ("stops", "pieces", "shown"),
    [
        pytest.param(("END",), ["one END two"], ["one ", ""], id="in one piece"),
        pytest.param(("END",), ["one E", "N", "D", "x"], ["one ", "", "", "", ""], id="in pieces"),
        pytest.param(("END",), ["one E", "LF"], ["one ", "ELF", ""], id="a false start"),
        pytest.param(("END",), ["EE", "ND"], ["E", "", ""], id="a second start"),
        pytest.param(("END",), ["one E"], ["one ", "E"], id="an end that could have been one"),
        pytest.param(("xyz", "END"), ["END xyz"], ["", ""], id="the first of two"),
        pytest.param(("abcd", "c"), ["abcd"], ["ab", ""], id="the first that is complete"),
        pytest.param(("bc", "abc"), ["abc"], ["", ""], id="the longer of two that end together"),
        pytest.param(("a",), ["bbb"], ["bbb", ""], id="a single character holds nothing back"),
    ],
)
def test_text_ends_before_a_stop_string(
    stops: tuple[str, ...], pieces: list[str], shown: list[str]
) -> None:
    assert filtered(pieces, stops=stops) == shown


def test_a_stop_string_counts_only_behind_the_echo() -> None:
    text = TextFilter("<stop>", ("<stop>",))
    assert [text.feed("<stop>"), text.stopped] == ["", False]
    assert [text.feed("a<stop>b"), text.stopped] == ["a", True]
    assert [text.feed("c"), text.flush()] == ["", ""]


@given(
    text=TEXTS,
    prefix=st.text("ab \n", max_size=5),
    stops=st.lists(st.text("ab<>", min_size=1, max_size=4), max_size=3).map(tuple),
    cuts=st.lists(st.integers(0, 24), max_size=6),
)
def test_the_pieces_in_which_a_text_comes_do_not_matter(
    text: str, prefix: str, stops: tuple[str, ...], cuts: list[int]
) -> None:
    bounds = sorted({0, len(text), *(min(cut, len(text)) for cut in cuts)})
    pieces = [text[start:end] for start, end in pairwise(bounds)]
    assert "".join(filtered(pieces, prefix, stops)) == "".join(filtered([text], prefix, stops))


@given(text=TEXTS, stop=st.text("ab<>", min_size=1, max_size=4))
def test_what_is_shown_is_the_text_before_the_stop(text: str, stop: str) -> None:
    assert "".join(filtered(list(text), stops=(stop,))) == text.partition(stop)[0]
