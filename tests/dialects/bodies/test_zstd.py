"""Compressed bodies: what one may cost besides its bytes."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.core.errors import InvalidRequest
from gateway.dialects.bodies import zstd as module
from gateway.dialects.bodies.zstd import decompress, zstd
from gateway.settings import LimitsSettings

MOST_FRAMES = LimitsSettings().frames
FRAME = zstd.compress(b"Hi")
EMPTY = zstd.compress(b"")
SKIPPABLE = b"\x50\x2a\x4d\x18\x04\0\0\0abcd"


def refusal(body: bytes, most_frames: int = MOST_FRAMES) -> str:
    with pytest.raises(InvalidRequest) as caught:
        decompress(body, most_frames=most_frames)
    assert caught.value.status == 400
    return caught.value.message


class Counting:
    """The library's module, with a count of the decompressors and of the bytes given to them."""

    def __init__(self) -> None:
        self.frames = 0
        self.given = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(zstd, name)

    def ZstdDecompressor(self, **options: Any) -> Any:  # noqa: N802 - the library's own name
        self.frames += 1
        count = self
        frame = zstd.ZstdDecompressor(**options)

        class Counted:
            def decompress(self, data: memoryview, max_length: int) -> bytes:
                count.given += len(data)
                assert isinstance(data, memoryview), "a copy"
                return frame.decompress(data, max_length=max_length)

        return Counted()


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Counting:
    counting = Counting()
    monkeypatch.setattr(module, "zstd", counting)
    return counting


@pytest.mark.parametrize("frames", [1, 10, MOST_FRAMES])
def test_each_byte_is_decompressed_once_however_many_frames_there_are(
    counting: Counting, frames: int
) -> None:
    body = FRAME * frames
    assert decompress(body, most_frames=MOST_FRAMES) == b"Hi" * frames
    assert (counting.frames, counting.given) == (frames, len(body))


@pytest.mark.parametrize("frame", [EMPTY, FRAME], ids=["without content", "small"])
def test_a_heap_of_frames_is_refused_before_it_costs_anything(
    counting: Counting, frame: bytes
) -> None:
    refusal(frame * 100_000)
    assert counting.frames <= MOST_FRAMES


def test_the_number_of_frames_has_a_limit() -> None:
    assert decompress(FRAME * 3, most_frames=3) == b"HiHiHi"
    assert refusal(FRAME * 4, most_frames=3) == "zstd body has more than 3 frames"


@pytest.mark.parametrize("empty", [EMPTY, SKIPPABLE], ids=["frame", "skippable"])
def test_a_frame_without_content_is_refused_beside_others(empty: bytes) -> None:
    assert refusal(FRAME + empty) == "zstd body has a frame without content"
    assert refusal(EMPTY + FRAME) == "zstd body has a frame without content"


def test_a_body_of_nothing_may_be_compressed() -> None:
    assert decompress(EMPTY, most_frames=1) == b""
