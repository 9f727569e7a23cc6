"""Names of tools that every provider takes, and the client's own names back in the answer."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.chat import ChatRequest, Message, NamedTool, Role, Tool, replace
from gateway.core.errors import GatewayError
from gateway.core.events import (
    Answer,
    ChatEvent,
    Finish,
    FinishReason,
    TextDelta,
    ToolCall,
    ToolCallDelta,
)
from gateway.dialects.tool_names import (
    RenamingEncoder,
    join_name,
    rename_tools,
    split_name,
    upstream_names,
)

LONG = "mcp__ymir-privileged__get_failed_pipeline_jobs_from_merge_request"
DOTTED = "maps.find"
is_allowed = re.compile(r"[a-zA-Z0-9_-]{1,64}").fullmatch

names = st.one_of(
    st.text(max_size=80),
    st.text("ab_.-\0", min_size=1, max_size=5),
    st.builds(join_name, st.text("a_\0", max_size=4), st.text("a_\0", max_size=4)),
)


class Recorder:
    """An encoder that notes what it is to encode."""

    stream_headers = {"A": "b"}
    line_end = b"."
    still_here = b":"
    document_type = "text/x"

    def __init__(self) -> None:
        self.events: list[ChatEvent] = []

    def lines(self, events: Sequence[ChatEvent]) -> bytes:
        self.events += events
        return b"lines"

    def document(self, answer: Answer) -> bytes:
        self.events += answer.tool_calls
        return b"document"

    def error_line(self, error: GatewayError) -> bytes:
        return error.message.encode()


@pytest.mark.parametrize(
    ("name", "start"),
    [
        pytest.param(LONG, LONG[:55], id="too long"),
        pytest.param(DOTTED, "maps_find", id="a dot"),
        pytest.param("näher", "n_her", id="a letter that is not ASCII"),
        pytest.param("a b/c", "a_b_c", id="blank and slash"),
        pytest.param("x" * 500, "x" * 55, id="far too long"),
        pytest.param("\ud83d", "_", id="half a surrogate pair"),
    ],
)
def test_what_a_provider_forbids_is_replaced_and_the_name_ends_with_a_hash(
    name: str, start: str
) -> None:
    (new,) = upstream_names([name]).values()
    assert re.fullmatch(rf"{re.escape(start)}_[0-9a-f]{{8}}", new)
    assert is_allowed(new)


@pytest.mark.parametrize("name", ["look", "a-b_C9", "x" * 64, ""])
def test_a_name_that_is_allowed_stays(name: str) -> None:
    assert upstream_names([name]) == {}


@pytest.mark.parametrize(
    ("namespace", "upstream"),
    [("maps", "maps__find"), ("mcp__maps__", "mcp__maps__find")],
)
def test_a_namespace_is_joined_with_its_name(namespace: str, upstream: str) -> None:
    joined = join_name(namespace, "find")
    assert upstream_names([joined]) == {joined: upstream}


def test_a_joined_name_does_not_take_that_of_another() -> None:
    joined = join_name("maps", "find")
    found = upstream_names([joined, "maps__find", join_name("maps_", "find")])
    assert {*found} == {joined, join_name("maps_", "find")}
    assert len({*found.values(), "maps__find"}) == 3


def test_names_with_the_same_hash_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    first = upstream_names([DOTTED])[DOTTED]
    found = upstream_names([DOTTED, first])
    assert found[DOTTED] != first
    assert is_allowed(found[DOTTED])


@given(st.lists(names, max_size=12))
def test_every_name_has_one_of_its_own_that_is_allowed(given_names: list[str]) -> None:
    found = upstream_names(given_names)
    upstream = [found.get(name, name) for name in dict.fromkeys(given_names) if name]
    assert all(map(is_allowed, upstream))
    assert len({*upstream}) == len(upstream)


@given(names)
def test_a_name_is_the_same_in_each_turn(name: str) -> None:
    later = upstream_names([name, *(f"other {number}" for number in range(5))])
    assert upstream_names([name]).get(name) == later.get(name)


@given(st.text("a\0", max_size=5).filter(lambda text: "\0" not in text), names)
def test_a_joined_name_comes_apart_again(namespace: str, name: str) -> None:
    assert split_name(join_name(namespace, name)) == (namespace, name)


def test_names_change_in_all_places_alike() -> None:
    call = ToolCall(DOTTED, {"a": 1}, "c1")
    request = ChatRequest(
        "m",
        (
            Message(Role.USER, "Hi"),
            Message(Role.ASSISTANT, tool_calls=(call, ToolCall("look", {}, "c2"))),
            Message(Role.TOOL, "1", tool_name=DOTTED, tool_call_id="c1"),
            Message(Role.TOOL, "2", tool_name="look", tool_call_id="c2"),
        ),
        tools=(Tool(DOTTED), Tool("look")),
        tool_choice=NamedTool(DOTTED),
    )
    renamed, back = rename_tools(request)
    (new,) = back
    assert back == {new: DOTTED}
    assert [tool.name for tool in renamed.tools] == [new, "look"]
    assert renamed.tool_choice == NamedTool(new)
    assert renamed.messages[1].tool_calls == (replace(call, name=new), ToolCall("look", {}, "c2"))
    assert [message.tool_name for message in renamed.messages] == ["", "", new, "look"]
    assert renamed.messages[0] is request.messages[0]


@pytest.mark.parametrize("choice", [None, "required", NamedTool("look")])
def test_a_request_whose_names_are_allowed_stays_as_it_is(choice: NamedTool | None) -> None:
    request = ChatRequest("m", (Message(Role.USER, "Hi"),), (Tool("look"),), tool_choice=choice)
    assert rename_tools(request) == (request, {})


def test_a_choice_that_names_nobody_stays() -> None:
    request = ChatRequest("m", (Message(Role.USER, "Hi"),), (Tool(DOTTED),), tool_choice="auto")
    assert rename_tools(request)[0].tool_choice == "auto"


def test_the_answer_has_the_clients_names() -> None:
    recorder = Recorder()
    encoder = RenamingEncoder(recorder, {"new": DOTTED})
    calls = (ToolCall("new", {}, "a"), ToolCall("look", {}, "b"))
    text, finish = TextDelta("new"), Finish(FinishReason.STOP)
    delta = ToolCallDelta("a", "new", "{}")
    assert encoder.lines([text, delta, *calls, finish]) == b"lines"
    assert encoder.document(Answer(calls, finish)) == b"document"
    own = [ToolCall(DOTTED, {}, "a"), calls[1]]
    assert recorder.events == [text, replace(delta, name=DOTTED), *own, finish, *own]
    assert (encoder.line_end, encoder.still_here) == (b".", b":")
    assert (encoder.stream_headers, encoder.document_type) == ({"A": "b"}, "text/x")
    assert encoder.error_line(GatewayError("x")) == b"x"
