"""Answers in every cut of their bytes: what they say, where they end, what is none."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.providers.upstream.transport.answer import MOST_OVERHEAD, AnswerParser, BadAnswer

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 3\r\n\r\n"


@dataclass(frozen=True)
class Read:
    """What was read of an answer, and what became of the connection."""

    status: int
    body: bytes
    done: bool = True
    reusable: bool = True


WHOLE: dict[str, tuple[bytes, Read]] = {
    "a length": (OK + b"Content-Length: 2\r\n\r\nok", Read(200, b"ok")),
    "an empty body": (OK + b"Content-Length: 0\r\n\r\n", Read(200, b"")),
    "no reason": (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", Read(200, b"ok")),
    "an odd status": (b"HTTP/1.1 799 X\r\nContent-Length: 0\r\n\r\n", Read(799, b"")),
    "no content": (b"HTTP/1.1 204 None\r\nX: y\r\n\r\n", Read(204, b"")),
    "not modified": (b"HTTP/1.1 304 Same\r\nContent-Length: 9\r\n\r\n", Read(304, b"")),
    "chunks": (CHUNKED + b"2\r\nok\r\nA\r\n0123456789\r\n0\r\n\r\n", Read(200, b"ok0123456789")),
    "chunk extensions": (
        CHUNKED + b'2;a=b;c="d e"\r\nok\r\n0;z\r\n\r\n',
        Read(200, b"ok"),
    ),
    "trailers": (
        CHUNKED + b"2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n",
        Read(200, b"ok"),
    ),
    "a coding in other letters": (
        OK + b"transfer-encoding:  Chunked \r\n\r\n0\r\n\r\n",
        Read(200, b""),
    ),
    "interim answers": (
        b"HTTP/1.1 100 Continue\r\n\r\n" + INTERIM + OK + b"Content-Length: 2\r\n\r\nok",
        Read(200, b"ok"),
    ),
    "close": (
        OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nok",
        Read(200, b"ok", reusable=False),
    ),
    "close among others": (
        OK + b"Connection: X, Close\r\nContent-Length: 2\r\n\r\nok",
        Read(200, b"ok", reusable=False),
    ),
    "HTTP/1.0": (
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        Read(200, b"ok", reusable=False),
    ),
    "HTTP/1.0 that keeps": (
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
        Read(200, b"ok"),
    ),
    "chunks in HTTP/1.0": (
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\nok\r\n0\r\n\r\n",
        Read(200, b"ok", reusable=False),
    ),
    "an upgrade that is only offered": (
        OK + b"Upgrade: h2c\r\nConnection: upgrade\r\nContent-Length: 2\r\n\r\nok",
        Read(200, b"ok"),
    ),
}

ENDLESS: dict[str, tuple[bytes, Read]] = {
    "no framing": (OK + b"\r\nok", Read(200, b"ok", reusable=False)),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\n\r\nok", Read(200, b"ok", reusable=False)),
    "nothing": (OK + b"Connection: keep-alive\r\n\r\n", Read(200, b"", reusable=False)),
}

BROKEN: dict[str, bytes] = {
    "no HTTP": b"nonsense\r\n\r\n",
    "bare line feeds": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "a bare line feed": OK + b"X: y\nContent-Length: 2\r\n\r\nok",
    "a folded header": OK + b"X: y\r\n z\r\nContent-Length: 2\r\n\r\nok",
    "a space before the colon": OK + b"Content-Length : 2\r\n\r\nok",
    "a control character": OK + b"X: a\0b\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/2": b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/0.9": b"HTTP/0.9 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "no version": b"HTTP/1.2 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "a status of two digits": b"HTTP/1.1 99 OK\r\nContent-Length: 2\r\n\r\nok",
    "a status of four digits": b"HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok",
    "a status that is too low": b"HTTP/1.1 099 OK\r\nContent-Length: 2\r\n\r\nok",
    "another protocol": b"HTTP/1.1 101 Switch\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nx",
    "another protocol without a name": b"HTTP/1.1 101 Switch\r\n\r\nx",
    "two lengths": OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nokk",
    "a length twice": OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nok",
    "lengths in a list": OK + b"Content-Length: 2, 2\r\n\r\nok",
    "a negative length": OK + b"Content-Length: -2\r\n\r\nok",
    "a length with a sign": OK + b"Content-Length: +2\r\n\r\nok",
    "a length that is too long": OK + b"Content-Length: " + b"9" * 30 + b"\r\n\r\nok",
    "no length": OK + b"Content-Length: \r\n\r\nok",
    "length and chunks": OK
    + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "chunks and length": OK
    + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "a coding that is not known": OK + b"Transfer-Encoding: gzip\r\n\r\nok",
    "two codings": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "chunks of chunks": OK + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": OK
    + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "nearly chunked": OK + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a size that is none": CHUNKED + b"2\r\nok\r\nZZZZ\r\n",
    "a negative size": CHUNKED + b"2\r\nok\r\n-5\r\n",
    "a size that is too large": CHUNKED + b"2\r\nok\r\n" + b"F" * 17 + b"\r\n",
    "a chunk that is too long": CHUNKED + b"2\r\nokk\r\n0\r\n\r\n",
    "a chunk without its end": CHUNKED + b"2\r\nok0\r\n\r\n",
    "a size that ends in a line feed": CHUNKED + b"2\nok\r\n0\r\n\r\n",
    "a length among the trailers": CHUNKED + b"0\r\nContent-Length: 7\r\n\r\n",
    "a space after the size": CHUNKED + b"2 \r\nok\r\n0\r\n\r\n",
}


def cuts(data: bytes) -> Iterator[list[bytes]]:
    """Yield *data* whole, in each two parts, and byte by byte."""
    yield [data]
    yield from ([data[:place], data[place:]] for place in range(1, len(data)))
    yield [data[place : place + 1] for place in range(len(data))]


def read(parser: AnswerParser, *parts: bytes, ended: bool = False) -> Read:
    """Return what *parser* makes of an answer that comes in *parts*."""
    parser.begin()
    for part in parts:
        parser.feed(part)
    if ended:
        parser.end()
    return Read(parser.status, b"".join(parser.pieces), parser.done, parser.reusable)


@pytest.mark.parametrize("name", WHOLE)
def test_an_answer_is_the_same_in_every_cut(name: str) -> None:
    data, expected = WHOLE[name]
    for parts in cuts(data):
        assert read(AnswerParser(), *parts) == expected


@pytest.mark.parametrize("name", WHOLE)
def test_an_answer_without_its_last_byte_is_cut(name: str) -> None:
    data, _ = WHOLE[name]
    parser = AnswerParser()
    assert not read(parser, data[:-1]).done
    with pytest.raises(BadAnswer, match="closed before the end"):
        parser.end()
    assert not parser.reusable


@pytest.mark.parametrize("name", ENDLESS)
def test_a_body_without_framing_ends_with_the_connection(name: str) -> None:
    data, expected = ENDLESS[name]
    for parts in cuts(data):
        parser = AnswerParser()
        assert read(parser, *parts) == Read(200, expected.body, done=False)
        parser.end()
        assert Read(200, expected.body, parser.done, parser.reusable) == expected


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_answer_is_refused_in_every_cut(name: str) -> None:
    for parts in cuts(BROKEN[name]):
        with pytest.raises(BadAnswer):
            read(AnswerParser(), *parts)


@pytest.mark.parametrize("name", BROKEN)
def test_what_came_before_an_error_is_kept(name: str) -> None:
    parser = AnswerParser()
    with pytest.raises(BadAnswer):
        read(parser, BROKEN[name])
    assert b"".join(parser.pieces) in (b"", b"ok")
    assert not parser.done
    assert not parser.reusable


REUSABLE = [name for name, (_, expected) in WHOLE.items() if expected.reusable]


@pytest.mark.parametrize("name", REUSABLE)
def test_a_connection_has_one_answer_after_another(name: str) -> None:
    data, expected = WHOLE[name]
    for parts in cuts(data):
        parser = AnswerParser()
        assert read(parser, *parts) == read(parser, *parts) == expected
        assert parser.headers == read_headers(data)


def read_headers(data: bytes) -> object:
    parser = AnswerParser()
    read(parser, data)
    return parser.headers


MORE = {"an answer": OK + b"Content-Length: 1\r\n\r\nx", "a part of one": b"H", "a word": b"more"}


@pytest.mark.parametrize("more", MORE.values(), ids=MORE)
@pytest.mark.parametrize("name", WHOLE)
def test_what_follows_an_answer_is_not_part_of_it(name: str, more: bytes) -> None:
    data, expected = WHOLE[name]
    got = read(AnswerParser(), data + more)
    assert got == Read(expected.status, expected.body, reusable=False)


def test_nothing_may_come_before_a_request() -> None:
    parser = AnswerParser()
    parser.feed(OK)
    assert (parser.done, parser.reusable) == (True, False)


def test_a_parser_tells_whether_anything_has_come() -> None:
    parser = AnswerParser()
    parser.begin()
    assert not parser.begun
    parser.feed(b"H")
    assert parser.begun
    parser.feed(OK[1:] + b"Content-Length: 0\r\n\r\n")
    assert parser.begun


def test_headers_are_text_whatever_their_bytes() -> None:
    parser = AnswerParser()
    data = (
        OK
        + b"Content-Type: text/\xe9\r\nContent-Length: 0\r\n"
        + b"X-Name: Zo\xc3\xab \r\nX-Name: b\r\n\r\n"
    )
    for parts in cuts(data):
        read(parser, *parts)
        assert parser.headers.getall("x-name") == ["Zoë", "b"]
        assert parser.headers["content-type"] == "text/\ufffd"


def test_trailers_and_interim_headers_are_not_headers() -> None:
    parser = AnswerParser()
    read(parser, INTERIM + CHUNKED + b"0\r\nX-Late: 1\r\n\r\n")
    assert dict(parser.headers) == {"Transfer-Encoding": "chunked"}


LONG = b"x" * MOST_OVERHEAD


@pytest.mark.parametrize("size", [1, 4096, 2**20], ids=["bytes", "pages", "whole"])
@pytest.mark.parametrize(
    "data",
    [
        OK + b"X: " + LONG + b"\r\n\r\n",
        OK + b"X: y\r\n" * (MOST_OVERHEAD // 6) + b"\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * (MOST_OVERHEAD // 25 + 1) + OK + b"\r\n",
        b"HTTP/1.1 200 " + LONG,
        b"\r\n" * MOST_OVERHEAD,
    ],
    ids=["a long value", "many headers", "interim answers", "a long reason", "empty lines"],
)
def test_a_head_has_a_limit(data: bytes, size: int) -> None:
    parts = [data[place : place + size] for place in range(0, len(data), size)]
    with pytest.raises(BadAnswer, match="the head is longer than 65536 bytes"):
        read(AnswerParser(), *parts)


@pytest.mark.parametrize("extra", [0, 1])
def test_the_limit_of_a_head_does_not_depend_on_the_cut(extra: int) -> None:
    end = b"\r\nContent-Length: 2\r\n\r\n"
    head = OK + b"X: " + b"x" * (MOST_OVERHEAD - len(OK) - 3 - len(end) + extra) + end
    assert len(head) == MOST_OVERHEAD + extra
    for parts in ([head + b"ok"], [head[:-1], head[-1:] + b"ok"], [head, b"o", b"k"]):
        if extra:
            with pytest.raises(BadAnswer):
                read(AnswerParser(), *parts)
        else:
            assert read(AnswerParser(), *parts) == Read(200, b"ok")


@pytest.mark.parametrize("start", [b"2\r\nok\r\n0\r\nX: ", b"2;"], ids=["trailers", "extensions"])
def test_framing_without_a_body_has_a_limit(start: bytes) -> None:
    parser = AnswerParser()
    read(parser, CHUNKED + start)
    for _ in range(MOST_OVERHEAD // 1024):
        parser.feed(b"x" * 1024)
    with pytest.raises(BadAnswer, match="bytes in a row are framing"):
        parser.feed(b"x" * 1024)


def test_framing_with_a_body_has_none() -> None:
    chunk = b"1;" + b"x" * 1024 + b"\r\ny\r\n"
    got = read(AnswerParser(), CHUNKED, *([chunk] * 200), b"0\r\n\r\n")
    assert got == Read(200, b"y" * 200)


@given(
    st.lists(st.binary(min_size=1, max_size=40), max_size=8),
    st.integers(1, 30),
    st.integers(0, 3),
)
def test_chunks_of_any_kind_are_read_in_any_cut(chunks: list[bytes], size: int, pad: int) -> None:
    data = CHUNKED + b"".join(
        b"%b%x\r\n%b\r\n" % (b"0" * pad, len(chunk), chunk) for chunk in [*chunks, b""]
    )
    parts = [data[place : place + size] for place in range(0, len(data), size)]
    assert read(AnswerParser(), *parts) == Read(200, b"".join(chunks))


@given(st.binary(max_size=80), st.integers(0, 60), st.integers(1, 9))
def test_damage_is_an_error_or_an_answer_and_nothing_else(
    noise: bytes, place: int, size: int
) -> None:
    """Whether it is one does not depend on the cut of the bytes."""
    data, _ = WHOLE["chunks"]
    data = data[:place] + noise + data[place + len(noise) :]

    def outcome(step: int) -> object:
        parser = AnswerParser()
        try:
            got = read(parser, *(data[at : at + step] for at in range(0, len(data), step)))
        except BadAnswer:
            return "refused", zlib.crc32(b"".join(parser.pieces)) if parser.has_head else 0
        return got

    assert outcome(size) == outcome(len(data))
