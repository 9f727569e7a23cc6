"""Answers that are known at once, with the headers that Ollama gives them."""

from __future__ import annotations

from aiohttp import hdrs, web

from gateway.dialects.base import AnswerEncoder
from gateway.dialects.ollama.encode import JSON_TYPE

__all__ = ["json_document", "unasked"]


def json_document(body: bytes) -> web.Response:
    """Return *body* as an answer in JSON."""
    return web.Response(body=body, headers={hdrs.CONTENT_TYPE: JSON_TYPE})


def unasked(body: bytes, encoder: AnswerEncoder, *, stream: bool) -> web.Response:
    """Return *body* as an answer of *encoder* for which no provider was asked."""
    whole = {hdrs.CONTENT_TYPE: encoder.document_type}
    return web.Response(body=body, headers=encoder.stream_headers if stream else whole)
