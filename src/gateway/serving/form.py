"""Read a form with files (``multipart/form-data``) for the transcription endpoint."""

from __future__ import annotations

from typing import Final

from aiohttp import hdrs, web

from gateway.core.errors import InvalidRequest
from gateway.dialects.bodies import form
from gateway.serving.body import load_body
from gateway.serving.keys import SETTINGS

__all__ = ["read_form"]

_FORM: Final = "multipart/form-data"


async def read_form(request: web.Request) -> form.Form:
    """Return the parts of the body; raise `InvalidRequest` for no form, or as `load_body` does."""
    if request.content_type != _FORM:
        raise InvalidRequest(f"failed to parse multipart form: request Content-Type isn't {_FORM}")
    limits = request[SETTINGS].limits
    content_type = request.headers[hdrs.CONTENT_TYPE]
    return await load_body(
        request,
        lambda body: form.read_form(body, content_type, most_parts=limits.form_parts),
        limit=limits.form,
    )
