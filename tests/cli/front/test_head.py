from __future__ import annotations

import asyncio
from collections import deque

import pytest
from aiohttp import hdrs
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpRequestParser, RawRequestMessage
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.front.head import LARGEST_HEAD, MOST_FIELDS, Head, HeadReader
from gateway.core.errors import InvalidRequest

HOST = b"Host: localhost\r\n"
PLAIN = b"GET /api/tags HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n"
# What Java's HTTP client sends for a program that sets the content type in two places.
JAVA = (
    b"POST /api/show HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nContent-Length: 9\r\n"
    b"Host: localhost:11434\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n"
    b"Upgrade: h2c\r\nUser-Agent: Java-http-client/21.0.8\r\nAccept: application/json\r\n"
    b"Content-Type: application/json\r\nContent-type: application/json\r\n\r\n"
)


def read(data: bytes) -> tuple[Head, bytes]:
    found = HeadReader().feed(data)
    assert found is not None
    return found


def refused(data: bytes) -> tuple[int, str]:
    with pytest.raises(InvalidRequest) as raised:
        HeadReader().feed(data)
    return raised.value.status, raised.value.message


def aiohttp_reads(data: bytes) -> RawRequestMessage:
    """Return what aiohttp's own parser makes of *data*, with the limits of our server."""
    loop = asyncio.new_event_loop()
    try:
        parser = HttpRequestParser(
            BaseProtocol(loop),
            loop,
            2**16,
            max_line_size=LARGEST_HEAD,
            max_field_size=LARGEST_HEAD,
            max_headers=MOST_FIELDS,
        )
        (found,), _, _ = parser.feed_data(data)
    finally:
        loop.close()
    message, _ = found
    return message


@pytest.mark.parametrize("head", [PLAIN, PLAIN.replace(b"localhost", b"", 1)])
def test_a_plain_head_is_passed_on_as_it_is(head: bytes) -> None:
    assert read(head + b"rest") == (Head(head, 0, is_chunked=False, is_last=False), b"rest")


@pytest.mark.parametrize(
    "name",
    [
        "Content-Type",
        "User-Agent",
        "ETag",
        "Max-Forwards",
        "Server",
        "Content-Range",
        "Content-Location",
    ],
)
@pytest.mark.parametrize("change", [str, str.lower, str.upper])
def test_of_a_repeated_field_the_first_counts(name: str, change: type[str]) -> None:
    again = change(name)
    head, _ = read(f"GET / HTTP/1.1\r\nHost: h\r\n{name}: a\r\n{again}: b\r\n\r\n".encode())

    assert head.lines == f"GET / HTTP/1.1\r\nHost: h\r\n{name}: a\r\n\r\n".encode()


FRAMING = {hdrs.HOST, hdrs.CONTENT_LENGTH, hdrs.TRANSFER_ENCODING, hdrs.EXPECT, hdrs.UPGRADE}
NAMES = sorted(
    {value for name, value in vars(hdrs).items() if name.isupper() and isinstance(value, str)}
    - {*hdrs.METH_ALL, hdrs.METH_ANY}
    - FRAMING
)


@pytest.mark.parametrize("name", NAMES)
def test_aiohttp_takes_any_other_field_twice(name: str) -> None:
    head, _ = read(f"GET / HTTP/1.1\r\nHost: h\r\n{name}: close\r\n{name}: b\r\n\r\n".encode())

    message = aiohttp_reads(head.lines)

    if name != hdrs.SEC_WEBSOCKET_KEY1:
        assert message.headers[name] == "close"


def test_a_head_of_javas_client_is_taken() -> None:
    head, rest = read(JAVA + b'{"model"')

    assert (head.length, head.is_last, rest) == (9, False, b'{"model"')
    assert head.lines.lower().count(b"content-type") == 1


@pytest.mark.parametrize("head", [JAVA, PLAIN, b"\r\n" + PLAIN, PLAIN.replace(b"GET", b"FOO")])
def test_a_head_may_be_cut_anywhere(head: bytes) -> None:
    whole, _ = read(head)

    for cut in range(1, len(head)):
        reader = HeadReader()
        assert reader.feed(head[:cut]) is None
        assert reader.feed(head[cut:] + b"rest") == (whole, b"rest")
    drop = HeadReader()
    assert [drop.feed(head[at : at + 1]) for at in range(len(head))][-1] == (whole, b"")


@pytest.mark.parametrize("method", [b"FOO", b"get", b"PROPFIND", b"CONNECT", b"M-SEARCH"])
def test_another_method_becomes_one_that_no_route_has(method: bytes) -> None:
    head, _ = read(method + b" /api/chat HTTP/1.1\r\n" + HOST + b"\r\n")

    assert head.lines.startswith(b"SOURCE /api/chat HTTP/1.1\r\n")
    assert aiohttp_reads(head.lines)


def test_a_path_beyond_ascii_is_escaped() -> None:
    head, _ = read("GET /v1/models/ä HTTP/1.1\r\nHost: h\r\n\r\n".encode())

    assert head.lines == b"GET /v1/models/%C3%A4 HTTP/1.1\r\nHost: h\r\n\r\n"


def test_a_field_of_a_draft_is_left_out() -> None:
    head, _ = read(b"GET / HTTP/1.1\r\nSec-WebSocket-Key1: a\r\n" + HOST + b"\r\n")

    assert head.lines == b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"Content-Length: 5\r\n", (5, False, False)),
        (b"content-length:005 \r\n", (5, False, False)),
        (b"Transfer-Encoding: Chunked\r\n", (0, True, False)),
        (b"Connection: close\r\n", (0, False, True)),
        (b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n", (0, False, False)),
        (b"Expect: 100-Continue\r\nContent-Length: 1\r\n", (1, False, False)),
    ],
)
def test_the_framing_of_the_body_is_read(sent: bytes, expected: tuple[int, bool, bool]) -> None:
    head, _ = read(b"POST / HTTP/1.1\r\n" + HOST + sent + b"\r\n")

    assert (head.length, head.is_chunked, head.is_last) == expected


@pytest.mark.parametrize(
    ("head", "is_last"),
    [
        (b"GET / HTTP/1.0\r\n\r\n", True),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", False),
    ],
)
def test_a_head_of_the_first_version_needs_no_host(head: bytes, is_last: bool) -> None:
    assert read(head)[0] == Head(head, 0, is_chunked=False, is_last=is_last)


MALFORMED = (400, "malformed HTTP request")
CODING = (501, "unsupported transfer encoding")
REFUSED = [
    (b"\x16\x03\x01\x02\x00", MALFORMED),
    (b"hello\r\n", MALFORMED),
    (b"M" * 65, MALFORMED),
    (b"GET /\r\n\r\n", MALFORMED),
    (b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n", MALFORMED),
    (b"GET / HTTP/1.1\n" + HOST + b"\r\n", MALFORMED),
    (b"GET / HTTP/1.1\r\nHost: h\n\r\n", MALFORMED),
    (b"GET / HTTP/1.1\r\nHost: h\n\n", MALFORMED),
    (b"GET / HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n", MALFORMED),
    (b"GET / HTTP/1.1\r\nHost : h\r\n\r\n", MALFORMED),
    (b"GET / HTTP/1.1\r\n Host: h\r\n\r\n", MALFORMED),
    (b"GET / HTTP/1.1\r\nHost: h\r\nA b: c\r\n\r\n", MALFORMED),
    (b"GET / HTTP/1.1\r\nHost: h\r\nA: \x00\r\n\r\n", MALFORMED),
    (b"GET / HTTP/1.1\r\nHost: h\r\nA: b\rc\r\n\r\n", MALFORMED),
    (b"GET / HTTP/1.1\r\nHost: h\r\nnothing\r\n\r\n", MALFORMED),
    (b"GET * HTTP/1.1\r\n" + HOST + b"\r\n", MALFORMED),
    (b"GET api HTTP/1.1\r\n" + HOST + b"\r\n", MALFORMED),
    (b"GET http://[::1/ HTTP/1.1\r\n" + HOST + b"\r\n", MALFORMED),
    (b"GET http:/// HTTP/1.1\r\n" + HOST + b"\r\n", MALFORMED),
    (b"CONNECT example.com:443 HTTP/1.1\r\n" + HOST + b"\r\n", MALFORMED),
    (b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", (505, "unsupported protocol version")),
    (b"GET / HTTP/1.1\r\n\r\n", (400, "missing required Host header")),
    (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", (400, "too many Host headers")),
    (b"GET / HTTP/1.0\r\nHost: a\r\nhost: a\r\n\r\n", (400, "too many Host headers")),
    (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", MALFORMED),
    (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\n", MALFORMED),
    (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\n", MALFORMED),
    (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: \r\n\r\n", MALFORMED),
    (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n", MALFORMED),
    (
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        MALFORMED,
    ),
    (
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
        MALFORMED,
    ),
    (
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding:\r\n\r\n",
        MALFORMED,
    ),
    (b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", CODING),
    (b"POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", CODING),
    (b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\n\r\n", MALFORMED),
    (b"POST / HTTP/1.1\r\nHost: h\r\nExpect: tea\r\n\r\n", (417, "unsupported expectation")),
]


@pytest.mark.parametrize(("head", "expected"), REFUSED)
def test_a_head_that_is_in_doubt_is_refused(head: bytes, expected: tuple[int, str]) -> None:
    assert refused(head) == expected


@pytest.mark.parametrize(("head", "expected"), REFUSED)
def test_it_is_refused_however_it_is_cut(head: bytes, expected: tuple[int, str]) -> None:
    reader = HeadReader()
    with pytest.raises(InvalidRequest) as raised:
        deque(reader.feed(head[at : at + 1]) for at in range(len(head)))

    assert (raised.value.status, raised.value.message) == expected


def test_values_of_64_kib_and_256_fields_are_taken() -> None:
    fields = b"".join(b"X-%d: %b\r\n" % (number, b"v" * 3000) for number in range(MOST_FIELDS - 2))
    sent = b"GET /?q=%b HTTP/1.1\r\n%bCookie: %b\r\n%b\r\n" % (
        b"q" * 65536,
        HOST,
        b"c" * 65536,
        fields,
    )

    head, _ = read(sent)

    assert head.lines == sent
    message = aiohttp_reads(head.lines)
    assert len(message.headers["Cookie"]) == 65536


TOO_LARGE = (431, "request header fields too large")


@pytest.mark.parametrize(
    "fields",
    [b"A: b\r\n" * (MOST_FIELDS + 1), b"A: %b\r\n" % (b"b" * LARGEST_HEAD), b"A: b\r\n" * 200_000],
)
def test_more_is_refused_with_the_path_but_not_before_its_end(fields: bytes) -> None:
    sent = b"GET /v1/models HTTP/1.1\r\n" + fields + b"\r\n"
    assert refused(sent) == TOO_LARGE

    reader = HeadReader()
    for at in range(0, len(sent) - 1, 50_000):
        assert reader.feed(sent[at : min(at + 50_000, len(sent) - 1)]) is None
    with pytest.raises(InvalidRequest):
        reader.feed(sent[-1:])
    assert (reader.method, reader.target) == ("GET", "/v1/models")


def test_a_head_without_end_is_refused_at_last() -> None:
    reader = HeadReader()
    reader.feed(b"GET / HTTP/1.1\r\nA: ")
    with pytest.raises(InvalidRequest):
        deque(reader.feed(b"b" * 2**20) for _ in range(18))


TOKEN = st.text("abcXYZ-_019", min_size=1, max_size=8)
FIELD = st.tuples(
    TOKEN | st.sampled_from(["Content-Type", "content-type", "User-Agent", "ETag", "Cookie"]),
    st.text('ab \t,;=:\xe4"', max_size=8),
)


@given(
    st.sampled_from(["GET", "POST", "OPTIONS", "FOO", "Get"]),
    st.text("/abc%?=&.~", max_size=10),
    st.lists(FIELD, max_size=12),
    st.sampled_from(["", "Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n"]),
)
def test_random_heads_reach_aiohttp_with_the_first_of_equal_fields(
    method: str, path: str, fields: list[tuple[str, str]], framing: str
) -> None:
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
    sent = f"{method} /{path} HTTP/1.1\r\nHost: h\r\n{framing}{lines}\r\n".encode("latin-1")

    head, _ = read(sent)
    message = aiohttp_reads(head.lines)

    first: dict[str, str] = {}
    for name, value in fields:
        first.setdefault(name.lower(), value.strip(" \t"))
    for name, value in first.items():
        assert message.headers[name].encode("utf-8", "surrogateescape") == value.encode("latin-1")
    assert message.path == f"/{path}"
    assert message.chunked == head.is_chunked == ("chunked" in framing)
    assert message.should_close == head.is_last
    assert int(message.headers.get("Content-Length", 0)) == head.length


PIECES = [
    *(b"GET ", b"/", b" HTTP/1.1", b"\r\n", b"\n", b"\r", b" ", b"\t", b":"),
    b"Host: h\r\n",
    b"Content-Length: 1\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"a: b\r\n",
    b"\x00",
    b"\xff",
    b"Content-Length",
    b",",
    b"HTTP/1.0",
]


@given(st.lists(st.sampled_from(PIECES), max_size=12))
def test_what_passes_is_read_alike_by_both_parsers(pieces: list[bytes]) -> None:
    sent = b"POST / HTTP/1.1\r\nHost: h\r\n" + b"".join(pieces) + b"\r\n\r\n"
    try:
        found = HeadReader().feed(sent)
    except InvalidRequest:
        return
    assert found is not None
    head, _ = found

    message = aiohttp_reads(head.lines)

    assert message.chunked == head.is_chunked
    assert message.headers.get("Content-Length", "0").lstrip("0") == str(head.length or "")
    assert message.should_close == head.is_last
