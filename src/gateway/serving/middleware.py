"""The request middleware: record, access checks, errors, observers.

There is one, since every layer around a handler is a cost of every request. What it does is told by
the modules that it calls.
"""

from __future__ import annotations

import asyncio

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from gateway.access.caller import CALLER
from gateway.access.hosts import HOSTS, answer_foreign_host
from gateway.access.origins import answer_foreign_origin
from gateway.access.rejections import REJECTION
from gateway.observe.record import RequestRecord
from gateway.observe.upstream_replies import collecting
from gateway.serving.admission import admit
from gateway.serving.endpoint import Endpoint
from gateway.serving.errors import answer_error, break_off
from gateway.serving.keys import (
    ACCESS,
    BEGUN,
    DISCONNECTS,
    ENDPOINTS,
    OBSERVERS,
    ORIGINS,
    RECORD,
    REQUEST_ACCESS,
)
from gateway.serving.redirects import answer_unclean_target, with_allowed_methods

__all__ = ["request_middleware"]


def request_middleware(app: web.Application) -> Middleware:
    """Return the middleware of *app*.

    A request is recorded, refused if it comes from elsewhere or lacks a key that it needs, or
    handled as long as its client is connected; an error is answered, what the request has acquired
    is settled, and the observers are called. Status 499 is that of a client that disconnected.
    """
    endpoints, disconnects = app[ENDPOINTS], app[DISCONNECTS]
    observers, origins, access = app[OBSERVERS], app[ORIGINS], app[ACCESS]

    async def respond(
        request: web.Request, handler: Handler, endpoint: Endpoint | None
    ) -> web.StreamResponse:
        """Return the response of the access checks, of the handler, or to an error of either."""
        try:
            rejected = answer_foreign_origin(request, origins) or answer_foreign_host(
                request, app.get(HOSTS)
            )
            if rejected is not None:
                return with_allowed_methods(request, rejected)
            if (elsewhere := answer_unclean_target(request)) is not None:
                return elsewhere
            admit(request, access.opened, endpoint)
            return await handler(request)
        except ConnectionError:
            raise
        except Exception as error:
            begun = request.get(BEGUN)
            if begun is not None:
                return break_off(request, begun, error)
            return await answer_error(request, error)

    @web.middleware
    async def handle(request: web.Request, handler: Handler) -> web.StreamResponse:
        record = RequestRecord(request.method, request.path, peer=request.remote or "")
        endpoint = endpoints.get(request.match_info.route)
        if endpoint is not None:
            record.dialect = endpoint.dialect.name
            record.route = endpoint.path
            record.operation = endpoint.operation
        request[RECORD] = record
        _note_caller(request, record)
        disconnects.track(request)
        observers.started(record)
        try:
            with collecting(record.replies.append):
                response = await respond(request, handler, endpoint)
        except asyncio.CancelledError:
            _note_disconnect(record)
            raise
        except web.HTTPException as answer:
            record.status = answer.status
            raise
        except ConnectionError:
            _note_disconnect(record)
            # aiohttp would log it as an error of the server; this reaches nobody.
            return web.Response(status=499)
        else:
            record.status = response.status
            if REJECTION in request:
                record.error = request[REJECTION]
            return response
        finally:
            disconnects.untrack(request)
            _note_caller(request, record)
            if (used := request.get(REQUEST_ACCESS)) is not None:
                used.settle(record)
            observers.finished(record)

    return handle


def _note_caller(request: web.Request, record: RequestRecord) -> None:
    caller = request.get(CALLER)
    if caller is not None:
        record.caller = caller.name


def _note_disconnect(record: RequestRecord) -> None:
    if not record.status:  # else it has had its answer, and may leave
        record.status = 499
        record.error = "client closed the connection"
