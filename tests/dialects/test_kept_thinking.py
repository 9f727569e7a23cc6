"""What a service wants back with its thinking goes to the client, and comes back as it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.chat import Message, Role
from gateway.core.events import (
    ChatEvent,
    Finish,
    FinishReason,
    Keepsake,
    TextDelta,
    ThinkingDelta,
    Thought,
    ToolCall,
    fold,
    join_keepsakes,
)
from gateway.dialects.anthropic.encode import MessageEncoder
from gateway.dialects.anthropic.requests import read_messages as read_anthropic
from gateway.dialects.openai.bodies import ResponseBody
from gateway.dialects.openai.encode import ChatEncoder
from gateway.dialects.openai.requests import with_items
from gateway.dialects.openai.responses import ResponseEncoder
from gateway.dialects.openai.schemas import load_chat, load_response
from gateway.dialects.seals import read_seal, seal
from openai_wire import read_chunks, read_events

ASKED = {"role": "user", "content": "go"}
DONE = Finish(FinishReason.STOP)
CALL = ToolCall("get", {"q": 1}, "call_1")
SIGNED = {"type": "thinking", "thinking": "Hm.", "signature": "EqoB"}
REDACTED = {"type": "redacted_thinking", "data": "EmwK"}
MISTRAL = {"mistral": {"blocks": [{"thinking": "Hm.", "signature": "sig"}]}}
DETAILS = {"openai": {"reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}]}}


def blocks(*found: Mapping[str, object]) -> Keepsake:
    return {"anthropic": {"blocks": [*found]}}


THINKING: dict[str, Sequence[ChatEvent]] = {
    "signed": [ThinkingDelta("H"), ThinkingDelta("m."), Thought(blocks(SIGNED))],
    "redacted": [Thought(blocks(REDACTED))],
    "signed and redacted": [
        *(ThinkingDelta("Hm."), Thought(blocks(SIGNED)), Thought(blocks(REDACTED))),
        *(ThinkingDelta("Hm."), Thought(blocks(SIGNED))),
    ],
    "signed without a text": [Thought(blocks({**SIGNED, "thinking": ""}))],
    "signed, then not": [ThinkingDelta("Hm."), Thought(blocks(SIGNED)), ThinkingDelta("So.")],
    "not signed, then encrypted": [ThinkingDelta("Hm."), Thought(blocks(REDACTED))],
    "Mistral's": [ThinkingDelta("Hm."), Thought(MISTRAL)],
    "with details": [ThinkingDelta("Hm."), Thought(DETAILS)],
    "details alone": [Thought(DETAILS)],
}


def messages(events: Sequence[ChatEvent], stream: bool) -> list[dict[str, Any]]:
    """Return the blocks that a client of Anthropic has of an answer."""
    encoder = MessageEncoder("m", identity="1")
    if not stream:
        content: list[dict[str, Any]] = json.loads(encoder.document(fold(events, DONE)))["content"]
        return content
    found: list[dict[str, Any]] = []
    for event in read_events(b"".join([encoder.lines([event]) for event in [*events, DONE]])):
        if event["type"] == "content_block_start":
            assert event["index"] == len(found)
            found.append(event["content_block"])
        elif event["type"] == "content_block_delta":
            assert event["index"] == len(found) - 1
            match event["delta"]:
                case {"type": "signature_delta", "signature": signature}:
                    found[-1]["signature"] = signature
                case {"type": "input_json_delta", "partial_json": text}:
                    found[-1]["input"] = json.loads(text)
                case {"type": _, **part}:
                    for name, text in part.items():
                        found[-1][name] += text
    return found


def by_messages(events: Sequence[ChatEvent], stream: bool) -> Sequence[Message]:
    turns = [ASKED, {"role": "assistant", "content": messages(events, stream)}]
    body = json.dumps({"model": "m", "max_tokens": 9, "messages": turns}).encode()
    return read_anthropic(body)[0].messages[1:]


def by_responses(events: Sequence[ChatEvent], stream: bool) -> Sequence[Message]:
    encoder = ResponseEncoder(ResponseBody("m"), identity="7")
    if stream:
        frames = b"".join([encoder.lines([event]) for event in [*events, DONE]])
        found = read_events(frames)
        items = [one["item"] for one in found if one["type"] == "response.output_item.done"]
        assert found[-1]["response"]["output"] == items
    else:
        items = json.loads(encoder.document(fold(events, DONE)))["output"]
    body = load_response(json.dumps({"model": "m", "input": [ASKED, *items]}).encode())
    return with_items(body, body.items).messages[1:]


CLIENTS = {"messages": by_messages, "responses": by_responses}
each_client = pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)
each_way = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
ENDS: dict[str, list[ChatEvent]] = {"a text": [TextDelta("a")], "a call": [CALL]}


@each_client
@each_way
@pytest.mark.parametrize("thinking", THINKING.values(), ids=THINKING)
@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_a_client_hands_back_what_the_service_wants(
    client: Callable[..., Sequence[Message]],
    stream: bool,
    thinking: Sequence[ChatEvent],
    end: list[ChatEvent],
) -> None:
    found = client([*thinking, *end], stream)
    wanted = [event.keepsake for event in thinking if isinstance(event, Thought)]
    assert join_keepsakes([message.keepsake for message in found]) == join_keepsakes(wanted)
    texts = [event.text for event in thinking if isinstance(event, ThinkingDelta)]
    kept = "".join([message.thinking for message in found]).replace("\n\n", "")
    assert kept == "".join(texts)
    assert {message.role for message in found} == {Role.ASSISTANT}
    assert [call for message in found for call in message.tool_calls] == [
        one for one in end if isinstance(one, ToolCall)
    ]


@each_way
@pytest.mark.parametrize("name", ["signed", "redacted", "signed and redacted"])
def test_a_client_of_anthropic_has_the_blocks_of_its_service(name: str, stream: bool) -> None:
    wanted = [
        block
        for event in THINKING[name]
        if isinstance(event, Thought)
        for block in event.keepsake["anthropic"]["blocks"]  # type: ignore[attr-defined]
    ]
    found = messages([*THINKING[name], TextDelta("a")], stream)
    assert found == [*wanted, {"type": "text", "text": "a"}]


@each_way
def test_a_client_of_chats_has_the_details_of_a_service_that_speaks_its_dialect(
    stream: bool,
) -> None:
    events = [ThinkingDelta("Hm."), Thought(DETAILS), Thought(MISTRAL), TextDelta("a")]
    encoder = ChatEncoder("m", identity="1")
    if stream:
        chunks = read_chunks(b"".join([encoder.lines([event]) for event in [*events, DONE]]))
        deltas = [one["choices"][0]["delta"] for one in chunks[:-1]]
        details = [one["reasoning_details"] for one in deltas if "reasoning_details" in one]
        assert details == [DETAILS["openai"]["reasoning_details"]]
    message = json.loads(ChatEncoder("m", identity="1").document(fold(events, DONE)))
    said = message["choices"][0]["message"]
    assert (said["reasoning"], said["content"]) == ("Hm.", "a")
    body = json.dumps({"model": "m", "messages": [ASKED, said]}).encode()
    assert load_chat(body).messages[1] == Message(
        Role.ASSISTANT, "a", thinking="Hm.", keepsake=DETAILS
    )


@pytest.mark.parametrize("details", [None, [], {}, "x", 7])
def test_details_that_are_none_are_ignored(details: object) -> None:
    said = {"role": "assistant", "content": "a", "reasoning_details": details}
    body = json.dumps({"model": "m", "messages": [ASKED, said]}).encode()
    assert load_chat(body).messages[1] == Message(Role.ASSISTANT, "a")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@given(st.dictionaries(st.text(max_size=5), st.dictionaries(st.text(max_size=5), json_values)))
def test_a_seal_holds_what_was_sealed(keepsake: Any) -> None:
    assert read_seal(seal(keepsake)) == keepsake


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("EqoB", None),
        ("", None),
        ("ollama-gateway:state:", {}),
        ("ollama-gateway:state:[]", {}),
        ("ollama-gateway:state:{", {}),
        ('ollama-gateway:state:{"a":1,"b":{"c":2}}', {"b": {"c": 2}}),
        ("ollama-gateway:state:" + '{"a":' * 600 + "1" + "}" * 600, {}),
        ("ollama-gateway:state:" + '{"a":' * 100_000, {}),
    ],
)
def test_a_seal_that_is_none_of_ours_is_told_apart(text: str, kept: object) -> None:
    assert read_seal(text) == kept
