"""Bytes to events: every rule, every cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.providers.upstream.framing import ErrorEvent, EventSplitter

STREAMS = {
    "one event": (b"data: a\n\n", [b"a"]),
    "two events": (b"data: a\n\ndata: b\n\n", [b"a", b"b"]),
    "crlf": (b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"]),
    "cr": (b"data: a\r\rdata: b\r\r", [b"a", b"b"]),
    "mixed line ends": (b"data: a\r\n\ndata: b\n\r\ndata: c\r\n\r", [b"a", b"b", b"c"]),
    "many blank lines": (b"\n\n\ndata: a\n\n\n\n\ndata: b\n\n", [b"a", b"b"]),
    "no space": (b"data:a\n\n", [b"a"]),
    "only one space is dropped": (b"data:  a\n\n", [b" a"]),
    "several data lines": (b"data: a\ndata: b\n\n", [b"a\nb"]),
    "data without a colon": (b"data\ndata: b\n\n", [b"\nb"]),
    "comments": (b": hi\n\n:\ndata: a\n: in between\n\n", [b"a"]),
    "other fields": (b"id: 7\nretry: 1\nfoo: x\nevent: message\ndata: a\n\n", [b"a"]),
    "byte order mark": (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
    "a mark that is none": (b"\xef\xbbdata: a\n\ndata: b\n\n", [b"b"]),
    "empty data": (b"data:\n\ndata: \n\ndata: a\n\n", [b"a"]),
    "no last blank line": (b"data: a\n\ndata: b\n", [b"a", b"b"]),
    "no last line end": (b"data: a\n\ndata: b", [b"a", b"b"]),
    "data that looks like framing": (
        b"data: data: a\n\ndata: b data: c\n\n",
        [b"data: a", b"b data: c"],
    ),
    "a field in front of the data": (b"id: 7data: a\ndata: b\n\ndata: c\n\n", [b"b", b"c"]),
    "error event": (b"event: error\ndata: boom\n\ndata: a\n\n", [b"boom", b"a"]),
    "an event type is forgotten after its event": (b"event: error\n\ndata: a\n\n", [b"a"]),
    "only the start of a mark": (b"\xef\xbb", []),
    "nothing": (b"", []),
    "separators of text are no line ends": (
        "data: a\u2028b\u0085c\x0bd\n\n".encode(),
        ["a\u2028b\u0085c\x0bd".encode()],
    ),
}


def _split(chunks: list[bytes]) -> list[bytes]:
    splitter = EventSplitter()
    events = []
    for chunk in chunks:
        events += splitter.feed(chunk)
    return events + splitter.close()


@pytest.mark.parametrize(("stream", "events"), STREAMS.values(), ids=STREAMS)
def test_a_stream_is_read_the_same_in_every_cut(stream: bytes, events: list[bytes]) -> None:
    assert _split([stream]) == events
    assert _split([bytes([byte]) for byte in stream]) == events
    for cut in range(len(stream) + 1):
        assert _split([stream[:cut], b"", stream[cut:]]) == events


def test_an_error_event_can_be_told_from_others() -> None:
    stream, _ = STREAMS["error event"]
    assert [type(event) for event in _split([stream])] == [ErrorEvent, bytes]


def test_events_come_as_soon_as_they_are_complete() -> None:
    splitter = EventSplitter()
    assert splitter.feed(b"data: a\r\n\r") == [b"a"]
    assert splitter.feed(b"\ndata: b\n") == []
    assert splitter.feed(b"\n") == [b"b"]


def test_an_endless_event_is_refused() -> None:
    splitter = EventSplitter(longest=20)
    assert splitter.feed(b"data: 0123456789") == []
    with pytest.raises(ValueError, match="longer than 20 bytes"):
        splitter.feed(b"0123456789")


def _by_the_standard(stream: bytes) -> list[bytes]:
    """A plain reading of the standard, line by line, for whole bodies."""
    stream = stream.removeprefix(b"\xef\xbb\xbf")
    lines = stream.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    events, data = [], []
    for line in [*lines, b""]:
        if line == b"":
            if b"\n".join(data):
                events.append(b"\n".join(data))
            data = []
        elif line.split(b":")[0] == b"data":
            value = line[5:]
            data.append(value.removeprefix(b" "))
    return events


LINES = st.sampled_from(
    [b"data: x", b"data:", b"data: ", b"data", b": c", b"event: error", b"id: 1", b"", b"data:  y"]
)
ENDS = st.sampled_from([b"\n", b"\r", b"\r\n"])


@given(
    lines=st.lists(st.tuples(LINES, ENDS), max_size=12),
    mark=st.booleans(),
    cuts=st.lists(st.integers(0, 80), max_size=6),
)
def test_any_stream_in_any_cut_reads_as_the_standard_says(
    lines: list[tuple[bytes, bytes]], mark: bool, cuts: list[int]
) -> None:
    stream = b"\xef\xbb\xbf" * mark + b"".join(line + end for line, end in lines)
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    chunks = [stream[start:end] for start, end in pairwise(places)]
    assert _split(chunks) == _by_the_standard(stream)


PAYLOADS = st.one_of(
    st.sampled_from(
        [b"x", b" x", b"data: x", b"data:", b'{"a":"b: c"}', b"\xe2\x80\xa8", b"x" * 50]
    ),
    st.binary(min_size=1, max_size=20).filter(lambda data: not {10, 13} & {*data}),
)
ODD_BLOCKS = st.sampled_from(
    [
        b"",
        b": ping\n\n",
        b"event: a\ndata: x\n\n",
        b"data: x\r\n\r\n",
        b"data: \n\n",
        b"\n",
        b"data:y\n\n",
    ]
)


@given(
    before=st.lists(PAYLOADS, max_size=8),
    odd=ODD_BLOCKS,
    after=st.lists(PAYLOADS, max_size=8),
    cuts=st.lists(st.integers(0, 200), max_size=6),
)
def test_events_of_one_line_are_read_alike_with_and_without_others_among_them(
    before: list[bytes], odd: bytes, after: list[bytes], cuts: list[int]
) -> None:
    framed = [b"".join([b"data: %b\n\n" % data for data in part]) for part in (before, after)]
    stream = odd.join(framed)
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    events = _split([stream[start:end] for start, end in pairwise(places)])
    assert events == _by_the_standard(stream)
    assert events[: len(before)] == before
    assert events[len(events) - len(after) :] == after
