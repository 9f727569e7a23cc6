"""When the decoder is done, what it waits for, and what it takes for an error."""

from __future__ import annotations

import msgspec
import pytest

from gateway.core import codec
from gateway.core.errors import UpstreamProtocolError, UpstreamRateLimited
from gateway.core.events import Finish, FinishReason, TextDelta, ThinkingDelta, ToolCallDelta, Usage
from gateway.providers.mistral.decode import ChatDecoder
from gateway.providers.upstream.framing import ErrorEvent

COUNTS = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
DONE = b"[DONE]"
STOP = Finish(FinishReason.STOP)
COUNTED_STOP = Finish(FinishReason.STOP, Usage(3, 2))


def chunk(content: object = "", finish: object = None, **members: object) -> bytes:
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish}
    return codec.encode({"choices": [choice], **members})


def usage_chunk(**usage: object) -> bytes:
    return codec.encode({"choices": [], "usage": usage})


def test_the_answer_is_over_as_soon_as_reason_and_usage_are_known() -> None:
    decoder = ChatDecoder("mistral")
    assert decoder.feed([chunk("a", "stop", usage=COUNTS)]) == [TextDelta("a"), COUNTED_STOP]
    assert (decoder.finished, decoder.closing) == (True, False)


def test_without_usage_the_decoder_waits_for_it() -> None:
    decoder = ChatDecoder("mistral")
    assert decoder.feed([chunk("a")]) == [TextDelta("a")]
    assert not decoder.closing
    assert decoder.feed([chunk("b", "stop")]) == [TextDelta("b")]
    assert (decoder.finished, decoder.closing) == (False, True)
    assert decoder.feed([usage_chunk(**COUNTS)]) == [COUNTED_STOP]
    assert (decoder.finished, decoder.closing) == (True, False)


@pytest.mark.parametrize("last", [[DONE], [b" [DONE]\n"], []], ids=["done", "trimmed", "nothing"])
def test_the_end_of_the_stream_ends_the_wait(last: list[bytes]) -> None:
    decoder = ChatDecoder("mistral")
    events = decoder.feed([chunk("a", "stop"), *last])
    assert events + decoder.end() == [TextDelta("a"), STOP]


def test_usage_from_before_the_end_of_the_text_is_taken_when_no_other_comes() -> None:
    decoder = ChatDecoder("mistral")
    assert decoder.feed([chunk("a", usage=COUNTS), chunk("", "stop")]) == [TextDelta("a")]
    assert decoder.end() == [COUNTED_STOP]


def test_nothing_counts_after_the_finish() -> None:
    decoder = ChatDecoder("mistral")
    decoder.feed([chunk("a", "stop", usage=COUNTS)])
    after = [chunk("b", "stop", usage=COUNTS), b"junk", ErrorEvent(b"late"), DONE]
    assert (decoder.feed(after), decoder.end(), decoder.failure) == ([], [], None)


def test_nothing_counts_after_a_failure() -> None:
    decoder = ChatDecoder("mistral")
    assert decoder.feed([b"junk", chunk("a", "stop", usage=COUNTS)]) == []
    failure = decoder.failure
    assert (decoder.feed([DONE]), decoder.end(), decoder.failure) == ([], [], failure)


def test_text_after_the_finish_reason_is_nobodys() -> None:
    decoder = ChatDecoder("mistral")
    assert decoder.feed([chunk("a", "stop"), chunk("b"), DONE]) == [TextDelta("a"), STOP]


@pytest.mark.parametrize("reason", [None, "", 7, ["stop"]], ids=repr)
def test_a_reason_that_is_none_ends_nothing(reason: object) -> None:
    decoder = ChatDecoder("mistral")
    assert decoder.feed([chunk("a", reason)]) == [TextDelta("a")]
    assert not decoder.closing


def test_content_may_be_filtered() -> None:
    decoder = ChatDecoder("mistral")
    assert decoder.feed([chunk("a", "content_filter"), DONE]) == [
        TextDelta("a"),
        Finish(FinishReason.CONTENT_FILTER),
    ]


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        pytest.param(COUNTS, Usage(3, 2), id="plain"),
        pytest.param(
            COUNTS | {"prompt_tokens_details": {"cached_tokens": 1}}, Usage(3, 2, 1), id="details"
        ),
        pytest.param(
            COUNTS | {"prompt_token_details": {"cached_tokens": 1}},
            Usage(3, 2, 1),
            id="old details",
        ),
        pytest.param(COUNTS | {"num_cached_tokens": 1}, Usage(3, 2, 1), id="oldest"),
        pytest.param(COUNTS | {"prompt_tokens_details": None}, Usage(3, 2), id="no details"),
        pytest.param({"prompt_tokens": 3}, Usage(3, 0), id="one count"),
        pytest.param({"prompt_tokens": 3, "completion_tokens": -1}, Usage(3, 0), id="negative"),
        pytest.param({"total_tokens": 5}, None, id="no count"),
        pytest.param([], None, id="no object"),
    ],
)
def test_usage_is_read_in_all_its_spellings(usage: object, expected: Usage | None) -> None:
    decoder = ChatDecoder("mistral")
    events = decoder.feed([chunk("", "stop", usage=usage)]) + decoder.end()
    assert events == [Finish(FinishReason.STOP, expected)]


@pytest.mark.parametrize(
    ("content", "events"),
    [
        pytest.param([{"type": "thinking", "thinking": "Hm."}], [ThinkingDelta("Hm.")], id="bare"),
        pytest.param([{"type": "thinking", "thinking": 7}], [], id="a number"),
        pytest.param([{"type": "thinking"}], [], id="missing"),
        pytest.param({"type": "text", "text": "a"}, [], id="a piece that is in no list"),
        pytest.param([[], 7, None], [], id="no pieces"),
    ],
)
def test_pieces_may_have_any_shape(content: object, events: list[object]) -> None:
    assert ChatDecoder("mistral").feed([chunk(content)]) == events


def test_text_and_thinking_filters_work_in_lists_too() -> None:
    decoder = ChatDecoder("mistral", think=False, stops=("END",))
    pieces = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
        {"type": "text", "text": "a END b"},
        {"type": "text", "text": "c"},
    ]
    assert decoder.feed([chunk(pieces, "length", usage=COUNTS)]) == [
        TextDelta("a "),
        COUNTED_STOP,
    ]
    assert (decoder.cut, decoder.finished) == (True, True)


def test_a_cut_answer_keeps_no_call_that_is_not_complete() -> None:
    decoder = ChatDecoder("mistral", stops=("END",))
    fragment = {"id": "x", "function": {"name": "f", "arguments": '{"a": '}}
    delta = codec.encode({"choices": [{"delta": {"content": "", "tool_calls": [fragment]}}]})
    assert decoder.feed([delta, chunk("END")]) == [
        ToolCallDelta("x", "f", '{"a": '),
        Finish(FinishReason.STOP, Usage(1, 1, estimated=True)),
    ]


def test_an_answer_that_is_cut_has_estimated_counts_unless_the_service_has_counted() -> None:
    pieces = [{"type": "thinking", "thinking": [{"type": "text", "text": "0123456789"}]}]
    for input_tokens, told in ((30, 30), (0, 1)):
        decoder = ChatDecoder("mistral", stops=("END",), input_tokens=input_tokens)
        *_, finish = decoder.feed([chunk(pieces), chunk("0123456789END more")])
        assert isinstance(finish, Finish)
        assert finish.usage == Usage(told, 7, estimated=True)
    decoder = ChatDecoder("mistral", stops=("END",), input_tokens=30)
    assert decoder.feed([chunk("a", usage=COUNTS), chunk("END")])[-1] == COUNTED_STOP


def test_text_that_was_held_back_comes_before_the_failure() -> None:
    decoder = ChatDecoder("mistral", stops=("END",))
    assert decoder.feed([chunk("a E"), b"junk"]) == [TextDelta("a "), TextDelta("E")]
    assert isinstance(decoder.failure, UpstreamProtocolError)


def test_a_failure_keeps_its_cause_for_the_log() -> None:
    decoder = ChatDecoder("mistral")
    decoder.feed([b"junk"])
    assert decoder.failure is not None
    assert isinstance(decoder.failure.__cause__, msgspec.DecodeError)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b" \n", id="white space"),
        pytest.param(b"{}", id="an empty object"),
        pytest.param(b'{"choices":null}', id="null for choices"),
        pytest.param(b'{"choices":[{}]}', id="a choice without a delta"),
        pytest.param(b'{"choices":[{"delta":null}]}', id="null for a delta"),
        pytest.param(b'{"p":"abc","detail":null}', id="padding"),
        pytest.param(b'{"p":1e999}', id="a number out of range"),
    ],
)
def test_data_that_says_nothing_is_passed_over(data: bytes) -> None:
    decoder = ChatDecoder("mistral")
    assert decoder.feed([data]) == []
    assert decoder.failure is None


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'"[DONE]"', id="a string"),
        pytest.param(b'{"choices":{}}', id="an object for choices"),
        pytest.param(b'{"choices":[{"delta":"a"}]}', id="a string for a delta"),
        pytest.param(b'{"choices":[', id="half an object"),
        pytest.param(b'{"choices":[{"delta":{"content":' + b"[" * 9999, id="too deep"),
        pytest.param(b"{\xff", id="neither JSON nor UTF-8"),
    ],
)
def test_data_that_cannot_be_read_is_a_failure(data: bytes) -> None:
    decoder = ChatDecoder("mistral")
    assert decoder.feed([data]) == []
    assert isinstance(decoder.failure, UpstreamProtocolError)
    assert decoder.failure.message == "mistral sent an event that cannot be read"


def test_an_error_event_is_an_error_whatever_it_says() -> None:
    decoder = ChatDecoder("mistral")
    assert decoder.feed([ErrorEvent(chunk("a"))]) == []
    assert decoder.failure is not None
    assert decoder.failure.message == "mistral reports an error"


def test_an_error_object_that_names_a_status_is_that_error() -> None:
    decoder = ChatDecoder("mistral")
    decoder.feed([b'{"error":{"message":"slow \xff down","status":429}}'])
    assert isinstance(decoder.failure, UpstreamRateLimited)
    assert decoder.failure.message == "slow \ufffd down"
