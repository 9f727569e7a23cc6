"""The document of the API, and the page made from it."""

from __future__ import annotations

from aiohttp import web

from gateway.core.errors import InvalidRequest
from gateway.dialects.documents import JSON_TYPE
from gateway.openapi.files import DOCUMENTS, PAGE, page_policy, read_file
from gateway.serving.responses import document_response

__all__ = ["docs", "openapi"]


async def openapi(request: web.Request) -> web.StreamResponse:
    """Return the OpenAPI document, in the version that the query asks for."""
    version = request.query.get("version", next(iter(DOCUMENTS)))
    if version not in DOCUMENTS:
        raise InvalidRequest(f"version: must be one of {', '.join(DOCUMENTS)}")
    return document_response(read_file(DOCUMENTS[version]), JSON_TYPE)


async def docs(request: web.Request) -> web.StreamResponse:
    """Show the document as a page, which needs no script and nothing from elsewhere."""
    response = document_response(read_file(PAGE), "text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = page_policy()
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
