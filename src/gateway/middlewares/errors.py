"""Errors before the first byte: from exception to the answer of the route's dialect."""

from __future__ import annotations

import logging

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from gateway.errors import GatewayError
from gateway.keys import DIALECTS, RECORD
from gateway.middlewares.slashes import redirect
from gateway.ollama import OLLAMA

__all__ = ["errors"]

_PLAIN = {hdrs.CONTENT_TYPE: "text/plain"}

_log = logging.getLogger("gateway.errors")


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn what *handler* raises into a response, unless the client has been answered already."""
    try:
        return await handler(request)
    except GatewayError as error:
        return _answer(request, error)
    except web.HTTPNotFound:
        return await redirect(request) or web.Response(
            status=404, body=b"404 page not found", headers=_PLAIN
        )
    except web.HTTPMethodNotAllowed as miss:
        return web.Response(
            status=405,
            body=b"405 method not allowed",
            headers={**_PLAIN, hdrs.ALLOW: ", ".join(sorted(miss.allowed_methods))},
        )
    except (web.HTTPException, ConnectionError):
        raise
    except Exception:
        _log.exception("%s %s failed", request.method, request.path)
        return _answer(request, GatewayError("internal server error"))


def _answer(request: web.Request, error: GatewayError) -> web.Response:
    request[RECORD].error = error.message
    if error.__cause__ is not None:
        _log.info("%s: %r", error, error.__cause__)
    dialect = request.app[DIALECTS].get(request.match_info.handler, OLLAMA)
    return web.Response(
        status=error.status,
        body=dialect.error_document(error, request[RECORD].id),
        headers={**error.headers, hdrs.CONTENT_TYPE: dialect.error_type},
    )
