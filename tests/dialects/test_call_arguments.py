"""The arguments of a call in a history mean the same in every dialect."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from gateway.core.chat import Message, Role
from gateway.dialects.anthropic.requests import read_messages as read_anthropic
from gateway.dialects.ollama.schemas import load_chat as load_ollama
from gateway.dialects.openai.requests import with_items
from gateway.dialects.openai.schemas import load_chat, load_response

ASKED = {"role": "user", "content": "go"}
READ: dict[str, tuple[object, Mapping[str, object]]] = {
    "an object": ({"q": 1}, {"q": 1}),
    "an object in a text": ('{"q": 1}', {"q": 1}),
    "an empty text": ("", {}),
    "null in a text": ("null", {}),
    "a cut object": ('{"q": "Par', {"arguments": '{"q": "Par'}),
    "a list": ([1], {"arguments": [1]}),
    "a list in a text": ("[1]", {"arguments": [1]}),
    "a number": (5, {"arguments": 5}),
    "half an emoji": ('{"q":"\\ud83d"}', {"q": "\ufffd"}),
    "null": (None, {}),
}


def calls(**function: object) -> list[dict[str, object]]:
    return [ASKED, {"role": "assistant", "tool_calls": [{"id": "c", "function": function}]}]


def ollama(arguments: object) -> tuple[Message, ...]:
    body = {"model": "m", "messages": calls(name="get", arguments=arguments)}
    return load_ollama(encoded(body)).messages


def chat(arguments: object) -> tuple[Message, ...]:
    body = {"model": "m", "messages": calls(name="get", arguments=arguments)}
    return load_chat(encoded(body)).messages


def responses(arguments: object) -> tuple[Message, ...]:
    call = {"type": "function_call", "call_id": "c", "name": "get", "arguments": arguments}
    body = load_response(encoded({"model": "m", "input": [ASKED, call]}))
    return with_items(body, body.items).messages


def messages(arguments: object) -> tuple[Message, ...]:
    used = {"type": "tool_use", "id": "c", "name": "get", "input": arguments}
    turns = [ASKED, {"role": "assistant", "content": [used]}]
    request, _ = read_anthropic(encoded({"model": "m", "max_tokens": 9, "messages": turns}))
    return request.messages


def encoded(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode()


@pytest.mark.parametrize("read", [ollama, chat, responses, messages])
@pytest.mark.parametrize(("value", "arguments"), READ.values(), ids=READ)
def test_the_arguments_of_a_call_are_read_alike(
    read: Any, value: object, arguments: Mapping[str, object]
) -> None:
    user, assistant = read(value)
    assert user == Message(Role.USER, "go")
    (call,) = assistant.tool_calls
    assert (call.name, call.arguments, call.id) == ("get", arguments, "c")
