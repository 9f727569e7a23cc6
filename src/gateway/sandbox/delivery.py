"""Write a body to the client piece by piece, and end it properly or with a fault."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final

from aiohttp import web

from gateway.sandbox.faults import Ending, Fault
from gateway.sandbox.framing import writes

__all__ = ["abort", "broken", "deliver", "silence"]

_WHOLE: Final = frozenset({Ending.DONE, Ending.OPEN, Ending.UNENDED})


async def deliver(
    request: web.Request,
    response: web.StreamResponse,
    events: Sequence[bytes],
    *,
    fault: Fault,
    pace: float,
) -> None:
    """Send the head and the events, or the fault's own bytes, and end as the fault says."""
    await response.prepare(request)
    pieces: Iterable[bytes] = writes(events, fault) if fault.raw is None else fault.raw
    for piece in pieces:
        await response.write(piece)
        if pace or fault.write_size is not None or fault.raw is not None:
            await asyncio.sleep(pace)
    match fault.ending:
        case Ending.SILENCE | Ending.OPEN:
            await silence()
        case Ending.CUT | Ending.TORN:
            await abort(request)
        case _:
            await response.write_eof()


def broken(content: bytes, fault: Fault) -> bytes:
    """Return a body that is not a stream, or its first half where the fault breaks it off."""
    return content if fault.ending in _WHOLE else content[: len(content) // 2]


async def silence() -> None:
    """Wait for the client to go, which cancels this handler."""
    await asyncio.Event().wait()


async def abort(request: web.Request) -> None:
    """Break the connection without a word."""
    # A loop may hold written bytes back until its next turn; they were sent before the break.
    await asyncio.sleep(0)
    if request.transport is not None:
        request.transport.abort()
