"""Answers as lines and as documents; ids name the section of Ollama's wire rules."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import GatewayError, ModelNotFound
from gateway.core.events import (
    Answer,
    ChatEvent,
    Finish,
    FinishReason,
    Logprobs,
    TextDelta,
    ThinkingDelta,
    TokenLogprob,
    ToolCall,
    Usage,
    fold,
)
from gateway.core.timing import Timing
from gateway.dialects.ollama.clock import Clock
from gateway.dialects.ollama.encode import ChatEncoder, GenerateEncoder, error_document

NOW = 1_787_306_400_100_000_000  # 2026-08-21T10:00:00.1Z
STOP = Finish(FinishReason.STOP, Usage(9, 6))
METRICS = (
    '"total_duration":60,"load_duration":10,"prompt_eval_count":9,"prompt_eval_duration":20,'
    '"eval_count":6,"eval_duration":15'
)


def timing() -> Timing:
    """Accepted at 100, sent at 110, first delta at 130, last at 145, finished at 160."""
    clock = iter([100, 110, 130, 145, *[160] * 9])
    stopwatch = Timing(lambda: next(clock))
    stopwatch.mark_sent()
    stopwatch.mark_delta()
    stopwatch.mark_delta()
    return stopwatch


def chat(**settings: Mapping[str, str]) -> ChatEncoder:
    return ChatEncoder("m", timing=timing(), clock=Clock(lambda: NOW), **settings)


def generate(**settings: Mapping[str, str]) -> GenerateEncoder:
    return GenerateEncoder("m", timing=timing(), clock=Clock(lambda: NOW), **settings)


HEAD = '{"model":"m","created_at":"2026-08-21T10:00:00.1Z",'
TEXT = [TextDelta("Sa"), TextDelta("lut")]
CALLS: list[ChatEvent] = [ToolCall("f", {"b": 1, "a": None}, "id1"), ToolCall("g", {}, "id2")]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([], [], id="1.4-nothing-to-say"),
        pytest.param(
            TEXT,
            [
                '"message":{"role":"assistant","content":"Sa"},"done":false}',
                '"message":{"role":"assistant","content":"lut"},"done":false}',
            ],
            id="5.5-text",
        ),
        pytest.param(
            [ThinkingDelta("Hm.")],
            ['"message":{"role":"assistant","content":"","thinking":"Hm."},"done":false}'],
            id="5.5-thinking",
        ),
        pytest.param(
            [TEXT[0], *CALLS],
            [
                '"message":{"role":"assistant","content":"Sa"},"done":false}',
                '"message":{"role":"assistant","content":"","tool_calls":['
                '{"id":"id1","function":{"index":0,"name":"f","arguments":{"b":1,"a":null}}},'
                '{"id":"id2","function":{"index":1,"name":"g","arguments":{}}}]},"done":false}',
            ],
            id="5.6-calls-share-a-line",
        ),
        pytest.param(
            [STOP],
            [
                '"message":{"role":"assistant","content":""},"done":true,"done_reason":"stop",'
                f"{METRICS}}}"
            ],
            id="5.5-last-line",
        ),
        pytest.param(
            [TEXT[1], STOP],
            [
                '"message":{"role":"assistant","content":"lut"},"done":false}',
                '"message":{"role":"assistant","content":""},"done":true,"done_reason":"stop",'
                f"{METRICS}}}",
            ],
            id="5.5-text-and-last-line",
        ),
    ],
)
def test_lines_of_a_chat(events: Sequence[ChatEvent], expected: list[str]) -> None:
    assert chat().lines(events).decode() == "".join(f"{HEAD}{line}\n" for line in expected)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([], [], id="1.4-nothing-to-say"),
        pytest.param([TEXT[0]], ['"response":"Sa","done":false}'], id="4.5-text"),
        pytest.param(
            [ThinkingDelta("Hm.")],
            ['"response":"","thinking":"Hm.","done":false}'],
            id="4.5-thinking",
        ),
        pytest.param(CALLS, [], id="4.5-calls-wait"),
        pytest.param(
            [*CALLS, STOP],
            [
                f'"response":"","done":true,"done_reason":"stop",{METRICS},"tool_calls":['
                '{"function":{"index":0,"name":"f","arguments":{"b":1,"a":null}}},'
                '{"function":{"index":1,"name":"g","arguments":{}}}]}'
            ],
            id="4.5-calls-on-the-last-line",
        ),
    ],
)
def test_lines_of_generate(events: Sequence[ChatEvent], expected: list[str]) -> None:
    assert generate().lines(events).decode() == "".join(f"{HEAD}{line}\n" for line in expected)


def indices(lines: bytes, *path: str | int) -> list[int]:
    found = json.loads(lines)
    for step in path:
        found = found[step]
    return [call["function"]["index"] for call in found]


def test_calls_are_counted_over_the_whole_answer() -> None:
    encoder = chat()
    batches: list[list[ChatEvent]] = [CALLS, [ToolCall("h", {})]]
    seen = [indices(encoder.lines(batch), "message", "tool_calls") for batch in batches]
    assert seen == [[0, 1], [2]]


def test_calls_of_generate_are_all_kept_for_the_last_line() -> None:
    encoder = generate()
    assert encoder.lines(CALLS) == b""
    assert indices(encoder.lines([ToolCall("h", {}), STOP]), "tool_calls") == [0, 1, 2]


def call_id(index: int, call: ToolCall) -> str:
    calls = [*[ToolCall("x", {}, "x")] * index, call]
    line = json.loads(chat().lines(calls))
    found: str = line["message"]["tool_calls"][index]["id"]
    return found


def test_a_call_without_an_id_gets_nine_letters_and_digits_that_stay_the_same() -> None:
    call = ToolCall("f", {"a": 1})
    assert call_id(0, call) == call_id(0, call)
    assert call_id(0, call).isalnum()
    assert len(call_id(0, call)) == 9
    others = [call_id(1, call), call_id(0, ToolCall("f", {})), call_id(0, ToolCall("g", {"a": 1}))]
    assert len({call_id(0, call), *others}) == 4


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (FinishReason.STOP, "stop"),
        (FinishReason.LENGTH, "length"),
        (FinishReason.TOOL_CALLS, "stop"),
        (FinishReason.CONTENT_FILTER, "stop"),
    ],
    ids="3.11-{}".format,
)
def test_done_reason_is_stop_or_length(reason: FinishReason, expected: str) -> None:
    for encoder in (chat(), generate()):
        assert json.loads(encoder.lines([Finish(reason)]))["done_reason"] == expected


SAID = {"done_reason": "<x>", "context": [1, 2], "total_duration": 7, "eval_count": 0, "new": None}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param({"ollama": SAID}, SAID, id="what-it-says"),
        pytest.param({"ollama": {}}, {}, id="nothing-more"),
    ],
)
def test_the_end_is_that_of_a_service_of_this_dialect(
    said: dict[str, dict[str, object]], expected: dict[str, object]
) -> None:
    finish = Finish(FinishReason.LENGTH, Usage(9, 6), said)
    ends = [
        end
        for encoder in (chat, generate)
        for end in (encoder().lines([finish]), encoder().document(fold(TEXT, finish)))
    ]
    usual = {"model", "created_at", "message", "response", "done"}
    for end in map(json.loads, ends):
        assert end["done"] is True
        assert {key: value for key, value in end.items() if key not in usual} == expected
    assert not [end for end in ends if b"<" in end]
    calls = json.loads(generate().lines([*CALLS, finish]))
    assert len(calls["tool_calls"]) == 2


def test_what_a_service_of_another_dialect_says_is_not_for_these_clients() -> None:
    finish = Finish(FinishReason.STOP, Usage(9, 6), {"openai": {"new": 1}})
    assert chat().lines([finish]) == chat().lines([STOP])


SURE = TokenLogprob("Sa", -0.5, (83, 97), (TokenLogprob("<", -1.0),))
SURE_JSON = (
    '{"token":"Sa","logprob":-0.5,"bytes":[83,97],'
    '"top_logprobs":[{"token":"\\u003c","logprob":-1.0}]}'
)


def test_probabilities_stand_in_the_line_of_their_text() -> None:
    events = [
        TEXT[0],
        Logprobs((SURE,)),
        ThinkingDelta("Hm."),
        TEXT[1],
        Logprobs((SURE, SURE)),
        Logprobs((SURE,)),
        *CALLS,
        STOP,
    ]
    unmarked = [event for event in events if not isinstance(event, Logprobs)]
    for make in (chat, generate):
        plain = make().lines(unmarked).decode().splitlines()
        first, thought, second, alone, *rest = make().lines(events).decode().splitlines()
        assert [first, thought, second, *rest] == [
            plain[0][:-1] + f',"logprobs":[{SURE_JSON}]}}',
            plain[1],
            plain[2][:-1] + f',"logprobs":[{SURE_JSON},{SURE_JSON}]}}',
            *plain[3:],
        ]
        assert joined([json.loads(alone)]) == ("", "", [])
        assert json.loads(alone)["logprobs"] == [json.loads(SURE_JSON)]


def test_probabilities_of_a_whole_answer_are_one_list() -> None:
    events = [TEXT[0], Logprobs((SURE,)), TEXT[1], Logprobs((SURE, SURE))]
    for make in (chat, generate):
        document = make().document(fold(events, STOP)).decode()
        plain = make().document(fold(TEXT, STOP)).decode()
        assert document == plain[:-1] + f',"logprobs":[{SURE_JSON},{SURE_JSON},{SURE_JSON}]}}'


def test_calls_before_probabilities_are_counted_once() -> None:
    encoder = chat()
    lines = encoder.lines([CALLS[0], Logprobs((SURE,)), CALLS[1]]).splitlines()
    assert [indices(line, "message", "tool_calls") for line in lines] == [[0], [1]]


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        pytest.param(None, {}, id="3.10-no-usage"),
        pytest.param(Usage(0, 0), {}, id="3.10-zero-is-left-out"),
        pytest.param(Usage(7, 0), {"prompt_eval_count": 7}, id="3.10-no-output"),
        pytest.param(Usage(7, 3), {"prompt_eval_count": 7, "eval_count": 3}, id="3.10-both"),
    ],
)
def test_counts_are_the_provider_s(usage: Usage | None, expected: dict[str, int]) -> None:
    line = json.loads(chat().lines([Finish(FinishReason.STOP, usage)]))
    assert {key: value for key, value in line.items() if key.endswith("count")} == expected


def test_a_remote_model_is_named_in_every_line() -> None:
    remote = {"remote_model": "x-id", "remote_host": "https://api.example"}
    beginning = (
        '{"model":"m","remote_model":"x-id","remote_host":"https://api.example","created_at":"'
    )
    for encoder in (chat(remote=remote), generate(remote=remote)):
        lines = encoder.lines([*TEXT, STOP]).decode().splitlines()
        assert [line.startswith(beginning) for line in lines] == [True] * 3


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (NOW, "2026-08-21T10:00:00.1Z"),
        (NOW - 100_000_000, "2026-08-21T10:00:00Z"),
        (NOW + 23, "2026-08-21T10:00:00.100000023Z"),
        (NOW + 10_000_000_000, "2026-08-21T10:00:10.1Z"),
    ],
    ids="1.4-{}".format,
)
def test_the_time_is_cut_to_what_it_needs(now: int, expected: str) -> None:
    encoder = ChatEncoder("m", timing=timing(), clock=Clock(lambda: now))
    assert json.loads(encoder.lines(TEXT[:1]))["created_at"] == expected


ANSWER = Answer(("Salut",), STOP)
FULL_ANSWER = fold([ThinkingDelta("Hm."), *TEXT, *CALLS], STOP)


@pytest.mark.parametrize(
    ("encoder", "answer", "expected"),
    [
        pytest.param(
            chat(),
            ANSWER,
            '"message":{"role":"assistant","content":"Salut"},"done":true,"done_reason":"stop",'
            f"{METRICS}}}",
            id="5.7-text",
        ),
        pytest.param(
            chat(),
            FULL_ANSWER,
            '"message":{"role":"assistant","content":"Salut","thinking":"Hm.","tool_calls":['
            '{"id":"id1","function":{"index":0,"name":"f","arguments":{"b":1,"a":null}}},'
            '{"id":"id2","function":{"index":1,"name":"g","arguments":{}}}]},'
            f'"done":true,"done_reason":"stop",{METRICS}}}',
            id="5.7-everything",
        ),
        pytest.param(
            generate(),
            ANSWER,
            f'"response":"Salut","done":true,"done_reason":"stop",{METRICS}}}',
            id="4.6-text",
        ),
        pytest.param(
            generate(),
            FULL_ANSWER,
            '"response":"Salut","thinking":"Hm.","done":true,"done_reason":"stop",'
            f'{METRICS},"tool_calls":['
            '{"function":{"index":0,"name":"f","arguments":{"b":1,"a":null}}},'
            '{"function":{"index":1,"name":"g","arguments":{}}}]}',
            id="4.6-everything",
        ),
    ],
)
def test_a_whole_answer_is_one_object(
    encoder: ChatEncoder | GenerateEncoder, answer: Answer, expected: str
) -> None:
    assert encoder.document(answer).decode() == HEAD + expected


@pytest.mark.parametrize("reason", ["load", "unload"])
def test_load_and_unload_are_one_object_each(reason: Literal["load", "unload"]) -> None:
    said = f'"done":true,"done_reason":"{reason}"}}'
    documents = [encoder.load_document(reason).decode() for encoder in (chat(), generate())]
    assert documents == [
        f'{HEAD}"message":{{"role":"assistant","content":""}},{said}',
        f'{HEAD}"response":"",{said}',
    ]


def test_an_error_has_one_key_and_ends_a_stream() -> None:
    error = ModelNotFound("model 'a<b' not found\n\u2028")
    expected = rb"""{"error":"model 'a\u003cb' not found\n\u2028"}"""
    assert error_document(error) == expected
    assert [encoder.error_line(error) for encoder in (chat(), generate())] == [expected + b"\n"] * 2


def test_content_types_are_those_of_ollama() -> None:
    assert [
        (encoder.stream_headers, encoder.document_type) for encoder in (chat(), generate())
    ] == [({"Content-Type": "application/x-ndjson"}, "application/json; charset=utf-8")] * 2


ESCAPED = {
    "<": rb"\u003c",
    ">": rb"\u003e",
    "&": rb"\u0026",
    "\u2028": rb"\u2028",
    "\u2029": rb"\u2029",
    "\u0085": rb"\u0085",
}


@pytest.mark.parametrize("char", ESCAPED, ids=[f"1.4-{ord(char):04x}" for char in ESCAPED])
def test_some_characters_are_always_escaped(char: str) -> None:
    text = f"é{char}{char}x"
    events: list[ChatEvent] = [TextDelta(text), ThinkingDelta(text), ToolCall(text, {text: text})]
    encoders: list[ChatEncoder | GenerateEncoder] = [
        encoder(
            text,
            remote={"remote_model": text, "remote_host": text},
            timing=timing(),
            clock=Clock(lambda: NOW),
        )
        for encoder in (ChatEncoder, GenerateEncoder)
    ]
    for written in itertools.chain.from_iterable(
        (
            encoder.lines([*events, STOP]),
            encoder.document(fold(events, STOP)),
            encoder.load_document("load"),
            encoder.error_line(GatewayError(text)),
        )
        for encoder in encoders
    ):
        assert char.encode() not in written
        assert "é".encode() + ESCAPED[char] * 2 + b"x" in written


@pytest.mark.parametrize("delta", [TextDelta, ThinkingDelta])
def test_a_huge_delta_is_spread_over_lines_that_every_client_can_read(
    delta: type[TextDelta | ThinkingDelta],
) -> None:
    text = "<" * 2_500_000
    lines = chat().lines([delta(text)]).splitlines()
    assert [len(line) < 8_000_000 for line in lines] == [True] * 3
    messages = [json.loads(line)["message"] for line in lines]
    assert "".join(message.get("thinking", "") + message["content"] for message in messages) == text


TEXTS = st.text(min_size=1) | st.text('<é\u2028\u2029\x85\r\n\x0b\x1c\x00😀"\\', min_size=1)
EVENTS = (
    TEXTS.map(TextDelta)
    | TEXTS.map(ThinkingDelta)
    | st.builds(ToolCall, TEXTS, st.dictionaries(TEXTS, TEXTS, max_size=2), st.just("id"))
)


@pytest.mark.parametrize("make", [chat, generate])
@given(batches=st.lists(st.lists(EVENTS, max_size=4), max_size=4))
def test_every_line_is_one_line_of_json_and_folding_loses_nothing(
    make: Callable[[], ChatEncoder | GenerateEncoder], batches: list[list[ChatEvent]]
) -> None:
    encoder = make()
    written = b"".join([encoder.lines(batch) for batch in batches]) + encoder.lines([STOP])
    lines = written.decode().splitlines()
    assert written.decode() == "".join(f"{line}\n" for line in lines)
    streamed = [json.loads(line) for line in lines]
    whole = json.loads(make().document(fold(list(itertools.chain(*batches)), STOP)))
    assert [line["done"] for line in streamed] == [False] * (len(streamed) - 1) + [True]
    assert joined(streamed) == joined([whole])


def joined(objects: list[dict[str, Any]]) -> tuple[str, str, list[object]]:
    """Return text, thinking and calls as a client collects them."""
    messages = [line.get("message", line) for line in objects]
    return (
        "".join(message.get("content", message.get("response", "")) for message in messages),
        "".join(message.get("thinking", "") for message in messages),
        [call for message in messages for call in message.get("tool_calls", ())],
    )


def test_only_the_last_event_of_a_batch_can_end_an_answer() -> None:
    said = [ThinkingDelta("a"), TextDelta("b")]
    assert chat().lines([said[0], STOP, said[1]]) == chat().lines(said)
