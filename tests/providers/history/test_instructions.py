"""Late instructions stay in their place, so that the beginning of a prompt never changes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.chat import ChatRequest, Message, Role
from gateway.core.events import ToolCall
from gateway.core.model_info import ModelInfo
from gateway.providers.anthropic.encode import messages_body
from gateway.providers.anthropic.models import Claude
from gateway.providers.history.instructions import LATE_MARK, fold_late_instructions
from gateway.providers.mistral.encode import chat_body

SYSTEM = Message(Role.SYSTEM, "S")
LATE = Message(Role.SYSTEM, "LATE")
MARKED = f"{LATE_MARK}\nLATE"
USER = Message(Role.USER, "a")
ANSWER = Message(Role.ASSISTANT, "x")
CALL = Message(Role.ASSISTANT, tool_calls=(ToolCall("f", {}, "abcdefghi"),))
RESULT = Message(Role.TOOL, "r", tool_call_id="abcdefghi")


def user(text: str) -> Message:
    return Message(Role.USER, text)


HISTORIES: dict[str, tuple[list[Message], list[Message]]] = {
    "at the beginning": ([SYSTEM, LATE, USER], [SYSTEM, LATE, USER]),
    "after a user": ([SYSTEM, USER, LATE], [SYSTEM, user(f"a\n\n{MARKED}")]),
    "in the middle": (
        [SYSTEM, USER, LATE, ANSWER, USER],
        [SYSTEM, user(f"a\n\n{MARKED}"), ANSWER, USER],
    ),
    "after a result": (
        [USER, CALL, RESULT, LATE],
        [USER, CALL, Message(Role.TOOL, f"r\n\n{MARKED}", tool_call_id="abcdefghi")],
    ),
    "after an answer": ([USER, ANSWER, LATE, USER], [USER, ANSWER, user(MARKED), USER]),
    "two in a row": ([USER, LATE, LATE], [user(f"a\n\n{MARKED}\n\n{MARKED}")]),
    "two after an answer": ([ANSWER, LATE, LATE], [ANSWER, user(f"{MARKED}\n\n{MARKED}")]),
    "after nothing said": ([user(""), LATE], [user(MARKED)]),
    "blank": ([USER, Message(Role.SYSTEM, " \n")], [USER]),
    "alone": ([SYSTEM, LATE], [SYSTEM, LATE]),
    "nothing": ([], []),
}


@pytest.mark.parametrize(("history", "folded"), HISTORIES.values(), ids=HISTORIES)
def test_late_instructions_stay_in_their_place(
    history: list[Message], folded: list[Message]
) -> None:
    assert fold_late_instructions(history) == folded
    assert fold_late_instructions(folded) == folded


TURNS = st.sampled_from([USER, ANSWER, LATE, SYSTEM, Message(Role.SYSTEM, " "), CALL, RESULT])


@given(st.lists(TURNS, max_size=8), st.lists(TURNS, max_size=4))
def test_what_comes_later_never_changes_the_beginning(
    history: list[Message], more: list[Message]
) -> None:
    history = [SYSTEM, USER, *history]  # a request, which an answer follows
    before = fold_late_instructions(history)
    after = fold_late_instructions([*history, ANSWER, *more])
    assert after[: len(before) + 1] == [*before, ANSWER]


def mistral(history: list[Message]) -> list[Any]:
    messages = chat_body(ChatRequest("m", tuple(history)), ModelInfo("m"))["messages"]
    assert isinstance(messages, list)
    return messages


def anthropic(history: list[Message]) -> list[Any]:
    body = messages_body(ChatRequest("m", tuple(history)), Claude(ModelInfo("m")), max_tokens=9)
    messages = body["messages"]
    assert isinstance(messages, list)
    return [body.get("system"), *messages]


SPOKEN = st.sampled_from(
    [[USER], [USER, LATE], [USER, CALL, RESULT], [USER, CALL, RESULT, LATE], [USER, ANSWER, LATE]]
)


@pytest.mark.parametrize("encode", [mistral, anthropic])
@given(turns=st.lists(SPOKEN, min_size=2, max_size=6))
def test_each_request_of_a_session_begins_with_the_one_before(
    encode: Any, turns: list[list[Message]]
) -> None:
    history: list[Message] = [SYSTEM]
    sent: list[Any] = []
    for turn in turns:
        history += turn
        now = encode(history)
        assert json.dumps(now[: len(sent)]) == json.dumps(sent)
        sent = now
        history.append(ANSWER)
