"""Both transports: a connection on which anything has arrived unasked is never used again."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from yarl import URL

from gateway.providers.upstream.transport import (
    AiohttpTransport,
    BrokenAnswer,
    CleanConnector,
    Endpoint,
    OwnTransport,
    Transport,
    readiness,
)
from raw_service import CLOSE, Line, RawService, raw_service

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
TWO = OK + b"Content-Length: 2\r\n\r\nok"
STRAY = OK + b"Content-Length: 6\r\n\r\nsecret"


@asynccontextmanager
async def own() -> AsyncIterator[Transport]:
    transport = OwnTransport()
    yield transport
    await transport.aclose()


@asynccontextmanager
async def clean() -> AsyncIterator[Transport]:
    async with aiohttp.ClientSession(connector=CleanConnector(limit=0)) as session:
        yield AiohttpTransport(session)


TRANSPORTS = {"own": own, "clean connector": clean}


@pytest.fixture(params=TRANSPORTS.values(), ids=TRANSPORTS)
async def transport(request: pytest.FixtureRequest) -> AsyncIterator[Transport]:
    async with request.param() as transport:
        yield transport


async def asked(transport: Transport, service: RawService, method: str = "POST") -> bytes:
    exchange = transport.exchange(Endpoint(method, URL(service.origin + "/chat"), {}))
    await exchange.open(b"{}" if method == "POST" else b"")
    body = b""
    try:
        while piece := await exchange.read():
            body += piece
    finally:
        await exchange.close()
    return body


UNCLEAN: dict[str, list[object]] = {
    "an answer too many": [TWO + STRAY],
    "an answer too many, later": [TWO, STRAY],
    "a part of an answer": [TWO + b"H"],
    "a word": [TWO, b"hello"],
    "more after the chunks": [CHUNKED + b"2\r\nok\r\n0\r\n\r\n" + STRAY],
    "close": [OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nok"],
    "HTTP/1.0": [b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"],
    "no framing": [OK + b"\r\nok", CLOSE],
}


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("settled", [True, False], ids=["at rest", "at once"])
@pytest.mark.parametrize("steps", UNCLEAN.values(), ids=UNCLEAN)
async def test_a_connection_that_got_more_than_its_answer_is_never_used_again(
    transport: Transport, steps: list[object], settled: bool, method: str
) -> None:
    """However many requests follow, each one has the answer that was meant for it."""
    async with raw_service(*steps) as service:
        for _ in range(5):
            if settled:
                await asyncio.sleep(0.01)
            try:
                assert await asked(transport, service, method) == b"ok"
            except BrokenAnswer:
                # aiohttp reads no answer if what follows at once cannot be the beginning of one.
                assert isinstance(transport, AiohttpTransport)
                assert steps is UNCLEAN["a word"]


async def test_what_was_not_seen_by_the_event_loop_yet_counts_as_well(
    transport: Transport,
) -> None:
    async with raw_service(TWO) as service:
        await asked(transport, service)
        # Written, and so in the buffer of the connection, before anybody else has a turn.
        service.lines[0].writer.transport.write(STRAY)
        assert await asked(transport, service) == b"ok"
        assert [len(line.requests) for line in service.lines] == [1, 1]


async def test_clean_connections_are_used_again(transport: Transport) -> None:
    async with raw_service(TWO) as service:
        for _ in range(5):
            await asked(transport, service)
        assert [len(line.requests) for line in service.lines] == [5]


async def test_an_empty_line_after_an_answer_makes_no_difference() -> None:
    async with own() as transport, raw_service(TWO, b"\r\n") as service:
        for _ in range(5):
            assert await asked(transport, service) == b"ok"
        assert len(service.requests) == 5


@pytest.mark.parametrize("says", [b"Connection: close\r\n", b""], ids=["closes", "ignores it"])
async def test_a_lent_session_with_another_pool_uses_each_connection_once(says: bytes) -> None:
    async def answer(line: Line, _: bytes) -> bool:
        await line.send(OK + says + b"Content-Length: 2\r\n\r\no")
        await asyncio.sleep(0.01)
        await line.send(b"k")
        return not says

    async with raw_service(script=answer) as service, aiohttp.ClientSession() as session:
        for _ in range(3):
            assert await asked(AiohttpTransport(session), service) == b"ok"
        assert [len(line.requests) for line in service.lines] == [1, 1, 1]
        assert all(b"Connection: close\r\n" in request for request in service.requests)


@pytest.mark.parametrize("look", [readiness._poll, readiness._select])
def test_both_ways_to_look_for_input_agree(look: object) -> None:
    assert callable(look)
    ours, theirs = socket.socketpair()
    with ours:
        assert look(ours.fileno()) is False
        theirs.send(b"x")
        assert look(ours.fileno()) is True
        ours.recv(1)
        theirs.close()
        assert look(ours.fileno()) is True
