"""Tool calls come whole out of any fragments, or not at all."""

from __future__ import annotations

import logging

import pytest

from gateway.core.errors import UpstreamProtocolError
from gateway.core.events import ToolCall
from gateway.providers.mistral.ids import is_id
from gateway.providers.tool_calls import CallAssembler, CallEvent, read_arguments


def fragment(
    arguments: object = "", *, name: object = "", call_id: object = None, index: object = None
) -> dict[str, object]:
    function = {"name": name, "arguments": arguments}
    return {"id": call_id, "index": index, "function": function}


def whole(events: list[CallEvent]) -> list[ToolCall]:
    return [event for event in events if isinstance(event, ToolCall)]


def assembled(*fragments: object) -> list[tuple[str, object]]:
    assembler = CallAssembler("mistral")
    calls = [call for one in fragments for call in assembler.feed([one], "answer")]
    return [(call.name, call.arguments) for call in whole(calls + assembler.finish())]


@pytest.mark.parametrize(
    ("value", "arguments"),
    [
        pytest.param({"a": 1}, {"a": 1}, id="an object"),
        pytest.param('{"a": 1}', {"a": 1}, id="the JSON of one"),
        pytest.param('"{\\"a\\": 1}"', {"a": 1}, id="the JSON of the JSON of one"),
        pytest.param("", {}, id="nothing"),
        pytest.param(" \n", {}, id="white space"),
        pytest.param("null", {}, id="null in text"),
        pytest.param(None, {}, id="null"),
        pytest.param('{"b": 1, "a": 2, "b": 3}', {"b": 3, "a": 2}, id="the last of two"),
        pytest.param('{"n": 123456789012345678901}', {"n": 123456789012345678901}, id="large"),
        pytest.param(r'{"a": "\ud83d"}', {"a": "\ufffd"}, id="half a character"),
        pytest.param(r'{"a": "\ud83d\ude00"}', {"a": "\U0001f600"}, id="both halves of one"),
        pytest.param('{"n": 1e400}', None, id="a number that no float holds"),
        pytest.param('{"city": Paris}', None, id="broken JSON"),
        pytest.param('{"city": "Par', None, id="cut JSON"),
        pytest.param('"\\"{}\\""', None, id="JSON of JSON of JSON"),
        pytest.param("[1]", None, id="a list in text"),
        pytest.param([1], None, id="a list"),
        pytest.param("7", None, id="a number"),
        pytest.param("[" * 10_000, None, id="too deep"),
        pytest.param('{"a":' * 600 + "1" + "}" * 600, None, id="too deep for a client"),
    ],
)
def test_arguments_are_an_object_or_unusable(value: object, arguments: object) -> None:
    assert read_arguments(value) == arguments


def test_the_order_of_arguments_is_kept() -> None:
    assert list(read_arguments('{"z": 1, "a": 2}') or ()) == ["z", "a"]


@pytest.mark.parametrize(
    ("fragments", "calls"),
    [
        pytest.param(
            [fragment('{"a":', name="f", call_id="x"), fragment(" 1}", call_id="x")],
            [("f", {"a": 1})],
            id="a known id continues its call",
        ),
        pytest.param(
            [
                fragment('{"a": 1}', name="f", call_id="x"),
                fragment("{}", name="g", call_id="y"),
                fragment("", call_id="x"),
            ],
            [("f", {"a": 1}), ("g", {})],
            id="a known id starts no call again",
        ),
        pytest.param(
            [
                fragment("{}", name="f", call_id="x", index=0),
                fragment('{"a": 1}', name="f", call_id="y", index=0),
            ],
            [("f", {}), ("f", {"a": 1})],
            id="a new id starts a call even if the index repeats",
        ),
        pytest.param(
            [
                fragment('{"a":', name="f", call_id="x", index=0),
                fragment('{"b":', name="g", call_id="y", index=1),
                fragment("1}", index=0),
                fragment("2}", index=1),
            ],
            [("f", {"a": 1}), ("g", {"b": 2})],
            id="an index without an id continues the call of that index",
        ),
        pytest.param(
            [fragment('{"a":', name="f", index=0), fragment("1}", name="f", index=0)],
            [("f", {"a": 1})],
            id="a repeated name continues a call that is not complete",
        ),
        pytest.param(
            [fragment('{"a": 1}', name="f", index=0), fragment('{"a": 2}', name="f", index=0)],
            [("f", {"a": 1}), ("f", {"a": 2})],
            id="a repeated name starts another when the call is complete",
        ),
        pytest.param(
            [fragment("", name="f", index=0), fragment("{}", name="g", index=0)],
            [("f", {}), ("g", {})],
            id="another name starts another call",
        ),
        pytest.param(
            [fragment('{"a":', index=0, call_id="x"), fragment("1}", name="f", index=0)],
            [("f", {"a": 1})],
            id="the name may come late",
        ),
        pytest.param(
            [fragment("{", name="f"), fragment('"a": 1'), fragment("}", index=3)],
            [("f", {"a": 1})],
            id="without id and index the latest call continues",
        ),
        pytest.param(
            [fragment('{"a": 1}', name="f"), fragment('{"a": 2}', name="f")],
            [("f", {"a": 1}), ("f", {"a": 2})],
            id="without id and index a name starts a call",
        ),
        pytest.param(
            [fragment("{}", name="f", call_id="null"), fragment("{}", name="g", call_id="null")],
            [("f", {}), ("g", {})],
            id="null in text is no id",
        ),
        pytest.param(
            [fragment("[1", name="f", call_id="x"), fragment({"a": 2}, call_id="x")],
            [("f", {"a": 2})],
            id="an object replaces what came before",
        ),
        pytest.param(
            [fragment("{}", name="f", call_id="x"), fragment(" ", name="g", call_id="x")],
            [("f", {})],
            id="the first name stays",
        ),
        pytest.param(
            [fragment("{}", name="f", call_id=7, index="0"), "junk", None],
            [("f", {})],
            id="members of other types are passed over",
        ),
        pytest.param(
            [{"id": "x", "function": {"name": "f"}}, {"id": "x"}, {"id": "x", "function": "g"}],
            [("f", {})],
            id="members may be missing",
        ),
        pytest.param(
            [fragment(None, name="f", call_id="x"), fragment(5, call_id="x")],
            [("f", {})],
            id="arguments of other types are none",
        ),
    ],
)
def test_fragments_become_calls(fragments: list[object], calls: list[object]) -> None:
    assert assembled(*fragments) == calls


def test_a_fragment_of_no_call_is_dropped_with_a_log_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING, logger="gateway"):
        assert assembled(fragment('{"a": 1}', index=0)) == []
    assert len(caplog.records) == 1


def test_a_complete_call_leaves_when_the_next_one_starts() -> None:
    assembler = CallAssembler("mistral")
    assert assembler.feed([fragment('{"a": 1}', name="f", call_id="x")], "answer") == []
    assert assembler.feed([fragment("", name="g", call_id="y")], "answer") == [
        ToolCall("f", {"a": 1}, "x")
    ]
    assert assembler.finish() == [ToolCall("g", {}, "y")]


def test_a_call_that_has_said_nothing_yet_may_still_get_arguments() -> None:
    assembler = CallAssembler("mistral")
    starts = [fragment("", name="f", call_id="x"), fragment("{}", name="g", call_id="y")]
    assert assembler.feed(starts, "answer") == []
    assert assembler.feed([fragment('{"a": 1}', call_id="x")], "answer") == [
        ToolCall("f", {"a": 1}, "x")
    ]


def test_a_call_without_an_id_gets_one_of_the_answer_and_its_place() -> None:
    def ids(answer: str) -> list[str]:
        assembler = CallAssembler("mistral")
        assembler.feed([fragment(name="f"), fragment(name="f")], answer)
        return [call.id for call in assembler.finish()]

    first, second = ids("one")
    assert is_id(first)
    assert is_id(second)
    assert len({first, second, *ids("two")}) == 4
    assert ids("one") == [first, second]


def test_elements_that_are_no_list_are_no_calls() -> None:
    assembler = CallAssembler("mistral")
    assert assembler.feed({"id": "x"}, "answer") == []
    assert assembler.finish() == []


@pytest.mark.parametrize(
    ("last", "message"),
    [
        (fragment('{"a"', name="g", call_id="y"), 'model produced invalid arguments for tool "g"'),
        (fragment("{}", call_id="y"), "model called a tool without naming it"),
    ],
    ids=["cut", "nameless"],
)
def test_one_unusable_call_fails_the_answer(last: object, message: str) -> None:
    assembler = CallAssembler("mistral")
    assembler.feed([last, fragment("{}", name="f", call_id="x")], "answer")
    with pytest.raises(UpstreamProtocolError) as caught:
        assembler.finish()
    assert (caught.value.message, caught.value.provider) == (message, "mistral")


def test_an_answer_cut_short_keeps_the_calls_that_are_complete() -> None:
    assembler = CallAssembler("mistral")
    assembler.feed(
        [
            fragment("", name="silent", call_id="w"),
            fragment('{"a": 1}', name="f", call_id="x"),
            fragment('{"a"', name="cut", call_id="y"),
            fragment("{}", call_id="nameless"),
        ],
        "answer",
    )
    assert assembler.rescue() == [ToolCall("f", {"a": 1}, "x")]
