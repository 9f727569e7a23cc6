"""Read a request's body, whatever its content type."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from aiohttp import hdrs, web

from gateway.core.errors import BodyTooLarge, InvalidRequest
from gateway.dialects.bodies.large import LARGE
from gateway.dialects.bodies.zstd import LARGEST_BODY, decompress
from gateway.serving.keys import SETTINGS

__all__ = ["load_body", "load_v1_body", "read_body"]

_SMALL = 16 * 1024
"""Bytes up to which pieces are joined as they come, or a drip would take many times its size."""

T = TypeVar("T")


async def load_body(request: web.Request, load: Callable[[bytes], T]) -> T:
    """Return what *load* makes of the whole body, or raise `BodyTooLarge`."""
    limit = request.app[SETTINGS].limits.body
    content = request.content
    if content.is_eof() and not content.at_eof() and content.total_bytes <= min(_SMALL, limit):
        return load(content.read_nowait())  # as most bodies, it has come with the request's head
    return await _load(await _read(request, limit=limit), load)


async def load_v1_body(request: web.Request, load: Callable[[bytes], T]) -> T:
    """Do the same for an endpoint below ``/v1``, where the body may be compressed with zstd."""
    if request.headers.get(hdrs.CONTENT_ENCODING) != "zstd":
        return await load_body(request, load)
    try:
        pieces = await _read(request, limit=LARGEST_BODY)
    except BodyTooLarge:
        raise InvalidRequest("http: request body too large") from None
    return await _load(pieces, lambda compressed: load(decompress(compressed)))


async def read_body(request: web.Request) -> bytes:
    """Return the whole body, or raise `BodyTooLarge`."""
    return b"".join(await _read(request, limit=request.app[SETTINGS].limits.body))


async def _load(pieces: list[bytes], load: Callable[[bytes], T]) -> T:
    """Leave a large body to a thread; for a small one the way there would take longer."""
    if sum(map(len, pieces)) < LARGE:
        return load(b"".join(pieces))
    return await asyncio.to_thread(lambda: load(_joined(pieces)))


def _joined(pieces: list[bytes]) -> bytes:
    """Empty *pieces* into one, so that there are two copies for a moment only.

    As long as that takes Python has let go of its lock, if there is much to join.
    """
    body = b"".join(pieces)
    pieces.clear()
    return body


async def _read(request: web.Request, *, limit: int) -> list[bytes]:
    """Return the body in pieces, much as it came in: to join them here could stop the event loop.

    The limit is ours even when the application is mounted: a host's own default of 1 MiB would
    refuse any request with an image.
    """
    if not request.can_read_body:
        return [await request.read()]  # there is none, or a host has read it before us
    content = request.content
    pieces: list[bytes] = []
    left = limit
    try:
        while not content.at_eof():
            piece = await content.readany()
            left -= len(piece)
            if left < 0:
                raise BodyTooLarge("request body too large")
            if pieces and len(pieces[-1]) + len(piece) <= _SMALL:
                pieces[-1] += piece
            else:
                pieces.append(piece)
    except web.RequestPayloadError as error:
        raise InvalidRequest("the request body cannot be read") from error
    return pieces
