"""Requests about an account at ollama.com, answered so that clients need none."""

from __future__ import annotations

from aiohttp import web

from gateway.core.errors import Forbidden
from gateway.dialects.bodies.decode import decode_body
from gateway.dialects.ollama.account import me_document, recommendations_document, status_document
from gateway.serving.body import read_body
from gateway.serving.keys import MODEL_LISTS
from gateway.serving.resolve import usable
from gateway.serving.responses import json_document

__all__ = ["me", "recommendations", "signout", "status", "web_fetch", "web_search"]


async def status(request: web.Request) -> web.StreamResponse:
    """Report that cloud models are enabled: the gateway has no others."""
    return json_document(status_document())


async def me(request: web.Request) -> web.StreamResponse:
    """Return the user who is signed in."""
    return json_document(me_document())


async def signout(request: web.Request) -> web.StreamResponse:
    """Report success; there is no session to end and no key to remove."""
    return json_document(b"null")


async def web_search(request: web.Request) -> web.StreamResponse:
    """Reject a search; a 403 lets clients go on without it, a 401 would ask users to sign in."""
    decode_body(await read_body(request), "api.WebSearchRequest")
    raise Forbidden("ollama cloud is disabled: web search is unavailable")


async def web_fetch(request: web.Request) -> web.StreamResponse:
    """Reject fetching a page."""
    decode_body(await read_body(request), "api.WebFetchRequest")
    raise Forbidden("ollama cloud is disabled: web fetch is unavailable")


async def recommendations(request: web.Request) -> web.StreamResponse:
    """Recommend a few models to new users."""
    catalog = await request.app[MODEL_LISTS].catalog()
    return json_document(recommendations_document(usable(request, catalog.provided)))
