"""Answers of the service, each cut at every byte."""

from __future__ import annotations

from typing import Any

import pytest
from gateway.providers import (
    ChatEvent,
    Finish,
    FinishReason,
    Logprobs,
    TextDelta,
    ThinkingDelta,
    Thought,
    TokenLogprob,
    ToolCall,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamRateLimited,
    Usage,
)

from fake_gemini import events, response
from gateway_gemini.decode import ResponseDecoder

COUNTS = {
    "promptTokenCount": 7,
    "toolUsePromptTokenCount": 2,
    "cachedContentTokenCount": 4,
    "candidatesTokenCount": 5,
    "thoughtsTokenCount": 3,
}
USAGE = Usage(9, 8, 4)
TEXT, HM = TextDelta("a"), ThinkingDelta("Hm.")
NAME = {"responseId": "r"}


def kept(signature: str) -> dict[str, Any]:
    return {"openai": {"extra_content": {"google": {"thought_signature": signature}}}}


def turn(*parts: object) -> dict[str, Any]:
    return {"gemini": {"parts": [*parts]}}


def called(name: str = "f", **more: object) -> dict[str, object]:
    return {"functionCall": {"name": name, "args": {"x": 1}, **more}}


def read(*data: bytes, **more: Any) -> tuple[list[ChatEvent], ResponseDecoder]:
    """Return the events of a body; each piece of it is the data of an event."""
    decoder = ResponseDecoder("gemini", answer_id="own", **more)
    found = [event for one in data for event in decoder.feed([one])]
    return found + (decoder.end() if decoder.failure is None else []), decoder


def data_of(*responses: object) -> list[bytes]:
    frames = events(*responses).split(b"\r\n\r\n")[:-1]
    return [frame.removeprefix(b"data: ") for frame in frames]


def finish(reason: FinishReason, usage: Usage | None = None, **more: Any) -> Finish:
    return Finish(reason, usage, **more)


STOP, CALLS = FinishReason.STOP, FinishReason.TOOL_CALLS
ANSWERS: dict[str, tuple[list[object], dict[str, Any], list[ChatEvent]]] = {
    "text": (
        [response({"text": "a"}), response(reason="STOP", usageMetadata=COUNTS)],
        {},
        [TEXT, finish(STOP, USAGE)],
    ),
    "the reason in each event": (
        [response({"text": "a"}, reason="STOP"), response({"text": "b"}, reason="MAX_TOKENS")],
        {},
        [TEXT, TextDelta("b"), finish(FinishReason.LENGTH)],
    ),
    "counts after the reason": (
        [response({"text": "a"}, reason="STOP"), {"usageMetadata": COUNTS}],
        {},
        [TEXT, finish(STOP, USAGE)],
    ),
    "thinking": (
        [response({"text": "Hm.", "thought": True}, {"text": "a"}, reason="STOP")],
        {},
        [HM, TEXT, finish(STOP)],
    ),
    "thinking that nobody wants": (
        [response({"text": "Hm.", "thought": True}, {"text": "a"}, reason="STOP")],
        {"think": False},
        [TEXT, finish(STOP)],
    ),
    "a signed text": (
        [response({"text": "a"}), response({"text": "", "thoughtSignature": "s"}, reason="STOP")],
        {},
        [TEXT, finish(STOP, keepsake=turn({"thoughtSignature": "s"}))],
    ),
    "a signed text for a client that has a place for it": (
        [response({"text": "a", "thoughtSignature": "s"}, reason="STOP")],
        {"seal": True},
        [
            TEXT,
            Thought(turn({"thoughtSignature": "s"})),
            finish(STOP, keepsake=turn({"thoughtSignature": "s"})),
        ],
    ),
    "calls": (
        [
            response({**called(id="1"), "thoughtSignature": "s"}, called("g"), **NAME),
            response({"functionCall": {"name": "h"}}, reason="STOP", **NAME),
        ],
        {"seal": True},
        [
            Thought(turn({"call": 0, "thoughtSignature": "s"})),
            ToolCall("f", {"x": 1}, "1", kept("s")),
            ToolCall("g", {"x": 1}, "YSdE2HzC1"),
            ToolCall("h", {}, "O05OfLmWl"),
            finish(CALLS, keepsake=turn({"call": 0, "thoughtSignature": "s"})),
        ],
    ),
    "calls, and then the limit": (
        [response(called(id="1"), reason="MAX_TOKENS")],
        {},
        [ToolCall("f", {"x": 1}, "1"), finish(FinishReason.LENGTH)],
    ),
    "a refused prompt": (
        [{"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 7}}],
        {},
        [finish(FinishReason.CONTENT_FILTER, Usage(7, 0))],
    ),
    "an answer that was filtered": (
        [response({"text": "a"}, reason="RECITATION")],
        {},
        [TEXT, finish(FinishReason.CONTENT_FILTER)],
    ),
    "log probabilities": (
        [
            {
                "candidates": [
                    {
                        "content": {"parts": [{"text": "a"}]},
                        "finishReason": "STOP",
                        "logprobsResult": {
                            "chosenCandidates": [{"token": "a", "logProbability": -0.5}, 7],
                            "topCandidates": [
                                {"candidates": [{"token": "b", "logProbability": -1}]}
                            ],
                        },
                    }
                ]
            }
        ],
        {},
        [
            TEXT,
            Logprobs(
                (
                    TokenLogprob("a", -0.5, (97,), (TokenLogprob("b", -1.0, (98,)),)),
                    TokenLogprob("", 0.0),
                )
            ),
            finish(STOP),
        ],
    ),
    "what is not known": (
        [
            response(
                {"executableCode": {"code": "1"}},
                {"text": 7},
                {"functionCall": 7, "thoughtSignature": 7},
                {"text": "a"},
                reason="LATER",
                usageMetadata=7,
            ),
            {"candidates": [{"finishReason": "FINISH_REASON_UNSPECIFIED"}]},
        ],
        {},
        [TEXT, finish(STOP)],
    ),
}


@pytest.mark.parametrize(("responses", "more", "expected"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer(
    responses: list[object], more: dict[str, Any], expected: list[ChatEvent]
) -> None:
    found, decoder = read(*data_of(*responses), **more)
    assert found == expected
    assert decoder.failure is None


def test_what_is_to_be_kept_is_told_with_the_calls() -> None:
    told: list[object] = []
    signed = {**called(id="1"), "thoughtSignature": "s"}
    data = data_of(response(signed, reason="STOP"))
    read(*data, keep=lambda calls, keepsake: told.append(([*calls], keepsake)))
    call = ToolCall("f", {"x": 1}, "1", kept("s"))
    assert told == [([call], turn({"call": 0, "thoughtSignature": "s"}))]


def test_a_call_without_any_id_gets_another_one_in_each_answer() -> None:
    data = data_of(response(called(), reason="STOP"))
    first = ResponseDecoder("gemini", answer_id="one")
    second = ResponseDecoder("gemini", answer_id="two")
    ids = [[*decoder.feed(data), *decoder.end()][0].id for decoder in (first, second)]  # type: ignore[union-attr]
    assert len(set(ids)) == 2


OVERLOADED = {"code": 503, "message": "Overloaded.", "status": "UNAVAILABLE"}
SLOWER = {
    "message": "Slow down.",
    "status": "RESOURCE_EXHAUSTED",
    "details": [{"retryDelay": "1.5s"}],
}
FAILURES: dict[str, tuple[list[bytes], type[UpstreamError], str]] = {
    "an error": (data_of({"error": OVERLOADED}), UpstreamError, "Overloaded."),
    "a list of errors": ([b'[{"error":{"message":"No."}}]'], UpstreamError, "No."),
    "a limit": (data_of({"error": SLOWER}), UpstreamRateLimited, "Slow down."),
    "another list": ([b"[1]"], UpstreamProtocolError, "cannot be read"),
    "garbage": ([b"{]"], UpstreamProtocolError, "cannot be read"),
    "no end": (data_of(response({"text": "a"})), UpstreamProtocolError, "ended unexpectedly"),
    "a call that cannot be read": (
        data_of(
            {"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL", "finishMessage": "x("}]}
        ),
        UpstreamError,
        "broke off the answer: MALFORMED_FUNCTION_CALL: x(",
    ),
    "any reason": (data_of(response(reason="OTHER")), UpstreamError, "broke off the answer: OTHER"),
    "a call without a name": (
        data_of(response({"functionCall": {}}, {"text": "b"}, reason="STOP")),
        UpstreamProtocolError,
        "a call without a name that cannot be read",
    ),
}


@pytest.mark.parametrize(("data", "kind", "words"), FAILURES.values(), ids=FAILURES)
def test_a_failure_is_never_an_end(
    data: list[bytes], kind: type[UpstreamError], words: str
) -> None:
    late = data_of(response({"text": "late"}, reason="STOP"))
    found, decoder = read(*data_of(response({"text": "a"})), *data)
    assert isinstance(decoder.failure, kind)
    assert words in decoder.failure.message
    assert not [event for event in found if isinstance(event, Finish)]
    assert decoder.feed(late) == []
    assert decoder.end() == []
    if kind is UpstreamRateLimited:
        assert decoder.failure.headers["Retry-After"] == "2"
