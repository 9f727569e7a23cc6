"""Convert exceptions to error responses in the route's dialect, or abort a response."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from aiohttp import hdrs, web

from gateway.core.errors import BodyTooLarge, GatewayError
from gateway.core.secrets import redact
from gateway.core.texts import shorten
from gateway.dialects.base import Dialect
from gateway.dialects.documents import JSON_TYPE
from gateway.dialects.ollama import OLLAMA
from gateway.observe.record import RequestRecord
from gateway.serving.keys import ENDPOINTS, RECORD
from gateway.serving.redirects import redirect

__all__ = ["abort", "answer_error", "cause_of"]

_LONGEST_CAUSE = 2000

_PLAIN = {hdrs.CONTENT_TYPE: "text/plain"}

_log = logging.getLogger("gateway.errors")


async def answer_error(request: web.Request, error: Exception) -> web.StreamResponse:
    """Return the response to an exception of a handler, or raise one that is a response itself."""
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
        case web.HTTPRequestEntityTooLarge():  # of a host's middleware that has read the body
            return _answer(request, BodyTooLarge("request body too large"))
        case web.HTTPException():
            raise error
    _log.error("%s %s failed", request.method, request.path, exc_info=error)
    return _answer(request, _reported(error))


def abort(
    request: web.Request, started: web.StreamResponse, error: Exception
) -> web.StreamResponse:
    """Close the connection of a response that has started and cannot go on, and return it.

    A second head in the middle of its body would be read as a part of it.
    """
    record = request[RECORD]
    record.status = started.status
    if not record.error:
        record.fail(_reported(error))
    if not isinstance(error, GatewayError):
        _log.error("%s %s failed in mid-answer", request.method, request.path, exc_info=error)
    request.protocol.force_close()
    return started


def _answer(request: web.Request, error: GatewayError) -> web.Response:
    record = request[RECORD]
    record.fail(error)
    if error.__cause__ is not None:
        _log.info("%s: %s", error, cause_of(error))
    endpoint = request.app[ENDPOINTS].get(request.match_info.route)
    dialect = OLLAMA if endpoint is None else endpoint.dialect
    try:
        return _response(dialect, error, record)
    except Exception as second:  # of any kind: the client must get an answer
        _log.error("an error response could not be built", exc_info=second)
        error = _reported(second)
        record.fail(error)
        return _response(dialect, error, record)


def _response(dialect: Dialect, error: GatewayError, record: RequestRecord) -> web.Response:
    body, kind = dialect.error_document(error, record.id), dialect.error_type
    if dialect is not OLLAMA and record.model:
        # Ollama's endpoints below /v1 encode errors anew once they have understood the request.
        body, kind = body + b"\n", JSON_TYPE
    elif record.stream:
        kind = JSON_TYPE  # as the first line of a stream that has not begun
    return web.Response(
        status=error.status,
        body=body,
        headers={**_sendable(error.headers), hdrs.CONTENT_TYPE: kind},
    )


def cause_of(error: GatewayError) -> str:
    """Return the cause of an error, for a log line."""
    return redact(shorten(repr(error.__cause__), _LONGEST_CAUSE))


def _reported(error: Exception) -> GatewayError:
    """Return what the client gets for *error*."""
    return error if isinstance(error, GatewayError) else GatewayError("internal server error")


def _sendable(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Leave out values that would break the head of a response; they may be a provider's."""
    return {
        name: redact(value)
        for name, value in headers.items()
        if value.isascii() and value.isprintable()
    }
