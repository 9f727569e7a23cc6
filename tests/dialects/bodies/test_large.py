"""Large bodies, whose long strings the decoder never sees."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextvars import copy_context
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import codec
from gateway.core.errors import InvalidRequest
from gateway.dialects.bodies import budget, large
from gateway.dialects.bodies.decode import decode_body
from gateway.dialects.bodies.large import LARGE
from gateway.dialects.bodies.media import read_media

decode_large = partial(large.decode_large, most_text=2**24, most_members=200_000)

LONG = "QUJD" * 30_000
LONGER = "REVG" * 150_000


def encoded(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


VALUES = {
    "in an object": {"a": LONG, "b": 1},
    "in a list": [1, LONG, [LONGER, LONG], "x"],
    "next to each other": [LONG, LONG, LONG],
    "the whole document": LONG,
    "as a key": {LONG: "x", "a": LONG},
    "with escapes": {"a": "line\n" + LONG, "b": LONG + "\\", "c": 'say "' + LONG + '"'},
    "with escapes inside": {"a": ("line\n" * 30_000), "b": "\\\\\n" * 50_000, "c": "\\" * 300_000},
    "with characters of many bytes": {"a": "日本語€😀é" * 60_000, "b": "x" + "😀" * 100_000},
    "not ASCII": {"a": "é" + LONG, "b": LONG + "é"},
    "begins like what stands between strings": {"a": " " + LONG, "b": "," + LONG},
    "among many short ones": {"a": ["x"] * 100_000, "b": LONG, "c": ["y"] * 100_000},
    "none": {"a": ["x y"] * 100_000},
    "a gap between strings": {"a": "x", "b": [1234567] * 40_000, "c": "y"},
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_it_reads_what_the_codec_reads(value: object) -> None:
    assert decode_large(encoded(value)) == value


def test_the_last_of_two_equal_keys_counts() -> None:
    body = b'{"a":"%b","a":"%b"}' % (LONG.encode(), LONGER.encode())
    assert decode_large(body) == {"a": LONGER}


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":"' + LONG.encode(),
        b'{"a":"x"' + LONG.encode() + b'"b"}',
        b'{"a":"' + LONG.encode() + b"\n" + LONG.encode() + b'"}',
        b'{"a":"' + LONG.encode() + b'"',
        LONG.encode(),
        LONG.encode() + b'"',
    ],
    ids=["no end", "behind a string", "raw line feed", "no brace", "no quotes", "no start"],
)
def test_it_refuses_what_the_codec_refuses(body: bytes) -> None:
    with pytest.raises(codec.JSONError):
        codec.decode(body)
    with pytest.raises(codec.JSONError):
        decode_large(body)


ESCAPED = {"as it is": False, "in escapes": True}


@pytest.mark.parametrize("ascii_only", ESCAPED.values(), ids=ESCAPED)
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_strings_are_cut_between_characters_and_escapes(value: object, ascii_only: bool) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only).encode()
    for size in (5, 6, 7, 13):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(large, "_SLICE", 64 * 1024 + size)
            assert decode_large(body) == value


pieces = st.one_of(
    st.sampled_from(["\\ud83d\\ude00", "\\ud83d", "\\u00e9", "😀", "\\\\"]),
    st.sampled_from(['"', '\\"', "\\", ",", ":", "{", "}", "[", "]", " ", "\n", "é", "1", "null"]),
    st.text("ABC", min_size=1, max_size=40),
)


@given(st.lists(pieces, max_size=20).map("".join))
def test_with_small_blocks_it_agrees_with_the_codec_on_any_text(text: str) -> None:
    body = text.encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(large, "_BLOCK", 4)
        patch.setattr(large, "_SLICE", 3)
        try:
            expected = codec.decode(body)
        except codec.JSONError:
            with pytest.raises(codec.JSONError):
                decode_large(body)
        else:
            assert decode_large(body) == expected


@given(
    st.recursive(
        st.text('AB é"\\\n,', max_size=30) | st.integers(),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text("AB", max_size=30), inner)
        ),
    )
)
def test_with_small_blocks_it_reads_any_value(value: object) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(large, "_BLOCK", 4)
        patch.setattr(large, "_SLICE", 3)
        assert decode_large(encoded(value)) == value


def test_a_large_body_is_read_like_a_small_one() -> None:
    body = encoded({"model": "m", "prompt": "x" * LARGE})
    assert decode_body(body, "api.GenerateRequest") == {"model": "m", "prompt": "x" * LARGE}
    assert decode_body(body + b"garbage", "api.GenerateRequest")["model"] == "m"
    with pytest.raises(InvalidRequest, match="cannot unmarshal array into Go value"):
        decode_body(b"[" + body + b"]", "api.GenerateRequest")


def slices_of(work: Callable[[], object]) -> int:
    """Return how often *work* lets other threads run."""
    turns: list[None] = []

    def count() -> None:
        budget.GIVE_WAY.set(lambda: turns.append(None))
        work()

    copy_context().run(count)
    return len(turns)


@pytest.mark.parametrize("size", [3 * LARGE, 10 * LARGE])
def test_other_threads_have_a_turn_between_slices(size: int) -> None:
    text = "QUJD" * (size // 4)
    body = encoded({"images": [text]})
    assert slices_of(lambda: decode_large(body)) >= size // LARGE
    assert slices_of(lambda: read_media(text)) >= size // LARGE - 1


def test_a_small_picture_is_read_in_one_slice() -> None:
    assert slices_of(lambda: read_media(LONG)) == 0
