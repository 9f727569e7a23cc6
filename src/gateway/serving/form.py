"""Read a form with files (``multipart/form-data``) for the transcription endpoint."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import BodyPartReader, hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from gateway.core.errors import BodyTooLarge, InvalidRequest

__all__ = ["LARGEST_FORM", "Form", "FormFile", "read_form"]

LARGEST_FORM: Final = 25 * 1024 * 1024
"""Bytes of all values and files of a form, as at Ollama and at OpenAI."""

_FORM: Final = "multipart/form-data"
_BINARY: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class FormFile:
    """A part of a form that has a file name."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Form:
    """Parts of a form by their names; of two with one name the first one counts, as in Go."""

    values: Mapping[str, str]
    files: Mapping[str, FormFile]


async def read_form(request: web.Request) -> Form:
    """Return the parts of the body; raise `InvalidRequest` for no form, or `BodyTooLarge`."""
    if request.content_type != _FORM:
        raise _unreadable(f"request Content-Type isn't {_FORM}")
    values: dict[str, str] = {}
    files: dict[str, FormFile] = {}
    left = LARGEST_FORM
    try:
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader):
                raise _unreadable("a part is a form itself")
            content = io.BytesIO()
            while chunk := await part.read_chunk():
                left -= len(chunk)
                if left < 0:
                    raise BodyTooLarge("request body too large")
                content.write(chunk)
            name = part.name or ""
            if part.filename:
                media_type = _printable(part.headers.get(hdrs.CONTENT_TYPE, _BINARY))
                file = FormFile(_printable(part.filename), media_type, content.getvalue())
                files.setdefault(name, file)
            else:
                values.setdefault(name, content.getvalue().decode("utf-8", "replace"))
    # The reader of aiohttp asserts, too, what a body that was cut short does not keep.
    except (AssertionError, HttpProcessingError, ValueError, web.RequestPayloadError) as error:
        raise _unreadable("the parts cannot be separated") from error
    return Form(values, files)


def _printable(text: str) -> str:
    """Drop what no header of another request may hold, such as line breaks."""
    return "".join(filter(str.isprintable, text))


def _unreadable(reason: str) -> InvalidRequest:
    return InvalidRequest(f"failed to parse multipart form: {reason}")
