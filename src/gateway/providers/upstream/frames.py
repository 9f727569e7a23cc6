"""Bytes to the frames of AWS's event stream, in any cut of the bytes; pure.

A frame is its length, the length of its headers and a checksum of both, then the headers, the
payload and a checksum of all that came before, numbers in network order ("Event Stream Encoding" in
the reference of Amazon Transcribe and Bedrock). There is no mark between frames, so that one wrong
byte makes all that follows unreadable; it is an error.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

__all__ = ["Frame", "FrameSplitter"]

_PRELUDE: Final = struct.Struct(">III")
_CHECKSUM: Final = struct.Struct(">I")
_AROUND = _PRELUDE.size + _CHECKSUM.size
_LONGEST_PAYLOAD = 24 * 2**20
_LONGEST_HEADERS = 128 * 2**10
_KINDS = 64
"""Headers that are remembered; a service has a few kinds of frames."""

_SIZED: Final = (6, 7)
"""The types of header values that begin with their length in two bytes: bytes and text."""
_TEXT = 7
_SIZES: Mapping[int, int] = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Bytes of a value by its type: true, false, integers of four widths, a time, a UUID."""


class Frame(bytes):
    """The payload of a frame, with its ``headers``: those whose values are texts, by name."""

    headers: Mapping[str, str]

    def __new__(cls, payload: bytes, headers: Mapping[str, str]) -> Frame:
        """Return *payload* with *headers*."""
        frame = super().__new__(cls, payload)
        frame.headers = headers
        return frame


class FrameSplitter:
    """Take bytes as they arrive and give back each frame that is complete."""

    __slots__ = ("_needed", "_parts", "_size")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._needed = _PRELUDE.size  # bytes without which there is nothing to do

    def feed(self, chunk: bytes) -> list[Frame]:
        """Return the frames that *chunk* completes.

        Raise `ValueError` for a wrong checksum or length, after which nothing can be read.
        """
        self._parts.append(chunk)
        self._size += len(chunk)
        if self._size < self._needed:
            return []
        data = memoryview(b"".join(self._parts))
        frames: list[Frame] = []
        start = 0
        while (size := _frame_size(data[start:])) <= len(data) - start:
            frames.append(_frame(data[start : start + size]))
            start += size
        self._needed = size
        self._parts = [bytes(data[start:])]
        self._size = len(data) - start
        return frames

    def close(self) -> list[Frame]:
        """Return nothing; raise `ValueError` when the body ended within a frame."""
        if self._size:
            raise ValueError("the body ends within a frame")
        return []


def _frame_size(data: memoryview) -> int:
    """Return how many bytes the first frame has, or else how many are needed to tell."""
    if len(data) < _PRELUDE.size:
        return _PRELUDE.size
    size, headers, checksum = _PRELUDE.unpack_from(data)
    if zlib.crc32(data[: _PRELUDE.size - _CHECKSUM.size]) != checksum:
        raise ValueError("the checksum of a frame's lengths is wrong")
    if headers > _LONGEST_HEADERS or not 0 <= size - headers - _AROUND <= _LONGEST_PAYLOAD:
        raise ValueError("the lengths of a frame are not possible")
    return int(size)


def _frame(data: memoryview) -> Frame:
    body = data[: -_CHECKSUM.size]
    if zlib.crc32(body) != _CHECKSUM.unpack_from(data, len(body))[0]:
        raise ValueError("the checksum of a frame is wrong")
    payload = _PRELUDE.size + _PRELUDE.unpack_from(data)[1]
    return Frame(bytes(body[payload:]), _read_headers(bytes(body[_PRELUDE.size : payload])))


@lru_cache(_KINDS)
def _read_headers(data: bytes) -> Mapping[str, str]:
    """Return the headers of a frame; raise `ValueError` for what are none.

    Frames of one kind have the same ones, so they are read once and not for each token.
    """
    try:
        return MappingProxyType(dict(_headers(data)))
    except (IndexError, KeyError) as error:
        raise ValueError("the headers of a frame cannot be read") from error


def _headers(data: bytes) -> Iterator[tuple[str, str]]:
    """Yield the headers whose values are texts; raise `IndexError` where the bytes do not suffice.

    Raise `KeyError` for a type that does not exist.
    """
    place = 0
    while place < len(data):
        name, place = _text(data, place + 1, data[place])
        kind = data[place]
        place += 1
        if kind in _SIZED:
            value, place = _text(data, place + 2, data[place] << 8 | data[place + 1])
            if kind == _TEXT:
                yield name, value
        else:
            place += _SIZES[kind]


def _text(data: bytes, start: int, size: int) -> tuple[str, int]:
    """Return the text of *size* bytes from *start*, and the place after it."""
    end = start + size
    if end > len(data):
        raise IndexError(end)
    return data[start:end].decode("utf-8", "replace"), end
