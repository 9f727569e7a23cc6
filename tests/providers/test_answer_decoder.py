"""What all decoders of answers share: how an answer ends, well or badly, and what is held back."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from gateway.core.errors import GatewayError, UpstreamProtocolError
from gateway.core.events import (
    ChatEvent,
    Finish,
    FinishReason,
    TextDelta,
    ToolCall,
    Usage,
)
from gateway.providers.answer_decoder import AnswerDecoder, ChunkDecoder


class Words(AnswerDecoder):
    """Text until a full stop; what follows is ignored, and a question cannot be read."""

    def feed(self, batch: Sequence[bytes], /) -> list[ChatEvent]:
        events: list[ChatEvent] = []
        for data in batch:
            if self._is_over:
                break
            if data == b"?":
                events += self._fail_unreadable("a question")
            elif data == b".":
                events += self._finish(Finish(FinishReason.STOP))
            else:
                events.append(TextDelta(data.decode()))
        return events


class Held(ChunkDecoder):
    """Everything is held back until the end is near; a call is its own name or has none."""

    held = ""

    def feed(self, batch: Sequence[bytes], /) -> list[ChatEvent]:
        for data in batch:
            name = data.decode()
            if name.startswith("call"):
                function = {"name": name.removeprefix("call "), "arguments": ""}
                self._calls.feed([{"id": name, "function": function}], "answer")
            elif name in list(FinishReason):
                return self._conclude(FinishReason(name))
            elif name == "usage":
                self._usage = Usage(1, 2)
            else:
                self.held += name
        return []

    def _flush(self) -> list[ChatEvent]:
        text, self.held = self.held, ""
        return [TextDelta(text)] if text else []


def states(decoder: AnswerDecoder) -> tuple[bool, bool, GatewayError | None]:
    return decoder.closing, decoder.finished, decoder.failure


def test_an_answer_is_over_once() -> None:
    decoder = Words("acme")
    assert decoder.feed([b"a", b".", b"b"]) == [TextDelta("a"), Finish(FinishReason.STOP)]
    assert (decoder.feed([b"c"]), decoder.end()) == ([], [])
    assert states(decoder) == (False, True, None)


def test_an_answer_that_just_ends_has_failed() -> None:
    decoder = Words("acme")
    assert decoder.feed([b"a"]) == [TextDelta("a")]
    assert decoder.end() == []
    assert isinstance(decoder.failure, UpstreamProtocolError)
    assert decoder.failure.message == "stream ended unexpectedly"
    assert (decoder.end(), decoder.finished) == ([], False)


def test_what_cannot_be_read_is_named() -> None:
    decoder = Words("acme")
    assert decoder.feed([b"a", b"?", b"b"]) == [TextDelta("a")]
    assert isinstance(decoder.failure, UpstreamProtocolError)
    assert decoder.failure.message == "acme sent a question that cannot be read"
    assert decoder.failure.__cause__ is None


def test_the_usage_may_come_after_the_reason() -> None:
    decoder = Held("acme")
    assert decoder.feed([b"a", b"b"]) == []
    assert decoder.feed([b"stop"]) == [TextDelta("ab")]
    assert states(decoder) == (True, False, None)
    assert decoder.feed([b"usage"]) == []
    assert decoder.end() == [Finish(FinishReason.STOP, Usage(1, 2))]
    assert states(decoder) == (False, True, None)


CALLS: dict[str, tuple[FinishReason, bool, bool]] = {
    "whole": (FinishReason.TOOL_CALLS, False, False),
    "a length reached": (FinishReason.LENGTH, False, True),
    "filtered": (FinishReason.CONTENT_FILTER, False, True),
    "cut by us": (FinishReason.STOP, True, True),
}


@pytest.mark.parametrize(("reason", "cut", "is_lenient"), CALLS.values(), ids=CALLS)
def test_a_call_that_was_cut_short_fails_only_a_whole_answer(
    reason: FinishReason, cut: bool, is_lenient: bool
) -> None:
    decoder = Held("acme")
    decoder.cut = cut
    decoder.feed([b"call ", b"a"])
    assert decoder.feed([reason.encode()]) == [TextDelta("a")]
    assert (decoder.failure is None) is decoder.closing is is_lenient


def test_calls_come_before_the_end() -> None:
    decoder = Held("acme")
    decoder.feed([b"call f"])
    assert decoder.feed([b"tool_calls"]) == [ToolCall("f", {}, "call f")]
    assert decoder.end() == [Finish(FinishReason.TOOL_CALLS)]


def test_a_failure_lets_go_of_what_was_held_back() -> None:
    decoder = Held("acme")
    decoder.feed([b"a"])
    assert decoder.end() == [TextDelta("a")]
    assert isinstance(decoder.failure, UpstreamProtocolError)
