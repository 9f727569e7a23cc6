"""Decompress bodies in Zstandard, which Codex sends; Ollama supports no other compression."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Final

from gateway.core.errors import InvalidRequest

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["LARGEST_BODY", "decompress"]

LARGEST_BODY: Final = 20 << 20
"""Bytes that a body may have once decompressed (Ollama's ``middleware/openai.go``)."""

_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_OPTIONS: Final[Mapping[int, int]] = {zstd.DecompressionParameter.window_log_max: 23}
"""A window of 8 MiB is the most that a client may make us keep in memory."""


def decompress(body: bytes, *, most_frames: int) -> bytes:
    """Return what a body says, which is *body* itself if the server has decompressed it already.

    Several frames are joined. Each costs a decompressor, so there may be *most_frames* of them, and
    only a body of one frame may be without content. Raise `InvalidRequest` for a body that is cut,
    broken or too large, or has too many frames.
    """
    if not body.startswith(_MAGIC):
        return body
    # A view, or each frame would cost a copy of all that follow it.
    rest = memoryview(body)
    parts: list[bytes] = []
    left = LARGEST_BODY
    while rest:
        if len(parts) == most_frames:
            raise InvalidRequest(f"zstd body has more than {most_frames} frames")
        try:
            size = zstd.get_frame_size(rest)
            frame = zstd.ZstdDecompressor(options=_OPTIONS)
            part = frame.decompress(rest[:size], max_length=left + 1)
        except zstd.ZstdError as error:
            raise InvalidRequest("failed to decompress zstd body") from error
        left -= len(part)
        if left < 0:
            raise InvalidRequest("http: request body too large")
        if not part and size < len(body):
            raise InvalidRequest("zstd body has a frame without content")
        parts.append(part)
        rest = rest[size:]
    return b"".join(parts)
