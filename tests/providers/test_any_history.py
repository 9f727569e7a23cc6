"""Random histories with unknown things in them, from each dialect to each adapter."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.core import codec
from gateway.core.chat import ChatRequest, replace
from gateway.core.model_info import Capability, ModelInfo
from gateway.dialects.anthropic.requests import read_messages as read_anthropic
from gateway.dialects.ollama.checks import chat_request as ollama_request
from gateway.dialects.ollama.schemas import load_chat as load_ollama
from gateway.dialects.openai.requests import chat_request, response_request, with_items
from gateway.dialects.openai.schemas import load_chat, load_response
from gateway.dialects.tool_names import rename_tools
from gateway.providers.anthropic.encode import messages_body
from gateway.providers.anthropic.models import Claude
from gateway.providers.mistral.encode import chat_body as mistral_body
from gateway.providers.ollama.encode import answer_call
from gateway.providers.ollama.options import OllamaOptions
from gateway.providers.openai.encode import chat_body as openai_body
from gateway.providers.openai.options import OpenAIOptions
from gateway.sandbox.rules import CHAT_PATH, refuse

MODEL = "mistral-medium-latest"
INFO = ModelInfo(MODEL, frozenset({Capability.COMPLETION, Capability.TOOLS, Capability.THINKING}))
NUMBER = re.compile(r"<(\d+)>")
SEALED = 'ollama-gateway:state:{"mistral":{"blocks":[{"thinking":"Hm.","signature":"s"}]}}'

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "a", "ö", "\ud83d"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=4,
)
unknown = st.dictionaries(st.sampled_from(["x", "data", "id", "output", "more"]), json_values)
arguments = json_values | st.sampled_from(['{"q": "Par', "[1]", '{"q": 1}', "words"])
Turn = tuple[str, str, str, Any, Mapping[str, Any]]
"""A role, what it says beside its text, the name of a tool, arguments, and something unknown."""
turns: st.SearchStrategy[list[Turn]] = st.lists(
    st.tuples(
        st.sampled_from(["user", "assistant", "system", "tool"]),
        st.sampled_from(["nothing", "call", "thinking", "signed", "unknown"]),
        st.sampled_from(["get", "a.b", "x" * 70, "Größe"]),
        arguments,
        unknown,
    ),
    max_size=8,
)


def text(numbers: Iterator[int]) -> str:
    return f"<{next(numbers)}>"


def for_ollama(history: Sequence[Turn]) -> ChatRequest:
    numbers, messages = count(), []
    for role, extra, name, given_arguments, more in history:
        message: dict[str, Any] = {"role": role, "content": text(numbers)}
        if extra == "call" and role == "assistant":
            function = {"name": name, "arguments": given_arguments, "z": more}
            message["tool_calls"] = [{"function": function, "z": more}]
        if extra in ("thinking", "signed"):
            message["thinking"] = "Hm."
        if role == "tool":
            message["tool_name"] = name
        messages.append({**message, "z": more})
    return ollama_request(load_ollama(encoded({"messages": messages})), MODEL)


def for_chat(history: Sequence[Turn]) -> ChatRequest:
    numbers, messages = count(), []
    for place, (role, extra, name, given_arguments, more) in enumerate(history):
        part = {"type": "text", "text": text(numbers)}
        strange = [{**more, "type": "strange"}] if extra == "unknown" else []
        message: dict[str, Any] = {"role": role, "content": [*strange, part, *strange]}
        if extra == "call" and role == "assistant":
            function = {"name": name, "arguments": given_arguments}
            called = {"id": f"c{place}", "type": "function", "function": function}
            message["tool_calls"] = [called, {**more, "id": "y", "type": "strange"}]
        if extra == "thinking":
            message |= {"reasoning_content": "Hm.", "reasoning_details": [more]}
        if role == "tool":
            message["tool_call_id"] = f"c{place - 1}"
        messages.append({**message, "z": more})
    return chat_request(load_chat(encoded({"messages": messages})))


def for_responses(history: Sequence[Turn]) -> ChatRequest:
    numbers, items = count(), list[dict[str, Any]]()
    for place, (role, extra, name, given_arguments, more) in enumerate(history):
        said = text(numbers)
        if extra == "unknown":
            items.append({**more, "type": "strange"})
        if extra in ("thinking", "signed"):
            sealed = {"encrypted_content": SEALED if extra == "signed" else "gAAAA"}
            items.append({"type": "reasoning", "id": "r", "summary": [], **sealed})
        if role == "tool":
            called = f"c{place - 1}"
            items.append({"type": "function_call_output", "call_id": called, "output": said})
            continue
        items.append({"role": role, "content": [{"type": "input_text", "text": said}]})
        if extra == "call" and role == "assistant":
            made = {"call_id": f"c{place}", "name": name, "arguments": given_arguments}
            items.append({"type": "function_call", **made})
    body = load_response(encoded({"input": items}))
    return response_request(with_items(body, body.items))


def for_messages(history: Sequence[Turn]) -> ChatRequest:
    numbers, messages = count(), []
    for place, (role, extra, name, given_arguments, more) in enumerate(history):
        said = text(numbers)
        blocks: list[dict[str, Any]] = [{"type": "text", "text": said}]
        if role == "tool":
            used = f"c{place - 1}"
            blocks = [{"type": "tool_result", "tool_use_id": used, "content": said}]
        if extra == "unknown":
            blocks = [{**more, "type": "strange"}, *blocks, {**more, "type": "odd_tool_use"}]
        if extra in ("thinking", "signed"):
            signature = {"signature": SEALED if place % 2 else "EqoB"} if extra == "signed" else {}
            blocks = [{"type": "thinking", "thinking": "Hm.", **signature}, *blocks]
        if extra == "call" and role == "assistant":
            used_tool = {"id": f"c{place}", "name": name, "input": given_arguments}
            blocks.append({"type": "tool_use", **used_tool})
        messages.append({"role": "user" if role == "tool" else role, "content": blocks})
    return read_anthropic(encoded({"max_tokens": 4000, "messages": messages}))[0]


def encoded(body: dict[str, Any]) -> bytes:
    return json.dumps({"model": MODEL, **body}).encode()


def to_mistral(request: ChatRequest) -> list[dict[str, Any]]:
    body = wire(mistral_body(request, INFO))
    assert refuse(CHAT_PATH, body) is None
    return list(body["messages"])


def to_openai(request: ChatRequest) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = wire(openai_body(request, INFO, OpenAIOptions()))["messages"]
    waiting: list[str] = []
    for message in messages:
        if message["role"] == "tool":
            assert message["tool_call_id"] == waiting.pop(0)
            continue
        assert not waiting
        waiting = [call["id"] for call in message.get("tool_calls", ())]
        assert all(
            isinstance(json.loads(call["function"]["arguments"]), dict)
            for call in message.get("tool_calls", ())
        )
    assert not waiting
    return messages


def to_anthropic(request: ChatRequest) -> list[dict[str, Any]]:
    body = wire(messages_body(replace(request, think=True), Claude(INFO), max_tokens=4000))
    turns_sent = body["messages"]
    roles = [turn["role"] for turn in turns_sent]
    assert roles == [("user", "assistant")[index % 2] for index in range(len(roles))]
    for turn, following in zip(turns_sent, [*turns_sent[1:], {"content": []}], strict=True):
        made = [block["id"] for block in turn["content"] if block["type"] == "tool_use"]
        answered = [
            block["tool_use_id"] for block in following["content"] if block["type"] == "tool_result"
        ]
        assert made == answered or turn["role"] == "user"
        assert all(isinstance(one.get("input", {}), dict) for one in turn["content"])
    system = [{"role": "system", "content": body["system"]}] if "system" in body else []
    return [*system, *turns_sent]


def to_ollama(request: ChatRequest) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = wire(answer_call(request, OllamaOptions())[1])["messages"]
    for message in messages:
        assert isinstance(message["content"], str)
        calls = message.get("tool_calls", ())
        assert all(isinstance(call["function"]["arguments"], dict) for call in calls)
    return messages


def wire(body: object) -> Any:
    return codec.decode(codec.encode(body))


DIALECTS = {
    "ollama": for_ollama,
    "chat": for_chat,
    "responses": for_responses,
    "messages": for_messages,
}
ADAPTERS = {
    "mistral": to_mistral,
    "openai": to_openai,
    "anthropic": to_anthropic,
    "ollama": to_ollama,
}


@pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=ADAPTERS)
@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
@given(history=turns)
@example(
    history=[  # an instruction behind a result that belongs elsewhere
        ("assistant", "call", "get", {}, {}),
        ("user", "nothing", "get", {}, {}),
        ("tool", "nothing", "get", {}, {}),
        ("system", "nothing", "get", {}, {}),
    ]
)
def test_every_history_reaches_every_service_valid_and_in_its_order(
    dialect: Callable[[Sequence[Turn]], ChatRequest],
    adapter: Callable[[ChatRequest], list[dict[str, Any]]],
    history: list[Turn],
) -> None:
    first: Turn = ("user", "nothing", "get", {}, {})
    history = [first, *history, first]
    messages = adapter(rename_tools(dialect(history))[0])
    assert messages == adapter(rename_tools(dialect(history))[0])
    found = [int(number) for number in NUMBER.findall(codec.encode(messages).decode())]
    assert sorted(found) == [*range(len(history))]
    said = [number for number in found if history[number][0] != "tool"]
    assert said == sorted(said)
