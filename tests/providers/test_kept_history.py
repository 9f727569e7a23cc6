"""A service gets back what it gave with its calls, also from clients that keep nothing of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from adapter_provider import body_of, events_of, opened
from gateway.core import codec
from gateway.core.chat import ChatRequest, Message, Role
from gateway.core.events import Thought, ToolCall
from gateway.providers.anthropic import AnthropicProvider
from gateway.providers.keepsakes import Keepsakes
from gateway.providers.mistral import MistralProvider
from gateway.providers.openai import OpenAIProvider
from gateway.testing import Answer, FakeUpstream

SIGNATURE = {"google": {"thought_signature": "sig"}}
DETAILS = [{"type": "reasoning.encrypted", "data": "secret"}]
USER = Message(Role.USER, "Hi")
THINKER = "mistral-medium-latest"


def sse(*events: object) -> Answer:
    data = [b"data: " + codec.encode(event) + b"\n\n" for event in events]
    return Answer(data, content_type="text/event-stream")


def chunk(delta: dict[str, Any], finish: object = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def calling(**members: object) -> dict[str, Any]:
    function = {"name": "f", "arguments": "{}"}
    return {"tool_calls": [{"index": 0, "id": "call_1", "function": function, **members}]}


OPENAI: dict[str, tuple[Answer, dict[str, Any], dict[str, Any]]] = {
    "a signature": (
        sse(chunk(calling(extra_content=SIGNATURE)), chunk({}, "tool_calls")),
        {},
        {"extra_content": SIGNATURE},
    ),
    "reasoning": (
        sse(
            chunk({"reasoning_content": "So"}),
            chunk({"reasoning_content": "."}),
            chunk(calling()),
            chunk({}, "tool_calls"),
        ),
        {"reasoning_content": "So."},
        {},
    ),
    "details": (
        sse(chunk({"reasoning_details": DETAILS}), chunk(calling()), chunk({}, "tool_calls")),
        {"reasoning_details": DETAILS},
        {},
    ),
    "nothing, under a name that many refuse": (
        sse(chunk({"reasoning": "So."}), chunk(calling()), chunk({}, "tool_calls")),
        {},
        {},
    ),
}


def answered(calls: tuple[ToolCall, ...], model: str = "m", **more: Any) -> ChatRequest:
    turn = Message(Role.ASSISTANT, tool_calls=calls)
    result = Message(Role.TOOL, "1", tool_name="f", tool_call_id=calls[0].id)
    return ChatRequest(model, (USER, turn, result), **more)


CLIENTS: dict[str, Callable[[ToolCall], ToolCall]] = {
    "keeps ids": lambda call: ToolCall(call.name, call.arguments, call.id),
    "drops ids": lambda call: ToolCall(call.name, call.arguments),
}
each_client = pytest.mark.parametrize("returned", CLIENTS.values(), ids=CLIENTS)


@asynccontextmanager
async def asked(
    adapter: type[Any], first: Answer, second: Answer, model: str = "m", **more: Any
) -> AsyncIterator[tuple[Any, FakeUpstream, ToolCall]]:
    """Yield a provider that has answered with a call."""
    async with opened(adapter, first, second, api_key="k") as (provider, upstream):
        events = await events_of(provider.chat(ChatRequest(model, (USER,), **more)))
        (call,) = [event for event in events if isinstance(event, ToolCall)]
        yield provider, upstream, call


@each_client
@pytest.mark.parametrize(("first", "turn", "call"), OPENAI.values(), ids=OPENAI)
async def test_openai_servers_get_back_what_they_gave(
    first: Answer, turn: dict[str, Any], call: dict[str, Any], returned: Any
) -> None:
    last = sse(chunk({"content": "a"}, "stop"))
    async with asked(OpenAIProvider, first, last) as (provider, upstream, made):
        await events_of(provider.chat(answered((returned(made),))))
    message = body_of(upstream.requests[1])["messages"][1]
    (sent,) = message.pop("tool_calls")
    assert message == {"role": "assistant", "content": None, **turn}
    assert {name: sent[name] for name in sent.keys() - {"id", "type", "function"}} == call


async def test_what_the_client_has_kept_needs_no_memory() -> None:
    first, last = OPENAI["a signature"][0], sse(chunk({"content": "a"}, "stop"))
    async with asked(OpenAIProvider, first, last) as (provider, upstream, made):
        object.__setattr__(provider.context, "keepsakes", Keepsakes(0))
        await events_of(provider.chat(answered((made,))))
    (sent,) = body_of(upstream.requests[1])["messages"][1]["tool_calls"]
    assert sent["extra_content"] == SIGNATURE


async def test_another_caller_gets_nothing_of_it() -> None:
    first, last = OPENAI["details"][0], sse(chunk({"content": "a"}, "stop"))
    async with asked(OpenAIProvider, first, last, caller="ann") as (provider, upstream, made):
        await events_of(provider.chat(answered((made,), caller="bob")))
    assert "reasoning_details" not in body_of(upstream.requests[1])["messages"][1]


def start(index: int, **block: object) -> dict[str, object]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int, **part: object) -> dict[str, object]:
    return {"type": "content_block_delta", "index": index, "delta": part}


def stopped(reason: str) -> dict[str, object]:
    return {"type": "message_delta", "delta": {"stop_reason": reason}}


THOUGHT = sse(
    start(0, type="thinking", thinking="", signature=""),
    delta(0, type="thinking_delta", thinking="Hm."),
    delta(0, type="signature_delta", signature="sig"),
    start(1, type="redacted_thinking", data="secret"),
    start(2, type="tool_use", id="call_1", name="f", input={"x": 1}),
    stopped("tool_use"),
)
BLOCKS = [
    {"type": "thinking", "thinking": "Hm.", "signature": "sig"},
    {"type": "redacted_thinking", "data": "secret"},
]


@each_client
async def test_claude_goes_on_with_its_own_thinking(returned: Any) -> None:
    last = sse(delta(0, type="text_delta", text="a"), stopped("end_turn"))
    async with asked(AnthropicProvider, THOUGHT, last, think=True) as (provider, upstream, made):
        await events_of(provider.chat(answered((returned(made),), think=True)))
    body = body_of(upstream.requests[1])
    assert body["thinking"] == body_of(upstream.requests[0])["thinking"]
    *blocks, call = body["messages"][1]["content"]
    assert blocks == BLOCKS
    assert call["type"] == "tool_use"


@pytest.mark.parametrize("think", [None, False])
async def test_claude_gets_no_thinking_while_it_does_not_think(think: Any) -> None:
    last = sse(delta(0, type="text_delta", text="a"), stopped("end_turn"))
    async with asked(AnthropicProvider, THOUGHT, last, think=True) as (provider, upstream, made):
        await events_of(provider.chat(answered((made,), think=think)))
    (call,) = body_of(upstream.requests[1])["messages"][1]["content"]
    assert call["type"] == "tool_use"


async def test_claude_does_not_think_if_its_thinking_is_not_known() -> None:
    last = sse(delta(0, type="text_delta", text="a"), stopped("end_turn"))
    async with asked(AnthropicProvider, THOUGHT, last, think=True) as (provider, upstream, made):
        object.__setattr__(provider.context, "keepsakes", Keepsakes(0))
        await events_of(provider.chat(answered((made,), think=True)))
    body = body_of(upstream.requests[1])
    (call,) = body["messages"][1]["content"]
    assert call["type"] == "tool_use"
    assert body.get("thinking", {}).get("type") != "enabled"


def pieces(*content: dict[str, Any], **more: Any) -> dict[str, Any]:
    return chunk({"content": [*content], **more})


def thought(text: str, **more: object) -> dict[str, Any]:
    parts = [{"type": "text", "text": text}] if text else []
    return {"type": "thinking", "thinking": parts, "closed": True, **more}


ANSWERED = sse(chunk({"content": "a"}, "stop"))
MISTRAL: dict[str, tuple[Answer, list[dict[str, Any]]]] = {
    "signed in the last piece": (
        sse(
            *(pieces(thought("H")), pieces(thought("m."))),
            *(pieces(thought("", signature="sig")), chunk(calling(), "tool_calls")),
        ),
        [thought("Hm.", signature="sig")],
    ),
    "signed twice": (
        sse(
            *(pieces(thought("Hm.", signature="a")), chunk({"content": "So"})),
            *(pieces(thought("Oh.", signature="b")), chunk(calling(), "tool_calls")),
        ),
        [thought("Hm.", signature="a"), thought("Oh.", signature="b")],
    ),
    "an empty list of calls in each piece": (
        sse(
            chunk({"content": [thought("H")], "tool_calls": []}),
            chunk({"content": [thought("m.", signature="sig")], "tool_calls": []}),
            chunk(calling(), "tool_calls"),
        ),
        [thought("Hm.", signature="sig")],
    ),
    "not signed": (
        sse(pieces(thought("Hm.")), chunk(calling(), "tool_calls")),
        [thought("Hm.")],
    ),
    "nothing but a signature": (
        sse(pieces(thought("", signature="sig")), chunk(calling(), "tool_calls")),
        [thought("", signature="sig")],
    ),
    "no thinking": (sse(chunk(calling(), "tool_calls")), []),
}


@each_client
@pytest.mark.parametrize(("first", "thoughts"), MISTRAL.values(), ids=MISTRAL)
async def test_mistral_gets_its_thinking_back(
    first: Answer, thoughts: list[dict[str, Any]], returned: Any
) -> None:
    async with asked(MistralProvider, first, ANSWERED, model=THINKER) as (provider, upstream, made):
        await events_of(provider.chat(answered((returned(made),), model=THINKER)))
    content = body_of(upstream.requests[1])["messages"][1]["content"]
    assert (content or []) == thoughts


async def test_mistral_gets_what_the_client_has_kept_and_nothing_odd() -> None:
    odd = [7, {"thinking": 1}, {"thinking": " "}, {"thinking": "Hm.", "signature": "s", "x": 1}]
    turn = Message(Role.ASSISTANT, "a", thinking="other", keepsake={"mistral": {"blocks": odd}})
    unreadable = Message(Role.ASSISTANT, "b", thinking="So.", keepsake={"mistral": {"blocks": 1}})
    request = ChatRequest(THINKER, (USER, turn, USER, unreadable, USER))
    async with opened(MistralProvider, ANSWERED, api_key="k") as (provider, upstream):
        await events_of(provider.chat(request))
    messages = body_of(upstream.requests[0])["messages"]
    text = {"type": "text", "text": "a"}
    assert messages[1]["content"] == [thought("Hm.", signature="s"), text]
    assert messages[3]["content"] == [thought("So."), {**text, "text": "b"}]


async def test_claude_gets_nothing_odd_back() -> None:
    odd = [7, {"type": "text", "text": "x"}, {**BLOCKS[0], "more": 1}, BLOCKS[1]]
    turn = Message(Role.ASSISTANT, "a", keepsake={"anthropic": {"blocks": odd}})
    request = ChatRequest("m", (USER, turn, USER), think=True)
    last = sse(delta(0, type="text_delta", text="a"), stopped("end_turn"))
    async with opened(AnthropicProvider, last, api_key="k") as (provider, upstream):
        await events_of(provider.chat(request))
    *blocks, text = body_of(upstream.requests[0])["messages"][1]["content"]
    assert (blocks, text["type"]) == (BLOCKS, "text")


async def test_thinking_that_nobody_wants_to_see_has_no_end_either() -> None:
    first = sse(pieces(thought("Hm.", signature="sig")), chunk({"content": "a"}, "stop"))
    async with opened(MistralProvider, first, api_key="k") as (provider, _):
        asked_for = ChatRequest(THINKER, (USER,), think=False)
        events = await events_of(provider.chat(asked_for))
    assert [type(event).__name__ for event in events] == ["TextDelta", "Finish"]


async def test_an_empty_list_of_calls_does_not_end_thinking() -> None:
    delta_of = {"reasoning_details": DETAILS, "reasoning": "H", "tool_calls": []}
    first = sse(chunk(delta_of), chunk(delta_of), chunk({"content": "a"}, "stop"))
    async with opened(OpenAIProvider, first, api_key="k") as (provider, _):
        events = await events_of(provider.chat(ChatRequest("m", (USER,))))
    assert [event for event in events if isinstance(event, Thought)] == [
        Thought({"openai": {"reasoning_details": DETAILS * 2}})
    ]
