"""The one middleware: what surrounds every handler, from its first moment to its last.

It is one, since every layer around a handler is a cost of every request. What it does is told by
the modules beside it.
"""

from __future__ import annotations

import asyncio
import logging

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from gateway.access.hosts import HOSTS, answer_foreign_host
from gateway.access.origins import answer_foreign_origin
from gateway.observe.record import RequestRecord
from gateway.observe.upstream_replies import listening
from gateway.serving.errors import answer_error
from gateway.serving.keys import OBSERVERS, ORIGINS, PRESENCE, RECORD

__all__ = ["rim"]

_log = logging.getLogger("gateway.observe")


def rim(app: web.Application) -> Middleware:
    """Return the middleware of *app*.

    A request is noted, kept out if it comes from elsewhere, or handled as long as its client is
    there; an error is answered, and the observers are told. Status 499 is that of a client that
    left.
    """
    observers, origins, presence = app[OBSERVERS], app[ORIGINS], app[PRESENCE]

    @web.middleware
    async def surround(request: web.Request, handler: Handler) -> web.StreamResponse:
        noted = request[RECORD] = RequestRecord(request.method, request.path)
        presence.require(request)
        try:
            with listening(noted.replies.append):
                try:
                    response = (
                        answer_foreign_origin(request, origins)
                        or answer_foreign_host(request, app.get(HOSTS))
                        or await handler(request)
                    )
                except ConnectionError:
                    raise
                except Exception as error:
                    response = await answer_error(request, error)
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
            presence.release(request)
            for observer in observers:
                try:
                    observer.finished(noted)
                except Exception:  # what it would have noted is lost, the answer is not
                    _log.exception("an observer failed: %r", observer)

    return surround


def _note_departure(noted: RequestRecord) -> None:
    if not noted.status:  # else it has had its answer, and may leave
        noted.status = 499
        noted.error = "client closed the connection"
