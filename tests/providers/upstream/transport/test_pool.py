"""Connections between requests: which are used again, which never, and for how long."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from yarl import URL

from gateway.providers.upstream.transport import (
    BrokenAnswer,
    Endpoint,
    Exchange,
    NotConnected,
    OwnTransport,
)
from gateway.providers.upstream.transport import connection as connections
from gateway.providers.upstream.transport.pool import Pool, idle_seconds
from raw_service import CLOSE, WAIT, Line, RawService, raw_service

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
TWO = OK + b"Content-Length: 2\r\n\r\nok"


@pytest.fixture
async def transport() -> AsyncIterator[OwnTransport]:
    transport = OwnTransport()
    yield transport
    await transport.aclose()


def endpoint(service: RawService, method: str = "POST") -> Endpoint:
    return Endpoint(method, URL(service.origin + "/chat"), {})


async def asked(transport: OwnTransport, to: Endpoint, body: bytes = b"") -> bytes:
    exchange = transport.exchange(to)
    await exchange.open(body)
    try:
        return b"".join([piece async for piece in pieces(exchange)])
    finally:
        await exchange.close()


async def pieces(exchange: Exchange) -> AsyncIterator[bytes]:
    while piece := await exchange.read():
        yield piece


KEEP_ALIVE = {
    "": 15,
    "timeout=5": 4,
    "timeout=5, max=100": 4,
    "max=100, Timeout = 5": 4,
    "timeout=1": 0,
    "timeout=0": 0,
    "timeout=600": 15,
    "timeout=soon": 15,
    "timeout=-5": 15,
    "max=5": 15,
    "timeout=\u0665": 15,
}


@pytest.mark.parametrize("said", KEEP_ALIVE)
def test_a_connection_is_kept_no_longer_than_the_service_keeps_it(said: str) -> None:
    headers = {"Keep-Alive": said} if said else {}
    assert idle_seconds(headers) == KEEP_ALIVE[said]


async def test_an_idle_connection_is_closed_in_time(transport: OwnTransport) -> None:
    transport.pool = Pool(idle=0.05)
    async with raw_service(TWO) as service, asyncio.timeout(5):
        await asked(transport, endpoint(service))
        await service.lines[0].closed.wait()
        await asked(transport, endpoint(service))
        assert len(service.lines) == 2


async def test_a_service_may_say_that_it_keeps_nothing(transport: OwnTransport) -> None:
    async with raw_service(OK + b"Keep-Alive: timeout=1\r\nContent-Length: 0\r\n\r\n") as service:
        for _ in range(2):
            await asked(transport, endpoint(service))
        assert len(service.lines) == 2


async def test_the_connection_used_last_is_used_first(transport: OwnTransport) -> None:
    async with raw_service(CHUNKED + b"0\r\n\r\n") as service:
        exchanges = [transport.exchange(endpoint(service)) for _ in range(3)]
        for exchange in exchanges:
            await exchange.open()
        for exchange in exchanges:
            assert await exchange.read() == b""
        for _ in range(3):
            await asked(transport, endpoint(service))
        assert [len(line.requests) for line in service.lines] == [1, 1, 4]


async def test_origins_share_no_connections(transport: OwnTransport) -> None:
    async with raw_service(TWO) as one, raw_service(TWO) as other:
        for service in (one, other, one, other):
            await asked(transport, endpoint(service))
        assert (len(one.lines), len(other.lines)) == (1, 1)


async def test_a_connection_that_is_closed_at_once_was_none_or_is_broken(
    transport: OwnTransport,
) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        to = Endpoint("POST", URL(f"http://127.0.0.1:{port}/"), {})
        for _ in range(100):
            with pytest.raises((BrokenAnswer, NotConnected)):
                await asked(transport, to)


async def test_a_connection_that_closes_before_its_first_request_was_none(
    transport: OwnTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = transport.connector.connect

    async def connect_and_lose(origin: Any, connection: Any) -> None:
        await connect(origin, connection)
        connection.abort()

    monkeypatch.setattr(transport.connector, "connect", connect_and_lose)
    async with raw_service(TWO) as service:
        with pytest.raises(NotConnected, match="closed before the request"):
            await asked(transport, endpoint(service))
        assert service.requests == []


async def test_a_connection_that_opens_after_all_is_closed(
    transport: OwnTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = transport.connector.connect

    async def connect_and_fail(origin: Any, connection: Any) -> None:
        await connect(origin, connection)
        raise TimeoutError

    monkeypatch.setattr(transport.connector, "connect", connect_and_fail)
    async with raw_service(TWO) as service:
        with pytest.raises(NotConnected, match="too long"):
            await asked(transport, endpoint(service))
        while not service.lines:
            await asyncio.sleep(0)
        await asyncio.wait_for(service.lines[0].closed.wait(), 5)


async def test_a_connection_that_has_ended_is_not_used_again(transport: OwnTransport) -> None:
    async with raw_service(TWO, CLOSE) as service:
        for _ in range(3):
            assert await asked(transport, endpoint(service)) == b"ok"
            await asyncio.wait_for(service.lines[-1].closed.wait(), 5)
        assert len(service.lines) == 3


async def test_an_answer_before_its_request_is_whole_is_the_last_one(
    transport: OwnTransport,
) -> None:
    """The rest of the request would be read as the next one."""
    async with raw_service(TWO, WAIT, reads_bodies=False) as service:
        body = [b"x" * 2**20] * 64
        exchange = transport.exchange(endpoint(service))
        await exchange.open(_Parts(body))
        assert await exchange.read() == b"ok"
        await asyncio.wait_for(service.lines[0].closed.wait(), 5)


class _Parts(list[bytes]):
    def __len__(self) -> int:
        return sum(map(len, self))


# Requests on connections that are closed at that moment


async def closing(line: Line, _: bytes) -> bool:
    """Answer, and close as soon as the next request has come."""
    await line.send(TWO)
    await line.reader.read(1)
    return False


async def test_a_post_is_never_written_twice(transport: OwnTransport) -> None:
    async with raw_service(script=closing) as service:
        assert await asked(transport, endpoint(service)) == b"ok"
        with pytest.raises(BrokenAnswer, match="closed before the end"):
            await asked(transport, endpoint(service))
        assert len(service.lines) == 1


async def test_a_get_is_written_again_once_on_a_new_connection(transport: OwnTransport) -> None:
    async with raw_service(script=closing) as service:
        for _ in range(3):
            assert await asked(transport, endpoint(service, "GET")) == b"ok"
        assert len(service.lines) == 3


async def test_a_get_is_not_written_a_third_time(transport: OwnTransport) -> None:
    answers = iter([TWO])

    async def once(line: Line, _: bytes) -> bool:
        for answer in answers:
            await line.send(answer)
            await line.reader.read(1)
        return False

    async with raw_service(script=once) as service:
        assert await asked(transport, endpoint(service, "GET")) == b"ok"
        with pytest.raises(BrokenAnswer):
            await asked(transport, endpoint(service, "GET"))
        assert [len(line.requests) for line in service.lines] == [1, 1]


async def test_a_get_on_a_new_connection_is_written_once(transport: OwnTransport) -> None:
    async with raw_service(CLOSE) as service:
        with pytest.raises(BrokenAnswer):
            await asked(transport, endpoint(service, "GET"))
        assert len(service.lines) == 1


async def test_a_get_whose_answer_has_begun_is_not_written_again(transport: OwnTransport) -> None:
    answers = iter([TWO])

    async def half(line: Line, _: bytes) -> bool:
        await line.send(next(answers, b"HTTP/1.1 2"))
        return len(line.requests) == 1

    async with raw_service(script=half) as service:
        assert await asked(transport, endpoint(service, "GET")) == b"ok"
        with pytest.raises(BrokenAnswer):
            await asked(transport, endpoint(service, "GET"))
        assert [len(line.requests) for line in service.lines] == [2]


async def test_a_get_that_was_given_up_is_not_written_again(transport: OwnTransport) -> None:
    answers = iter([TWO])

    async def once(line: Line, _: bytes) -> bool:
        for answer in answers:
            await line.send(answer)
            return True
        await line.left()
        return False

    async with raw_service(script=once) as service:
        await asked(transport, endpoint(service, "GET"))
        exchange = transport.exchange(endpoint(service, "GET"))
        asyncio.get_running_loop().call_later(0.05, exchange.fail, BrokenAnswer("given up"))
        with pytest.raises(BrokenAnswer, match="given up"):
            await exchange.open()
        assert len(service.lines) == 1


COUNT = int(os.environ.get("GATEWAY_TEST_REQUESTS", "1000"))
"""How many requests meet connections that close; 10,000 show more, and take a while."""


@pytest.mark.timeout(COUNT)
async def test_nothing_is_lost_or_doubled_when_idle_connections_close_at_random(
    transport: OwnTransport,
) -> None:
    """Only a request that was written, and to which no byte of an answer came, may fail."""
    chance = random.Random(7)
    answered: Counter[bytes] = Counter()
    closed: list[bytes] = []

    async def answer(line: Line, request: bytes) -> bool:
        while True:
            number = request.rpartition(b"\r\n\r\n")[2]
            await line.send(OK + b"Content-Length: %d\r\n\r\n%b" % (len(number), number))
            answered[number] += 1
            try:
                async with asyncio.timeout(chance.random() * 0.1):
                    request = await line.request(with_body=True)
            except TimeoutError:
                closed.append(number)
                return False

    failed = set()

    async def ask(number: bytes) -> None:
        await asyncio.sleep(chance.random() * 0.04)
        try:
            assert await asked(transport, endpoint(service), number) == number
        except BrokenAnswer:
            failed.add(number)

    async def work(numbers: list[bytes]) -> None:
        for number in numbers:
            await ask(number)

    async with raw_service(script=answer) as service:
        numbers = [b"%d" % number for number in range(COUNT)]
        await asyncio.gather(*(work(numbers[start::20]) for start in range(20)))
    assert set(answered) | failed == set(numbers)
    assert set(answered) & failed == set()
    assert set(answered.values()) == {1}
    assert len(failed) <= len(closed)  # each one on a connection that was being closed
    assert 20 < len(service.lines) < COUNT * 0.9


# The end


async def test_closing_closes_what_is_idle_and_what_is_open(transport: OwnTransport) -> None:
    async with raw_service(CHUNKED + b"2\r\nok\r\n", WAIT) as open_one, raw_service(TWO) as idle:
        await asked(transport, endpoint(idle))
        exchange = transport.exchange(endpoint(open_one))
        await exchange.open()
        await transport.aclose()
        await asyncio.wait_for(idle.lines[0].closed.wait(), 5)
        await asyncio.wait_for(open_one.lines[0].closed.wait(), 5)
        assert await exchange.read() == b"ok"
        with pytest.raises(BrokenAnswer):
            await exchange.read()
        await transport.aclose()


async def test_whoever_leaves_the_moment_a_connection_opens_keeps_nobody_from_closing(
    transport: OwnTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = transport.pool.opened
    leaving: list[asyncio.Task[bytes]] = []

    def open_and_leave(connection: connections.Connection) -> None:
        opened(connection)
        leaving[0].cancel()

    monkeypatch.setattr(transport.pool, "opened", open_and_leave)
    async with raw_service(TWO) as service, asyncio.timeout(5):
        leaving.append(asyncio.create_task(asked(transport, endpoint(service))))
        with pytest.raises(asyncio.CancelledError):
            await leaving[0]
        await transport.aclose()
        assert service.requests == []


async def test_nothing_is_sent_after_closing(transport: OwnTransport) -> None:
    await transport.aclose()
    async with raw_service(TWO) as service:
        with pytest.raises(NotConnected):
            await asked(transport, endpoint(service))
        assert service.requests == []
