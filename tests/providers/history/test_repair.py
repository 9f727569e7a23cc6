"""What an adapter may rely on in a repaired history, whatever the client has sent."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st

from gateway.providers import (
    Capability,
    ChatRequest,
    Finish,
    FinishReason,
    Media,
    Message,
    ModelInfo,
    Role,
    ToolCall,
    is_name,
    repair_history,
)
from gateways import scripted_app
from scripted import ScriptedProvider

IDS = st.sampled_from(["", "null", "a", "b", "\ud83d", "x" * 99])
NAMES = st.sampled_from(["", "f", "g", "no name"])
CALLS = st.builds(ToolCall, name=NAMES, arguments=st.just({"a": 1}), id=IDS)
MESSAGES = st.one_of(
    st.builds(Message, st.sampled_from([Role.USER, Role.SYSTEM]), st.sampled_from(["", "hi"])),
    st.builds(
        lambda calls, role: Message(role, "said", tool_calls=tuple(calls)),
        st.lists(CALLS, max_size=3),
        st.sampled_from([Role.ASSISTANT, Role.USER]),
    ),
    st.builds(
        Message,
        st.just(Role.TOOL),
        st.sampled_from(["22C", (Media("image/png", "AAAA"),)]),
        tool_name=NAMES,
        tool_call_id=IDS,
    ),
)


@given(st.lists(MESSAGES, max_size=9))
def test_each_call_has_one_result_right_behind_it_with_its_id_and_name(
    messages: list[Message],
) -> None:
    repaired = repair_history(messages)
    place = 0
    while place < len(repaired):
        message = repaired[place]
        place += 1
        assert message.role is not Role.TOOL  # of which no call is before it
        calls = message.tool_calls
        assert not calls or message.role is Role.ASSISTANT
        results = repaired[place : place + len(calls)]
        place += len(calls)
        assert {(one.id, one.name) for one in calls} == {
            (result.tool_call_id, result.tool_name) for result in results
        }
        assert all(result.role is Role.TOOL for result in results)
        assert len({one.id for one in calls}) == len(calls)
        assert all(one.id and one.id.isprintable() and is_name(one.name) for one in calls)


@given(st.lists(MESSAGES, max_size=9))
def test_a_repaired_history_needs_no_repair(messages: list[Message]) -> None:
    once = repair_history(messages)
    assert repair_history(once) == once


@given(st.lists(MESSAGES, max_size=9))
def test_a_history_is_repaired_in_the_same_way_each_time_and_stays_as_it_is(
    messages: list[Message],
) -> None:
    before = list(messages)
    assert repair_history(messages) == repair_history(tuple(messages))
    assert messages == before


@given(st.lists(MESSAGES, max_size=9))
def test_no_empty_message_of_the_user_follows_a_result(messages: list[Message]) -> None:
    repaired = repair_history(messages)
    spoken = [one for one in repaired if one.role is not Role.SYSTEM]
    for before, after in itertools.pairwise(spoken):
        assert before.role is not Role.TOOL or after.role is not Role.USER or after.parts
    said = [one for one in messages if one.role is Role.USER and one.parts]
    assert [one.content for one in repaired if one.role is Role.USER and one.parts] == [
        one.content for one in said
    ]


def test_ids_are_those_that_the_service_takes() -> None:
    calls = ToolCall("f", {}, "call_1"), ToolCall("g", {}, "123456789")
    repaired = repair_history(
        [Message(Role.ASSISTANT, tool_calls=calls)], is_id=lambda text: len(text) == 9
    )
    assert [len(call.id) for call in repaired[0].tool_calls] == [9, 9]
    assert repaired[0].tool_calls[1].id == "123456789"


ARGUMENTS: dict[str, object] = {"city": "Oslo"}
TOOL = {"name": "weather", "parameters": {"type": "object", "properties": {}}}
QUESTION = {"role": "user", "content": "Weather?"}


def openai_call(**more: object) -> dict[str, object]:
    return {
        "type": "function",
        "function": {"name": "weather", "arguments": '{"city":"Oslo"}'},
        **more,
    }


BODIES: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "Ollama, without ids": (
        "/api/chat",
        [
            QUESTION,
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [{"function": {"name": "weather", "arguments": ARGUMENTS}}],
            },
            {"role": "tool", "content": "22C"},
        ],
    ),
    "OpenAI": (
        "/v1/chat/completions",
        [
            QUESTION,
            {"role": "assistant", "content": None, "tool_calls": [openai_call(id="c1")]},
            {"role": "tool", "content": "22C", "tool_call_id": "c1"},
        ],
    ),
    "Anthropic": (
        "/v1/messages",
        [
            QUESTION,
            {
                "role": "assistant",
                "content": [
                    {"type": "tool_use", "id": "c1", "name": "weather", "input": ARGUMENTS}
                ],
            },
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "22C"}],
            },
        ],
    ),
}


async def history(path: str, messages: Sequence[object]) -> tuple[Message, ...]:
    """Return the messages that an adapter gets for those of a client."""
    able = frozenset({Capability.COMPLETION, Capability.TOOLS})
    provider = ScriptedProvider([ModelInfo("m", able)], [[Finish(FinishReason.STOP)]])
    async with TestClient(TestServer(scripted_app(provider))) as client:
        body = {"model": "m", "messages": messages, "stream": False, "max_tokens": 9}
        response = await client.post(path, json=body)
        assert response.status == 200, await response.text()
    (request,) = provider.asked
    assert isinstance(request, ChatRequest)
    return request.messages


@pytest.mark.parametrize(("path", "messages"), BODIES.values(), ids=BODIES)
async def test_the_repairs_are_the_same_for_every_dialect(
    path: str, messages: Sequence[object]
) -> None:
    question, turn, result = repair_history(await history(path, messages))
    assert question == Message(Role.USER, "Weather?")
    (call,) = turn.tool_calls
    assert (call.name, call.arguments) == ("weather", ARGUMENTS)
    assert call.id
    assert (result.role, result.text) == (Role.TOOL, "22C")
    assert (result.tool_call_id, result.tool_name) == (call.id, "weather")
