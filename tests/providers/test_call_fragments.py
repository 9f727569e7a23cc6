"""The arguments of a call are passed on as they come, and the call follows when it is complete."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import UpstreamProtocolError
from gateway.core.events import ToolCall, ToolCallDelta
from gateway.providers.tool_calls import CallAssembler, CallEvent, read_arguments


def fragment(arguments: object, name: str = "", call_id: str = "") -> dict[str, object]:
    return {"id": call_id, "function": {"name": name, "arguments": arguments}}


def fed(*fragments: dict[str, object]) -> tuple[CallAssembler, list[CallEvent]]:
    assembler = CallAssembler("acme")
    return assembler, [event for one in fragments for event in assembler.feed([one], "answer")]


def part(arguments: str, call_id: str = "x") -> ToolCallDelta:
    return ToolCallDelta(call_id, "f", arguments)


SEEN: dict[str, tuple[Sequence[dict[str, object]], list[CallEvent]]] = {
    "fragments are seen as they come": (
        [fragment('{"a"', "f", "x"), fragment(":"), fragment(" 1}")],
        [part('{"a"'), part(":"), part(" 1}")],
    ),
    "an empty one is none": ([fragment('{"a"', "f", "x"), fragment("")], [part('{"a"')]),
    "a call in one piece waits": ([fragment('{"a": 1}', "f", "x")], []),
    "so does one that has no name yet": ([fragment('{"a"', "", "x")], []),
    "until the name comes": (
        [fragment('{"a"', "", "x"), fragment(":", "f", "x")],
        [part('{"a":')],
    ),
    "white space before the object comes with it": (
        [fragment(" ", "f", "x"), fragment("\n"), fragment("{")],
        [part(" \n{")],
    ),
    "JSON in a text of JSON is not passed on": (
        [fragment('"{\\"a\\"', "f", "x"), fragment(": 1")],
        [],
    ),
    "nor is what is no object": ([fragment("[1", "f", "x"), fragment(", 2")], []),
    "a second call waits for the first": (
        [fragment('{"a"', "f", "x"), fragment('{"b"', "f", "y"), fragment(": 2", "", "y")],
        [part('{"a"')],
    ),
    "then all of it comes": (
        [
            fragment('{"a"', "f", "x"),
            fragment('{"b"', "f", "y"),
            fragment(": 1}", "", "x"),
            fragment(": 2", "", "y"),
        ],
        [
            part('{"a"'),
            part(": 1}"),
            ToolCall("f", {"a": 1}, "x"),
            part('{"b"', "y"),
            part(": 2", "y"),
        ],
    ),
    "half an escape waits for the other half": (
        [fragment('{"a": "\\', "f", "x"), fragment("u00"), fragment("e9 ")],
        [part('{"a": "'), part("\\u00e9 ")],
    ),
    "so does half a pair": (
        [fragment('{"a": "\\ud83d', "f", "x"), fragment("\\ud"), fragment("e00")],
        [part('{"a": "'), part("\\ud83d\\ude00")],
    ),
    "half a pair alone is replaced": (
        [fragment('{"a": "\\ud83d', "f", "x"), fragment("!")],
        [part('{"a": "'), part("\\ufffd!")],
    ),
}


@pytest.mark.parametrize(("fragments", "events"), SEEN.values(), ids=SEEN)
def test_what_is_seen_of_a_call_before_it_is_complete(
    fragments: Sequence[dict[str, object]], events: list[CallEvent]
) -> None:
    assert fed(*fragments)[1] == events


def test_a_call_without_an_id_has_the_same_one_in_its_fragments() -> None:
    assembler, (delta,) = fed(fragment('{"a"', "f"))
    assembler.feed([fragment(": 1}")], "answer")
    (call,) = assembler.finish()
    assert isinstance(delta, ToolCallDelta)
    assert isinstance(call, ToolCall)
    assert delta.id == call.id != ""


def test_an_object_after_fragments_fails_the_answer() -> None:
    assembler, _ = fed(fragment('{"a"', "f", "x"), fragment({"a": 1}, "", "x"))
    with pytest.raises(UpstreamProtocolError, match='invalid arguments for tool "f"'):
        assembler.finish()


def test_a_call_that_was_cut_is_not_completed() -> None:
    assembler, events = fed(fragment('{"a": "\\', "f", "x"))
    assert (events, assembler.rescue()) == ([part('{"a": "')], [])


VALUES = st.text('aé\U0001f600\\"\n', max_size=6) | st.integers()


@given(
    arguments=st.dictionaries(st.text('a\\"\U0001f600', max_size=3), VALUES, min_size=1),
    ascii_only=st.booleans(),
    cuts=st.lists(st.integers(0, 80)),
)
def test_fragments_are_the_arguments_wherever_they_are_cut(
    arguments: dict[str, object], ascii_only: bool, cuts: list[int]
) -> None:
    text = json.dumps(arguments, ensure_ascii=ascii_only)
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    pieces = [text[a:b] for a, b in pairwise(places)]
    assembler, events = fed(*(fragment(piece, "f", "x") for piece in pieces))
    *parts, call = events + assembler.finish()
    assert call == ToolCall("f", arguments, "x")
    shown = [event.arguments for event in parts if isinstance(event, ToolCallDelta)]
    assert "".join(shown) in ("", text)
    assert len(shown) == len(parts)


JSON = st.recursive(
    st.sampled_from([None, 1, "", 'a"}', "\\", "{", "é"]),
    lambda inner: (
        st.dictionaries(st.sampled_from(["a", 'b"', "}"]), inner, max_size=2)
        | st.lists(inner, max_size=2)
    ),
    max_leaves=4,
)
OBJECTS = st.dictionaries(st.sampled_from(["a", "{"]), JSON, max_size=2).map(json.dumps)
TEXTS = st.one_of(
    OBJECTS,
    OBJECTS.map(json.dumps),
    st.tuples(OBJECTS, st.sampled_from([" ", "}", "{}", "x", "\n"])).map("".join),
    OBJECTS.map(lambda text: text[:-1]),
    st.text('{}"\\ a:1', max_size=8),
)


@given(text=TEXTS, cuts=st.lists(st.integers(0, 60), max_size=5))
def test_a_call_is_complete_when_another_begins_if_its_arguments_can_be_read(
    text: str, cuts: list[int]
) -> None:
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    assembler = CallAssembler("acme")
    for start, end in pairwise(places):
        # That the name is repeated makes the assembler look at each fragment.
        assembler.feed([{"index": 0, **fragment(text[start:end], "f", "x")}], "")
    assembler.feed([fragment("{}", "g", "y")], "")
    arguments = read_arguments(text) if text.strip() else None
    assert [call.arguments for call in assembler.made] == [arguments] * (arguments is not None)


@pytest.mark.parametrize(
    ("fragments", "is_complete"),
    [
        ([{}], True),
        ([{}, "x"], True),
        (["{}", "x"], False),
        (["{}", " "], True),
        (["{}", " ", "{}"], False),
        (['{"a', '}"', ":1", "}"], True),
        (['{"a\\', '"}":1', "}"], True),
        (["{}}", "{}"], False),
        (["nu", "ll"], True),
        (["n", "ul", "l "], True),
        (["1"], False),
        ([" "], False),
    ],
)
def test_arguments_are_complete_once_they_are_closed(
    fragments: list[object], *, is_complete: bool
) -> None:
    assembler = CallAssembler("acme")
    for part in fragments:
        assembler.feed([fragment(part, call_id="x")], "")
        assembler.feed([{"id": "x", "function": {"name": "f", "arguments": ""}}], "")
        assert len(assembler.made) == 0
        list(assembler.rescue())
        assembler.made.clear()
    assembler.feed([fragment("{}", "g", "y")], "")
    assert bool(assembler.made) is is_complete
