"""Answers of which there is no end: each kind of piece meets a limit, whatever the transport."""

import asyncio
import itertools
from contextlib import aclosing
from dataclasses import replace
from functools import partial

import aiohttp
import pytest

from gateway.core.errors import UpstreamError, UpstreamProtocolError, UpstreamTimeout
from gateway.providers.anthropic.decode import MessageDecoder
from gateway.providers.mistral.decode import ChatDecoder
from gateway.providers.upstream import (
    Bounds,
    ErrorResponse,
    EventStream,
    Timeouts,
    Upstream,
    decoded,
)
from gateway.providers.upstream.framing import EventSplitter
from gateway.providers.upstream.named_framings import framing_of
from raw_service import Line, RawService, raw_service

pytestmark = pytest.mark.slow

MOST = 500_000
OK = b"HTTP/1.1 200 OK\r\n"
HEAD = OK + b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def event(delta: bytes) -> bytes:
    return chunk(b'data: {"choices":[{"index":0,"delta":{%b}}]}\n\n' % delta)


def block(kind: bytes) -> bytes:
    start = b'{"type":"content_block_delta","index":0,"delta":{"type":"%b","%b":"a"}}'
    return chunk(b"data: " + start % (kind, kind.partition(b"_")[0]) + b"\n\n")


TEXT = event(b'"content":"a"')
ENDLESS = {
    "text": (HEAD, TEXT * 100),
    "thinking": (
        HEAD,
        event(b'"content":[{"type":"thinking","thinking":[{"type":"text","text":"a"}]}]') * 100,
    ),
    "fragments of a call": (
        HEAD + event(b'"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{"}}]'),
        event(b'"tool_calls":[{"id":"a","function":{"arguments":"a"}}]') * 100,
    ),
    "fragments of a call without a name": (
        HEAD,
        event(b'"tool_calls":[{"id":"a","function":{"arguments":"a"}}]') * 100,
    ),
    "calls": (HEAD, event(b'"tool_calls":[{"function":{"name":"f","arguments":"{}"}}]') * 100),
    "comments": (HEAD, chunk(b": a\n\n") * 1000),
    "comments behind text": (HEAD + TEXT, chunk(b": a\n\n") * 1000),
    "events without data": (HEAD, chunk(b"event: a\n\n") * 1000),
    "an event": (HEAD + chunk(b"data: "), chunk(b"a" * 10_000)),
    "blank lines": (HEAD, chunk(b"\n" * 10_000)),
}
FRAMING = {
    "interim answers": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" * 100),
    "headers": (OK, b"X-A: a\r\n" * 100),
    "a header": (OK + b"X-A: ", b"a" * 10_000),
    "trailers": (HEAD + TEXT + b"0\r\n", b"X-A: a\r\n" * 100),
    "a trailer": (HEAD + TEXT + b"0\r\nX-A: ", b"a" * 10_000),
    "an extension of a chunk": (HEAD + TEXT + b"5;a=", b"a" * 10_000),
}


SHORT = replace(framing_of("sse"), splitter=partial(EventSplitter, longest=MOST))


def endless(begin: bytes, again: bytes) -> tuple[object, list[int]]:
    sent = [0]

    async def answer(line: Line, _: bytes) -> None:
        await line.send(begin)
        for _ in itertools.repeat(None):
            await line.send(again)
            sent[0] += len(again)

    return answer, sent


async def read_all(
    session: aiohttp.ClientSession, service: RawService, decoder: ChatDecoder | MessageDecoder
) -> None:
    upstream = Upstream(
        "acme",
        session,
        service.origin,
        headers={},
        error_for=_error_for,
        timeouts=Timeouts(head=0.4, idle=0.4),
        bounds=Bounds(stream=MOST),
    )

    async def opened() -> tuple[EventStream, ChatDecoder | MessageDecoder]:
        stream = upstream.stream("/chat", {}, framing=SHORT)
        await stream.connect()
        return stream, decoder

    async with aclosing(decoded(opened)) as stream:  # type: ignore[type-var]
        async for _ in stream:
            pass


def _error_for(response: ErrorResponse) -> UpstreamError:
    return UpstreamError(f"HTTP {response.status}")


@pytest.mark.parametrize("pieces", ENDLESS.values(), ids=ENDLESS)
async def test_an_answer_without_end_is_given_up_at_a_limit(
    session: aiohttp.ClientSession, pieces: tuple[bytes, bytes]
) -> None:
    script, sent = endless(*pieces)
    async with raw_service(script=script) as service:  # type: ignore[arg-type]
        with pytest.raises(UpstreamProtocolError):
            await asyncio.wait_for(read_all(session, service, ChatDecoder("acme")), 10)
        await asyncio.wait_for(service.lines[0].closed.wait(), 5)
    # What is on its way in sockets comes on top.
    assert sent[0] < 20 * MOST


@pytest.mark.parametrize("kind", [b"thinking_delta", b"signature_delta"])
async def test_so_is_thinking_that_nobody_wants(
    session: aiohttp.ClientSession, kind: bytes
) -> None:
    script, _ = endless(HEAD, block(kind) * 100)
    decoder = MessageDecoder("acme", think=False)
    async with raw_service(script=script) as service:  # type: ignore[arg-type]
        with pytest.raises(UpstreamProtocolError, match="acme sent an answer that is too long"):
            await asyncio.wait_for(read_all(session, service, decoder), 10)


@pytest.mark.parametrize("pieces", FRAMING.values(), ids=FRAMING)
async def test_framing_without_end_is_given_up(
    session: aiohttp.ClientSession, pieces: tuple[bytes, bytes]
) -> None:
    script, _ = endless(*pieces)
    async with raw_service(script=script) as service:  # type: ignore[arg-type]
        with pytest.raises((UpstreamProtocolError, UpstreamTimeout)):
            await asyncio.wait_for(read_all(session, service, ChatDecoder("acme")), 10)
        await asyncio.wait_for(service.lines[0].closed.wait(), 5)


async def test_a_stream_of_any_events_has_the_same_limit(session: aiohttp.ClientSession) -> None:
    script, _ = endless(*ENDLESS["comments"])
    async with raw_service(script=script) as service:  # type: ignore[arg-type]
        upstream = Upstream(
            "acme",
            session,
            service.origin,
            headers={},
            error_for=_error_for,
            bounds=Bounds(stream=MOST),
        )
        with pytest.raises(UpstreamProtocolError, match="acme sent an answer that is too long"):
            async with upstream.stream("/chat", {}, framing=SHORT) as stream:
                await anext(stream)
