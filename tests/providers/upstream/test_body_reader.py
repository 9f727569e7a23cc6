"""Bodies in many pieces: read whole, in order, no faster than they are wanted, by any reader."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import aiohttp
import pytest

from gateway.core.errors import GatewayError, UpstreamError, UpstreamProtocolError
from gateway.providers.upstream import ErrorResponse, Upstream
from gateway.providers.upstream import body_reader as reader
from gateway.providers.upstream.fast_post import open_session
from gateway.providers.upstream.stream import EventStream
from rawserver import CUT, head, raw_server

CHUNKED = head(Transfer_Encoding="chunked")
LAST = b"0\r\n\r\n"
TEXT = bytes(ord("a") + number % 26 for number in range(20_000))
EVENT = b"data: " + b"x" * 192 + b"\n\n"


Answer: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def chunks(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)


@pytest.fixture(params=["our reader", "aiohttp's reader"])
async def session(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[aiohttp.ClientSession]:
    assert reader._FITS, "aiohttp has another reader now"
    monkeypatch.setattr(reader, "_FITS", request.param == "our reader")
    async with open_session() as opened:
        yield opened


def error_for(response: ErrorResponse) -> GatewayError:
    return UpstreamError(f"HTTP {response.status}")


def asked(session: aiohttp.ClientSession, url: str) -> EventStream:
    return Upstream("acme", session, url, headers={}, error_for=error_for).stream("/chat", {})


@asynccontextmanager
async def served(answer: Answer) -> AsyncIterator[str]:
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def events(session: aiohttp.ClientSession, *steps: object) -> list[list[bytes]]:
    async with raw_server(*steps) as server, asked(session, server.url) as stream:
        return [batch async for batch in stream]


async def test_chunks_that_arrive_together_are_read_together(
    session: aiohttp.ClientSession,
) -> None:
    body = chunks(b"data: a\n\n", b"data: ", b"b\n\ndata: c\n\n") + LAST
    assert await events(session, CHUNKED + body) == [[b"a", b"b", b"c"]]


async def test_a_body_without_chunks_is_read_as_well(session: aiohttp.ClientSession) -> None:
    assert await events(session, head() + b"data: a\n\n") == [[b"a"]]


async def test_an_empty_body_is_no_event(session: aiohttp.ClientSession) -> None:
    assert await events(session, head(Content_Length="0")) == []


async def test_a_body_in_very_many_pieces_is_whole(session: aiohttp.ClientSession) -> None:
    body = b"data: " + TEXT + b"\n\n"
    batches = await events(session, CHUNKED + chunks(*map(bytes, zip(body))) + LAST)
    assert batches == [[TEXT]]


async def test_a_cut_that_came_before_anybody_read_is_told(session: aiohttp.ClientSession) -> None:
    async with (
        raw_server(CHUNKED + chunks(b"data: a\n\n"), CUT) as server,
        asked(session, server.url) as stream,
        asyncio.timeout(5),
    ):
        while stream._response.content.exception() is None:
            await asyncio.sleep(0)
        with pytest.raises(UpstreamProtocolError, match="lost during the answer"):
            await anext(stream)


async def test_very_many_pieces_may_come_later(session: aiohttp.ClientSession) -> None:
    opened = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(CHUNKED + chunks(b"data: "))
        await opened.wait()
        writer.write(chunks(*map(bytes, zip(TEXT)), b"\n\n") + LAST)
        writer.close()

    async with served(answer) as url, asked(session, url) as stream:
        opened.set()
        content = stream._response.content
        while content.total_bytes < 16_000:
            await asyncio.sleep(0)
        assert len(content._buffer) < (4100 if reader._FITS else 16_400)
        assert [batch async for batch in stream] == [[TEXT]]


async def test_a_compressed_stream_that_nobody_asked_for_is_refused(
    session: aiohttp.ClientSession,
) -> None:
    body = zlib.compress(EVENT * 20_000)
    length = {"Content_Length": str(len(body)), "Content_Encoding": "deflate"}
    with pytest.raises(UpstreamProtocolError, match="acme sent a compressed stream"):
        await events(session, head(**length) + body)
    assert len(await events(session, head(Content_Encoding=" Identity") + EVENT)) == 1


async def test_no_more_is_taken_than_is_wanted(session: aiohttp.ClientSession) -> None:
    sent = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(CHUNKED)
        for _ in range(400):
            writer.write(chunks(*[EVENT] * 200))
            await writer.drain()
            sent += 200
        writer.write(LAST)
        writer.close()

    async with served(flood) as url, asked(session, url) as stream:
        received = len(await anext(stream))
        before = -1
        while sent != before:  # until nothing more goes
            before = sent
            await asyncio.sleep(0.2)
        assert sent < 80_000
        async for batch in stream:
            received += len(batch)
    assert (sent, received) == (80_000, 80_000)
