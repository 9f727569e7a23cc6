"""Requests from web pages: refused, answered as a preflight, or let through with their headers."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from multidict import CIMultiDict

from gateway.keys import ORIGINS

__all__ = ["add_origin_headers", "origins"]

_HEADERS: web.RequestKey[Mapping[str, str]] = web.RequestKey("gateway.origin_headers", Mapping)


@web.middleware
async def origins(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Apply Ollama's rules to a request that names another origin than the server's own."""
    origin = request.headers.get(hdrs.ORIGIN, "")
    if not origin or origin in (f"http://{request.host}", f"https://{request.host}"):
        return await handler(request)
    rules = request.app[ORIGINS]
    if not rules.allow(origin):
        return web.Response(status=403)
    if request.method == hdrs.METH_OPTIONS:
        return web.Response(status=204, headers=CIMultiDict(rules.preflight_headers(origin)))
    request[_HEADERS] = rules.headers(origin)
    return await handler(request)


async def add_origin_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add what a web page needs to read the answer; a signal, so that streams have it too."""
    headers = request.get(_HEADERS)
    if headers is not None:
        response.headers.update(headers)
