"""What adapters return is checked where it comes in, and a mistake is one line that names them."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from gateway.providers import (
    Capability,
    ChatRequest,
    EmbedRequest,
    EmbedResult,
    FillRequest,
    Finish,
    FinishReason,
    LoadedModel,
    Logprobs,
    ModelInfo,
    ModelPrices,
    TextDelta,
    ThinkingDelta,
    TokenLogprob,
    ToolCall,
    ToolCallDelta,
    TranscribeRequest,
    Transcript,
    UpstreamProtocolError,
    Usage,
)
from gateway.providers.checked import (
    check_batch,
    check_result,
    checked_describe,
    checked_loaded,
    checked_models,
    checked_stream,
    checked_unlisted,
    remote_host_of,
)
from scripted import ScriptedProvider

STOP = Finish(FinishReason.STOP)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
CHAT = ChatRequest("m", ())
EMBED = EmbedRequest("m", ("a", "b"))
TRANSCRIBE = TranscribeRequest("m", b"", "a.wav", "audio/wav")


def wrong(check: Callable[..., object], *arguments: object) -> str:
    """Return the line that *check* raises."""
    with pytest.raises(UpstreamProtocolError) as caught:
        check("acme", *arguments)
    assert caught.value.provider == "acme"
    text = str(caught.value)
    assert text.startswith("the adapter of acme ")
    assert "\n" not in text
    return text.removeprefix("the adapter of acme ")


GOOD: list[Sequence[object]] = [
    [],
    [TextDelta("a"), TextDelta("b")],
    (TextDelta("a"), TextDelta("b"), STOP),
    (TextDelta("a"), ThinkingDelta("b")),
    [ToolCallDelta("1", "f", "{"), ToolCall("f", {}, "1", {"d": {}})],
    [ToolCall("f", {"a": 1})],
    [TextDelta("a"), Logprobs((TokenLogprob("a", -1.0),))],
    [STOP],
    [Finish(FinishReason.LENGTH, Usage(1, 2, 1), {"d": {}}, {"d": {}})],
]


@pytest.mark.parametrize("batch", GOOD, ids=repr)
def test_a_batch_of_events_passes(batch: object) -> None:
    check_batch("acme", batch)


BATCHES: list[tuple[Any, str]] = [
    (TextDelta("x"), "yielded a TextDelta; a stream yields batches, lists of events"),
    ("x", "yielded a str; a stream yields batches, lists of events"),
    (None, "yielded None; a stream yields batches, lists of events"),
    (["x"], "yielded a batch with a str; it consists of events"),
    ([TextDelta("")], "yielded a TextDelta whose text is '', not a text that is not empty"),
    ([TextDelta(None)], "yielded a TextDelta whose text is None, not a text"),  # type: ignore[arg-type]
    (
        [TextDelta("a"), TextDelta(""), STOP],
        "yielded a TextDelta whose text is '', not a text that",
    ),
    ([TextDelta("a"), TextDelta(1)], "yielded a TextDelta whose text is 1, not a text"),  # type: ignore[arg-type]
    ([TextDelta("a"), Finish(None)], "yielded a Finish whose reason is None"),  # type: ignore[arg-type]
    ([TextDelta("a"), STOP, STOP], "yielded a Finish before other events; it is the last event"),
    ([ThinkingDelta(b"x")], "yielded a ThinkingDelta whose text is a bytes, not a text"),  # type: ignore[arg-type]
    (
        [ToolCall("f", '{"a":1}')],  # type: ignore[arg-type]
        "yielded a ToolCall whose arguments is '{\"a\":1}', not a mapping",
    ),
    ([ToolCall("", {})], "yielded a ToolCall whose name is '', not a text that is not empty"),
    ([ToolCall("f", {}, None)], "yielded a ToolCall whose id is None, not a text"),  # type: ignore[arg-type]
    ([ToolCallDelta("", "f", "{")], "yielded a ToolCallDelta whose id is ''"),
    ([Logprobs([])], "yielded a Logprobs whose tokens is a list, not a tuple"),  # type: ignore[arg-type]
    ([Finish("stop")], "yielded a Finish whose reason is 'stop', not a FinishReason"),  # type: ignore[arg-type]
    ([Finish(None)], "yielded a Finish whose reason is None"),  # type: ignore[arg-type]
    ([Finish(FinishReason.STOP, 3)], "yielded a Finish whose usage is 3, not a Usage"),  # type: ignore[arg-type]
    ([Finish(FinishReason.STOP, Usage(None, 1))], "whose usage is an Usage, not a Usage of whole"),  # type: ignore[arg-type]
    ([STOP, TextDelta("a")], "yielded a Finish before other events; it is the last event"),
    ([STOP, STOP], "yielded a Finish before other events; it is the last event"),
]


@pytest.mark.parametrize(("batch", "text"), BATCHES, ids=[text for _, text in BATCHES])
def test_what_is_no_batch_of_events_is_said(batch: object, text: str) -> None:
    assert wrong(check_batch, batch).startswith(text) or text in wrong(check_batch, batch)


async def test_what_is_no_stream_is_said() -> None:
    async def chat() -> list[object]:
        return []

    class NoGenerator(AsyncIterator[object]):
        async def __anext__(self) -> object:
            raise StopAsyncIteration

    wanted = "chat is an asynchronous generator of batches, lists of events"
    assert wrong(checked_stream, CHAT, chat()) == f"returned a coroutine; {wanted}"
    assert wrong(checked_stream, CHAT, None) == f"returned None; {wanted}"
    assert wrong(checked_stream, CHAT, NoGenerator()) == f"returned a NoGenerator; {wanted}"
    assert wrong(checked_stream, FillRequest("m", ""), []).endswith(wanted.replace("chat", "fill"))
    stream = ScriptedProvider().chat(CHAT)
    assert checked_stream("acme", CHAT, stream) is stream


RESULTS: list[tuple[object, object, str]] = [
    (EMBED, None, "returned None; embed returns an EmbedResult"),
    (EMBED, [[1.0], [1.0]], "returned a list; embed returns"),
    (EMBED, EmbedResult([[1.0]]), "returned 1 vectors for 2 inputs; embed returns"),
    (EMBED, EmbedResult([[1.0], []]), "returned an EmbedResult whose vectors is a list, not a"),
    (EMBED, EmbedResult([[1.0], ["a"]]), "returned an EmbedResult whose vectors is a list"),  # type: ignore[list-item]
    (EMBED, EmbedResult([[1.0], [0.5, None]]), "returned an EmbedResult whose vectors is a list"),  # type: ignore[list-item]
    (EMBED, EmbedResult([[1.0], "12"]), "returned an EmbedResult whose vectors is a list"),  # type: ignore[list-item]
    (EMBED, EmbedResult([[1.0], [1j]]), "returned an EmbedResult whose vectors is a list"),  # type: ignore[list-item]
    (EMBED, EmbedResult([[1.0], None]), "returned an EmbedResult whose vectors is a list"),  # type: ignore[list-item]
    (EMBED, EmbedResult(None), "returned an EmbedResult whose vectors is None"),  # type: ignore[arg-type]
    (EMBED, EmbedResult([[1], [1]], 7), "returned an EmbedResult whose usage is 7"),  # type: ignore[arg-type]
    (TRANSCRIBE, "text", "returned a str; transcribe returns a Transcript"),
    (TRANSCRIBE, Transcript(None), "returned a Transcript whose text is None"),  # type: ignore[arg-type]
    (TRANSCRIBE, Transcript("a", "b"), "returned a Transcript whose usage is 'b'"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("request_", "result", "text"), RESULTS, ids=[t for _, _, t in RESULTS])
def test_what_is_no_result_is_said(request_: object, result: object, text: str) -> None:
    assert wrong(check_result, request_, result).startswith(text)


def test_a_result_passes() -> None:
    check_result("acme", EMBED, EmbedResult(((1.0, 2), [0.5, 1]), Usage(1, 0)))
    check_result("acme", TRANSCRIBE, Transcript("", Usage(1, 2)))


NO_LISTS: list[object] = [None, "abc", b"abc", {"a": 1}, iter([]), 7]


@pytest.mark.parametrize("models", NO_LISTS, ids=lambda value: type(value).__name__)
def test_what_is_no_list_of_models_is_said(models: object) -> None:
    assert wrong(checked_models, models).endswith("; list_models returns a list of ModelInfo")


ROWS: list[tuple[Any, str]] = [
    ("m", "a str"),
    (None, "None"),
    ({"id": "m"}, "a dict"),
    (ModelInfo(None), "a ModelInfo whose id is None, not a text"),  # type: ignore[arg-type]
    (ModelInfo(3), "a ModelInfo 3 whose id is 3, not a text"),  # type: ignore[arg-type]
    (
        ModelInfo("m", frozenset({"chat"})),  # type: ignore[arg-type]
        "a ModelInfo 'm' whose capabilities is a frozenset, not a set of Capability (completion, ",
    ),
    (ModelInfo("m", None), "a ModelInfo 'm' whose capabilities is None"),  # type: ignore[arg-type]
    (ModelInfo("m", context_length=None), "a ModelInfo 'm' whose context_length is None"),  # type: ignore[arg-type]
    (ModelInfo("m", efforts=["low"]), "a ModelInfo 'm' whose efforts is a list, not a tuple of"),  # type: ignore[arg-type]
    (
        ModelInfo("m", prices=ModelPrices(Decimal(1), 2)),  # type: ignore[arg-type]
        "a ModelInfo 'm' whose prices is a ModelPrices, not a ModelPrices of Decimals from 0",
    ),
    (
        ModelInfo("m", prices=ModelPrices(Decimal(1), Decimal(-1))),
        "a ModelInfo 'm' whose prices is",
    ),
    (
        ModelInfo("m", prices=ModelPrices(Decimal(1), Decimal(1), Decimal("NaN"))),
        "a ModelInfo 'm' whose prices is",
    ),
    (ModelInfo("m", size=-1), "a ModelInfo 'm' whose size is -1, not a number from 0"),
    (ModelInfo("m", family=None), "a ModelInfo 'm' whose family is None, not a text"),  # type: ignore[arg-type]
    (ModelInfo("m", released=datetime(2026, 1, 1)), "a ModelInfo 'm' whose released is a datetime"),
    (ModelInfo("m", parameters=None), "a ModelInfo 'm' whose parameters is None, not a mapping"),  # type: ignore[arg-type]
    (ModelInfo("m", native=[]), "a ModelInfo 'm' whose native is a list, not a mapping"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("row", "text"), ROWS, ids=[text for _, text in ROWS])
def test_a_wrong_row_costs_no_other_and_a_line(
    row: object, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    good = ModelInfo("good", frozenset({Capability.TOOLS}), released=NOW)
    assert checked_models("acme", [row, good, good]) == [good, good]
    (line,) = caplog.messages
    assert line.startswith(f"the adapter of acme listed {text}")
    assert line.endswith(": left out")
    assert wrong(checked_models, [row]).startswith(f"listed {text}")


def test_several_wrong_rows_are_one_line(caplog: pytest.LogCaptureFixture) -> None:
    assert checked_models("acme", ["a", "b", ModelInfo("m"), None]) == [ModelInfo("m")]
    assert caplog.messages == [
        "the adapter of acme listed a str and 2 more that are wrong: left out"
    ]


def test_a_list_of_nothing_is_a_list() -> None:
    assert checked_models("acme", ()) == []


@pytest.mark.parametrize("answer", [None, "m", ZeroDivisionError(), ModelInfo(None)], ids=repr)  # type: ignore[arg-type]
def test_a_description_that_is_none_leaves_the_id(
    answer: object, caplog: pytest.LogCaptureFixture
) -> None:
    class Wrong(ScriptedProvider):
        def describe(self, model_id: str) -> ModelInfo:
            if isinstance(answer, Exception):
                raise answer
            return answer  # type: ignore[return-value]

    describe = checked_describe("acme", Wrong())
    assert [describe("m"), describe("n")] == [ModelInfo("m"), ModelInfo("n")]
    (line,) = caplog.messages
    assert line.startswith("the adapter of acme described 'm' as ")
    assert line.endswith("; describe returns a ModelInfo")


def test_a_description_is_passed_on(caplog: pytest.LogCaptureFixture) -> None:
    assert checked_describe("acme", ScriptedProvider())("m") == ModelInfo("m")
    assert caplog.messages == []


@pytest.mark.parametrize("answer", [None, "m", ZeroDivisionError()], ids=repr)
def test_an_unlisted_model_that_is_neither_known_nor_unknown_is_unknown(
    answer: object, caplog: pytest.LogCaptureFixture
) -> None:
    class Wrong(ScriptedProvider):
        def has_unlisted(self, model_id: str) -> bool:
            if isinstance(answer, Exception):
                raise answer
            return answer  # type: ignore[return-value]

    has_unlisted = checked_unlisted("acme", Wrong())
    assert [has_unlisted("m"), has_unlisted("n")] == [False, False]
    (line,) = caplog.messages
    assert line.startswith("the adapter of acme says ")
    assert line.endswith(" of 'm'; has_unlisted returns a bool")


def test_a_provider_knows_no_unlisted_model_by_default(caplog: pytest.LogCaptureFixture) -> None:
    assert checked_unlisted("acme", ScriptedProvider())("m") is False
    assert caplog.messages == []


@pytest.mark.parametrize("loaded", ["m", 7, ["m"], [LoadedModel("m", None)]], ids=repr)  # type: ignore[arg-type]
def test_what_is_not_loaded_is_said(loaded: object) -> None:
    text = wrong(checked_loaded, loaded)
    assert text.endswith("; loaded_models returns a list of LoadedModel, or None")


def test_loaded_models_pass() -> None:
    assert checked_loaded("acme", None) is None
    assert checked_loaded("acme", [LoadedModel("m", NOW)]) == [LoadedModel("m", NOW)]


@pytest.mark.parametrize("answer", [None, 7, ZeroDivisionError()], ids=repr)
def test_a_host_that_is_no_text_is_none(answer: object, caplog: pytest.LogCaptureFixture) -> None:
    class Wrong(ScriptedProvider):
        @property
        def remote_host(self) -> str:
            if isinstance(answer, Exception):
                raise answer
            return answer  # type: ignore[return-value]

    caplog.set_level(logging.WARNING)
    assert remote_host_of("acme", Wrong()) == ""
    (line,) = caplog.messages
    assert line.endswith("as remote_host, not a text")
    assert remote_host_of("acme", ScriptedProvider()) == "https://scripted.example"
