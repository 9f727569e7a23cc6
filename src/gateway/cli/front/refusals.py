"""Answer requests that are rejected before aiohttp's server reads them."""

import secrets
from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from gateway.cli.front.head import HeadReader
from gateway.core.errors import InvalidRequest
from gateway.dialects.anthropic import ANTHROPIC
from gateway.dialects.base import Dialect
from gateway.dialects.ollama import OLLAMA
from gateway.dialects.openai import OPENAI
from gateway.serving.endpoint import Endpoint
from gateway.serving.keys import ENDPOINTS, RECORD

__all__ = ["Refusals"]

_DIALECTS: Final = (("/v1/messages", ANTHROPIC), ("/v1/", OPENAI), ("/", OLLAMA))
"""The dialects of paths, by how these begin."""
_LONGEST: Final = 500
"""Characters of a method or a path that are noted."""


class Refusals:
    """Endpoints of *app* for requests that were refused, at paths that no client can guess.

    A refusal is a request itself, so it is answered in the dialect of its path, and recorded, as an
    error of any handler is. Make it before the application starts.
    """

    def __init__(self, app: web.Application) -> None:
        self._root = f"/{secrets.token_urlsafe()}"
        for _, dialect in _DIALECTS:
            endpoint = Endpoint("GET", self._path(dialect), _refuse, dialect, right="none")
            route = app.router.add_route(endpoint.method, endpoint.path, endpoint.handler)
            app[ENDPOINTS][route] = endpoint

    def request(self, head: HeadReader, error: InvalidRequest) -> bytes:
        """Return the request to be served in place of the one that *head* began, as its last."""
        path = head.target.partition("?")[0]
        dialect = next((one for start, one in _DIALECTS if path.startswith(start)), OLLAMA)
        query = urlencode(
            {
                "status": error.status,
                "message": error.message,
                "method": head.method[:_LONGEST],
                "path": path[:_LONGEST],
            }
        )
        line = f"GET {self._path(dialect)}?{query} HTTP/1.1"
        return f"{line}\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()

    def _path(self, dialect: Dialect) -> str:
        return f"{self._root}/{dialect.name}"


async def _refuse(request: web.Request) -> web.StreamResponse:
    """Note what was asked for, as far as it is known, and raise the error of its refusal."""
    refused = request.query
    record = request[RECORD]
    record.method, record.path, record.route = refused["method"], refused["path"], ""
    raise InvalidRequest(refused["message"], status=int(refused["status"]))
