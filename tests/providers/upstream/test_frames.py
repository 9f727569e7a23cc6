"""AWS's event stream: frames in any cut of the bytes, and nothing made of what is not one."""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Callable
from itertools import pairwise

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.providers import Frame, Upstream, UpstreamError, UpstreamProtocolError
from gateway.providers.upstream.frames import FrameSplitter
from rawserver import head, raw_server

MEDIA_TYPE = "application/vnd.amazon.eventstream"

# Checked with botocore's EventStreamBuffer: one header of each type before and after two texts.
GOLDEN = bytes.fromhex(
    "000000cd000000b326cf11350b3a6576656e742d74797065070011636f6e74656e74426c6f636b44656c7461"
    "0d3a636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e0d3a6d6573736167652d74"
    "7970650700056576656e7406782d747275650005782d696e74040000000707782d6279746573060002616206"
    "782d74696d6508000000000000000006782d757569640901010101010101010101010101010101016202010173"
    "030001016c0500000000000000007b2270223a226162227d3a03a0a5"
)
SAID = {
    ":event-type": "contentBlockDelta",
    ":content-type": "application/json",
    ":message-type": "event",
}


def headers_of(**texts: str) -> bytes:
    return b"".join(
        struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", 7, len(text))
        + text.encode()
        for name, text in texts.items()
    )  # fmt: skip


def raw_frame(payload: bytes, headers: bytes) -> bytes:
    lengths = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    body = lengths + struct.pack(">I", zlib.crc32(lengths)) + headers + payload
    return body + struct.pack(">I", zlib.crc32(body))


def frame(payload: bytes, **texts: str) -> bytes:
    return raw_frame(payload, headers_of(**texts))


def test_a_frame_has_its_payload_and_the_texts_of_its_headers() -> None:
    (found,) = FrameSplitter().feed(GOLDEN)
    assert (found, found.headers) == (b'{"p":"ab"}', SAID)


@settings(deadline=None, max_examples=100)
@given(
    payloads=st.lists(st.binary(max_size=20), max_size=5),
    cuts=st.lists(st.integers(0, 300), max_size=8),
)
def test_any_cut_gives_the_same_frames(payloads: list[bytes], cuts: list[int]) -> None:
    body = b"".join(frame(payload, n=str(place)) for place, payload in enumerate(payloads))
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    splitter = FrameSplitter()
    found = [one for a, b in pairwise(places) for one in splitter.feed(body[a:b])]
    assert [*found, *splitter.close()] == payloads
    assert [one.headers for one in found] == [{"n": str(place)} for place in range(len(payloads))]


def test_every_byte_of_a_frame_may_come_alone() -> None:
    splitter = FrameSplitter()
    found = [
        one for place in range(len(GOLDEN)) for one in splitter.feed(GOLDEN[place : place + 1])
    ]
    assert (found, splitter.close()) == ([b'{"p":"ab"}'], [])


WRONG = {
    "the checksum of the lengths": lambda one: one[:8] + b"abcd" + one[12:],
    "the checksum of the whole": lambda one: one[:-1] + bytes([one[-1] ^ 1]),
    "a byte of the payload": lambda one: one[:-5] + b"!" + one[-4:],
    "a length that is too short": lambda _: _prelude(15, 0),
    "headers longer than the frame": lambda _: _prelude(40, 30),
    "a payload that is too long": lambda _: _prelude(25 * 2**20, 0),
    "headers that are too long": lambda _: _prelude(2**20, 2**18),
    "a header of an unknown type": lambda _: raw_frame(b"", b"\x01a\x63"),
    "a header without its type": lambda _: raw_frame(b"", b"\x01a"),
    "a name that is cut": lambda _: raw_frame(b"", b"\x09a"),
    "a text that is cut": lambda _: raw_frame(b"", b"\x01a\x07\x00\x09b"),
}


def _prelude(size: int, headers: int) -> bytes:
    lengths = struct.pack(">II", size, headers)
    return lengths + struct.pack(">I", zlib.crc32(lengths)) + b"\0" * 64


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_what_is_no_frame_is_refused(wrong: Callable[[bytes], bytes]) -> None:
    with pytest.raises(ValueError, match="frame"):
        FrameSplitter().feed(wrong(frame(b"hello", n="1")))


def test_the_end_of_the_body_within_a_frame_is_a_cut() -> None:
    splitter = FrameSplitter()
    assert splitter.feed(GOLDEN + GOLDEN[:20]) == [b'{"p":"ab"}']
    with pytest.raises(ValueError, match="ends within a frame"):
        splitter.close()


def test_a_large_frame_in_many_reads_does_not_take_for_ever() -> None:
    whole = memoryview(frame(b"x" * 20 * 2**20))
    splitter = FrameSplitter()
    begin = time.process_time()
    reads = (bytes(whole[place : place + 1024]) for place in range(0, len(whole), 1024))
    (found,) = (one for read in reads for one in splitter.feed(read))
    assert len(found) == 20 * 2**20
    assert time.process_time() - begin < 20  # joining at each read copies 200 GB


def upstream(session: aiohttp.ClientSession, url: str) -> Upstream:
    return Upstream("acme", session, url, error_for=lambda _: UpstreamError("refused"))


async def test_a_stream_of_frames_is_read_with_each_transport(
    session: aiohttp.ClientSession,
) -> None:
    answer = head(content_type=MEDIA_TYPE) + GOLDEN[:7], GOLDEN[7:] + GOLDEN
    async with raw_server(*answer) as server:
        async with upstream(session, server.url).stream("/chat", {}, framing="aws") as stream:
            found = [one async for batch in stream for one in batch]
        assert f"Accept: {MEDIA_TYPE}\r\n".encode() in server.requests[0]
    assert [one.headers for one in found if isinstance(one, Frame)] == [SAID, SAID]


@pytest.mark.parametrize("answer", [GOLDEN + GOLDEN[:9], GOLDEN[:-1] + b"!"])
async def test_a_broken_frame_is_a_broken_answer(
    session: aiohttp.ClientSession, answer: bytes
) -> None:
    async with raw_server(head(content_type=MEDIA_TYPE) + answer) as server:
        stream = upstream(session, server.url).stream("/chat", {}, framing="aws")
        await stream.connect()
        with pytest.raises(UpstreamProtocolError, match="lost during the answer"):
            _ = [batch async for batch in stream]
        await stream.close()


async def test_a_document_instead_of_frames_is_refused(session: aiohttp.ClientSession) -> None:
    async with raw_server(head(content_type="application/json") + b"{}") as server:
        with pytest.raises(UpstreamProtocolError, match="application/json, not a stream"):
            await upstream(session, server.url).stream("/chat", {}, framing="aws").connect()
