"""How much of an answer is read, and bodies that are read whole, also what is compressed."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.providers.upstream.transport import Exchange

__all__ = ["Bounds", "content_coding", "read_into"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """The most bytes of an answer, far above those of models: only a broken service meets them.

    ``document`` is for one that is not streamed, once it is unpacked, ``stream`` for one that is,
    with comments and framing.
    """

    document: int = 64 * 2**20
    stream: int = 256 * 2**20


_STEP: Final = 256 * 1024
"""Bytes to unpack before others have a turn."""

_WINDOWS: Mapping[str, int] = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""How zlib is told of the codings that it knows."""


def content_coding(headers: Mapping[str, str]) -> str:
    """Return the coding of a body, though none was asked for; nothing if it is as it should be."""
    coding = headers.get("Content-Encoding", "").strip().lower()
    return "" if coding == "identity" else coding


async def read_into(body: bytearray, exchange: Exchange, limit: int) -> None:
    """Add to *body* what comes, unpacked, until there are *limit* bytes; the rest is not read.

    Raise `ValueError` for a coding that is not known or a body that cannot be unpacked, and
    otherwise what `Exchange.read` raises; what came before is in *body* then.
    """
    coding = content_coding(exchange.headers)
    if coding and coding not in _WINDOWS:
        raise ValueError("the coding of the body is not known")
    unpacker = zlib.decompressobj(_WINDOWS[coding]) if coding else None
    while len(body) < limit and (piece := await exchange.read()):
        if unpacker is None:
            body += piece
        else:
            await _unpack(unpacker, piece, body, limit)
    del body[limit:]


async def _unpack(unpacker: zlib._Decompress, packed: bytes, body: bytearray, limit: int) -> None:
    """Add what *packed* holds to *body*, in steps and not far beyond *limit*."""
    while len(body) < limit:
        try:
            step = unpacker.decompress(packed, _STEP)
        except zlib.error as error:
            raise ValueError("the body cannot be unpacked") from error
        body += step
        packed = unpacker.unconsumed_tail
        if len(step) < _STEP and not packed:
            return
        await asyncio.sleep(0)
