"""The protocol in front of aiohttp's server, with a recorder in the server's place."""

from __future__ import annotations

import asyncio
from unittest.mock import Mock

import pytest

from gateway.cli.front.head import HeadReader
from gateway.cli.front.protocol import Front
from gateway.core.errors import InvalidRequest

GET = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
POST = b"POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
)
TWICE = b"GET /d HTTP/1.1\r\nHost: h\r\nETag: a\r\nETag: a\r\n\r\n"
ONCE = b"GET /d HTTP/1.1\r\nHost: h\r\nETag: a\r\n\r\n"
LAST = b"POST /e HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi"
BAD = b"GET /f HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n"


class Behind(asyncio.Protocol):
    """Keep what is passed on."""

    def __init__(self) -> None:
        self.data = b""
        self.calls: list[object] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.calls.append(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.calls.append(exc)

    def data_received(self, data: bytes) -> None:
        self.data += data

    def eof_received(self) -> bool:
        self.calls.append("eof")
        return True

    def pause_writing(self) -> None:
        self.calls.append("pause")

    def resume_writing(self) -> None:
        self.calls.append("resume")


def refusal(head: HeadReader, error: InvalidRequest) -> bytes:
    return f"<{head.method} {head.target} {error.status}>".encode()


@pytest.fixture
def behind() -> Behind:
    return Behind()


@pytest.fixture
def transport() -> Mock:
    return Mock(asyncio.Transport)


@pytest.fixture
def front(behind: Behind, transport: Mock) -> Front:
    front = Front(behind, refusal)
    front.connection_made(transport)
    return front


def test_all_but_the_data_is_passed_on(front: Front, behind: Behind, transport: Mock) -> None:
    front.pause_writing()
    front.resume_writing()
    assert front.eof_received() is True
    error = ConnectionResetError()
    front.connection_lost(error)

    assert behind.calls == [transport, "pause", "resume", "eof", error]


def test_requests_in_a_row_are_passed_on_wherever_they_are_cut() -> None:
    sent = GET + POST + TWICE + CHUNKED + POST + CHUNKED + GET
    expected = sent.replace(TWICE, ONCE)
    for size in (*range(1, 70), len(sent)):
        behind = Behind()
        front = Front(behind, refusal)
        for at in range(0, len(sent), size):
            front.data_received(sent[at : at + size])
        assert behind.data == expected


@pytest.mark.parametrize("size", [1, 10, 1000])
def test_nothing_behind_the_last_request_is_looked_at(
    front: Front, behind: Behind, size: int
) -> None:
    sent = GET + LAST + GET + BAD
    for at in range(0, len(sent), size):
        front.data_received(sent[at : at + size])

    assert behind.data == GET + LAST


@pytest.mark.parametrize("size", [1, 10, 1000])
def test_a_refused_request_is_replaced_and_the_last(
    front: Front, behind: Behind, size: int
) -> None:
    sent = POST + BAD + GET
    for at in range(0, len(sent), size):
        front.data_received(sent[at : at + size])

    assert behind.data == POST + b"<GET /f 400>"


def test_a_body_is_passed_on_as_it_comes(front: Front, behind: Behind) -> None:
    front.data_received(POST[:-5])
    assert behind.data == POST[:-5]
    front.data_received(b"hel")
    assert behind.data.endswith(b"\r\n\r\nhel")
    front.data_received(b"lo" + GET)
    assert behind.data == POST + GET


def test_chunks_that_break_the_rules_with_the_head_are_refused(
    front: Front, behind: Behind
) -> None:
    front.data_received(CHUNKED.replace(b"5\r\n", b"x\r\n"))

    assert behind.data == b"<POST /c 400>"


def test_chunks_that_break_the_rules_later_close_the_connection(
    front: Front, behind: Behind, transport: Mock
) -> None:
    begin = CHUNKED[: CHUNKED.index(b"0\r\n")]
    front.data_received(begin)
    front.data_received(b"x\r\n" + GET)
    front.data_received(GET)

    assert behind.data == begin
    transport.close.assert_called_once_with()
