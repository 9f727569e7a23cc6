"""Every recorded answer gives its events, however its bytes are cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import pytest

from gateway.core.errors import UpstreamError
from gateway.core.events import (
    ChatEvent,
    Finish,
    TextDelta,
    ThinkingDelta,
    ToolCall,
    ToolCallDelta,
    fold,
)
from gateway.providers.mistral.decode import ChatDecoder
from gateway.providers.upstream.framing import EventSplitter
from mistral_transcripts import TRANSCRIPTS, Transcript

STREAMS = [case for case in TRANSCRIPTS if case.is_stream]


def decoder_for(case: Transcript) -> ChatDecoder:
    *_, last = case.request.get("messages") or [{}]
    stops = tuple(dict.fromkeys(case.request.get("options", {}).get("stop", ())))
    return ChatDecoder(
        "mistral",
        think=case.request.get("think") is not False,
        stops=stops[4:],
        input_tokens=2,  # of the one that is cut
        prefix=last["content"] if last.get("role") == "assistant" else "",
    )


def batches_of(case: Transcript, chunks: Sequence[bytes]) -> list[list[bytes]]:
    if not case.is_stream:
        return [[case.upstream]]
    splitter = EventSplitter()
    return [*map(splitter.feed, chunks), splitter.close()]


def decoded(
    case: Transcript, batches: Sequence[Sequence[bytes]]
) -> tuple[list[ChatEvent], ChatDecoder]:
    decoder = decoder_for(case)
    events = [event for batch in batches for event in decoder.feed(batch)]
    return events + decoder.end(), decoder


def whole(case: Transcript) -> tuple[list[ChatEvent], ChatDecoder]:
    return decoded(case, batches_of(case, [case.upstream]))


def as_lines(case: Transcript, events: Sequence[ChatEvent], decoder: ChatDecoder) -> Iterator[Any]:
    """Write events the way Ollama does, calls that follow each other on one line."""
    calls = 0
    seen = [event for event in events if not isinstance(event, ToolCallDelta)]
    for kind, group in groupby(seen, type):
        if kind is ToolCall:
            made = []
            for index, call in enumerate(group, calls):
                assert isinstance(call, ToolCall)
                function = {"index": index, "name": call.name, "arguments": call.arguments}
                made.append({"id": call.id, "function": function})
            calls += len(made)
            yield line(case, tool_calls=made)
            continue
        for event in group:
            match event:
                case TextDelta(text):
                    yield line(case, text)
                case ThinkingDelta(text):
                    yield line(case, thinking=text)
                case Finish(reason, usage):
                    counts = {}
                    if usage is not None:
                        counts = {
                            "prompt_eval_count": usage.input_tokens,
                            "eval_count": usage.output_tokens,
                        }
                    word = "length" if reason == "length" else "stop"
                    counted = {name: count for name, count in counts.items() if count}
                    yield {**line(case), "done": True, "done_reason": word, **counted}
    if decoder.failure is not None:
        yield {"error": decoder.failure.message}


def line(case: Transcript, text: str = "", **more: object) -> dict[str, object]:
    model = case.request["model"]
    if "prompt" in case.request:
        return {"model": model, "response": text, **more, "done": False}
    message = {"role": "assistant", "content": text, **more}
    return {"model": model, "message": message, "done": False}


@pytest.mark.parametrize("case", TRANSCRIPTS, ids=lambda case: case.name)
def test_an_answer_gives_the_lines_of_its_transcript(case: Transcript) -> None:
    assert list(as_lines(case, *whole(case))) == case.lines


@pytest.mark.parametrize("case", STREAMS, ids=lambda case: case.name)
def test_a_cut_anywhere_in_the_bytes_changes_nothing(case: Transcript) -> None:
    expected, _ = whole(case)
    seen = set()
    for at in range(1, len(case.upstream)):
        batches = batches_of(case, [case.upstream[:at], case.upstream[at:]])
        # Most cuts give the batches of their neighbours, which need not be decoded again.
        key = tuple(map(tuple, batches))
        if key not in seen:
            seen.add(key)
            assert decoded(case, batches)[0] == expected, f"cut at {at}"


@pytest.mark.parametrize("case", STREAMS, ids=lambda case: case.name)
def test_bytes_may_come_one_at_a_time(case: Transcript) -> None:
    batches = batches_of(case, [bytes([byte]) for byte in case.upstream])
    assert decoded(case, batches)[0] == whole(case)[0]


@pytest.mark.parametrize("case", TRANSCRIPTS, ids=lambda case: case.name)
def test_an_answer_ends_in_one_finish_or_in_one_failure(case: Transcript) -> None:
    events, decoder = whole(case)
    finishes = [event for event in events if isinstance(event, Finish)]
    assert finishes == (events[-1:] if decoder.failure is None else [])
    assert decoder.finished is (decoder.failure is None)
    assert not decoder.closing


@pytest.mark.parametrize(
    "case", [case for case in TRANSCRIPTS if case.document], ids=lambda case: case.name
)
def test_a_folded_answer_is_the_document_of_its_transcript(case: Transcript) -> None:
    events, _ = whole(case)
    finish = events[-1]
    assert isinstance(finish, Finish)
    answer = fold(events[:-1], finish)
    calls = [
        {
            "id": call.id,
            "function": {"index": index, "name": call.name, "arguments": call.arguments},
        }
        for index, call in enumerate(answer.tool_calls)
    ]
    more = {
        name: value
        for name, value in (("thinking", answer.thinking), ("tool_calls", calls))
        if value
    }
    *_, last = as_lines(case, [finish], ChatDecoder("mistral"))
    assert {**last, **line(case, answer.text, **more), "done": True} == case.document


@pytest.mark.parametrize(
    "case", [case for case in TRANSCRIPTS if "error" in case.lines[-1]], ids=lambda case: case.name
)
def test_a_failure_names_the_provider_and_has_the_status_of_the_transcript(
    case: Transcript,
) -> None:
    _, decoder = whole(case)
    assert isinstance(decoder.failure, UpstreamError)
    assert decoder.failure.provider == "mistral"
    assert case.status in {200, decoder.failure.status}
