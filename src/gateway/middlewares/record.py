"""The outermost layer: one record for each request, given to the observers when it is over."""

from __future__ import annotations

import asyncio

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.keys import OBSERVERS, RECORD
from gateway.observe import RequestRecord
from gateway.replies import listening

__all__ = ["record"]


@web.middleware
async def record(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Note what becomes of *request*; status 499 is that of a client that left."""
    noted = request[RECORD] = RequestRecord(request.method, request.path)
    try:
        with listening(noted.replies.append):
            response = await handler(request)
    except (asyncio.CancelledError, ConnectionError):
        if not noted.error:
            noted.status = 499
            noted.error = "client closed the connection"
        raise
    else:
        noted.status = response.status
        return response
    finally:
        for observer in request.app[OBSERVERS]:
            observer.finished(noted)
