"""The outermost layer: one record for each request, given to the observers when it is over."""

from __future__ import annotations

import asyncio
import logging

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.keys import OBSERVERS, RECORD
from gateway.observe import RequestRecord
from gateway.replies import listening

__all__ = ["record"]

_log = logging.getLogger("gateway.observe")


@web.middleware
async def record(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Note what becomes of *request*; status 499 is that of a client that left."""
    noted = request[RECORD] = RequestRecord(request.method, request.path)
    try:
        with listening(noted.replies.append):
            response = await handler(request)
    except asyncio.CancelledError:
        _note_departure(noted)
        raise
    except ConnectionError:
        _note_departure(noted)
        # aiohttp would log it as an error of the server; this reaches nobody.
        return web.Response(status=499)
    else:
        noted.status = response.status
        return response
    finally:
        for observer in request.app[OBSERVERS]:
            try:
                observer.finished(noted)
            except Exception:  # what it would have noted is lost, the answer is not
                _log.exception("an observer failed: %r", observer)


def _note_departure(noted: RequestRecord) -> None:
    if not noted.status:  # else it has had its answer, and may leave
        noted.status = 499
        noted.error = "client closed the connection"
