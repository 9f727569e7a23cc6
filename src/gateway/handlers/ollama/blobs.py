"""``/api/blobs/{digest}``: files that clients upload before they create a model from them."""

from __future__ import annotations

import hashlib
import re
import sys
from contextlib import aclosing

from aiohttp import web

from gateway.core.errors import InvalidRequest, ModelNotFound
from gateway.serving.body import body_pieces
from gateway.serving.keys import STORE

__all__ = ["add_blob", "has_blob"]

_DIGEST = re.compile(r"sha256[:-]([0-9a-fA-F]{64})\Z")


async def has_blob(request: web.Request) -> web.StreamResponse:
    """Tell whether the content with a digest was uploaded before."""
    if not await request.app[STORE].has_blob(_digest(request)):
        digest = request.match_info["digest"]
        raise ModelNotFound(f'blob "{digest}" not found')
    return web.Response()


async def add_blob(request: web.Request) -> web.StreamResponse:
    """Check the digest of an upload and store only that: the gateway does not run weights."""
    digest = _digest(request)
    store = request.app[STORE]
    if await store.has_blob(digest):
        return web.Response()
    content = hashlib.sha256()
    # Weights may be larger than any other body; none of the content is kept.
    async with aclosing(body_pieces(request, limit=sys.maxsize)) as pieces:
        async for piece in pieces:
            content.update(piece)
    actual = f"sha256:{content.hexdigest()}"
    # Compared as text, like Ollama: any other spelling never matches.
    if actual != request.match_info["digest"]:
        expected = request.match_info["digest"]
        raise InvalidRequest(f'digest mismatch, expected "{expected}", got "{actual}"')
    await store.add_blob(digest)
    return web.Response(status=201)


def _digest(request: web.Request) -> str:
    """Return the digest of the path in its usual spelling."""
    found = _DIGEST.fullmatch(request.match_info["digest"])
    if found is None:
        raise InvalidRequest("invalid digest format")
    return f"sha256:{found[1].lower()}"
