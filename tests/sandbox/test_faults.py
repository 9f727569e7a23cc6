from __future__ import annotations

import asyncio
import json
import time
from typing import Any
from unittest import mock

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import make_mocked_request

from gateway.sandbox import Ending, Fault, RunningSandbox, Sandbox, refusal, start
from gateway.sandbox.calls import CallLayout
from gateway.sandbox.delivery import abort
from gateway.sandbox.faults import NAMED, fault_in_text, parse_fault, without_directives
from gateway.sandbox.framing import frames
from sandbox_wire import CHAT, Seen, chat_body, exchange, read_head, read_piece, send

TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
DONE = b"data: [DONE]\n\n"


async def faulty(running: RunningSandbox, fault: Fault, **members: Any) -> Seen:
    """Return what a client sees of a small chat that goes wrong."""
    running.sandbox.plan(fault)
    return await exchange(running, chat_body("Hi", **members))


async def good(running: RunningSandbox, **members: Any) -> Seen:
    return await exchange(running, chat_body("Hi", **members))


STATUSES: dict[str, tuple[str, int, str, object]] = {
    "401": ("401", 401, "application/json", {"detail": "Unauthorized"}),
    "402": ("402", 402, "application/json", {"detail": "Payment required"}),
    "403": (
        "403",
        403,
        "application/json",
        {"error": {"message": "Content blocked by guardrail", "status": 403}, "guardrails": {}},
    ),
    "404": (
        "404",
        404,
        "application/json",
        {"message": "no Route matched with those values", "request_id": "sandbox"},
    ),
    "408": ("408", 408, "application/json", {"message": "Request timeout"}),
    "413": ("413", 413, "application/json", {"message": "Request size limit exceeded"}),
    "429": (
        "429",
        429,
        "application/json",
        {
            "object": "error",
            "message": "Rate limit exceeded",
            "type": "rate_limited",
            "param": None,
            "code": "1300",
            "raw_status_code": 429,
        },
    ),
    "500": (
        "500",
        500,
        "application/json",
        {
            "object": "error",
            "message": "Internal server error",
            "type": "internal_server_error",
            "code": "1000",
        },
    ),
    "503": (
        "503",
        503,
        "application/json",
        {
            "object": "error",
            "message": "Service tier capacity exceeded for this model.",
            "type": "service_tier_capacity_exceeded",
            "param": None,
            "code": "3505",
        },
    ),
    "502": ("502", 502, "text/html", None),
    "520": ("520", 520, "text/html", None),
    "500 in HTML": ("500 body=html", 500, "text/html", None),
}


@pytest.mark.parametrize(
    ("directive", "status", "kind", "body"), STATUSES.values(), ids=STATUSES.keys()
)
async def test_a_status_comes_with_its_usual_body(
    running: RunningSandbox, directive: str, status: int, kind: str, body: object
) -> None:
    seen = await exchange(running, chat_body(f"[[fault: {directive}]]"))
    assert (seen.status, seen.headers["content-type"].split(";")[0]) == (status, kind)
    if body is None:
        assert seen.body.startswith(b"<!DOCTYPE html>")
    else:
        assert seen.json == body


@pytest.mark.parametrize(("name", "body"), [("empty", b""), ("text", b"upstream connect error")])
async def test_a_status_can_come_without_json(
    running: RunningSandbox, name: str, body: bytes
) -> None:
    assert (await faulty(running, refusal(500, body=name))).body == body
    seen = await exchange(running, chat_body(f"[[fault: 422 body={name}]]"))
    assert (seen.status, seen.body) == (422, body)


SHAPES = {
    "list": lambda body: body["message"] == body["detail"],
    "object": lambda body: list(body["message"]) == ["detail"],
    "string": lambda body: list(json.loads(body["message"])) == ["detail"],
    "detail": lambda body: list(body) == ["detail"],
}


@pytest.mark.parametrize("shape", SHAPES)
async def test_a_422_comes_in_the_wanted_shape(running: RunningSandbox, shape: str) -> None:
    planned = await faulty(running, refusal(422, shape=shape))
    asked = await exchange(running, chat_body(f"[[fault: 422 shape={shape}]]"))
    assert SHAPES[shape](planned.json)
    assert asked.json == planned.json


async def test_a_429_says_when_to_come_back_or_that_it_is_no_use(running: RunningSandbox) -> None:
    later = await exchange(running, chat_body("[[fault: 429 retry-after=2]]"))
    never = await exchange(running, chat_body("[[fault: 429 zero-quota]]"))
    plain = await exchange(running, chat_body("[[fault: 429]]"))
    name = "x-ratelimit-limit-req-minute"
    assert (later.headers["retry-after"], later.headers[name]) == ("2", "600")
    assert ("retry-after" in never.headers, never.headers[name]) == (False, "0")
    assert ("retry-after" in plain.headers, plain.headers[name]) == (False, "600")
    assert (await faulty(running, refusal(429, zero_quota=True))).headers[name] == "0"


async def test_faults_are_used_up_in_order_and_by_path(running: RunningSandbox) -> None:
    running.sandbox.plan(refusal(500), Fault(), refusal(503))
    running.sandbox.plan(refusal(502), path="/v1/models")
    statuses = [(await exchange(running, b"", path="/v1/models")).status for _ in range(2)]
    statuses += [(await good(running)).status for _ in range(4)]
    assert statuses == [502, 200, 500, 200, 503, 200]


async def test_a_fault_can_be_asked_for_in_a_header(running: RunningSandbox) -> None:
    body = {"model": "mistral-embed", "input": "a"}
    headers = {"x-sandbox-fault": "429 retry-after=7"}
    seen = await exchange(running, body, path="/v1/embeddings", headers=headers)
    assert (seen.status, seen.headers["retry-after"]) == (429, "7")


async def test_a_directive_in_parts_is_found_and_left_out_of_the_answer(
    running: RunningSandbox,
) -> None:
    parts = [{"type": "text", "text": "Hi"}, {"type": "text", "text": " [[fault: eof]]"}]
    body = {**chat_body(), "messages": [{"role": "user", "content": parts}]}
    seen = await exchange(running, body)
    text = "".join(chunk["choices"][0]["delta"]["content"] for chunk in seen.chunks)
    assert (text.endswith("You wrote: Hi"), DONE in seen.body) == (True, False)


@pytest.mark.parametrize(
    "body",
    [
        {"messages": "x"},
        {"messages": ["x", {"role": "tool"}]},
        {"messages": [{"role": "user", "content": [1]}]},
        {"messages": [{"role": "user", "content": {"text": "[[fault: 500]]"}}]},
        ["x"],
    ],
)
async def test_a_body_that_makes_no_sense_asks_for_nothing(
    running: RunningSandbox, body: object
) -> None:
    assert (await exchange(running, body)).status == 422


@pytest.mark.parametrize(
    "text",
    [
        "[[fault: nonsense]]",
        "[[fault: 422 shape=round]]",
        "[[fault: cut afer=2]]",
        "[[delay: soon]]",
    ],
)
async def test_an_unknown_fault_is_a_400_that_says_so(running: RunningSandbox, text: str) -> None:
    assert (await exchange(running, chat_body(text))).status == 400


def test_an_unknown_fault_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"no 'nonsense'; it knows batch, bom, comments"):
        parse_fault("nonsense")


DIRECTIVES = {
    "a name": ("cut", Fault(ending=Ending.CUT, after=2)),
    "a name with an option": ("cut after=3", Fault(ending=Ending.CUT, after=3)),
    "two names": ("crlf comments", Fault(line_end="\r\n", comments=True)),
    "options": (
        "delay=1 pace=0.5 at=3 size=9 write=2 finish=length",
        Fault(delay=1.0, pace=0.5, insert_at=3, size=9, write_size=2, finish="length"),
    ),
    "nothing": ("", Fault()),
}


@pytest.mark.parametrize(("text", "fault"), DIRECTIVES.values(), ids=DIRECTIVES.keys())
def test_a_description_is_read(text: str, fault: Fault) -> None:
    assert parse_fault(text) == fault


def test_several_directives_add_up() -> None:
    text = "Tell [[fault: cr]] me [[delay: 0.5]][[ pace: 2 ]]"
    assert fault_in_text(text) == Fault(line_end="\r", delay=0.5, pace=2.0)
    assert fault_in_text("Tell me [[nothing]]") is None
    assert without_directives(text) == "Tell  me"


@pytest.mark.parametrize("name", NAMED)
def test_every_name_makes_a_fault(name: str) -> None:
    assert parse_fault(name) == Fault(**NAMED[name]) != Fault()


async def test_a_connection_can_break_before_the_head(running: RunningSandbox) -> None:
    running.sandbox.plan(Fault(drop=True))
    reader, writer = await send(running, chat_body())
    with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
        await read_head(reader)
    writer.close()
    [received] = running.sandbox.requests
    assert (await received.finished()).closed_early is False


@pytest.mark.parametrize(("after", "events"), [(0, 0), (2, 2), (None, 99)])
async def test_a_stream_can_break_between_events(
    running: RunningSandbox, after: int | None, events: int
) -> None:
    usual = (await good(running)).events[:-1]
    seen = await faulty(running, Fault(ending=Ending.CUT, after=after))
    assert not seen.complete
    assert len(seen.events) == min(events, len(usual))
    assert not running.sandbox.requests[-1].closed_early


@pytest.mark.parametrize(("after", "events"), [(0, 0), (2, 2), (None, -1), (99, -1)])
async def test_a_stream_can_break_inside_an_event(
    running: RunningSandbox, after: int | None, events: int
) -> None:
    usual = (await good(running)).pieces[:-1]
    seen = await faulty(running, Fault(ending=Ending.TORN, after=after))
    assert not seen.complete
    torn = usual[events]
    assert [len(piece) for piece in seen.pieces] == [
        *(len(piece) for piece in usual[:events]),
        len(torn) // 2,
    ]


async def test_a_stream_can_end_without_done_or_without_a_finish(running: RunningSandbox) -> None:
    usual = (await good(running)).events
    eof = await faulty(running, Fault(ending=Ending.EOF))
    unfinished = await faulty(running, Fault(after=2))
    assert (eof.complete, len(eof.events)) == (True, len(usual) - 1)
    assert (unfinished.complete, len(unfinished.events)) == (True, 3)
    assert unfinished.body.endswith(DONE)


async def test_the_last_blank_line_can_be_missing(running: RunningSandbox) -> None:
    seen = await faulty(running, Fault(ending=Ending.UNENDED))
    assert (seen.complete, seen.body.endswith(b"\n\ndata: [DONE]")) == (True, True)


QUIET = {
    "before the head": (Fault(hang=True), None),
    "before the first event": (Fault(ending=Ending.SILENCE, after=0), 0),
    "in the middle": (Fault(ending=Ending.SILENCE, after=2), 2),
    "after the last event": (Fault(ending=Ending.OPEN, after=1), 2),
}


@pytest.mark.parametrize(("fault", "pieces"), QUIET.values(), ids=QUIET.keys())
async def test_silence_lasts_until_the_client_goes(
    running: RunningSandbox, fault: Fault, pieces: int | None
) -> None:
    running.sandbox.plan(fault)
    reader, writer = await send(running, chat_body())
    if pieces is not None:
        await read_head(reader)
        for _ in range(pieces):
            await read_piece(reader)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await reader.read(1)
    [received] = running.sandbox.requests
    assert not received.is_finished
    writer.close()
    assert (await received.finished()).closed_early
    assert running.sandbox.open_streams == 0


ERROR = (
    b'{"object":"error","message":"Internal server error","type":"internal_error","code":"1000"}'
)
INSERTED = {
    "json-error": (b"data: " + ERROR, 3),
    "event-error": (b"event: error\ndata: " + ERROR, 3),
    "garbage": (b'data: {"choices": [oops', None),
}


@pytest.mark.parametrize(("name", "inserted"), list(INSERTED.items()))
async def test_something_else_can_come_after_a_good_start(
    running: RunningSandbox, name: str, inserted: tuple[bytes, int | None]
) -> None:
    event, events = inserted
    usual = (await good(running)).events
    seen = await faulty(running, parse_fault(name))
    assert seen.events[2] == event
    assert len(seen.events) == (len(usual) + 1 if events is None else events)
    assert seen.complete


async def test_the_finish_reason_can_be_an_error(running: RunningSandbox) -> None:
    seen = await faulty(running, Fault(finish="error"))
    whole = await faulty(running, Fault(finish="error"), stream=False)
    assert seen.chunks[-1]["choices"][0]["finish_reason"] == "error"
    assert whole.json["choices"][0]["finish_reason"] == "error"


async def test_a_stream_can_be_answered_with_one_json_body(running: RunningSandbox) -> None:
    seen = await faulty(running, Fault(as_json=True))
    assert seen.headers["content-type"] == "application/json"
    assert seen.json["object"] == "chat.completion"


async def test_one_delta_can_be_huge(running: RunningSandbox) -> None:
    seen = await exchange(running, chat_body("[[fault: huge]]"))
    assert [len(chunk["choices"][0]["delta"]["content"]) for chunk in seen.chunks] == [0, 4194304]


async def test_one_call_can_be_huge(running: RunningSandbox) -> None:
    seen = await faulty(running, Fault(size=100_000), tools=[TOOL], tool_choice="any")
    [call] = seen.chunks[-1]["choices"][0]["delta"]["tool_calls"]
    assert len(json.loads(call["function"]["arguments"])["text"]) == 100_000


async def test_calls_can_come_in_another_layout(running: RunningSandbox) -> None:
    for layout, number in {CallLayout.FRAGMENTS: 3, CallLayout.ZERO_INDEX: 1}.items():
        seen = await faulty(running, Fault(calls=layout), tools=[TOOL], tool_choice="any")
        deltas = [chunk["choices"][0]["delta"] for chunk in seen.chunks]
        assert sum("tool_calls" in delta for delta in deltas) == number


async def test_usage_can_come_late_in_a_chunk_without_choices(running: RunningSandbox) -> None:
    usual = (await good(running)).chunks
    chunks = (await faulty(running, Fault(late_usage=True))).chunks
    assert "usage" not in chunks[-2]
    assert chunks[-2]["choices"] == usual[-1]["choices"]
    assert (chunks[-1]["choices"], chunks[-1]["usage"]) == ([], usual[-1]["usage"])


async def test_a_chunk_without_choices_can_come_in_the_middle(running: RunningSandbox) -> None:
    usual = (await good(running)).chunks
    chunks = (await faulty(running, Fault(empty_choices=True))).chunks
    assert (chunks[1]["choices"], len(chunks)) == ([], len(usual) + 1)


FRAMINGS = {
    "CRLF": (Fault(line_end="\r\n"), lambda body: body.replace(b"\n", b"\r\n")),
    "CR": (Fault(line_end="\r"), lambda body: body.replace(b"\n", b"\r")),
    "BOM": (Fault(bom=True), lambda body: b"\xef\xbb\xbf" + body),
    "comments": (
        Fault(comments=True),
        lambda body: body.replace(b"data: ", b": keepalive\n\ndata: "),
    ),
    "byte by byte": (Fault(write_size=1), lambda body: body),
    "five bytes at once": (Fault(write_size=5), lambda body: body),
    "all at once": (Fault(batch=True), lambda body: body),
}


@pytest.mark.parametrize(("fault", "framed"), FRAMINGS.values(), ids=FRAMINGS.keys())
async def test_the_same_events_can_be_framed_otherwise(
    running: RunningSandbox, fault: Fault, framed: Any
) -> None:
    usual = (await good(running)).body
    seen = await faulty(running, fault)
    assert _timeless(seen.body) == framed(_timeless(usual))


def _timeless(body: bytes) -> bytes:
    before, mark, after = body.partition(b'"created":')
    if not mark:
        return before
    return before + mark + _timeless(after.lstrip(b"0123456789"))


async def test_writes_are_as_small_or_as_large_as_wanted(running: RunningSandbox) -> None:
    small = await faulty(running, Fault(write_size=5, after=1))
    large = await faulty(running, Fault(batch=True))
    assert {len(piece) for piece in small.pieces} >= {5}
    assert max(len(piece) for piece in small.pieces) == 5
    assert len(large.pieces) == 1


async def test_byte_by_byte_splits_characters(running: RunningSandbox) -> None:
    seen = await exchange(running, chat_body("€ [[fault: dribble]]"))
    assert b"\xe2" in seen.pieces
    assert "€".encode() in seen.body


def test_line_ends_can_be_mixed() -> None:
    assert frames([{"a": 1}, {"a": 2}], Fault(line_end="mixed")) == [
        b'data: {"a":1}\r\n\n',
        b'data: {"a":2}\r\r',
        b"data: [DONE]\n\r\n",
    ]


def test_data_can_be_spread_over_lines() -> None:
    [first, _] = frames([{"a": [1, "é\n"]}], Fault(multiline=True))
    lines = first.decode().split("\n")
    assert all(line.startswith("data: ") for line in lines[:-2])
    joined = "\n".join(line.removeprefix("data: ") for line in lines[:-2])
    assert (json.loads(joined), lines[-2:]) == ({"a": [1, "é\n"]}, ["", ""])


async def test_recorded_bytes_are_replayed_as_they_are(running: RunningSandbox) -> None:
    raw = (b"data: {}\r", b"\n\xff", b"\n")
    seen = await faulty(running, Fault(raw=raw))
    torn = await faulty(running, Fault(raw=raw, ending=Ending.CUT))
    assert (seen.pieces, seen.complete) == (raw, True)
    assert (torn.pieces, torn.complete) == (raw, False)


async def test_headers_can_be_added_to_a_good_answer(running: RunningSandbox) -> None:
    seen = await faulty(running, Fault(headers={"x-own": "1", "Content-Type": "text/event-stream"}))
    assert (seen.headers["x-own"], seen.headers["content-type"]) == ("1", "text/event-stream")


async def test_a_body_that_is_no_stream_can_break_too(running: RunningSandbox) -> None:
    usual = (await good(running, stream=False)).body
    cut = await faulty(running, Fault(ending=Ending.CUT), stream=False)
    short = await faulty(running, Fault(ending=Ending.EOF), stream=False)
    assert (cut.complete, len(cut.body)) == (False, len(usual) // 2)
    assert (short.complete, len(short.body)) == (True, len(usual) // 2)


async def test_the_model_list_can_break_too(running: RunningSandbox) -> None:
    running.sandbox.plan(Fault(raw=(b"[]",)), path="/v1/models")
    assert (await exchange(running, b"", path="/v1/models")).body == b"[]"


async def test_an_answer_can_be_late_and_slow() -> None:
    async with await start(sandbox=Sandbox(pace=0.002)) as running:
        started = time.monotonic()
        late = await exchange(running, chat_body("[[delay: 0.05]][[pace: 0]]"))
        middle = time.monotonic()
        await exchange(running, chat_body())
        ended = time.monotonic()
    assert middle - started >= 0.05
    assert ended - middle >= 0.002 * len(late.events) * 0.5


async def test_breaking_a_connection_that_is_gone_is_no_error() -> None:
    request = make_mocked_request("POST", CHAT)
    request._protocol = mock.Mock(transport=None)
    await abort(request)


async def test_a_connection_is_used_again_after_a_good_answer(running: RunningSandbox) -> None:
    headers = {"Authorization": "Bearer k"}
    async with ClientSession(headers=headers) as session:
        for _ in range(2):
            async with session.post(running.base_url + "/chat/completions", json=chat_body()) as it:
                assert (await it.read()).endswith(DONE)
        connector: Any = session.connector
        assert sum(map(len, connector._conns.values())) == 1
    assert running.sandbox.requests[0].path == CHAT
