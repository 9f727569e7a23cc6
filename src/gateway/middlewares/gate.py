"""Requests that come no further than this, since they come from elsewhere."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.middlewares.hosts import answer_foreign_host
from gateway.middlewares.origins import answer_foreign_origin

__all__ = ["gate"]


@web.middleware
async def gate(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let a request in unless its origin or its host has an answer already."""
    answer = answer_foreign_origin(request)
    if answer is None:
        answer = answer_foreign_host(request)
    return await handler(request) if answer is None else answer
