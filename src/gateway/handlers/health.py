"""Health endpoints: ``/``, ``/api/version``, ``/healthz`` and ``/readyz``."""

from __future__ import annotations

from aiohttp import web

from gateway.core import codec
from gateway.dialects.ollama.documents import version_document
from gateway.serving.keys import MODEL_LISTS, SETTINGS, STORE
from gateway.serving.responses import json_document

__all__ = ["healthz", "readyz", "root", "version"]


async def root(request: web.Request) -> web.StreamResponse:
    """Answer the question that every Ollama client asks first."""
    return web.Response(text="Ollama is running")


async def version(request: web.Request) -> web.StreamResponse:
    """Return the version of Ollama that is spoken here."""
    return json_document(version_document(request.app[SETTINGS].ollama.version))


async def healthz(request: web.Request) -> web.StreamResponse:
    """Say that the process is up."""
    return json_document(codec.encode({"status": "ok"}))


async def readyz(request: web.Request) -> web.StreamResponse:
    """Say whether each provider was reached lately; 503 unless one was.

    The state of the model store is reported, but does not make the gateway unready.
    """
    await request.app[MODEL_LISTS].catalog()
    reached = request.app[MODEL_LISTS].reached
    document = {
        "ready": any(reached.values()),
        "providers": reached,
        "store": request.app[STORE].problem or "ok",
    }
    response = json_document(codec.encode(document))
    if not any(reached.values()):
        response.set_status(503)
    return response
