"""The adapter for Anthropic: what it understands, and as a whole."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import marshmallow as ma
import pytest

from adapter_provider import ask, body_of, events_of, json_answer, opened
from gateway.core.chat import FillRequest, Sampling
from gateway.core.errors import (
    GatewayError,
    ModelNotFound,
    NotSupported,
    UpstreamDenied,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamRateLimited,
    UpstreamRejected,
)
from gateway.core.events import (
    ChatEvent,
    Finish,
    FinishReason,
    TextDelta,
    ThinkingDelta,
    Thought,
    ToolCall,
    ToolCallDelta,
    Usage,
)
from gateway.core.model_info import EPOCH, Capability, ModelInfo
from gateway.providers.anthropic import (
    AnthropicOptions,
    AnthropicOptionsSchema,
    AnthropicProvider,
    errors,
)
from gateway.providers.anthropic.decode import MessageDecoder
from gateway.providers.anthropic.encode import learn
from gateway.providers.anthropic.models import Claude, describe, parse_models
from gateway.providers.upstream import ErrorResponse
from gateway.testing import Answer


def event(kind: str, **more: object) -> bytes:
    return json.dumps({"type": kind, **more}).encode()


def untyped(data: bytes) -> bytes:
    """Return an event without its own type."""
    members = json.loads(data)
    del members["type"]
    return json.dumps(members).encode()


def start(block: object, index: int = 0) -> bytes:
    return event("content_block_start", index=index, content_block=block)


def delta(index: int = 0, **part: object) -> bytes:
    return event("content_block_delta", index=index, delta=part)


def end(reason: object, **usage: object) -> bytes:
    return event("message_delta", delta={"stop_reason": reason}, usage=usage)


def read(*batch: bytes, think: bool = True) -> tuple[list[ChatEvent], GatewayError | None]:
    decoder = MessageDecoder("acme", think=think)
    events = [*decoder.feed(batch), *decoder.end()]
    return events, decoder.failure


TEXT = delta(type="text_delta", text="a")
THOUGHT = delta(type="thinking_delta", thinking="a")
SIGNED = {"type": "thinking", "thinking": "aa", "signature": "sig"}
REDACTED = {"type": "redacted_thinking", "data": "secret"}
STOPPED = end("end_turn")
OVER = event("message_stop")
STOP = Finish(FinishReason.STOP)
CALL = start({"type": "tool_use", "id": "1", "name": "f", "input": {}})
USAGE = {"input_tokens": 5, "cache_creation_input_tokens": 2, "cache_read_input_tokens": 30}
ANSWERS: dict[str, Any] = {
    "a block that starts with text": (
        [start({"type": "text", "text": "a"}), TEXT, STOPPED, OVER],
        [TextDelta("a"), TextDelta("a"), STOP],
    ),
    "thinking": (
        [start({"type": "thinking", "thinking": ""}), THOUGHT, STOPPED],
        [ThinkingDelta("a"), STOP],
    ),
    "thinking with its signature, and without": (
        [
            start({"type": "thinking", "thinking": "", "signature": ""}),
            THOUGHT,
            THOUGHT,
            delta(type="signature_delta", signature="sig"),
            start({"type": "redacted_thinking", "data": "secret"}, index=1),
            start({"type": "thinking", "thinking": "b"}, index=2),
            STOPPED,
        ],
        [
            ThinkingDelta("a"),
            ThinkingDelta("a"),
            Thought({"anthropic": {"blocks": [SIGNED]}}),
            Thought({"anthropic": {"blocks": [REDACTED]}}),
            ThinkingDelta("b"),
            Finish(
                FinishReason.STOP,
                keepsake={
                    "anthropic": {
                        "blocks": [
                            {"type": "thinking", "thinking": "aa", "signature": "sig"},
                            {"type": "redacted_thinking", "data": "secret"},
                        ]
                    }
                },
            ),
        ],
    ),
    "a call in fragments": (
        [
            CALL,
            delta(type="input_json_delta", partial_json=""),
            delta(type="input_json_delta", partial_json='{"x"'),
            delta(type="input_json_delta", partial_json=":1}"),
            end("tool_use"),
        ],
        [
            ToolCallDelta("1", "f", '{"x"'),
            ToolCallDelta("1", "f", ":1}"),
            ToolCall("f", {"x": 1}, "1"),
            Finish(FinishReason.TOOL_CALLS),
        ],
    ),
    "a call at once": (
        [
            start({"type": "tool_use", "id": "1", "name": "f", "input": {"x": 1}}),
            end("tool_use"),
        ],
        [ToolCall("f", {"x": 1}, "1"), Finish(FinishReason.TOOL_CALLS)],
    ),
    "a call that was cut": (
        [CALL, delta(type="input_json_delta", partial_json='{"x'), end("max_tokens")],
        [ToolCallDelta("1", "f", '{"x'), Finish(FinishReason.LENGTH)],
    ),
    "counts": (
        [
            event("message_start", message={"id": "m", "usage": {**USAGE, "output_tokens": 1}}),
            end("refusal", output_tokens=9, service_tier="x"),
            OVER,
        ],
        [
            Finish(
                FinishReason.CONTENT_FILTER,
                Usage(37, 9, 30),
                {
                    "anthropic": {
                        "usage": {"cache_creation_input_tokens": 2, "cache_read_input_tokens": 30}
                    }
                },
            )
        ],
    ),
    "a stop sequence": (
        [
            TEXT,
            event("message_delta", delta={"stop_reason": "stop_sequence", "stop_sequence": "END"}),
        ],
        [
            TextDelta("a"),
            Finish(FinishReason.STOP, None, {"anthropic": {"stop_sequence": "END"}}),
        ],
    ),
    "the end of another service's streams before the end": (
        [TEXT, b"[DONE]", STOPPED, OVER],
        [TextDelta("a"), STOP],
    ),
    "the same after the reason": ([TEXT, STOPPED, b"[DONE]", TEXT], [TextDelta("a"), STOP]),
    "the same at the very end": ([TEXT, STOPPED, OVER, b"[DONE]"], [TextDelta("a"), STOP]),
    "events without types": (
        [
            untyped(event("message_start", message={"id": "m", "usage": {"input_tokens": 1}})),
            untyped(start({"type": "text", "text": ""})),
            b"{}",
            untyped(TEXT),
            untyped(event("content_block_stop", index=0)),
            untyped(end("end_turn", output_tokens=2)),
            untyped(OVER),
        ],
        [TextDelta("a"), Finish(FinishReason.STOP, Usage(1, 2))],
    ),
    "a call without types": (
        [
            untyped(CALL),
            untyped(delta(type="input_json_delta", partial_json='{"x":1}')),
            untyped(end("tool_use")),
        ],
        [ToolCall("f", {"x": 1}, "1"), Finish(FinishReason.TOOL_CALLS)],
    ),
    "a whole message without its type": (
        [untyped(event("message", content=[{"type": "text", "text": "a"}], stop_reason="x"))],
        [TextDelta("a"), STOP],
    ),
    "what is not for us": (
        [
            event("ping"),
            delta(type="citations_delta", citation={}),
            event("content_block_stop", index=0),
            event("content_block_delta"),
            event("invented"),
            end(None),
            event("message_delta", usage={}),
            STOPPED,
            end("max_tokens"),
            OVER,
            TEXT,
        ],
        [STOP],
    ),
    "events that do not name their type": (
        [
            b'{"message":{"id":"m","usage":{"input_tokens":1}}}',
            b'{"index":0,"content_block":{"type":"text","text":""}}',
            b'{"index":0,"delta":{"type":"text_delta","text":"a"}}',
            b'{"index":0}',
            b'{"delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}',
            b"[DONE]",
        ],
        [TextDelta("a"), Finish(FinishReason.STOP, Usage(1, 2))],
    ),
    "a whole message that does not name its type": (
        [b'{"id":"m","content":[{"type":"text","text":"a"}],"stop_reason":"end_turn"}'],
        [TextDelta("a"), STOP],
    ),
    "a whole message": (
        [
            event(
                "message",
                id="m",
                content=[{"type": "text", "text": "a"}],
                stop_reason="end_turn",
                usage={"input_tokens": 1, "output_tokens": 2},
            )
        ],
        [TextDelta("a"), Finish(FinishReason.STOP, Usage(1, 2))],
    ),
}


@pytest.mark.parametrize(("batch", "events"), ANSWERS.values(), ids=ANSWERS)
def test_answers(batch: list[bytes], events: list[ChatEvent]) -> None:
    assert read(*batch) == (events, None)


def test_thinking_that_was_not_asked_for_is_dropped() -> None:
    assert read(THOUGHT, STOPPED, think=False) == ([STOP], None)


def test_it_is_closing_between_reason_and_end() -> None:
    decoder = MessageDecoder("acme")
    assert not decoder.closing
    decoder.feed([STOPPED])
    assert decoder.closing
    assert decoder.feed([OVER]) == [STOP]
    assert (decoder.closing, decoder.end()) == (False, [])


def failed(kind: str) -> bytes:
    return event("error", error={"type": kind, "message": "boom"})


FAILURES: dict[str, Any] = {
    "no end": ([TEXT], UpstreamProtocolError, 502, "stream ended unexpectedly"),
    "garbage": ([b"{]", STOPPED], UpstreamProtocolError, 502, "acme sent an event that cannot"),
    "an error that does not name its type": (
        [b'{"error":{"type":"api_error","message":"boom"}}'],
        UpstreamRejected,
        500,
        "boom",
    ),
    "overloaded": ([failed("overloaded_error"), OVER], UpstreamRejected, 503, "boom"),
    "a rate": ([failed("rate_limit_error")], UpstreamRateLimited, 429, "boom"),
    "something new": ([failed("moon_error")], UpstreamError, 502, "boom"),
    "a call that is no JSON": (
        [CALL, delta(type="input_json_delta", partial_json="{]"), end("tool_use"), OVER],
        UpstreamProtocolError,
        502,
        'invalid arguments for tool "f"',
    ),
}


@pytest.mark.parametrize(("batch", "kind", "status", "text"), FAILURES.values(), ids=FAILURES)
def test_failures(batch: list[bytes], kind: type[GatewayError], status: int, text: str) -> None:
    events, failure = read(*batch)
    assert not [event for event in events if isinstance(event, Finish)]
    assert type(failure) is kind
    assert failure.status == status
    assert text in failure.message


REFUSALS: dict[str, Any] = {
    "the key": (401, "authentication_error", UpstreamDenied, 502),
    "the model": (404, "not_found_error", ModelNotFound, 404),
    "the size": (413, "request_too_large", UpstreamRejected, 413),
    "the load": (529, "overloaded_error", UpstreamRejected, 503),
}


@pytest.mark.parametrize(("status", "kind", "ours", "shown"), REFUSALS.values(), ids=REFUSALS)
def test_refusals(status: int, kind: str, ours: type[GatewayError], shown: int) -> None:
    body = failed(kind)
    error = errors.error_for(ErrorResponse(status, {"request-id": "req_1"}, body), "acme")
    assert (type(error), error.status) == (ours, shown)
    if isinstance(error, UpstreamError):
        assert error.request_id == "req_1"


YES, NO = {"supported": True}, {"supported": False}
CHAT = frozenset({Capability.COMPLETION, Capability.TOOLS})
ENTRIES: dict[str, Any] = {
    "with all facts": (
        {
            "id": "c",
            "display_name": "C",
            "created_at": "2026-02-04T00:00:00Z",
            "deprecated_at": "2027-01-01T00:00:00Z",
            "lifecycle": "deprecated",
            "max_input_tokens": 200_000,
            "max_tokens": 64_000,
            "capabilities": {
                "image_input": YES,
                "thinking": {
                    "supported": True,
                    "types": {"adaptive": YES, "enabled": NO, "disabled": NO},
                },
                "effort": {"supported": True, "low": YES, "max": NO},
            },
        },
        Claude(
            ModelInfo(
                "c",
                CHAT | {Capability.VISION, Capability.THINKING},
                family="claude",
                context_length=200_000,
                output_length=64_000,
                efforts=("low",),
                released=datetime(2026, 2, 4, tzinfo=UTC),
                description="C",
                deprecated="2027-01-01T00:00:00Z",
            ),
            adapts=True,
            can_rest=False,
        ),
    ),
    "that can do little": (
        {"id": "c", "capabilities": {"image_input": NO, "thinking": None}},
        Claude(ModelInfo("c", CHAT, family="claude")),
    ),
    "without facts": (
        {"id": "c", "created_at": "1970-01-01T00:00:00Z"},
        describe("c"),
    ),
    "with an odd date": ({"id": "c", "created_at": "soon"}, describe("c")),
}


@pytest.mark.parametrize(("entry", "model"), ENTRIES.values(), ids=ENTRIES)
def test_facts_of_a_list(entry: object, model: Claude) -> None:
    assert parse_models({"data": [entry]}, "acme") == [model]


def test_what_is_retired_or_named_twice_is_not_listed() -> None:
    entries = [{"id": "a"}, {"id": "b", "lifecycle": "retired"}, {"id": "a", "max_tokens": 1}]
    (only,) = parse_models({"data": entries}, "acme")
    assert (only.info.id, only.info.output_length, only.info.released) == ("a", 0, EPOCH)


@pytest.mark.parametrize("payload", [None, {}, {"data": [{}]}], ids=str)
def test_a_list_that_cannot_be_read(payload: object) -> None:
    with pytest.raises(UpstreamProtocolError, match="acme sent a list of models"):
        parse_models(payload, "acme")


async def test_a_request_has_these_headers() -> None:
    hello = Answer([b"data: " + TEXT + b"\n\ndata: " + STOPPED + b"\n\n"])
    async with opened(AnthropicProvider, hello, api_key="k", beta="b-1") as (provider, upstream):
        assert await events_of(provider.chat(ask())) == [TextDelta("a"), STOP]
        (received,) = upstream.requests
        assert received.path == "/v1/messages"
        names = ("x-api-key", "anthropic-version", "anthropic-beta")
        assert [received.headers[name] for name in names] == ["k", "2023-06-01", "b-1"]
        assert body_of(received)["max_tokens"] == AnthropicOptions().max_tokens
        assert provider.remote_host == upstream.url


async def test_what_is_listed_is_remembered() -> None:
    listed = json_answer({"data": [{"id": "m", "max_input_tokens": 5}]})
    async with opened(AnthropicProvider, listed, api_key="k") as (provider, upstream):
        assert provider.describe("m").context_length == 0
        (info,) = await provider.list_models()
        assert provider.describe("m") == info
        assert info.context_length == 5
        assert upstream.requests[0].path == "/v1/models?limit=1000"


HELLO = Answer([b"data: " + TEXT + b"\n\ndata: " + STOPPED + b"\n\n"])
NO_SAMPLING = json_answer(
    {"error": {"message": "`temperature` is deprecated for this model."}}, 400
)
NO_BUDGET = json_answer({"error": {"message": '"thinking.type.enabled" is not supported'}}, 400)


async def test_what_a_model_refuses_is_left_out_from_then_on() -> None:
    answers = (NO_BUDGET, HELLO, NO_SAMPLING, HELLO)
    async with opened(AnthropicProvider, *answers, api_key="k") as (provider, upstream):
        asked = [ask(think=True), ask(think=True), ask(sampling=Sampling(temperature=0.0))]
        for request in [asked[0], asked[2], asked[2], asked[1]]:
            assert await events_of(provider.chat(request)) == [TextDelta("a"), STOP]
        sent = map(body_of, upstream.requests)
        seen = [(body.get("thinking", {}).get("type"), body.get("temperature")) for body in sent]
        assert seen == [
            ("enabled", None),
            ("adaptive", None),
            (None, 0.0),
            (None, None),
            (None, None),
            ("adaptive", None),
        ]


def test_what_another_request_has_learned_meanwhile_is_learned_again() -> None:
    body = {"thinking": {"type": "enabled", "budget_tokens": 2048}}
    known = replace(describe("m"), adapts=True)
    assert learn(known, body, '"thinking.type.enabled" is not supported') == known
    known = replace(known, takes_sampling=False)
    assert learn(known, {"temperature": 0.0}, "`temperature` is deprecated") == known


REFUSED: dict[str, Any] = {
    "what was not sent": (NO_SAMPLING, {}),
    "another thing": (json_answer({"error": {"message": "no"}}, 400), {"think": True}),
    "with another status": (
        json_answer({"error": {"message": "`temperature` is too much"}}, 413),
        {"sampling": Sampling(temperature=1.0)},
    ),
}


@pytest.mark.parametrize(("answer", "more"), REFUSED.values(), ids=REFUSED)
async def test_other_refusals_are_final(answer: Answer, more: dict[str, Any]) -> None:
    async with opened(AnthropicProvider, answer, api_key="k") as (provider, upstream):
        with pytest.raises(UpstreamRejected):
            await events_of(provider.chat(ask(**more)))
        assert len(upstream.requests) == 1


async def test_the_newer_version_of_the_api_has_no_sampling_and_another_header() -> None:
    options = {"api_key": "k", "version": "2026-10-21"}
    async with opened(AnthropicProvider, HELLO, **options) as (provider, upstream):
        await events_of(provider.chat(ask(sampling=Sampling(temperature=0.0))))
        (received,) = upstream.requests
        assert received.headers["Authorization"] == "Bearer k"
        assert received.headers["anthropic-version"] == "2026-10-21"
        assert "x-api-key" not in received.headers
        assert "temperature" not in body_of(received)


async def test_without_a_key_nothing_is_sent() -> None:
    async with opened(AnthropicProvider, json_answer({})) as (provider, upstream):
        for asking in (events_of(provider.chat(ask())), provider.list_models()):
            with pytest.raises(UpstreamDenied, match="acme has no API key: set ANTHROPIC_API_KEY"):
                await asking
        assert upstream.requests == []


async def test_a_service_without_a_list_has_a_wrong_address() -> None:
    missing = json_answer({"error": "no"}, 404)
    async with opened(AnthropicProvider, missing, api_key="k") as (provider, _):
        with pytest.raises(UpstreamError, match="no list of models: check its base_url"):
            await provider.list_models()


async def test_what_anthropic_lacks_is_not_supported() -> None:
    async with opened(AnthropicProvider, json_answer({})) as (provider, _):
        with pytest.raises(NotSupported, match="acme does not support fill-in-the-middle"):
            provider.fill(FillRequest("m", "a"))


def test_options() -> None:
    loaded = AnthropicOptionsSchema().load({"base_url": "https://x.example", "max_tokens": 9})
    assert loaded == AnthropicOptions(base_url="https://x.example/v1", max_tokens=9)


@pytest.mark.parametrize("table", [{"max_tokens": 0}, {"version": "new"}, {"beta": "a b"}])
def test_wrong_options_are_refused(table: dict[str, object]) -> None:
    with pytest.raises(ma.ValidationError):
        AnthropicOptionsSchema().load(table)
