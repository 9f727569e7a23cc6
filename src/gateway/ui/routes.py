"""The routes of the page; an application has them only where the page is switched on."""

from __future__ import annotations

from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from gateway.serving.endpoint import Endpoint
from gateway.ui.files import HEADERS, INDEX, UiFile, read_files

__all__ = ["UI_ROUTES"]


def _sender(file: UiFile) -> Handler:
    async def send(request: web.Request) -> web.StreamResponse:
        """Send a file of the page, or only its headers to a browser that has it."""
        if any(tag.value in (file.etag, "*") for tag in request.if_none_match or ()):
            response = web.Response(status=304)
        else:
            response = web.Response(body=file.body, headers={hdrs.CONTENT_TYPE: file.content_type})
        response.headers.update(HEADERS)
        response.etag = file.etag
        return response

    return send


UI_ROUTES: Final = tuple(
    Endpoint("GET", f"/ui/{'' if path == INDEX else path}", _sender(file), right="none")
    for path, file in read_files().items()
)
"""A route for each file, all without a key: what a key protects, the page asks for with it."""
