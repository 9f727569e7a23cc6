"""The request middleware: record, access checks, errors, observers.

There is only one, since each layer around a handler costs every request. The modules that it calls
describe the steps.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from gateway.access.hosts import HOSTS, answer_foreign_host
from gateway.access.origins import answer_foreign_origin
from gateway.access.rejections import REJECTION
from gateway.core.upstream_replies import Collecting
from gateway.observe.record import RequestRecord
from gateway.serving.admission import admit, record_caller
from gateway.serving.endpoint import Endpoint
from gateway.serving.errors import abort, answer_error
from gateway.serving.keys import (
    ACCESS,
    BEGUN,
    DISCONNECTS,
    ENDPOINTS,
    EXCHANGE,
    EXCHANGES,
    LIVE,
    OBSERVERS,
    PROXIES,
    RECORD,
    REQUEST_ACCESS,
    SETTINGS,
    USER_KEYS,
    VISIT,
)
from gateway.serving.redirects import answer_unclean_target, with_allowed_methods

if TYPE_CHECKING:
    from gateway.access.proxies import TrustedProxies
    from gateway.observe.exchanges import Exchanges

__all__ = ["request_middleware"]


def request_middleware(app: web.Application) -> Middleware:
    """Return the middleware of *app*.

    A request is recorded, rejected if its host or origin is foreign or a required key is missing,
    and handled while its client is connected; an error becomes a response, what was acquired of
    limits is settled, and the observers are called. Status 499 means a client that disconnected.
    """
    endpoints, disconnects = app[ENDPOINTS], app[DISCONNECTS]
    observers, live, access, exchanges = app[OBSERVERS], app[LIVE], app[ACCESS], app[EXCHANGES]

    async def respond(
        request: web.Request, handler: Handler, endpoint: Endpoint | None
    ) -> web.StreamResponse:
        """Return the response of the access checks, of the handler, or to an error of either."""
        try:
            rejected = answer_foreign_origin(request, live.origins) or answer_foreign_host(
                request, app.get(HOSTS)
            )
            if rejected is not None:
                request[RECORD].error = request.get(REJECTION, "")
                return with_allowed_methods(request, rejected)
            if (redirected := answer_unclean_target(request)) is not None:
                return redirected
            admit(request, access.opened, endpoint)
            return await handler(request)
        except ConnectionError:
            raise
        except Exception as error:
            if (started := request.get(BEGUN)) is not None:
                return abort(request, started, error)
            return await answer_error(request, error)

    @web.middleware
    async def handle(request: web.Request, handler: Handler) -> web.StreamResponse:
        endpoint = endpoints.get(request.match_info.route)
        record = request[RECORD] = _record_of(request, endpoint, app[PROXIES])
        request[SETTINGS] = live.settings
        request[REQUEST_ACCESS] = request[USER_KEYS] = request[VISIT] = request[EXCHANGE] = None
        record_caller(request, record)
        disconnects.track(request)
        observers.started(record, request)
        answering = respond(request, handler, endpoint)
        if exchanges is not None and exchanges.with_texts:
            answering = _kept(request, exchanges, answering)
        try:
            with Collecting(record.replies.append):
                response = await answering
        except asyncio.CancelledError:
            _record_disconnect(record)
            raise
        except web.HTTPException as answer:
            record.status = answer.status
            raise
        except ConnectionError:
            _record_disconnect(record)
            # aiohttp would log it as an error of the server; this response is not sent.
            return web.Response(status=499)
        else:
            record.status = response.status
            return response
        finally:
            disconnects.untrack(request)
            record_caller(request, record)
            if (acquired := request[REQUEST_ACCESS]) is not None:
                acquired.settle(record)
            observers.finished(record)
            if (keys := request[USER_KEYS]) is not None:
                await keys.close()

    return handle


def _record_of(
    request: web.Request, endpoint: Endpoint | None, proxies: TrustedProxies | None
) -> RequestRecord:
    record = RequestRecord(request.method, request.path, peer=request.remote or "")
    if proxies is not None:
        record.client = proxies.client_of(request)
    if endpoint is not None:
        record.dialect = endpoint.dialect.name
        record.route = endpoint.path
        record.operation = endpoint.operation
    return record


def _kept(
    request: web.Request, exchanges: Exchanges, answering: Coroutine[Any, Any, web.StreamResponse]
) -> Coroutine[Any, Any, web.StreamResponse]:
    """Return *answering*, of which texts are kept unless it is one of the gateway's own routes."""
    request[EXCHANGE] = exchange = exchanges.find(request[RECORD].id)
    if exchange is None:
        return answering
    from gateway.serving.exchanges import watched  # noqa: PLC0415 - only where it is used

    return watched(exchange, answering)


def _record_disconnect(record: RequestRecord) -> None:
    if not record.status:  # else it disconnected after its answer
        record.status = 499
        record.error = "client closed the connection"
        record.error_type = "cancelled"
