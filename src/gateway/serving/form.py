"""Read a form with files (``multipart/form-data``) for the transcription endpoint."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import hdrs, web

from gateway.core.errors import BodyTooLarge, InvalidRequest
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
    if request.content.total_bytes and not request.can_read_body and not await request.read():
        return await _read_by_host(request)
    content_type = request.headers[hdrs.CONTENT_TYPE]
    return await load_body(
        request,
        lambda body: form.read_form(body, content_type, most_parts=limits.form_parts),
        limit=limits.form,
    )


async def _read_by_host(request: web.Request) -> form.Form:
    """Return the parts that a host application has read with ``request.post()``."""
    limits = request[SETTINGS].limits
    if request.content.total_bytes > limits.form:
        raise BodyTooLarge("request body too large")
    values: dict[str, str] = {}
    files: dict[str, form.FormFile] = {}
    try:
        for name, part in (await request.post()).items():
            if isinstance(part, web.FileField):
                part.file.seek(0)
                content = await asyncio.to_thread(part.file.read)
                files.setdefault(name, form.FormFile(part.filename, part.content_type, content))
            else:  # bytes, if its media type is no text
                text = part if isinstance(part, str) else part.decode("utf-8", "replace")
                values.setdefault(name, text)
    except ValueError as error:  # it was read in another way, or its file is closed
        raise InvalidRequest("failed to parse multipart form: it was read before") from error
    return form.Form(values, files)
