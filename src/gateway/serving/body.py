"""Read a request's body, whatever its content type."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TypeVar

from aiohttp import hdrs, web

from gateway.core.errors import BodyTooLarge, InvalidRequest, RequestTimeout
from gateway.dialects.bodies.budget import GIVE_WAY, LIMITS
from gateway.dialects.bodies.large import LARGE
from gateway.dialects.bodies.zstd import LARGEST_BODY, decompress
from gateway.serving.keys import EXCHANGE, SETTINGS

__all__ = ["Abandoned", "body_pieces", "load_body", "load_v1_body", "read_body"]

_SMALL = 16 * 1024
"""Bytes up to which pieces are joined, since many small ones take many times their size."""
_PAUSE = 50e-6
"""Seconds for which the thread of a large body releases the GIL after each slice.

Python by itself switches threads only every five milliseconds, and ``sleep(0)`` re-acquires the GIL
before another thread wakes.
"""
_PROGRESS = 64 * 1024
"""Bytes that must arrive within ``limits.body_timeout``, unless the body ends before."""

T = TypeVar("T")


class Abandoned(Exception):
    """The request of this thread has been cancelled."""


async def load_body(
    request: web.Request, load: Callable[[bytes], T], *, limit: int | None = None
) -> T:
    """Return the result of *load* for the whole body; raise `BodyTooLarge` or `RequestTimeout`.

    *limit* replaces the setting for the largest body. While *load* runs, `LIMITS` are
    those of the settings.
    """
    limits = request[SETTINGS].limits
    LIMITS.set(limits)
    load = _kept(request, load)
    most = limits.body if limit is None else limit
    content = request.content
    if content.is_eof() and not content.at_eof() and content.total_bytes <= min(_SMALL, most):
        return load(content.read_nowait())  # like most bodies, it arrived with the request's head
    pieces = await _read(request, limit=most)
    # For a small body the switch to a thread would take longer.
    if sum(map(len, pieces)) < LARGE:
        return load(b"".join(pieces))
    return await _in_thread(lambda: load(_joined(pieces)))


async def load_v1_body(request: web.Request, load: Callable[[bytes], T]) -> T:
    """Do the same for an endpoint below ``/v1``, where the body may be compressed with zstd."""
    if request.headers.get(hdrs.CONTENT_ENCODING) != "zstd":
        return await load_body(request, load)
    most_frames = request[SETTINGS].limits.frames
    LIMITS.set(request[SETTINGS].limits)
    load = _kept(request, load)
    try:
        pieces = await _read(request, limit=LARGEST_BODY)
    except BodyTooLarge:
        raise InvalidRequest("http: request body too large") from None
    # Always in a thread, since few bytes may become many.
    return await _in_thread(lambda: load(decompress(_joined(pieces), most_frames=most_frames)))


async def read_body(request: web.Request) -> bytes:
    """Return the whole body, or raise `BodyTooLarge` or `RequestTimeout`."""
    return b"".join(await _read(request, limit=request[SETTINGS].limits.body))


async def body_pieces(request: web.Request, *, limit: int) -> AsyncGenerator[bytes, None]:
    """Yield the body as it arrives.

    Raise `BodyTooLarge` for more than *limit* bytes, `RequestTimeout` for a body that makes no
    progress, and `InvalidRequest` for one that breaks HTTP. The limit is the gateway's even if it
    is mounted: a host's default of 1 MiB would reject any request with an image.
    """
    if not request.can_read_body:
        body = await request.read()  # there is none, or a host application has read it already
        if len(body) > limit:
            raise _too_large()
        yield body
        return
    content = request.content
    timeout = request[SETTINGS].limits.body_timeout
    clock = asyncio.get_running_loop().time
    received = expected = 0
    deadline: float | None = None
    while not content.at_eof():
        if received >= expected:
            expected = received + _PROGRESS
            deadline = clock() + timeout if timeout else None
        try:
            async with asyncio.timeout_at(deadline):
                piece = await content.readany()
        except TimeoutError:
            raise RequestTimeout("the request body did not come in time") from None
        except web.RequestPayloadError as error:
            raise InvalidRequest("the request body cannot be read") from error
        received += len(piece)
        if received > limit:
            raise _too_large()
        yield piece


def _kept(request: web.Request, load: Callable[[bytes], T]) -> Callable[[bytes], T]:
    """Return *load*, which keeps the body as well where texts are kept."""
    if (exchange := request.get(EXCHANGE)) is None:
        return load
    from gateway.serving.exchanges import reading  # noqa: PLC0415 - only where it is used

    return reading(exchange, load)


def _too_large() -> BodyTooLarge:
    return BodyTooLarge("request body too large")


async def _read(request: web.Request, *, limit: int) -> list[bytes]:
    """Return the body in pieces, about as they arrived: joining them could block the event loop."""
    pieces: list[bytes] = []
    async with aclosing(body_pieces(request, limit=limit)) as body:
        async for piece in body:
            if pieces and len(pieces[-1]) + len(piece) <= _SMALL:
                pieces[-1] += piece
            else:
                pieces.append(piece)
    return pieces


async def _in_thread(work: Callable[[], T]) -> T:
    """Run *work* in a thread and return its result; abort it if this task is cancelled.

    A handler is cancelled when its client disconnects and when the server stops.
    """
    abandoned = threading.Event()

    def give_way() -> None:
        if abandoned.is_set():
            raise Abandoned
        time.sleep(_PAUSE)

    def run() -> T:
        GIVE_WAY.set(give_way)  # in the context of this thread only
        return work()

    try:
        return await asyncio.to_thread(run)
    except asyncio.CancelledError:
        abandoned.set()
        raise


def _joined(pieces: list[bytes]) -> bytes:
    """Join *pieces* and clear them, so that there are two copies only for a moment.

    Python releases the GIL while it joins large pieces.
    """
    body = b"".join(pieces)
    pieces.clear()
    return body
