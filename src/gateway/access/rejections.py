"""Reject a request by its origin or host: an empty 403, and one line of the log with the remedy."""

from __future__ import annotations

from aiohttp import web

from gateway.core.texts import shorten

__all__ = ["REJECTION", "reject"]

_LONGEST = 200

REJECTION: web.RequestKey[str] = web.RequestKey("gateway.rejection", str)
"""Why a request was rejected, for the log; the client is not told, as by Ollama."""


def reject(request: web.Request, what: str, value: str, *, remedy: str) -> web.Response:
    """Return an empty 403 for *value*, a *what* that is not allowed; *remedy* is for the log."""
    request[REJECTION] = f"{what} {shorten(value, _LONGEST)!r} is not allowed: {remedy}"
    return web.Response(status=403)
