"""Anthropic's endpoint as Ollama serves it: the order of its checks, blocks and events."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from wire_rules.case import JSON, LATE_JSON, Case, Reply
from wire_rules.openai import CITY, HELLO, WEATHER, events
from wire_rules.requests import PNG

__all__ = ["ANTHROPIC"]

MESSAGES = "POST /v1/messages"
ASK = {"model": "mistral-large", "max_tokens": 99, "messages": [HELLO]}
TOOLS = [{"name": "get_weather", "description": "Get it", "input_schema": CITY}]
STREAM: Mapping[str, str | None] = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache",
}


def refused(status: int, message: str, kind: str = "invalid_request_error") -> dict[str, Any]:
    """Return what a case expects of an error before the first event."""
    text = json.dumps({"type": kind, "message": message}, ensure_ascii=False, separators=(",", ":"))
    is_late = kind == "not_found_error"  # found out once the request was understood
    envelope = f'{{"type":"error","error":{text},"request_id":"req_'
    return {
        "status": status,
        "pattern": re.escape(envelope) + r'[0-9a-f]{24}"\}' + ("\n" if is_late else ""),
        "headers": {"Content-Type": LATE_JSON if is_late else JSON},
    }


def _asked(*blocks: object, role: str = "user") -> dict[str, Any]:
    return {**ASK, "messages": [{"role": role, "content": [*blocks]}]}


def _blocks(*expected: str, reason: str = "end_turn") -> Callable[[Reply], bool]:
    def check(reply: Reply) -> bool:
        found = [block["type"] for block in reply.json["content"]]
        return found == [*expected] and reply.json["stop_reason"] == reason

    return check


def _streamed(*expected: str, reason: str = "end_turn") -> Callable[[Reply], bool]:
    """Return a check of the blocks of a stream, by the types of their deltas."""

    def check(reply: Reply) -> bool:
        first, *blocks, last, stop = events(reply)
        assert (first["type"], last["type"], stop["type"]) == (
            "message_start",
            "message_delta",
            "message_stop",
        )
        assert first["message"]["content"] == []
        kinds = []
        for event in blocks:
            if event["type"] == "content_block_start":
                assert event["index"] == len(kinds)
                kinds.append("")
            assert event["index"] == len(kinds) - 1
            if event["type"] == "content_block_delta":
                kinds[-1] = event["delta"]["type"]
        return kinds == [*expected] and last["delta"]["stop_reason"] == reason

    return check


def _requests() -> Iterator[Case]:
    yield Case(
        "12-garbage",
        MESSAGES,
        "an error is an object `error` with `type` and `message`, next to a `request_id`",
        b"x",
        **refused(400, "invalid character 'x' looking for beginning of value"),
    )
    for name, (body, message) in {
        "model": ({}, "model is required"),
        "max": ({"model": "m"}, "max_tokens is required and must be positive"),
        "max-zero": (
            {"model": "m", "max_tokens": 0},
            "max_tokens is required and must be positive",
        ),
        "messages": ({"model": "m", "max_tokens": 1}, "messages is required"),
    }.items():
        yield Case(
            f"12-check-{name}",
            MESSAGES,
            "`model`, `max_tokens` and `messages` are required, and checked in this order",
            body,
            **refused(400, message),
        )
    yield Case(
        "12-unknown",
        MESSAGES,
        "an unknown model is a 404 of the type `not_found_error`",
        {**ASK, "model": "nobody"},
        **refused(404, "model 'nobody' not found", "not_found_error"),
    )
    yield Case(
        "12-headers",
        MESSAGES,
        "`x-api-key`, `anthropic-version` and `?beta=true` are ignored",
        ASK,
        path="/v1/messages?beta=true",
        sent={"x-api-key": "k", "anthropic-version": "none"},
        check=_blocks("text"),
    )
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    remote = {"type": "image", "source": {"type": "url", "url": "http://example.org/a.png"}}
    yield Case(
        "12-image",
        MESSAGES,
        "an image may be in base64",
        _asked({"type": "text", "text": "What is it?"}, image),
        check=lambda reply: "1 image" in reply.json["content"][0]["text"],
    )
    yield Case(
        "12-image-url",
        MESSAGES,
        "an image at a URL without https is rejected",
        _asked(remote),
        **refused(400, "invalid image source: the URL must start with https://"),
    )
    yield Case(
        "12-content-null",
        MESSAGES,
        "a `content` of `null` is an empty text",
        {**ASK, "messages": [{"role": "user", "content": None}, HELLO]},
        check=_blocks("text"),
    )
    yield Case(
        "12-content-missing",
        MESSAGES,
        "a message without `content` is rejected",
        {**ASK, "messages": [{"role": "user"}]},
        status=400,
        pattern=r'\{"type":"error","error":\{"type":"invalid_request_error",.*',
    )
    result = {"type": "tool_result", "tool_use_id": "a", "content": "21 C"}
    use = {"type": "tool_use", "id": "a", "name": "f", "input": {}}
    yield Case(
        "12-results",
        MESSAGES,
        "tool results are blocks of a user message, next to text",
        {
            **ASK,
            "messages": [
                HELLO,
                {"role": "assistant", "content": [use]},
                {"role": "user", "content": [{"type": "text", "text": "And now?"}, result]},
            ],
        },
        check=_blocks("text"),
    )
    for name, (block, message) in {
        "id": ({"name": "f"}, "tool_use block missing required 'id' field"),
        "name": ({"id": "a"}, "tool_use block missing required 'name' field"),
    }.items():
        yield Case(
            f"12-tool-use-{name}",
            MESSAGES,
            "a tool call requires an `id` and a `name`",
            _asked({"type": "tool_use", "input": {}, **block}, role="assistant"),
            **refused(400, message),
        )
    yield Case(
        "12-unknown-block",
        MESSAGES,
        "unknown blocks without text are ignored",
        _asked({"type": "x"}, {"type": "text", "text": "Hello"}),
        check=_blocks("text"),
    )
    yield Case(
        "12-system",
        MESSAGES,
        "`system` is a string or a list of blocks",
        {**ASK, "system": [{"type": "text", "text": "Be kind."}]},
        check=_blocks("text"),
    )
    yield Case(
        "12-ignored",
        MESSAGES,
        "`metadata` and `cache_control` are ignored",
        {
            **_asked({"type": "text", "text": "Hello", "cache_control": {"type": "ephemeral"}}),
            "metadata": {"user_id": "u"},
        },
        check=_blocks("text"),
    )
    yield Case(
        "12-thinking-unable",
        MESSAGES,
        "`thinking` is not sent to a model without that capability",
        {**ASK, "model": "codestral", "thinking": {"type": "enabled", "budget_tokens": 1024}},
        check=_blocks("text"),
    )


def _answers() -> Iterator[Case]:
    called = {**ASK, "messages": [WEATHER], "tools": TOOLS}
    thinking = {**ASK, "model": "mistral-medium", "thinking": {"type": "enabled"}}
    limited = {**ASK, "max_tokens": 1}
    yield Case(
        "12-document",
        MESSAGES,
        "without `stream`, the answer is one `message`",
        ASK,
        pattern=r'\{"id":"msg_[0-9a-f]{24}","type":"message","role":"assistant",'
        r'"model":"mistral-large","content":\[\{"type":"text","text":".*"\}\],'
        r'"stop_reason":"end_turn","usage":\{"input_tokens":\d+,"output_tokens":\d+\}\}\n?',
        headers={"Content-Type": "application/json"},
    )
    for name, rule, body, blocks, deltas, reason in (
        ("text", "text is a block", ASK, ["text"], ["text_delta"], "end_turn"),
        (
            "thinking",
            "thinking is a block before the text",
            thinking,
            ["thinking", "text"],
            ["thinking_delta", "text_delta"],
            "end_turn",
        ),
        (
            "call",
            "a tool call is a block with all of its arguments in one delta, and `stop_reason`"
            " is `tool_use`",
            {**called, "tool_choice": {"type": "any"}},
            ["tool_use"],
            ["input_json_delta"],
            "tool_use",
        ),
        (
            "length",
            "an answer that reaches its limit ends with `max_tokens`",
            limited,
            ["text"],
            ["text_delta"],
            "max_tokens",
        ),
    ):
        yield Case(f"12-blocks-{name}", MESSAGES, rule, body, check=_blocks(*blocks, reason=reason))
        yield Case(
            f"12-stream-{name}",
            MESSAGES,
            "a stream contains the start, the deltas and the stop of each block, in order",
            {**body, "stream": True},
            check=_streamed(*deltas, reason=reason),
            headers=STREAM,
        )


def _deviations() -> Iterator[Case]:
    broken = _asked({"type": "text", "text": "Hi\n[[fault: cut after=3]]"})
    yield Case(
        "12-failed-stream",
        MESSAGES,
        "an error during a stream is an `error` event, then the body ends",
        {**broken, "stream": True},
        check=lambda reply: events(reply)[-1]["error"]["type"] == "api_error",
        headers=STREAM,
        ollama="just ends the stream",
        deviation="Anthropic's libraries raise it; otherwise they would accept the fragment as"
        " the answer",
    )
    yield Case(
        "12-remote-image",
        MESSAGES,
        "an image may be an https URL",
        _asked({"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}),
        check=lambda reply: "1 image" in reply.json["content"][0]["text"],
        ollama="responds with 400",
        deviation="the provider fetches it; the gateway fetches nothing",
    )
    yield Case(
        "12-tool-choice",
        MESSAGES,
        "`tool_choice` is passed on to the provider",
        {**ASK, "tools": TOOLS, "tool_choice": {"type": "any"}},
        check=_blocks("tool_use", reason="tool_use"),
        ollama="ignores it",
        deviation="providers support the same choices",
    )
    yield Case(
        "12-unknown-text",
        MESSAGES,
        "the text of unknown blocks is kept",
        _asked({"type": "search_result", "content": [{"type": "text", "text": "Hello"}]}),
        check=_blocks("text"),
        ollama="ignores them",
        deviation="an answer from what was left out in silence would be made up",
    )
    yield Case(
        "12-other-file",
        MESSAGES,
        "an image of another service becomes a text that says that it is not available",
        _asked({"type": "image", "source": {"type": "file", "file_id": "f"}}),
        check=_blocks("text"),
        ollama="responds with 400",
        deviation="agents send the whole history each time, so that a refusal ends the session",
    )
    yield Case(
        "12-count-tokens",
        MESSAGES,
        "`/v1/messages/count_tokens` returns an estimate, a quarter of the number of characters",
        ASK,
        path="/v1/messages/count_tokens",
        pattern=r'\{"input_tokens":\d+\}\n?',
        headers={"Content-Type": "application/json"},
        ollama="responds with 404",
        deviation="agents use the count to shorten a conversation in time",
    )


ANTHROPIC = (*_requests(), *_answers(), *_deviations())
