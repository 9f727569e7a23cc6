"""Random histories of Anthropic's clients: each reaches a provider, valid and in its order."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import count
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.core import codec
from gateway.core.chat import ChatRequest
from gateway.core.model_info import ModelInfo
from gateway.dialects.anthropic.requests import read_messages
from gateway.providers.anthropic.encode import messages_body
from gateway.providers.anthropic.models import Claude
from gateway.providers.mistral.encode import chat_body
from gateway.providers.mistral.repair import repair
from gateway.sandbox.rules import CHAT_PATH, refuse

NUMBER = re.compile(r"<(\d+)>")
KINDS = ["text", "search_result", "document", "new", "unreadable", "reference", "server", "broken"]
TURNS = st.lists(
    st.tuples(
        st.sampled_from(["user", "assistant", "system", "developer"]),
        st.lists(st.sampled_from(KINDS), min_size=1, max_size=4),
    ),
    min_size=1,
    max_size=8,
)


def said(numbers: Iterator[int]) -> dict[str, str]:
    return {"type": "text", "text": f"<{next(numbers)}>"}


def blocks(kind: str, role: str, numbers: Iterator[int]) -> list[dict[str, Any]]:
    """Return blocks with texts that are numbered in their order."""
    match kind:
        case "search_result":
            return [{"type": kind, "title": f"<{next(numbers)}>", "content": [said(numbers)]}]
        case "document":
            return [{"type": kind, "source": {"type": "content", "content": [said(numbers)]}}]
        case "new":
            return [{"type": "new", "id": 3, "name": [], "content": said(numbers)}]
        case "unreadable":
            return [{"type": "new", "data": {"x": [None]}}, {"type": None}, {"type": []}]
        case "reference":
            return [{"type": "tool_reference", "tool_name": f"<{next(numbers)}>"}]
        case "server" if role == "assistant":
            name = f"s{next(numbers)}"
            return [
                {"type": "server_tool_use", "id": name, "name": "x", "input": None},
                {"type": "new_tool_result", "tool_use_id": name, "content": [said(numbers)]},
            ]
        case "broken" if role == "assistant":
            cut = '{"x": "Par'
            return [{"type": "tool_use", "id": f"t{next(numbers)}", "name": "f", "input": cut}]
    return [said(numbers)]


def request(turns: list[tuple[str, list[str]]]) -> ChatRequest:
    numbers = count()
    messages: list[Any] = []
    for role, kinds in turns:
        content = [block for kind in kinds for block in blocks(kind, role, numbers)]
        messages.append({"role": role, "content": content})
    messages.append({"role": "user", "content": "?"})
    body = {"model": "m", "max_tokens": 9, "messages": messages}
    return read_messages(json.dumps(body).encode())[0]


def numbers_in(value: object) -> list[int]:
    return [int(number) for number in NUMBER.findall(codec.encode(value).decode())]


@given(TURNS)
def test_mistral_gets_every_history_in_its_order(turns: list[tuple[str, list[str]]]) -> None:
    asked = request(turns)
    repaired, _ = repair(asked.messages)
    assert repair(repaired) == (repaired, [])
    body = codec.decode(codec.encode(chat_body(asked, ModelInfo("m"))))
    assert refuse(CHAT_PATH, {**body, "model": "mistral-medium-latest"}) is None
    found = numbers_in(body["messages"])
    assert found == sorted(found)
    assert found == numbers_in([message.text for message in asked.messages])


@given(TURNS)
def test_anthropic_gets_every_history_in_its_order(turns: list[tuple[str, list[str]]]) -> None:
    body: Any = messages_body(request(turns), Claude(ModelInfo("m")), max_tokens=9)
    found = numbers_in([body.get("system"), body["messages"]])
    assert found == sorted(found)
    roles = [turn["role"] for turn in body["messages"]]
    assert roles == [("user", "assistant")[index % 2] for index in range(len(roles))]
    assert all(turn["content"] for turn in body["messages"])
