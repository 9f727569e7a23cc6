"""The arguments of calls in histories, which the client can no longer repair."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import codec
from gateway.dialects.bodies.arguments import parse_arguments

READ = {
    "an object in a text": ('{"q": 1}', {"q": 1}),
    "an object": ({"q": 1}, {"q": 1}),
    "nothing": (None, {}),
    "an empty text": ("", {}),
    "a blank text": (" \n", {}),
    "null in a text": ("null", {}),
    "a cut object": ('{"q": "Par', {"arguments": '{"q": "Par'}),
    "words": ("Paris", {"arguments": "Paris"}),
    "a list in a text": ("[1]", {"arguments": [1]}),
    "a list": ([1], {"arguments": [1]}),
    "a number in a text": ("5", {"arguments": 5}),
    "a number": (5, {"arguments": 5}),
    "false": (False, {"arguments": False}),
    "a text in a text": ('"a"', {"arguments": "a"}),
    "half an emoji, escaped": (r'{"q":"\ud83d"}', {"q": "\ufffd"}),
    "the other half, escaped": (r'{"q":"a\ude00b"}', {"q": "a\ufffdb"}),
    "half an emoji": ('{"q":"\ud83d"}', {"q": "\ufffd"}),
    "half an emoji in words": ("\ud83d", {"arguments": "\ufffd"}),
    "an emoji, escaped": (r'{"q":"\ud83d\ude00"}', {"q": "😀"}),
    "a number that is too large": ('{"q":1e999}', {"arguments": '{"q":1e999}'}),
}


@pytest.mark.parametrize(("value", "arguments"), READ.values(), ids=READ)
def test_arguments_are_kept(value: object, arguments: object) -> None:
    assert parse_arguments(value) == arguments


@pytest.mark.parametrize("depth", [499, 500, 100_000])
def test_arguments_that_nest_too_deep_stay_a_text(depth: int) -> None:
    text = '{"a":' * depth + "1" + "}" * depth
    assert parse_arguments(text).keys() == ({"a"} if depth < 500 else {"arguments"})


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)


@given(st.text() | values | values.map(json.dumps))
def test_arguments_can_always_be_sent(value: object) -> None:
    assert isinstance(codec.encode(parse_arguments(value)), bytes)


@given(st.dictionaries(st.text(), values))
def test_good_arguments_stay_as_they_are(value: dict[str, object]) -> None:
    assert parse_arguments(json.dumps(value)) == value == parse_arguments(value)
