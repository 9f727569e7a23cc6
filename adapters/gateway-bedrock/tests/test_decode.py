"""Answers of the service: events in any cut of their bytes, and documents."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer
from gateway.providers import (
    ChatEvent,
    Finish,
    FinishReason,
    Frame,
    GatewayError,
    TextDelta,
    ThinkingDelta,
    Thought,
    ToolCall,
    ToolCallDelta,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamRateLimited,
    UpstreamRejected,
    Usage,
)

import frames
from gateway_bedrock.decode import ConverseDecoder
from gateway_bedrock.provider import _WHOLE

COUNTS = {"cacheReadInputTokens": 4, "cacheWriteInputTokens": 1}
NATIVE = {"anthropic": {"usage": {"cache_read_input_tokens": 4, "cache_creation_input_tokens": 1}}}
TEXT = TextDelta("Hi")
USAGE = Usage(5, 2)


def split(body: bytes) -> list[bytes]:
    """Return the frames of a body as the gateway has them."""
    found = []
    buffer = EventStreamBuffer()
    buffer.add_data(body)
    for message in buffer:
        headers = {name: value for name, value in message.headers.items() if isinstance(value, str)}
        found.append(Frame(message.payload, headers))
    return found


def read(*bodies: bytes, **more: Any) -> tuple[list[ChatEvent], ConverseDecoder]:
    """Return the events of a body, one frame at a time."""
    decoder = ConverseDecoder("bedrock", answer_id="own", **more)
    found = [event for one in split(b"".join(bodies)) for event in decoder.feed([one])]
    return found + (decoder.end() if decoder.failure is None else []), decoder


def kept(*blocks: object) -> dict[str, Any]:
    return {"anthropic": {"blocks": [*blocks]}}


def signed(text: str, signature: str) -> dict[str, object]:
    return {"type": "thinking", "thinking": text, "signature": signature}


SECRET = {"type": "redacted_thinking", "data": "rsn_\u00e4"}
SIGNED = kept(signed("Hm.", "c2ln"))
STREAMS: dict[str, tuple[bytes, list[ChatEvent]]] = {
    "text, and the counts of cached tokens": (
        frames.start() + frames.text(0, "Hi") + frames.stop("end_turn", **COUNTS),
        [TEXT, Finish(FinishReason.STOP, Usage(10, 2, 4), NATIVE)],
    ),
    "a stop sequence": (
        frames.text(0, "Hi") + frames.stop("stop_sequence"),
        [TEXT, Finish(FinishReason.STOP, USAGE)],
    ),
    "an answer without counts": (
        frames.text(0, "Hi") + frames.event("messageStop", stopReason="end_turn"),
        [TEXT, Finish(FinishReason.STOP)],
    ),
    "the limit": (
        frames.text(0, "Hi") + frames.stop("max_tokens"),
        [TEXT, Finish(FinishReason.LENGTH, USAGE)],
    ),
    "the context": (
        frames.text(0, "Hi") + frames.stop("model_context_window_exceeded"),
        [TEXT, Finish(FinishReason.LENGTH, USAGE)],
    ),
    "a guardrail": (
        frames.text(0, "Hi") + frames.stop("guardrail_intervened"),
        [TEXT, Finish(FinishReason.CONTENT_FILTER, USAGE)],
    ),
    "a filter": (
        frames.text(0, "Hi") + frames.stop("content_filtered"),
        [TEXT, Finish(FinishReason.CONTENT_FILTER, USAGE)],
    ),
    "thinking that is signed": (
        frames.thinking(0, "H", "m.", signature="c2ln")
        + frames.text(1, "Hi")
        + frames.stop("end_turn"),
        [
            ThinkingDelta("H"),
            ThinkingDelta("m."),
            Thought(SIGNED),
            TEXT,
            Finish(FinishReason.STOP, USAGE, keepsake=SIGNED),
        ],
    ),
    "thinking that is not": (
        frames.thinking(0, "Hm.") + frames.text(1, "Hi") + frames.stop("end_turn"),
        [ThinkingDelta("Hm."), TEXT, Finish(FinishReason.STOP, USAGE)],
    ),
    "thinking whose block does not end": (
        frames.event(
            "contentBlockDelta", contentBlockIndex=0, delta={"reasoningContent": {"text": "Hm."}}
        )
        + frames.event(
            "contentBlockDelta",
            contentBlockIndex=0,
            delta={"reasoningContent": {"signature": "c2ln"}},
        )
        + frames.text(1, "Hi")
        + frames.stop("end_turn"),
        [
            ThinkingDelta("Hm."),
            Thought(SIGNED),
            TEXT,
            Finish(FinishReason.STOP, USAGE, keepsake=SIGNED),
        ],
    ),
    "thinking that is encrypted, in pieces": (
        frames.block(
            0,
            {
                "reasoningContent": {
                    "redactedContent": b64encode("rsn_\u00e4".encode()[:5]).decode()
                }
            },
            {
                "reasoningContent": {
                    "redactedContent": b64encode("rsn_\u00e4".encode()[5:]).decode()
                }
            },
        )
        + frames.stop("end_turn"),
        [Thought(kept(SECRET)), Finish(FinishReason.STOP, USAGE, keepsake=kept(SECRET))],
    ),
    "calls, in pieces and without arguments": (
        frames.call(0, "f", "tooluse_1", "", '{"x"', ": 1}")
        + frames.call(1, "g", "tooluse_2", "")
        + frames.stop("tool_use"),
        [
            ToolCallDelta("tooluse_1", "f", '{"x"'),
            ToolCallDelta("tooluse_1", "f", ": 1}"),
            ToolCall("f", {"x": 1}, "tooluse_1"),
            ToolCall("g", {}, "tooluse_2"),
            Finish(FinishReason.TOOL_CALLS, USAGE),
        ],
    ),
    "what nobody knows": (
        frames.event("somethingNew", contentBlockIndex=0)
        + frames.frame(b"{}", message_type="event")
        + frames.block(0, {"citation": {"title": "x"}}, {"text": 7}, {"toolUse": 7})
        + frames.block(1, {"reasoningContent": {"text": 7, "redactedContent": "???"}})
        + frames.event("contentBlockStart", contentBlockIndex=2, start={"image": {"format": "png"}})
        + frames.event("contentBlockDelta", contentBlockIndex=2)
        + frames.text(0, "Hi")
        + frames.event("metadata", metrics={})
        + frames.stop("end_turn"),
        [TEXT, Finish(FinishReason.STOP, USAGE)],
    ),
}


@pytest.mark.parametrize(("body", "events"), STREAMS.values(), ids=STREAMS)
def test_streams(body: bytes, events: list[ChatEvent]) -> None:
    found, decoder = read(body)
    assert found == events
    assert decoder.finished


def test_frames_made_here_are_frames_to_the_library_of_aws() -> None:
    (found,) = split(frames.event("messageStart", role="assistant"))
    assert found.headers[":event-type"] == "messageStart"  # type: ignore[attr-defined]
    assert json.loads(found)["role"] == "assistant"


def test_the_answer_is_over_with_its_counts() -> None:
    decoder = ConverseDecoder("bedrock", answer_id="own")
    first, second = split(frames.stop("end_turn"))
    assert decoder.feed([first]) == []
    assert decoder.closing
    assert decoder.feed([second, second]) == [Finish(FinishReason.STOP, USAGE)]


def test_thinking_that_nobody_wants_is_dropped_and_kept() -> None:
    remembered: list[Any] = []
    body = (
        frames.thinking(0, "Hm.", signature="c2ln")
        + frames.call(1, "f", "tooluse_1", "{}")
        + frames.stop("tool_use")
    )
    found, _ = read(body, think=False, keep=lambda *both: remembered.append(both))
    call = ToolCall("f", {}, "tooluse_1")
    assert found == [call, Finish(FinishReason.TOOL_CALLS, USAGE, keepsake=SIGNED)]
    assert remembered == [([call], SIGNED)]


FAILURES: dict[str, tuple[bytes, type[GatewayError], str, int]] = {
    "an exception": (
        frames.exception("internalServerException", message="Broken."),
        UpstreamRejected,
        "Broken.",
        500,
    ),
    "an exception of the model": (
        frames.exception(
            "modelStreamErrorException", message="Model Stream Error", originalMessage="Broken."
        ),
        UpstreamRejected,
        "Model Stream Error: Broken.",
        502,
    ),
    "a limit": (
        frames.exception("throttlingException", message="Slow down."),
        UpstreamRateLimited,
        "Slow down.",
        429,
    ),
    "no service": (
        frames.exception("serviceUnavailableException", message="Later."),
        UpstreamRejected,
        "Later.",
        503,
    ),
    "a request that is not valid": (
        frames.exception("validationException", message="No."),
        UpstreamRejected,
        "No.",
        400,
    ),
    "an exception without words": (
        frames.exception("somethingException"),
        UpstreamError,
        "somethingException",
        502,
    ),
    "an error, whose words are in a header": (
        frames.frame(
            b"", message_type="error", error_code="InternalError", error_message="All is lost."
        ),
        UpstreamError,
        "All is lost.",
        502,
    ),
    "an answer that broke off": (
        frames.stop("malformed_tool_use"),
        UpstreamError,
        "bedrock broke off the answer: malformed_tool_use",
        502,
    ),
    "arguments that are none": (
        frames.call(0, "f", "tooluse_1", '{"x": ') + frames.stop("tool_use"),
        UpstreamProtocolError,
        'model produced invalid arguments for tool "f"',
        502,
    ),
    "what is no JSON": (
        frames.frame(b"{]", event_type="contentBlockDelta", message_type="event"),
        UpstreamProtocolError,
        "bedrock sent an event that cannot be read",
        502,
    ),
    "no end": (b"", UpstreamProtocolError, "stream ended unexpectedly", 502),
}


@pytest.mark.parametrize(("body", "kind", "words", "status"), FAILURES.values(), ids=FAILURES)
def test_failures(body: bytes, kind: type[GatewayError], words: str, status: int) -> None:
    found, decoder = read(frames.start() + frames.text(0, "Hi") + body, frames.text(1, "more"))
    assert [event for event in found if isinstance(event, Finish)] == []
    assert found[0] == TEXT
    assert type(decoder.failure) is kind
    assert decoder.failure is not None
    assert (decoder.failure.message, decoder.failure.status) == (words, status)


WHOLE: dict[str, tuple[dict[str, Any], list[ChatEvent]]] = {
    "thinking, text and a call": (
        {
            "output": {
                "message": {
                    "role": "assistant",
                    "content": [
                        {
                            "reasoningContent": {
                                "reasoningText": {"text": "Hm.", "signature": "c2ln"}
                            }
                        },
                        {"text": "Hi"},
                        {"toolUse": {"toolUseId": "t1", "name": "f", "input": {"x": 1}}},
                        {"toolUse": {"toolUseId": "t2", "name": "g", "input": {}}},
                        {"somethingNew": {}},
                    ],
                }
            },
            "stopReason": "tool_use",
            "usage": {"inputTokens": 5, "outputTokens": 2},
        },
        [
            ThinkingDelta("Hm."),
            Thought(SIGNED),
            TEXT,
            ToolCall("f", {"x": 1}, "t1"),
            ToolCall("g", {}, "t2"),
            Finish(FinishReason.TOOL_CALLS, USAGE, keepsake=SIGNED),
        ],
    ),
    "nothing": ({"stopReason": "end_turn"}, [Finish(FinishReason.STOP)]),
}


@pytest.mark.parametrize(("document", "events"), WHOLE.values(), ids=WHOLE)
def test_answers_that_come_whole(document: dict[str, Any], events: list[ChatEvent]) -> None:
    body = json.dumps(document).encode()
    for cut in range(0, len(body), 17):
        decoder, splitter = ConverseDecoder("bedrock", answer_id="own"), _WHOLE.splitter()
        data = [*splitter.feed(body[:cut]), *splitter.feed(body[cut:]), *splitter.close()]
        assert [*decoder.feed(data), *decoder.end()] == events


def test_a_document_that_never_ends_is_left() -> None:
    splitter = _WHOLE.splitter()
    assert [*splitter.feed(bytes(64 * 2**20))] == []
    with pytest.raises(ValueError, match="too long"):
        splitter.feed(b" ")
