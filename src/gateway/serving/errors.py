"""Convert exceptions before the first byte to error responses in the route's dialect."""

from __future__ import annotations

import logging

from aiohttp import hdrs, web

from gateway.core.errors import GatewayError
from gateway.dialects.ollama import OLLAMA
from gateway.serving.keys import ENDPOINTS, RECORD
from gateway.serving.redirects import redirect

__all__ = ["answer_error"]

_PLAIN = {hdrs.CONTENT_TYPE: "text/plain"}

_log = logging.getLogger("gateway.errors")


async def answer_error(request: web.Request, error: Exception) -> web.StreamResponse:
    """Return the answer to what a handler has raised, or raise it if it is an answer itself."""
    match error:
        case GatewayError():
            return _answer(request, error)
        case web.HTTPNotFound():
            return await redirect(request) or web.Response(
                status=404, body=b"404 page not found", headers=_PLAIN
            )
        case web.HTTPMethodNotAllowed():
            return web.Response(
                status=405,
                body=b"405 method not allowed",
                headers={**_PLAIN, hdrs.ALLOW: ", ".join(sorted(error.allowed_methods))},
            )
        case web.HTTPException():
            raise error
    _log.error("%s %s failed", request.method, request.path, exc_info=error)
    return _answer(request, GatewayError("internal server error"))


def _answer(request: web.Request, error: GatewayError) -> web.Response:
    request[RECORD].error = error.message
    if error.__cause__ is not None:
        _log.info("%s: %r", error, error.__cause__)
    endpoint = request.app[ENDPOINTS].get(request.match_info.route)
    dialect = OLLAMA if endpoint is None else endpoint.dialect
    return web.Response(
        status=error.status,
        body=dialect.error_document(error, request[RECORD].id),
        headers={**error.headers, hdrs.CONTENT_TYPE: dialect.error_type},
    )
