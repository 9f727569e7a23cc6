"""Read a request's body, whatever its content type says."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from typing import TypeVar

from aiohttp import hdrs, web

from gateway.bodies.large import LARGE
from gateway.bodies.zstd import LARGEST_BODY, decompress
from gateway.errors import BodyTooLarge, InvalidRequest
from gateway.keys import SETTINGS

__all__ = ["load_body", "load_v1_body", "read_body"]

T = TypeVar("T")


async def load_body(request: web.Request, load: Callable[[bytes], T]) -> T:
    """Return what *load* makes of the whole body, or raise `BodyTooLarge`."""
    return await _off_loop(load, await read_body(request))


async def load_v1_body(request: web.Request, load: Callable[[bytes], T]) -> T:
    """Do the same for an endpoint below ``/v1``, where the body may be compressed with zstd."""
    if request.headers.get(hdrs.CONTENT_ENCODING) != "zstd":
        return await load_body(request, load)
    try:
        body = await _read(request, limit=LARGEST_BODY)
    except BodyTooLarge:
        raise InvalidRequest("http: request body too large") from None
    return await _off_loop(lambda compressed: load(decompress(compressed)), body)


async def read_body(request: web.Request) -> bytes:
    """Return the whole body, or raise `BodyTooLarge`.

    The limit is ours even when the application is mounted: a host's own default of 1 MiB would
    refuse any request with an image.
    """
    return await _read(request, limit=request.app[SETTINGS].limits.body)


async def _off_loop(load: Callable[[bytes], T], body: bytes) -> T:
    """Leave a large body to a thread; for a small one the way there would take longer."""
    return load(body) if len(body) < LARGE else await asyncio.to_thread(load, body)


async def _read(request: web.Request, *, limit: int) -> bytes:
    if not request.can_read_body:
        return await request.read()  # there is none, or a host has read it before us
    # Unlike aiohttp's own way this one makes no second copy.
    body = io.BytesIO()
    try:
        while chunk := await request.content.readany():
            body.write(chunk)
            if body.tell() > limit:
                raise BodyTooLarge("request body too large")
    except web.RequestPayloadError as error:
        raise InvalidRequest("the request body cannot be read") from error
    return body.getvalue()
