"""Health endpoints: ``/``, ``/api/version``, ``/healthz`` and ``/readyz``."""

from __future__ import annotations

from aiohttp import web

from gateway.core import codec
from gateway.dialects.ollama.documents import version_document
from gateway.serving.keys import ACCESS, MODEL_LISTS, SETTINGS, STORE
from gateway.serving.responses import json_document

__all__ = ["healthz", "readyz", "root", "version"]


async def root(request: web.Request) -> web.StreamResponse:
    """Return the text by which Ollama clients recognise a server."""
    return web.Response(text="Ollama is running")


async def version(request: web.Request) -> web.StreamResponse:
    """Return the version of Ollama's API that the gateway implements."""
    return json_document(version_document(request[SETTINGS].ollama.version))


async def healthz(request: web.Request) -> web.StreamResponse:
    """Report that the process is running."""
    return json_document(codec.encode({"status": "ok"}))


async def readyz(request: web.Request) -> web.StreamResponse:
    """Report whether each provider was reached recently; 503 unless one was.

    A shared state that cannot be reached makes the gateway unready only where limits then reject
    all requests. The model store is reported, but does not.
    """
    await request.app[MODEL_LISTS].catalog()
    reached = request.app[MODEL_LISTS].reached
    is_ready = any(reached.values())
    document: dict[str, object] = {
        "providers": reached,
        "store": request.app[STORE].problem or "ok",
    }
    access = request.app[ACCESS].opened
    if access is not None and access.is_shared:
        document["state"] = is_up = await access.state.reach()
        is_ready &= is_up or request[SETTINGS].state.on_failure == "local"
    response = json_document(codec.encode({"ready": is_ready, **document}))
    if not is_ready:
        response.set_status(503)
    return response
