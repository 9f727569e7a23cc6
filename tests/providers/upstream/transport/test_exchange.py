"""Both transports: one request, its answer in any cut, no longer than anybody wants it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
import pytest
from yarl import URL

from gateway.providers.upstream.transport import (
    AiohttpTransport,
    BrokenAnswer,
    CleanConnector,
    Endpoint,
    Exchange,
    NotConnected,
    OwnTransport,
    Transport,
)
from gateway.providers.upstream.transport.plain import _PiecesPayload
from raw_service import CLOSE, RESET, WAIT, Line, raw_service

OK = b"HTTP/1.1 200 OK\r\n"
EVENTS = OK + b"Content-Type: text/event-stream\r\n"
CHUNKED = EVENTS + b"Transfer-Encoding: chunked\r\n\r\n"
TWO = OK + b"Content-Length: 2\r\n\r\nok"


@asynccontextmanager
async def own() -> AsyncIterator[Transport]:
    transport = OwnTransport()
    try:
        yield transport
    finally:
        await transport.aclose()


@asynccontextmanager
async def plain() -> AsyncIterator[Transport]:
    async with aiohttp.ClientSession(connector=CleanConnector(limit=0)) as session:
        transport = AiohttpTransport(session)
        yield transport
        await transport.aclose()


TRANSPORTS = {"own": own, "aiohttp": plain}


@pytest.fixture(params=TRANSPORTS.values(), ids=TRANSPORTS)
async def transport(request: pytest.FixtureRequest) -> AsyncIterator[Transport]:
    async with request.param() as transport:
        yield transport


def endpoint(
    origin: str,
    path: str = "/chat",
    method: str = "POST",
    headers: Mapping[str, str] = {"Accept": "text/event-stream"},
    connect_timeout: float = 5,
) -> Endpoint:
    return Endpoint(method, URL(origin + path), headers, connect_timeout)


async def rest(exchange: Exchange) -> bytes:
    pieces = []
    while piece := await exchange.read():
        pieces.append(piece)
    return b"".join(pieces)


async def opened(exchange: Exchange) -> bytes:
    await exchange.open(b"{}")
    return await rest(exchange)


async def asked(transport: Transport, to: Endpoint, body: bytes = b"{}") -> tuple[int, bytes]:
    exchange = transport.exchange(to)
    await exchange.open(body if to.method == "POST" else b"")
    try:
        return exchange.status, await rest(exchange)
    finally:
        await exchange.close()


class Parts:
    """A body in parts."""

    def __init__(self, *parts: bytes) -> None:
        self.parts = parts

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.parts)


async def test_a_request_is_written_as_it_is_meant(transport: Transport) -> None:
    async with raw_service(TWO) as service:
        to = endpoint(service.origin, "/v1/chat?a=b", headers={"X-Key": "k", "Accept": "a/b"})
        exchange = transport.exchange(to)
        await exchange.open(b'{"a":1}', {"X-Signed": "Zoë"})
        assert (exchange.status, exchange.headers["content-length"]) == (200, "2")
        assert await rest(exchange) == b"ok"
        await exchange.close()
        head, _, body = service.requests[0].partition(b"\r\n\r\n")
        start, *lines = head.decode().split("\r\n")
        assert start == "POST /v1/chat?a=b HTTP/1.1"
        expected = {
            f"Host: {service.origin.removeprefix('http://')}",
            "X-Key: k",
            "Accept: a/b",
            "X-Signed: Zoë",
            "Content-Length: 7",
        }
        assert expected <= set(lines)
        assert body == b'{"a":1}'


def test_pieces_can_be_shown_as_text() -> None:
    assert _PiecesPayload(Parts(b"a", b"bc")).decode() == "abc"


async def test_a_get_has_no_body(transport: Transport) -> None:
    async with raw_service(TWO) as service:
        to = endpoint(service.origin, method="GET", headers={"Accept": "application/json"})
        assert await asked(transport, to) == (200, b"ok")
        assert service.requests[0].startswith(b"GET /chat HTTP/1.1\r\n")
        assert b"content-length" not in service.requests[0].lower()


BODIES = {
    "nothing": Parts(),
    "parts": Parts(b"a", b"", b"bc"),
    "large parts": Parts(*[b"x" * 2**18] * 40),
    "bytes": b"abc",
    "no bytes": b"",
    "large bytes": b"y" * 2**22,
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_a_body_arrives_whole(transport: Transport, body: Parts | bytes) -> None:
    async with raw_service(TWO) as service:
        for _ in range(2):
            exchange = transport.exchange(endpoint(service.origin))
            await exchange.open(body)
            assert await rest(exchange) == b"ok"
            await exchange.close()
        whole = body if isinstance(body, bytes) else b"".join(body)
        assert [one.partition(b"\r\n\r\n")[2] for one in service.requests] == [whole, whole]
        assert len(service.lines) == 1


STREAM = CHUNKED + b"9\r\ndata: a\n\n\r\n9;x=y\r\ndata: b\n\n\r\n0\r\nX-Late: 1\r\n\r\n"


async def test_an_answer_is_the_same_in_every_cut(transport: Transport) -> None:
    data = b"HTTP/1.1 100 Continue\r\n\r\n" + STREAM
    places = iter(range(1, len(data)))

    async def answer(line: Line, _: bytes) -> bool:
        place = next(places)
        await line.send(data[:place], data[place:])
        return True

    async with raw_service(script=answer) as service:
        for _ in range(1, len(data)):
            said = await asked(transport, endpoint(service.origin))
            assert said == (200, b"data: a\n\ndata: b\n\n")
        assert len(service.lines) == 1


ANSWERS = {
    "no body": (b"HTTP/1.1 204 None\r\n\r\n", (204, b"")),
    "an empty body": (OK + b"Content-Length: 0\r\n\r\n", (200, b"")),
    "close": (OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nok", (200, b"ok")),
    "no framing": (OK + b"\r\nok", (200, b"ok")),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\n\r\nok", (200, b"ok")),
    "a refusal": (b"HTTP/1.1 429 Slow\r\nContent-Length: 4\r\n\r\nslow", (429, b"slow")),
    "a redirect": (b"HTTP/1.1 302 F\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", (302, b"")),
    "a document": (
        OK + b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
        (200, b"{}"),
    ),
    "compressed": (
        EVENTS + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b",
        (200, b"\x1f\x8b"),
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_is_given_as_it_came(transport: Transport, name: str) -> None:
    data, expected = ANSWERS[name]
    async with raw_service(data, CLOSE) as service:
        assert await asked(transport, endpoint(service.origin)) == expected
        assert len(service.requests) == 1


async def test_headers_are_text_whatever_their_bytes(transport: Transport) -> None:
    data = OK + b"Content-Type: text/\xe9\r\nX-Name: Zo\xc3\xab\r\nContent-Length: 0\r\n\r\n"
    async with raw_service(data) as service:
        exchange = transport.exchange(endpoint(service.origin))
        await exchange.open(b"{}")
        assert exchange.headers["content-type"] == "text/\ufffd"
        assert exchange.headers["X-NAME"] == "Zoë"
        await exchange.close()


EARLY: dict[str, list[object]] = {
    "closed": [CLOSE],
    "reset": [RESET],
    "no HTTP": [b"nonsense\r\n\r\n", WAIT],
    "half a head": [OK + b"X: y", CLOSE],
    "two lengths": [OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", WAIT],
    "a long head": [OK + b"X: " + b"x" * 2**17 + b"\r\n\r\n", WAIT],
    "many headers": [OK + b"X: x\r\n" * 2**15 + b"\r\n", WAIT],
}


@pytest.mark.parametrize("steps", EARLY.values(), ids=EARLY)
async def test_what_is_no_answer_is_an_error_and_one_request(
    transport: Transport, steps: list[object]
) -> None:
    async with raw_service(*steps) as service:
        with pytest.raises(BrokenAnswer) as caught:
            await asked(transport, endpoint(service.origin))
        assert caught.value.__cause__ is not None
        assert len(service.requests) == 1
        await asyncio.wait_for(service.lines[0].closed.wait(), 5)


CUT: dict[str, list[object]] = {
    "closed in a length": [EVENTS + b"Content-Length: 9\r\n\r\nok", CLOSE],
    "closed in a chunk": [CHUNKED + b"9\r\nok", CLOSE],
    "closed between chunks": [CHUNKED + b"2\r\nok\r\n", CLOSE],
    "reset": [EVENTS + b"Content-Length: 9\r\n\r\nok", RESET],
}


@pytest.mark.parametrize("steps", CUT.values(), ids=CUT)
async def test_a_cut_answer_is_an_error(transport: Transport, steps: list[object]) -> None:
    async with raw_service(*steps) as service:
        with pytest.raises(BrokenAnswer) as caught:
            await asked(transport, endpoint(service.origin))
        assert caught.value.__cause__ is not None
        assert len(service.requests) == 1


FRAMING = {
    "a size that is none": b"ZZZZ\r\n",
    "a negative size": b"-5\r\n",
    "a size that is too large": b"FFFFFFFFFFFFFFFFF\r\n",
    "a chunk without its end": b"2\r\nok0\r\n\r\n",
}


@pytest.mark.parametrize("more", FRAMING.values(), ids=FRAMING)
async def test_wrong_framing_ends_an_answer_at_once(transport: Transport, more: bytes) -> None:
    async with raw_service(CHUNKED + b"2\r\nok\r\n", more, WAIT) as service, asyncio.timeout(5):
        with pytest.raises(BrokenAnswer):
            await asked(transport, endpoint(service.origin))
        await service.lines[0].closed.wait()


@pytest.mark.parametrize("more", FRAMING.values(), ids=FRAMING)
async def test_framing_that_breaks_while_nobody_reads_is_an_error_of_the_next_read(
    transport: Transport, more: bytes
) -> None:
    async with raw_service(CHUNKED + b"2\r\nok\r\n", WAIT) as service, asyncio.timeout(5):
        reading, draining = (transport.exchange(endpoint(service.origin)) for _ in range(2))
        for exchange in (reading, draining):
            await exchange.open(b"{}")
            assert await exchange.read() == b"ok"
        for line in service.lines:
            line.writer.write(more)
            await line.closed.wait()
        with pytest.raises(BrokenAnswer):
            await rest(reading)
        await reading.close()
        await draining.close(drain=1)


async def test_what_came_before_an_error_is_read_first(transport: Transport) -> None:
    async with raw_service(CHUNKED + b"2\r\nok\r\n", CLOSE) as service:
        exchange = transport.exchange(endpoint(service.origin))
        await exchange.open(b"{}")
        assert await exchange.read() == b"ok"
        with pytest.raises(BrokenAnswer):
            await exchange.read()
        await exchange.close()


async def test_chunks_that_arrive_together_are_read_together(transport: Transport) -> None:
    async with raw_service(CHUNKED + b"2\r\nok\r\n" * 9 + b"0\r\n\r\n") as service:
        exchange = transport.exchange(endpoint(service.origin))
        await exchange.open(b"{}")
        assert await exchange.read() == b"ok" * 9
        assert await exchange.read() == b""
        assert await exchange.read() == b""
        await exchange.close()


async def test_a_body_in_very_many_pieces_is_whole(transport: Transport) -> None:
    data = b"".join(b"1\r\n%c\r\n" % (97 + number % 26) for number in range(60_000))
    expected = bytes(97 + number % 26 for number in range(60_000))
    async with raw_service(CHUNKED + data + b"0\r\n\r\n") as service:
        assert (await asked(transport, endpoint(service.origin)))[1] == expected


async def test_a_service_waits_for_a_slow_reader(transport: Transport) -> None:
    piece = b"x" * 2**16
    written = 0

    async def pour(line: Line, _: bytes) -> bool:
        nonlocal written
        await line.send(EVENTS + b"Content-Length: %d\r\n\r\n" % (2**16 * 400))
        for _ in range(400):
            await line.send(piece)
            written += 1
        return True

    async with raw_service(script=pour) as service:
        exchange = transport.exchange(endpoint(service.origin))
        await exchange.open(b"{}")
        before = -1
        while before < written:
            before = written
            await asyncio.sleep(0.1)
        assert written < 300
        assert len(await rest(exchange)) == 2**16 * 400
        await exchange.close()
        assert (await asked(transport, endpoint(service.origin)))[0] == 200
        assert len(service.lines) == 1


# How a request ends before its answer does


async def test_leaving_in_mid_answer_closes_the_connection_at_once(transport: Transport) -> None:
    async with raw_service(CHUNKED + b"2\r\nok\r\n", WAIT) as service:
        exchange = transport.exchange(endpoint(service.origin))
        await exchange.open(b"{}")
        assert await exchange.read() == b"ok"
        await exchange.close()
        await exchange.close()
        await asyncio.wait_for(service.lines[0].closed.wait(), 5)


@pytest.mark.parametrize("steps", [[WAIT], [CHUNKED, WAIT]], ids=["head", "body"])
async def test_whoever_is_cancelled_closes_the_connection(
    transport: Transport, steps: list[object]
) -> None:
    async with raw_service(*steps) as service:
        task = asyncio.create_task(asked(transport, endpoint(service.origin)))
        await service.asked.wait()
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(service.lines[0].closed.wait(), 5)


class Impatient(Exception):
    """What somebody who waits too long is told."""


@pytest.mark.parametrize("steps", [[WAIT], [CHUNKED, WAIT]], ids=["head", "body"])
async def test_an_exchange_can_be_failed_where_it_waits(
    transport: Transport, steps: list[object]
) -> None:
    async with raw_service(*steps) as service:
        exchange = transport.exchange(endpoint(service.origin))
        loop = asyncio.get_running_loop()
        loop.call_later(0.05, exchange.fail, Impatient("first"))
        loop.call_later(0.05, exchange.fail, Impatient("second"))
        task = asyncio.current_task()
        with pytest.raises(Impatient, match="first"):
            await opened(exchange)
        assert task is not None
        assert task.cancelling() == 0
        with pytest.raises(Impatient, match="first"):
            await exchange.read()
        await exchange.close()
        await asyncio.wait_for(service.lines[0].closed.wait(), 5)


async def test_an_exchange_can_be_failed_between_two_reads(transport: Transport) -> None:
    async with raw_service(CHUNKED + b"2\r\nok\r\n", WAIT) as service:
        exchange = transport.exchange(endpoint(service.origin))
        await exchange.open(b"{}")
        assert await exchange.read() == b"ok"
        exchange.fail(Impatient("now"))
        with pytest.raises(Impatient):
            await exchange.read()
        await exchange.close(drain=5)
        await asyncio.wait_for(service.lines[0].closed.wait(), 5)


async def test_failing_is_too_late_when_the_answer_is_complete(transport: Transport) -> None:
    async with raw_service(TWO) as service:
        exchange = transport.exchange(endpoint(service.origin))
        await exchange.open(b"{}")
        assert await rest(exchange) == b"ok"
        await exchange.close()
        exchange.fail(Impatient("late"))
        await asked(transport, endpoint(service.origin))
        assert len(service.lines) == 1


async def test_a_request_may_be_refused_before_it_is_whole(transport: Transport) -> None:
    refusal = b"HTTP/1.1 413 Large\r\nContent-Length: 5\r\n\r\nlarge"
    async with raw_service(refusal, WAIT, reads_bodies=False) as service:
        exchange = transport.exchange(endpoint(service.origin))
        await exchange.open(Parts(*[b"x" * 2**18] * 400))
        assert (exchange.status, await rest(exchange)) == (413, b"large")
        await exchange.close()
        await asyncio.wait_for(service.lines[0].closed.wait(), 5)


async def test_a_service_that_takes_no_more_of_a_request_does_not_hold_it(
    transport: Transport,
) -> None:
    async with raw_service(RESET, reads_bodies=False) as service:
        exchange = transport.exchange(endpoint(service.origin))
        with pytest.raises(BrokenAnswer):
            await exchange.open(Parts(*[b"x" * 2**18] * 400))
        await exchange.close()


# Connecting


async def test_nobody_at_the_address_is_no_connection(transport: Transport) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        to = endpoint(f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(NotConnected) as caught:
            await asked(transport, to)
        assert isinstance(caught.value.__cause__, OSError)


@pytest.mark.parametrize("host", ["nobody.invalid", "a" * 64 + ".invalid"])
async def test_a_name_that_is_none_is_no_connection(transport: Transport, host: str) -> None:
    with pytest.raises(NotConnected):
        await asked(transport, endpoint(f"http://{host}"))


@asynccontextmanager
async def full() -> AsyncIterator[str]:
    """Run a service that takes no connection, and give its origin."""
    with socket.socket() as listener, contextlib.ExitStack() as waiting:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            caller = waiting.enter_context(socket.socket())
            caller.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                caller.connect(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


async def test_a_connection_that_takes_too_long_is_none(transport: Transport) -> None:
    async with full() as origin:
        with pytest.raises(NotConnected):
            await asked(transport, endpoint(origin, connect_timeout=0.05))


async def test_an_exchange_can_be_failed_while_it_connects(transport: Transport) -> None:
    async with full() as origin:
        exchange = transport.exchange(endpoint(origin))
        loop = asyncio.get_running_loop()

        def fail_twice() -> None:
            exchange.fail(Impatient("first"))
            loop.call_soon(exchange.fail, Impatient("second"))

        loop.call_later(0.05, fail_twice)
        with pytest.raises(Impatient, match="first"):
            await exchange.open(b"{}")
        await exchange.close()


async def test_whoever_is_cancelled_while_connecting_stays_cancelled(transport: Transport) -> None:
    async with full() as origin:
        exchange = transport.exchange(endpoint(origin))
        opening = asyncio.create_task(exchange.open(b"{}"))
        await asyncio.sleep(0.05)
        exchange.fail(Impatient("first"))
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        await exchange.close()


# The connection after the answer


async def test_connections_are_used_again(transport: Transport) -> None:
    async with raw_service(STREAM) as service:
        for _ in range(5):
            await asked(transport, endpoint(service.origin))
        to = endpoint(service.origin, "/models", "GET", {})
        await asked(transport, to)
        assert [len(line.requests) for line in service.lines] == [6]


async def test_each_open_answer_has_a_connection_of_its_own(transport: Transport) -> None:
    async with raw_service(CHUNKED + b"2\r\nok\r\n", WAIT) as service:
        exchanges = [transport.exchange(endpoint(service.origin)) for _ in range(150)]
        await asyncio.gather(*(exchange.open(b"{}") for exchange in exchanges))
        assert {await exchange.read() for exchange in exchanges} == {b"ok"}
        assert len(service.lines) == 150
        for exchange in exchanges:
            await exchange.close()


async def test_the_end_of_a_body_that_nobody_reads_is_waited_for(transport: Transport) -> None:
    async def answer(line: Line, _: bytes) -> bool:
        await line.send(CHUNKED + b"2\r\nok\r\n")
        await asyncio.sleep(0.05)
        await line.send(b"2\r\nok\r\n")
        await asyncio.sleep(0.05)
        await line.send(b"0\r\n\r\n")
        return True

    async with raw_service(script=answer) as service:
        for _ in range(3):
            exchange = transport.exchange(endpoint(service.origin))
            await exchange.open(b"{}")
            assert await exchange.read() == b"ok"
            await exchange.close(drain=5)
            await asyncio.sleep(0.2)
        assert [len(line.requests) for line in service.lines] == [3]


async def test_the_end_of_a_body_is_not_waited_for_for_ever(transport: Transport) -> None:
    async with raw_service(CHUNKED + b"2\r\nok\r\n", WAIT) as service:
        exchange = transport.exchange(endpoint(service.origin))
        await exchange.open(b"{}")
        assert await exchange.read() == b"ok"
        await exchange.close(drain=0.05)
        await asyncio.wait_for(service.lines[0].closed.wait(), 5)


async def test_a_body_that_breaks_while_nobody_reads_is_no_error(transport: Transport) -> None:
    was_read = asyncio.Event()

    async def answer(line: Line, _: bytes) -> None:
        await line.send(CHUNKED + b"2\r\nok\r\n")
        await was_read.wait()
        await line.send(b"ZZZ\r\n")
        await line.left()

    async with raw_service(script=answer) as service:
        exchange = transport.exchange(endpoint(service.origin))
        await exchange.open(b"{}")
        assert await exchange.read() == b"ok"
        was_read.set()
        await exchange.close(drain=5)
        await asyncio.wait_for(service.lines[0].closed.wait(), 5)


async def test_a_large_rest_of_a_body_is_thrown_away(transport: Transport) -> None:
    size = 2**24

    async def answer(line: Line, _: bytes) -> bool:
        await line.send(EVENTS + b"Content-Length: %d\r\n\r\n" % size, b"x" * size)
        return True

    async with raw_service(script=answer) as service:
        for _ in range(2):
            exchange = transport.exchange(endpoint(service.origin))
            await exchange.open(b"{}")
            await asyncio.sleep(0.1)  # until the service has to wait
            await exchange.close(drain=5)
            await asyncio.sleep(0.2)
        assert [len(line.requests) for line in service.lines] == [2]


async def test_what_had_arrived_is_read_after_a_failure(transport: Transport) -> None:
    async with raw_service(EVENTS + b"\r\n" + b"x" * 2**20, WAIT) as service:
        exchange = transport.exchange(endpoint(service.origin))
        await exchange.open(b"{}")
        await asyncio.sleep(0.1)
        exchange.fail(Impatient("now"))
        with pytest.raises(Impatient):
            await rest(exchange)
        await exchange.close()
