"""What a record tells of an answer that is on its way, whoever leaves or fails, in each API."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import aiohttp
import pytest
from pytest_aiohttp.plugin import AiohttpClient

from gateway.core.errors import UpstreamProtocolError
from gateway.core.events import (
    ChatEvent,
    Finish,
    FinishReason,
    Logprobs,
    TextDelta,
    ThinkingDelta,
    ToolCall,
    ToolCallDelta,
    Usage,
)
from gateway.observe.record import RequestRecord
from gateway.serving.progress import Progress
from gateways import scripted_app
from model_routes import MODEL, MODEL_ROUTES, body_of, path_of, scripted
from records import Records
from scripted import HANG, ScriptedProvider

COUNTED = Finish(FinishReason.STOP, Usage(3, 2))
UNCOUNTED = Finish(FinishReason.STOP)
CALL = ToolCall("weather", {"city": "Paris"}, "call-1")
FRAGMENTS = [
    ToolCallDelta("call-1", "weather", '{"city":'),
    ToolCallDelta("call-1", "weather", '"Paris"}'),
]
SIZE_OF_CALL = len("weather") + len('{"city":"Paris"}')
ANSWERS: dict[str, tuple[Sequence[Sequence[ChatEvent]], tuple[int, int]]] = {
    "nothing": ([[]], (0, 0)),
    "text": ([[TextDelta("hé")], [TextDelta("llo")]], (2, 5)),
    "several at once": ([[TextDelta("hé"), TextDelta("llo")]], (2, 5)),
    "thinking": ([[ThinkingDelta("hm"), TextDelta("yes")]], (2, 5)),
    "probabilities": ([[TextDelta("a"), Logprobs(())]], (2, 1)),
    "a call": ([[CALL]], (1, SIZE_OF_CALL)),
    "a call in fragments": ([FRAGMENTS[:1], FRAGMENTS[1:], [CALL]], (3, SIZE_OF_CALL)),
    "an open call": ([FRAGMENTS[:1]], (1, len("weather") + 8)),
    "a call in fragments and one without": (
        [[*FRAGMENTS, CALL], [ToolCall("weather", {"city": "Paris"}, "call-2")]],
        (4, 2 * SIZE_OF_CALL),
    ),
    "a call without an id after fragments": (
        [[*FRAGMENTS, CALL], [ToolCall("weather", {"city": "Paris"})]],
        (4, 2 * SIZE_OF_CALL),
    ),
}


@pytest.mark.parametrize(("batches", "sizes"), ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("end", [None, COUNTED, UNCOUNTED], ids=["open", "counted", "uncounted"])
@pytest.mark.parametrize("apart", [True, False])
def test_pieces_and_characters_are_those_that_came(
    batches: Sequence[Sequence[ChatEvent]], sizes: tuple[int, int], end: Finish | None, apart: bool
) -> None:
    record = RequestRecord("POST", "/api/chat")
    progress = Progress(record)
    if end is not None:
        batches = [*batches, [end]] if apart else [*batches[:-1], [*batches[-1], end]]
    assert [progress.add(batch) for batch in batches] == [
        end is not None and number == len(batches) for number in range(1, len(batches) + 1)
    ]
    assert (record.pieces, record.characters) == sizes
    assert (record.timing.first > 0) == (record.pieces > 0)
    assert record.usage == (end and end.usage)
    assert record.finish == (end and end.reason)
    assert record.complete == (end is COUNTED)


STREAMS = [route for route in MODEL_ROUTES if route.operation in {"chat", "text_completion"}]
EACH_STREAM = pytest.mark.parametrize("route", STREAMS, ids=lambda one: one.path)
PIECES = [[TextDelta("four")] for _ in range(18)]


async def records_of(
    aiohttp_client: AiohttpClient, route: Any, steps: Sequence[Any], *, stream: bool, leave: bool
) -> RequestRecord:
    provider = ScriptedProvider(models=[MODEL], steps=steps)
    records = Records()
    client = await aiohttp_client(scripted_app(provider, None, records))
    call = client.request(route.method, path_of(route), **body_of(route, stream=stream))
    if not leave:
        async with call as response:
            with suppress(aiohttp.ClientError):
                await response.read()
    elif stream:
        async with call as response:
            text = b""
            while text.count(b"four") < len(PIECES):
                text += await response.content.readany()
            response.close()
    else:
        waiting = asyncio.ensure_future(call.__aenter__())
        while not provider.asked:
            await asyncio.sleep(0)
        await asyncio.sleep(0.05)
        waiting.cancel()
    async with asyncio.timeout(10):
        while not records:
            await asyncio.sleep(0.005)
    (record,) = records
    return record


@EACH_STREAM
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
async def test_a_client_that_left_has_had_what_the_record_tells(
    aiohttp_client: AiohttpClient, route: Any, stream: bool
) -> None:
    record = await records_of(aiohttp_client, route, [*PIECES, HANG], stream=stream, leave=True)
    assert (record.status, record.usage, record.complete) == (499, None, False)
    assert (record.pieces, record.characters) == (18, 72)


@EACH_STREAM
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
async def test_a_failure_in_mid_answer_leaves_what_had_come(
    aiohttp_client: AiohttpClient, route: Any, stream: bool
) -> None:
    steps = [*PIECES, UpstreamProtocolError("cut")]
    record = await records_of(aiohttp_client, route, steps, stream=stream, leave=False)
    assert (record.error, record.usage, record.complete) == ("cut", None, False)
    assert (record.pieces, record.characters) == (18, 72)


@EACH_STREAM
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
async def test_a_whole_answer_has_the_counts_of_the_provider(
    aiohttp_client: AiohttpClient, route: Any, stream: bool
) -> None:
    steps = [*PIECES, [COUNTED]]
    record = await records_of(aiohttp_client, route, steps, stream=stream, leave=False)
    assert (record.status, record.usage, record.complete) == (200, Usage(3, 2), True)
    assert (record.pieces, record.characters) == (18, 72)


async def test_vectors_and_transcripts_are_one_piece(aiohttp_client: AiohttpClient) -> None:
    for route in MODEL_ROUTES:
        if route not in STREAMS:
            records = Records()
            client = await aiohttp_client(scripted_app(scripted(), None, records))
            body = body_of(route, stream=False)
            async with client.request(route.method, path_of(route), **body) as response:
                assert response.status == 200
            (record,) = records
            size = 5 if route.operation == "transcription" else 0
            assert (record.pieces, record.characters, record.complete) == (1, size, False)
