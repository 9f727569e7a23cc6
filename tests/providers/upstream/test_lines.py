"""Answers in lines of JSON: the splitting, and the boundary that asks for them."""

from __future__ import annotations

from itertools import pairwise

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import (
    UpstreamError,
    UpstreamProtocolError,
    UpstreamRejected,
    UpstreamTimeout,
)
from gateway.providers.upstream import Timeouts, Upstream
from gateway.providers.upstream.framing import LineSplitter
from rawserver import CUT, HANG, head, raw_server

NDJSON = "application/x-ndjson"
LINES = head(content_type=NDJSON)


@given(
    lines=st.lists(st.sampled_from([b'{"a":1}', b"[ ]", b"", b"  "]), max_size=8),
    end=st.sampled_from([b"\n", b"\r\n"]),
    last=st.booleans(),
    cuts=st.lists(st.integers(0, 60), max_size=6),
)
def test_any_cut_gives_the_lines_that_are_not_blank(
    lines: list[bytes], end: bytes, last: bool, cuts: list[int]
) -> None:
    body = end.join(lines) + end * last
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    splitter = LineSplitter()
    found = [line for a, b in pairwise(places) for line in splitter.feed(body[a:b])]
    assert [*found, *splitter.close()] == [line for line in lines if line.strip()]
    assert splitter.close() == []


def test_a_line_that_never_ends_is_refused() -> None:
    splitter = LineSplitter(longest=20)
    assert splitter.feed(b"\n" + b"a" * 15) == []
    with pytest.raises(ValueError, match="a line is longer than 20 bytes"):
        splitter.feed(b"a" * 6)


def error_for(response: object) -> UpstreamError:
    return UpstreamRejected("refused", provider="acme", status=400)


async def lines(session: aiohttp.ClientSession, url: str, **timeouts: float) -> list[list[bytes]]:
    upstream = Upstream(
        "acme", session, url, headers={}, error_for=error_for, timeouts=Timeouts(**timeouts)
    )
    async with upstream.stream("/api/chat", {"stream": True}, framing="lines") as stream:
        return [batch async for batch in stream]


async def test_lines_of_one_read_come_as_one_batch(session: aiohttp.ClientSession) -> None:
    async with raw_server(LINES + b'{"a":1}\n{"b":2}\n{"c"', b":3}") as server:
        batches = await lines(session, server.url)
        assert [line for batch in batches for line in batch] == [b'{"a":1}', b'{"b":2}', b'{"c":3}']
        assert batches[0][:2] == [b'{"a":1}', b'{"b":2}']
        assert len(server.requests) == 1


async def test_a_whole_document_is_a_stream_of_one_event(session: aiohttp.ClientSession) -> None:
    async with raw_server(head(content_type="application/json") + b'{\r\n"a":\n1}') as server:
        assert await lines(session, server.url) == [[b'{\r\n"a":\n1}']]


FAILURES = {
    "a status": ([head("400 Bad", content_type="application/json")], UpstreamRejected),
    "events instead": ([head() + b"data: a\n\n"], UpstreamProtocolError),
    "a cut": ([head(content_type=NDJSON, Content_Length="9"), CUT], UpstreamProtocolError),
    "silence": ([LINES, HANG], UpstreamTimeout),
}


@pytest.mark.parametrize(("steps", "error"), FAILURES.values(), ids=FAILURES)
async def test_a_failure_is_ours_and_costs_one_request(
    session: aiohttp.ClientSession, steps: list[object], error: type[UpstreamError]
) -> None:
    async with raw_server(*steps) as server:
        with pytest.raises(error):
            await lines(session, server.url, idle=0.05)
        assert len(server.requests) == 1
