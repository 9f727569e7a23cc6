"""The end of an answer: what is said is said, and the connection is there for the next request."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import aiohttp
import pytest

from gateway.core.errors import UpstreamError, UpstreamProtocolError
from gateway.core.events import ChatStream, Finish, TextDelta
from gateway.providers.mistral.decode import ChatDecoder
from gateway.providers.upstream import ErrorResponse, EventStream, Upstream, decoded
from gateway.providers.upstream.decoding import is_decoded
from gateway.providers.upstream.transport.connector import CleanConnector
from raw_service import WAIT, Line, RawService, raw_service

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    event = b"data: %b\n\n" % data
    return b"%x\r\n%b\r\n" % (len(event), event)


SAID = chunk(b'{"choices":[{"delta":{"content":"hi"},"finish_reason":"stop"}],"usage":{}}')
DONE = chunk(b"[DONE]")
END = b"0\r\n\r\n"


def error_for(response: ErrorResponse) -> UpstreamError:
    return UpstreamError(f"HTTP {response.status}")


def events(session: aiohttp.ClientSession, service: RawService) -> object:
    upstream = Upstream("acme", session, service.origin, headers={}, error_for=error_for)

    async def opened() -> tuple[EventStream, ChatDecoder]:
        stream = upstream.stream("/chat", {})
        await stream.connect()
        return stream, ChatDecoder("acme")

    return decoded(opened)


async def until_finish(session: aiohttp.ClientSession, service: RawService) -> list[object]:
    """Read as a client does that leaves when it has its answer."""
    found: list[object] = []
    async with aclosing(events(session, service)) as stream:  # type: ignore[type-var]
        async for batch in stream:
            found += batch
            if isinstance(found[-1], Finish):
                break
    return found


async def test_whoever_leaves_after_the_last_event_leaves_the_connection(
    session: aiohttp.ClientSession,
) -> None:
    async def answer(line: Line, _: bytes) -> bool:
        for piece in (HEAD, SAID, DONE, END):
            await line.send(piece)
            await asyncio.sleep(0.02)
        return True

    async with raw_service(script=answer) as service:
        for _ in range(5):
            said = await until_finish(session, service)
            assert said[0] == TextDelta("hi")
            await asyncio.sleep(0.2)
        reused = isinstance(session.connector, CleanConnector)
        assert [len(line.requests) for line in service.lines] == ([5] if reused else [1] * 5)


@pytest.mark.slow
async def test_a_body_that_does_not_end_costs_its_connection(
    session: aiohttp.ClientSession,
) -> None:
    async with raw_service(HEAD + SAID, WAIT) as service:
        assert isinstance((await until_finish(session, service))[-1], Finish)
        await asyncio.wait_for(service.lines[0].closed.wait(), 5)


async def test_whoever_leaves_before_the_last_event_closes_the_connection(
    session: aiohttp.ClientSession,
) -> None:
    begun = chunk(b'{"choices":[{"delta":{"content":"hi"}}]}')
    async with raw_service(HEAD + begun, WAIT) as service:
        stream = events(session, service)
        assert await anext(stream) == [TextDelta("hi")]  # type: ignore[call-overload]
        await stream.aclose()  # type: ignore[attr-defined]
        await asyncio.wait_for(service.lines[0].closed.wait(), 1)


async def test_an_answer_too_many_reaches_nobody(session: aiohttp.ClientSession) -> None:
    number = 0

    async def answer(line: Line, _: bytes) -> bool:
        nonlocal number
        number += 1
        own = chunk(
            b'{"choices":[{"delta":{"content":"%d"},"finish_reason":"stop"}],"usage":{}}' % number
        )
        await line.send(HEAD + own + DONE + END + HEAD + SAID + DONE + END)
        return True

    async with raw_service(script=answer) as service:
        for expected in "12345":
            said = await until_finish(session, service)
            assert said[0] == TextDelta(expected)


async def test_only_what_reads_its_rest_when_it_is_closed_is_told_from_others(
    session: aiohttp.ClientSession,
) -> None:
    async def other() -> ChatStream:
        yield []

    async with raw_service() as service:
        mine, theirs = events(session, service), other()
        assert is_decoded(mine)
        assert not is_decoded(theirs)
        assert not is_decoded(None)


async def test_a_content_type_that_is_no_text_can_be_told(session: aiohttp.ClientSession) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/\xe9\r\nContent-Length: 0\r\n\r\n"
    async with raw_service(head) as service:
        with pytest.raises(UpstreamProtocolError, match="answered with text/\ufffd") as caught:
            await until_finish(session, service)
        caught.value.message.encode()
