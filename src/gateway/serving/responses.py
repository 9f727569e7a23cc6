"""Build responses that are sent whole, with Ollama's headers."""

from __future__ import annotations

from aiohttp import hdrs, web

from gateway.dialects.base import AnswerEncoder
from gateway.dialects.ollama.encode import JSON_TYPE

__all__ = ["document_response", "json_document", "local_response"]


def document_response(body: bytes, content_type: str) -> web.Response:
    """Return a response with *body* and *content_type*."""
    return web.Response(body=body, headers={hdrs.CONTENT_TYPE: content_type})


def json_document(body: bytes) -> web.Response:
    """Return a response with *body* as Ollama's JSON."""
    return document_response(body, JSON_TYPE)


def local_response(body: bytes, encoder: AnswerEncoder, *, stream: bool) -> web.Response:
    """Return *body* of *encoder* as a response that no provider was needed for."""
    if stream:
        return web.Response(body=body, headers=encoder.stream_headers)
    return document_response(body, encoder.document_type)
