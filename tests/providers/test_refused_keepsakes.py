"""A conversation of another service goes on: what this one has not signed is left out."""

from __future__ import annotations

from typing import Any

import pytest

from adapter_provider import ask, body_of, events_of, json_answer, opened
from gateway.core import codec
from gateway.core.chat import ChatRequest, Message, Role, replace
from gateway.core.errors import UpstreamRejected
from gateway.core.events import Keepsake, TextDelta, ToolCall
from gateway.providers.anthropic import AnthropicProvider
from gateway.providers.mistral import MistralProvider
from gateway.providers.openai import OpenAIProvider
from gateway.providers.refused_keepsakes import RefusedKeepsakes
from gateway.testing import Answer

NOTHING: Keepsake = {}
USER = Message(Role.USER, "Hi")
MORE = Message(Role.USER, "And?")
SIGNED: Keepsake = {
    "anthropic": {"blocks": [{"type": "thinking", "thinking": "Hm.", "signature": "theirs"}]}
}
REDACTED: Keepsake = {"anthropic": {"blocks": [{"type": "redacted_thinking", "data": "theirs"}]}}
DETAILS: Keepsake = {
    "openai": {"reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}]}
}
EXTRA: Keepsake = {"openai": {"extra_content": {"google": {"thought_signature": "theirs"}}}}
CHUNKS: Keepsake = {"mistral": {"blocks": [{"thinking": "Hm.", "signature": "theirs"}]}}


def refusal(message: str, status: int = 400) -> Answer:
    return json_answer({"error": {"message": message, "type": "invalid_request_error"}}, status)


def sse(*events: object) -> Answer:
    data = [b"data: " + codec.encode(event) + b"\n\n" for event in events]
    return Answer(data, content_type="text/event-stream")


CLAUDE = sse(
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
)
CHUNK = sse({"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}]})


def history(keepsake: Keepsake = NOTHING, of_call: Keepsake = NOTHING, **more: Any) -> ChatRequest:
    """Return a conversation whose first answer has a call."""
    call = ToolCall("f", {}, "call_1", of_call)
    turn = Message(Role.ASSISTANT, "Let me see.", "Hm.", tool_calls=(call,), keepsake=keepsake)
    result = Message(Role.TOOL, "1", tool_name="f", tool_call_id="call_1")
    return ChatRequest(more.pop("model", "m"), (USER, turn, result), **more)


def said(request: ChatRequest) -> ChatRequest:
    """Return the conversation with an answer without calls and another question behind it."""
    answer = Message(Role.ASSISTANT, "1.", "So.", keepsake=request.messages[1].keepsake)
    return replace(request, messages=(*request.messages, answer, MORE))


REFUSALS: dict[str, tuple[type[Any], str, ChatRequest, Answer]] = {
    "signature": (
        AnthropicProvider,
        "messages.1.content.0: Invalid `signature` in `thinking` block",
        history(SIGNED, think=True),
        CLAUDE,
    ),
    "signature in a turn without calls": (
        AnthropicProvider,
        "messages.1.content.0: Invalid `signature` in `thinking` block",
        said(history(SIGNED, think=True)),
        CLAUDE,
    ),
    "encrypted thinking": (
        AnthropicProvider,
        "messages.1.content.0: Invalid `data` in `redacted_thinking` block",
        history(REDACTED, think=True),
        CLAUDE,
    ),
    "blocks that were changed": (
        AnthropicProvider,
        "messages.1.content.1: `thinking` or `redacted_thinking` blocks in the latest assistant"
        " message cannot be modified.",
        history(SIGNED, think=True),
        CLAUDE,
    ),
    "details": (
        OpenAIProvider,
        "Provider returned error: Invalid `signature` in `thinking` block",
        history(DETAILS),
        CHUNK,
    ),
    "a signature of a call": (
        OpenAIProvider,
        "Corrupted thought signature.",
        history({}, EXTRA),
        CHUNK,
    ),
    "a member that another server has": (
        OpenAIProvider,
        "Unknown field extra_content",
        history(DETAILS, EXTRA),
        CHUNK,
    ),
    "chunks": (
        MistralProvider,
        "Invalid signature in thinking chunk",
        history(CHUNKS, model="mistral-medium-latest", think=True),
        CHUNK,
    ),
}


@pytest.mark.parametrize(
    ("adapter", "message", "request_", "answer"), REFUSALS.values(), ids=REFUSALS
)
async def test_what_another_service_has_signed_is_left_out(
    adapter: type[Any], message: str, request_: ChatRequest, answer: Answer
) -> None:
    answers = (refusal(message), answer, answer)
    async with opened(adapter, *answers, api_key="k") as (provider, upstream):
        for _ in range(2):  # once learned, it is not sent again
            assert TextDelta("a") in await events_of(provider.chat(request_))
        first, second, third = (codec.encode(body_of(one)) for one in upstream.requests)
    assert b"theirs" in first or b"reasoning_details" in first
    for sent in (second, third):
        assert not any(word in sent for word in (b"theirs", b"reasoning_details", b"extra_content"))
        assert b"Let me see." in sent


async def test_claude_does_not_think_where_its_thinking_was_left_out() -> None:
    answers = (refusal("Invalid `signature` in `thinking` block"), CLAUDE)
    async with opened(AnthropicProvider, *answers, api_key="k") as (provider, upstream):
        await events_of(provider.chat(history(SIGNED, think=True)))
        first, second = map(body_of, upstream.requests)
    assert first["thinking"]["type"] == "enabled"
    assert "thinking" not in second


async def test_what_the_service_signs_itself_later_is_kept() -> None:
    own: Keepsake = {
        "anthropic": {"blocks": [{**SIGNED["anthropic"]["blocks"][0], "signature": "own"}]}
    }
    later = replace(history(own), think=True).messages[1:]
    answers = (refusal("Invalid `signature` in `thinking` block"), CLAUDE, CLAUDE)
    async with opened(AnthropicProvider, *answers, api_key="k") as (provider, upstream):
        begun = history(SIGNED, think=True)
        await events_of(provider.chat(begun))
        await events_of(provider.chat(replace(begun, messages=(*begun.messages, *later))))
        sent = codec.encode(body_of(upstream.requests[-1]))
    assert b'"own"' in sent
    assert b"theirs" not in sent


FINAL: dict[str, tuple[str, int, ChatRequest]] = {
    "nothing was signed": ("Invalid `signature` in `thinking` block", 400, ask(think=True)),
    "another reason": ("messages: too many", 400, history(SIGNED, think=True)),
    "another status": ("Invalid `signature`", 413, history(SIGNED, think=True)),
}


@pytest.mark.parametrize(("message", "status", "request_"), FINAL.values(), ids=FINAL)
async def test_a_rejection_for_another_reason_is_final(
    message: str, status: int, request_: ChatRequest
) -> None:
    async with opened(AnthropicProvider, refusal(message, status), api_key="k") as (one, upstream):
        with pytest.raises(UpstreamRejected):
            await events_of(one.chat(replace(request_, think=None)))
        assert len(upstream.requests) == 1


def test_of_another_model_it_is_kept() -> None:
    refused, rejection = RefusedKeepsakes("anthropic"), UpstreamRejected("a signature", status=400)
    assert refused.learn(history(SIGNED), rejection)
    assert refused.without_them(history(SIGNED)) == history()
    assert refused.without_them(history(SIGNED, model="n")) == history(SIGNED, model="n")


def test_the_state_of_other_dialects_stays() -> None:
    refused, rejection = RefusedKeepsakes("anthropic"), UpstreamRejected("a signature", status=400)
    both = history({**SIGNED, **DETAILS}, EXTRA)
    assert refused.learn(both, rejection)
    assert refused.without_them(both) == history(DETAILS, EXTRA)


def test_of_many_keepsakes_the_oldest_are_forgotten() -> None:
    refused = RefusedKeepsakes("anthropic", most=1)
    rejection = UpstreamRejected("a signature", status=400)
    assert refused.learn(history(SIGNED), rejection)
    assert refused.learn(history(REDACTED), rejection)
    assert not refused.learn(history(REDACTED), rejection)
    assert refused.without_them(history(SIGNED)) == history(SIGNED)
    assert refused.without_them(history(REDACTED)) == history()
