"""Read a form with a file, and describe the file without decoding its audio."""

from __future__ import annotations

import email.message
import email.parser

__all__ = ["read_form"]

_BLANK_LINE = b"\r\n\r\n"
_MAGIC = (
    (0, b"RIFF", "wav"),
    (0, b"ID3", "mp3"),
    (0, b"\xff\xfb", "mp3"),
    (0, b"fLaC", "flac"),
    (0, b"OggS", "ogg"),
    (0, b"\x1aE\xdf\xa3", "webm"),
    (4, b"ftyp", "m4a"),
)


def read_form(raw: bytes, content_type: str) -> dict[str, object] | None:
    """Return the members of a form, or None if the body is none.

    A file is told by its `filename`, its `media_type`, its `size` and the `format` of its bytes.
    """
    outer = email.message.Message()
    outer["content-type"] = content_type
    boundary = outer.get_param("boundary")
    if outer.get_content_type() != "multipart/form-data" or not isinstance(boundary, str):
        return None
    form: dict[str, object] = {}
    for part in (b"\r\n" + raw).split(b"\r\n--" + boundary.encode())[1:-1]:
        head, _, content = part.partition(_BLANK_LINE)
        headers = email.parser.HeaderParser().parsestr(head.decode().lstrip())
        name = str(headers.get_param("name", header="content-disposition"))
        filename = headers.get_filename()
        form[name] = (
            content.decode("utf-8", "replace")
            if filename is None
            else {
                "filename": filename,
                "media_type": headers.get_content_type(),
                "size": len(content),
                "format": _format(content),
            }
        )
    return form


def _format(content: bytes) -> str | None:
    found = (name for at, magic, name in _MAGIC if content.startswith(magic, at))
    return next(found, None)
