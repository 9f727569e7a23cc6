"""Why an answer ended is read in the same way for all services."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gateway.core import codec
from gateway.core.errors import GatewayError, UpstreamError
from gateway.core.events import ChatEvent, Finish, FinishReason, TextDelta, ToolCall
from gateway.providers.answer_decoder import AnswerDecoder
from gateway.providers.anthropic.decode import MessageDecoder
from gateway.providers.finish_reasons import is_failure, read_reason
from gateway.providers.mistral.decode import ChatDecoder as MistralDecoder
from gateway.providers.openai.decode import ChatDecoder as OpenAIDecoder

STOP, LENGTH = FinishReason.STOP, FinishReason.LENGTH
CALLS, FILTER = FinishReason.TOOL_CALLS, FinishReason.CONTENT_FILTER


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        (None, None),
        ("", None),
        ("null", None),
        (7, None),
        ("stop", STOP),
        ("end_turn", STOP),
        ("eos", STOP),
        ("length", LENGTH),
        ("max_tokens", LENGTH),
        ("MAX_TOKENS", LENGTH),
        ("model_length", LENGTH),
        ("model_context_window_exceeded", LENGTH),
        ("repetition_truncation", LENGTH),
        ("tool_calls", CALLS),
        ("tool_use", CALLS),
        ("function_call", CALLS),
        ("content_filter", FILTER),
        ("refusal", FILTER),
        ("sensitive", FILTER),
        ("safety", FILTER),
        ("recitation", FILTER),
    ],
)
def test_a_word_is_a_reason_or_none(word: object, reason: FinishReason | None) -> None:
    assert (read_reason(word), is_failure(word)) == (reason, False)


FAILURES = ["error", "ERROR", "network_error", "insufficient_system_resource", "engine_overloaded"]


@pytest.mark.parametrize("word", FAILURES)
def test_some_words_say_that_the_service_failed(word: str) -> None:
    assert is_failure(word)


def chunk(delta: dict[str, Any], finish: object = None) -> bytes:
    return codec.encode({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def block(text: str) -> bytes:
    delta = {"type": "text_delta", "text": text}
    return codec.encode({"type": "content_block_delta", "index": 0, "delta": delta})


def stop(reason: object) -> bytes:
    return codec.encode({"type": "message_delta", "delta": {"stop_reason": reason}})


CALL = {"index": 0, "id": "call00001", "function": {"name": "f", "arguments": '{"x":1}'}}
MADE = ToolCall("f", {"x": 1}, "call00001")
TOOL_USE = codec.encode(
    {
        "type": "content_block_start",
        "index": 0,
        "content_block": {"type": "tool_use", "id": "call00001", "name": "f", "input": {"x": 1}},
    }
)

Texts = Callable[[str, object], bytes]
DECODERS: dict[str, tuple[type[Any], Callable[[str], bytes], Callable[[object], bytes], bytes]] = {
    "openai": (
        OpenAIDecoder,
        lambda text: chunk({"content": text}, "null"),
        lambda reason: chunk({}, reason),
        chunk({"tool_calls": [CALL]}),
    ),
    "mistral": (
        MistralDecoder,
        lambda text: chunk({"content": text}, "null"),
        lambda reason: chunk({"content": ""}, reason),
        chunk({"content": "", "tool_calls": [CALL]}),
    ),
    "anthropic": (MessageDecoder, block, stop, TOOL_USE),
}
each_decoder = pytest.mark.parametrize(
    ("decoder", "text", "end", "call"), DECODERS.values(), ids=DECODERS
)


def read(decoder: type[Any], *batch: bytes) -> tuple[list[ChatEvent], GatewayError | None]:
    answer: AnswerDecoder = decoder("acme")
    events = [event for data in batch for event in answer.feed([data])]
    return [*events, *answer.end()], answer.failure


@each_decoder
def test_null_in_text_ends_nothing(decoder: Any, text: Any, end: Any, call: bytes) -> None:
    events, failure = read(decoder, text("Hel"), end("null"), text("lo"), end("stop"))
    assert (events, failure) == ([TextDelta("Hel"), TextDelta("lo"), Finish(STOP)], None)


@each_decoder
@pytest.mark.parametrize("word", FAILURES)
def test_an_answer_that_the_service_gave_up_has_failed(
    word: str, decoder: Any, text: Any, end: Any, call: bytes
) -> None:
    events, failure = read(decoder, text("Hel"), end(word), text("lo"), b"[DONE]")
    assert events == [TextDelta("Hel")]
    assert isinstance(failure, UpstreamError)
    assert (failure.provider, failure.status) == ("acme", 502)


@each_decoder
def test_a_call_without_a_reason_is_made_when_the_service_says_that_it_is_done(
    decoder: Any, text: Any, end: Any, call: bytes
) -> None:
    assert read(decoder, text("a"), call, b"[DONE]") == (
        [TextDelta("a"), MADE, Finish(CALLS)],
        None,
    )


@each_decoder
def test_a_call_without_a_reason_is_not_made_when_the_stream_just_ends(
    decoder: Any, text: Any, end: Any, call: bytes
) -> None:
    events, failure = read(decoder, text("a"), call)
    assert events == [TextDelta("a")]
    assert isinstance(failure, UpstreamError)


@each_decoder
def test_text_without_a_reason_has_failed_even_if_it_is_done(
    decoder: Any, text: Any, end: Any, call: bytes
) -> None:
    events, failure = read(decoder, text("a"), b"[DONE]")
    assert events == [TextDelta("a")]
    assert isinstance(failure, UpstreamError)


@pytest.mark.parametrize("decoder", [OpenAIDecoder, MistralDecoder])
def test_a_broken_call_without_a_reason_fails(decoder: Any) -> None:
    broken = CALL | {"function": {"name": "f", "arguments": '{"x":'}}
    _, failure = read(decoder, chunk({"content": "", "tool_calls": [broken]}), b"[DONE]")
    assert failure is not None
    assert failure.message == 'model produced invalid arguments for tool "f"'
