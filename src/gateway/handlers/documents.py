"""Whole JSON answers, with the headers that Ollama gives them."""

from __future__ import annotations

from aiohttp import hdrs, web

from gateway.ollama.encode import JSON_TYPE

__all__ = ["json_document"]


def json_document(body: bytes) -> web.Response:
    """Return *body* as an answer in JSON."""
    return web.Response(body=body, headers={hdrs.CONTENT_TYPE: JSON_TYPE})
