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


def decompress(body: bytes) -> bytes:
    """Return what a body says, which is *body* itself if the server has decompressed it already.

    Raise `InvalidRequest` for one that is cut, broken, or too large.
    """
    if not body.startswith(_MAGIC):
        return body
    parts: list[bytes] = []
    left = LARGEST_BODY
    while body:
        frame = zstd.ZstdDecompressor(options=_OPTIONS)
        try:
            part = frame.decompress(body, max_length=left + 1)
        except zstd.ZstdError as error:
            raise InvalidRequest("failed to decompress zstd body") from error
        left -= len(part)
        if left < 0:
            raise InvalidRequest("http: request body too large")
        if not frame.eof:
            raise InvalidRequest("failed to decompress zstd body")
        parts.append(part)
        body = frame.unused_data
    return b"".join(parts)
