"""Headers that a Go server would not send."""

from __future__ import annotations

from aiohttp import hdrs, web
from aiohttp.http import SERVER_SOFTWARE

__all__ = ["hide_framework"]


async def hide_framework(request: web.Request, response: web.StreamResponse) -> None:
    """Take out aiohttp's name and version, which Ollama has no counterpart for."""
    if response.headers.get(hdrs.SERVER) == SERVER_SOFTWARE:
        del response.headers[hdrs.SERVER]
