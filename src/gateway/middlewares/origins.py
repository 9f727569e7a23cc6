"""Requests from web pages: refused, answered as a preflight, or let through with their headers."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import hdrs, web
from multidict import CIMultiDict

from gateway.origins import Origins

__all__ = ["add_origin_headers", "answer_foreign_origin"]

_HEADERS: web.RequestKey[Mapping[str, str]] = web.RequestKey("gateway.origin_headers", Mapping)


def answer_foreign_origin(request: web.Request, rules: Origins) -> web.Response | None:
    """Apply Ollama's *rules* to a request that names another origin than the server's own.

    Return the answer if the rules give one; otherwise it is an ordinary request.
    """
    origin = request.headers.get(hdrs.ORIGIN)
    if not origin or origin in (f"http://{request.host}", f"https://{request.host}"):
        return None
    if not rules.allow(origin):
        return web.Response(status=403)
    if request.method == hdrs.METH_OPTIONS:
        return web.Response(status=204, headers=CIMultiDict(rules.preflight_headers(origin)))
    request[_HEADERS] = rules.headers(origin)
    return None


def add_origin_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add what a web page needs to read the answer."""
    if hdrs.ORIGIN in request.headers:
        response.headers.update(request.get(_HEADERS, {}))
