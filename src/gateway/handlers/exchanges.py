"""The last requests, for the people who run the gateway: a list, each of them, and what changes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from aiohttp import hdrs, web

from gateway.core import codec
from gateway.core.errors import GatewayError
from gateway.serving.admission import require_operator
from gateway.serving.keys import DISCONNECTS, EXCHANGES
from gateway.serving.responses import document_response, json_document

if TYPE_CHECKING:
    from gateway.observe.exchanges import Exchange, Exchanges

__all__ = [
    "clear_exchanges",
    "exchange",
    "exchange_events",
    "exchange_list",
    "exchange_recording",
]

_EACH: Final = 0.1
"""Seconds between two looks at what has changed, however much that is."""
_QUIET: Final = 15.0
"""Seconds after which a comment is sent, for proxies that close quiet connections."""


async def exchange_list(request: web.Request) -> web.StreamResponse:
    """List the exchanges that are kept, newest first."""
    kept = _kept(request)
    shown = [one.show() for one in kept.since(0)]
    return json_document(codec.encode({"exchanges": shown, "texts": kept.with_texts}))


async def exchange(request: web.Request) -> web.StreamResponse:
    """Return one exchange with its texts."""
    return json_document(codec.encode(_found(request).details()))


async def exchange_recording(request: web.Request) -> web.StreamResponse:
    """Return an exchange as a file that can be replayed."""
    recording = _found(request).recording
    if recording is None:
        raise GatewayError("there is no recording of this exchange", status=404)
    response = document_response(recording.content, "application/json")
    name = recording.path.rpartition("/")[2]
    response.headers[hdrs.CONTENT_DISPOSITION] = f'attachment; filename="{name}"'
    return response


async def clear_exchanges(request: web.Request) -> web.StreamResponse:
    """Forget all exchanges."""
    _kept(request).clear()
    return web.Response(status=204)


async def exchange_events(request: web.Request) -> web.StreamResponse:
    """Send each exchange that begins or changes, as server-sent events, until the server stops."""
    kept, stopping = _kept(request), request.app[DISCONNECTS].stopping
    response = web.StreamResponse(
        headers={
            hdrs.CONTENT_TYPE: "text/event-stream",
            hdrs.CACHE_CONTROL: "no-cache",
            "X-Accel-Buffering": "no",
        }
    )
    await response.prepare(request)
    seen = kept.revision
    await response.write(b": connected\n\n")
    while not stopping.is_set():
        changing = asyncio.ensure_future(kept.change(seen))
        ending = asyncio.ensure_future(stopping.wait())
        try:
            first = asyncio.FIRST_COMPLETED
            await asyncio.wait({changing, ending}, timeout=_QUIET, return_when=first)
        finally:
            changing.cancel()
            ending.cancel()
        await response.write(b"".join(_events(kept, seen)) or b":\n\n")
        seen = kept.revision
        if not stopping.is_set():
            await asyncio.sleep(_EACH)
    await response.write_eof()
    return response


def _events(kept: Exchanges, seen: int) -> Iterator[bytes]:
    """Yield what has changed after *seen*, oldest first."""
    if kept.cleared > seen:
        yield b"event: cleared\ndata: {}\n\n"
    for one in reversed(kept.since(seen)):
        yield b"data: %b\n\n" % codec.encode(one.show())


def _kept(request: web.Request) -> Exchanges:
    require_operator(request, "see this")
    kept = request.app[EXCHANGES]
    if kept is None:
        raise GatewayError("exchanges are not kept: set ui.exchanges", status=404)
    return kept


def _found(request: web.Request) -> Exchange:
    found = _kept(request).find(request.match_info["id"])
    if found is None:
        raise GatewayError("this exchange is not kept", status=404)
    return found
