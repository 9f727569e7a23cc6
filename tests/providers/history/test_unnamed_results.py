"""Results that name no call: whose they are is certain where only one tool is on offer."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import pytest

from gateway.core.chat import Message, Role, Tool
from gateway.core.events import ToolCall
from gateway.providers.history.repair import repair_history
from gateway.providers.history.results import name_results

WEATHER = Tool("get_weather")
QUESTION = Message(Role.USER, "Weather?")
RESULT = Message(Role.TOOL, "22C")

HISTORIES = {
    "an answer without its call": [QUESTION, Message(Role.ASSISTANT), RESULT],
    "no answer at all": [QUESTION, RESULT],
    "an id that no call has": [QUESTION, Message(Role.TOOL, "22C", tool_call_id="lost")],
    "a name that cannot be one": [QUESTION, Message(Role.TOOL, "22C", tool_name="not a name")],
    "a call without an id": [
        QUESTION,
        Message(Role.ASSISTANT, tool_calls=(ToolCall("get_weather", {}),)),
        RESULT,
    ],
}


def names_called(messages: Sequence[Message]) -> list[str]:
    repaired = repair_history(messages, is_id=bool)
    assert sum(message.role is Role.TOOL for message in repaired) == 1
    return [call.name for message in repaired for call in message.tool_calls]


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
def test_a_result_without_a_call_is_one_of_the_only_tool(history: Sequence[Message]) -> None:
    assert names_called(name_results(history, [WEATHER])) == ["get_weather"]


@pytest.mark.parametrize("tools", [[], [WEATHER, Tool("other")]], ids=["none", "two"])
def test_without_a_single_tool_nobody_knows(tools: Sequence[Tool]) -> None:
    assert names_called(name_results([QUESTION, RESULT], tools)) == ["unknown_tool"]


def test_a_result_that_names_a_tool_keeps_its_name() -> None:
    named = Message(Role.TOOL, "22C", tool_name="other")
    assert name_results([QUESTION, named], [WEATHER]) == [QUESTION, named]


def test_a_result_of_a_known_call_is_left_as_it_is() -> None:
    call = Message(Role.ASSISTANT, tool_calls=(ToolCall("other", {}, "a1"),))
    result = Message(Role.TOOL, "22C", tool_call_id="a1")
    assert name_results([QUESTION, call, result], [WEATHER]) == [QUESTION, call, result]


def test_that_a_call_is_invented_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "gateway.providers")
    lost = Message(Role.TOOL, "22C", tool_name="weather_of_the_test")
    for _ in range(2):
        repair_history([QUESTION, lost])
    assert caplog.messages == [
        "a tool result of the history has no call: it is sent as one of 'weather_of_the_test'"
    ]
