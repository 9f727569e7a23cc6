from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cli.front.chunks import ChunkedBody
from gateway.core.errors import InvalidRequest

BODIES = [
    b"0\r\n\r\n",
    b"5\r\nhello\r\n0\r\n\r\n",
    b"5;name=value\r\nhello\r\n0\r\nTrailer: a\r\nOther: b\r\n\r\n",
    b"c\r\na\r\n\r\n\r\n\r\n\r\nb\r\n0\r\n\r\n",
    b"7\r\n\r\n\r\n0\r\n\r\n0\r\n\r\n",
]
NEXT = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


@pytest.mark.parametrize("body", BODIES)
def test_the_end_of_a_body_is_found_wherever_it_is_cut(body: bytes) -> None:
    assert ChunkedBody().find_end(body) == len(body)
    assert ChunkedBody().find_end(body + NEXT) == len(body)
    for cut in range(len(body)):
        chunks = ChunkedBody()
        assert chunks.find_end(body[:cut]) is None
        assert chunks.find_end(body[cut:] + NEXT) == len(body) - cut


@settings(max_examples=50)
@given(st.lists(st.binary(min_size=1, max_size=9) | st.just(b"\r\n\r\n0\r\n\r\n")), st.data())
def test_the_end_of_any_body_is_found(contents: list[bytes], data: st.DataObject) -> None:
    body = b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in [*contents, b""])
    chunks, rest = ChunkedBody(), body + NEXT
    passed = 0
    while (end := chunks.find_end(piece := rest[: data.draw(st.integers(1, 7))])) is None:
        passed += len(piece)
        rest = rest[len(piece) :]

    assert passed + end == len(body)


@pytest.mark.parametrize(
    "body",
    [b"zz\r\n", b"-1\r\n", b"5\r\nhelloX", b"5\nhello", b"0\r\nA : b\r\n\r\n", b"5 \r\nhello"],
)
def test_a_body_that_breaks_the_rules_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest, match="malformed chunked encoding"):
        ChunkedBody().find_end(body)
