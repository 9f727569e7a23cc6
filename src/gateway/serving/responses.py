"""Responses that are complete from the start, with Ollama's headers."""

from __future__ import annotations

from aiohttp import hdrs, web

from gateway.dialects.base import AnswerEncoder
from gateway.dialects.ollama.encode import JSON_TYPE

__all__ = ["document_response", "json_document", "unasked"]


def document_response(body: bytes, content_type: str) -> web.Response:
    """Return *body* as an answer of *content_type*."""
    return web.Response(body=body, headers={hdrs.CONTENT_TYPE: content_type})


def json_document(body: bytes) -> web.Response:
    """Return *body* as an answer in Ollama's JSON."""
    return document_response(body, JSON_TYPE)


def unasked(body: bytes, encoder: AnswerEncoder, *, stream: bool) -> web.Response:
    """Return *body* as an answer of *encoder* for which no provider was asked."""
    if stream:
        return web.Response(body=body, headers=encoder.stream_headers)
    return document_response(body, encoder.document_type)
