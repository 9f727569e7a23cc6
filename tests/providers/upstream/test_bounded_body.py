"""Bodies of services that are compressed, or larger than anybody wants."""

from __future__ import annotations

import asyncio
import gzip
import os
import zlib
from collections.abc import Callable

import aiohttp
import pytest

from gateway.core.errors import GatewayError, UpstreamProtocolError, UpstreamRejected
from gateway.providers.upstream import ErrorResponse, Upstream
from rawserver import HANG, head, raw_server

JSON = "application/json"


def error_for(response: ErrorResponse) -> GatewayError:
    return UpstreamRejected(f"{len(response.body)} bytes", status=response.status)


def upstream(session: aiohttp.ClientSession, url: str) -> Upstream:
    return Upstream("acme", session, url, headers={}, error_for=error_for)


def packed(body: bytes, coding: str = "gzip") -> bytes:
    data = gzip.compress(body) if "gzip" in coding else zlib.compress(body)
    return head(content_type=JSON, Content_Encoding=coding) + data


@pytest.mark.parametrize("coding", ["gzip", "GZIP ", "x-gzip", "deflate"])
async def test_a_compressed_document_is_unpacked(
    session: aiohttp.ClientSession, coding: str
) -> None:
    text = os.urandom(300_000).hex()
    async with raw_server(packed(b'{"a":"%b"}' % text.encode(), coding.lower())) as server:
        assert await upstream(session, server.url).get("/models") == {"a": text}


async def test_a_document_in_a_stream_s_place_is_unpacked_too(
    session: aiohttp.ClientSession,
) -> None:
    async with (
        raw_server(packed(b'{"a":1}')) as server,
        upstream(session, server.url).stream("/chat", {}) as stream,
    ):
        assert [batch async for batch in stream] == [[b'{"a":1}']]


async def test_identity_is_no_coding(session: aiohttp.ClientSession) -> None:
    answer = head(content_type=JSON, Content_Encoding="identity") + b"[1]"
    async with raw_server(answer) as server:
        assert await upstream(session, server.url).get("/models") == [1]


BOMBS = {
    "packed": lambda: packed(b'"' + b"x" * (2**26 + 10)),
    "plain": lambda: head(content_type=JSON) + b'"' + b"x" * (2**26 + 10),
}


@pytest.mark.slow
@pytest.mark.parametrize("answer", BOMBS.values(), ids=BOMBS)
async def test_a_document_is_read_up_to_a_limit(
    session: aiohttp.ClientSession, answer: Callable[[], bytes]
) -> None:
    async with raw_server(answer(), HANG) as server:
        with pytest.raises(UpstreamProtocolError, match="acme sent an answer that is too long"):
            await upstream(session, server.url).get("/models")
        await asyncio.wait_for(server.closed.wait(), 5)


@pytest.mark.slow
async def test_others_have_turns_while_a_document_is_unpacked(
    session: aiohttp.ClientSession,
) -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async with raw_server(packed(b" " * 2**25 + b"1")) as server:
        counting = asyncio.create_task(count())
        assert await upstream(session, server.url).get("/models") == 1
        counting.cancel()
    assert turns > 2**25 / 2**18


UNREADABLE = {
    "another coding": head(content_type=JSON, Content_Encoding="br") + b"{}",
    "two codings": head(content_type=JSON, Content_Encoding="gzip, gzip") + b"{}",
    "not what it says": head(content_type=JSON, Content_Encoding="gzip") + b"{}",
}


@pytest.mark.parametrize("answer", UNREADABLE.values(), ids=UNREADABLE)
async def test_a_document_that_cannot_be_unpacked_is_a_protocol_error(
    session: aiohttp.ClientSession, answer: bytes
) -> None:
    async with raw_server(answer) as server:
        with pytest.raises(UpstreamProtocolError, match="cannot be unpacked"):
            await upstream(session, server.url).get("/models")


async def test_a_document_that_was_cut_is_not_json(session: aiohttp.ClientSession) -> None:
    async with raw_server(packed(b'{"a":1}')[:-12]) as server:
        with pytest.raises(UpstreamProtocolError, match="not JSON"):
            await upstream(session, server.url).get("/models")


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
async def test_a_compressed_stream_is_refused(session: aiohttp.ClientSession, coding: str) -> None:
    async with raw_server(head(Content_Encoding=coding) + b"\x1f\x8b", HANG) as server:
        with pytest.raises(UpstreamProtocolError, match="acme sent a compressed stream"):
            await upstream(session, server.url).stream("/chat", {}).connect()
        await asyncio.wait_for(server.closed.wait(), 5)


REFUSALS = {
    "packed": (gzip.compress(b"too many"), "gzip", 8),
    "large once unpacked": (gzip.compress(b"x" * 2**24), "gzip", 2**16),
    "not what it says": (b"slow", "gzip", 0),
    "another coding": (b"slow", "br", 0),
}


@pytest.mark.parametrize("name", REFUSALS)
async def test_a_refusal_is_unpacked_as_far_as_it_is_read(
    session: aiohttp.ClientSession, name: str
) -> None:
    body, coding, size = REFUSALS[name]
    async with raw_server(head("429 Slow", Content_Encoding=coding) + body) as server:
        with pytest.raises(UpstreamRejected) as caught:
            await upstream(session, server.url).stream("/chat", {}).connect()
        assert (caught.value.status, caught.value.message) == (429, f"{size} bytes")
