"""Forms with files (``multipart/form-data``, RFC 7578), taken apart in one pass over the bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from gateway.core.errors import InvalidRequest

__all__ = ["Form", "FormFile", "read_form"]

_BINARY: Final = "application/octet-stream"
_LONGEST_HEAD: Final = 8192
"""Bytes of the headers of one part."""

_BOUNDARY: Final = re.compile(r';\s*boundary=(?:"([^"]+)"|([^\s;"]+))', re.IGNORECASE)
_REST_OF_DELIMITER: Final = re.compile(rb"(--)?[ \t]*+(?:\r?\n|\Z)")
_END_OF_HEAD: Final = re.compile(rb"\r?\n\r?\n")
_HEADER: Final = re.compile(r"^([^\s:]++)[ \t]*+:[ \t]*+(.*)", re.MULTILINE)
_PARAMETER: Final = re.compile(r';\s*+([^\s=;"]++)\s*+=\s*+(?:"((?:[^"\\]++|\\.)*+)"|([^\s;"]*+))')
_QUOTED: Final = re.compile(r'\\(["\\])')
_EXTENDED: Final = re.compile(r"(utf-8|iso-8859-1)'[^']*'(.*)", re.IGNORECASE)


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


def read_form(body: bytes, content_type: str, *, most_parts: int) -> Form:
    """Return the parts of *body*; *content_type* is the whole header, with the boundary.

    Raise `InvalidRequest` for a form that is cut or cannot be taken apart, or has too many parts.
    """
    boundary = _BOUNDARY.search(content_type)
    if boundary is None:
        raise _unreadable()
    values: dict[str, str] = {}
    files: dict[str, FormFile] = {}
    delimiter = b"--" + (boundary[1] or boundary[2]).encode("utf-8", "surrogateescape")
    for start, end in _parts(body, delimiter, most_parts):
        headers, content_start = _head(body, start, end)
        media_type = headers.get("content-type", _BINARY)
        if media_type.lower().startswith("multipart/"):
            raise InvalidRequest("failed to parse multipart form: a part is a form itself")
        parameters = _parameters(headers.get("content-disposition", ""))
        name, filename = parameters.get("name", ""), parameters.get("filename", "")
        content = body[content_start:end]
        if filename:
            file = FormFile(_printable(filename), _printable(media_type), content)
            files.setdefault(name, file)
        else:
            values.setdefault(name, content.decode("utf-8", "replace"))
    return Form(values, files)


def _parts(body: bytes, delimiter: bytes, most_parts: int) -> Iterator[tuple[int, int]]:
    """Yield where each part begins and ends, its headers included.

    Each byte is looked at once. Lines that only begin like a delimiter count as parts, or they
    would be work without a limit.
    """
    if body.startswith(delimiter):
        position = 0
    else:
        position = body.find(b"\n" + delimiter) + 1
        if position == 0:
            raise _unreadable()
    found, start = 0, -1
    while True:
        rest = _REST_OF_DELIMITER.match(body, position + len(delimiter))
        if rest is not None:
            if start >= 0:
                yield start, max(start, _before_line_break(body, position))
            if rest[1]:
                return
            start = rest.end()
        if found == most_parts:
            raise InvalidRequest(f"failed to parse multipart form: more than {most_parts} parts")
        found += 1
        # The line break that ends a delimiter may be the one before the next.
        position = body.find(b"\n" + delimiter, position + len(delimiter)) + 1
        if position == 0:
            raise _unreadable()


def _before_line_break(body: bytes, position: int) -> int:
    return position - (2 if body[position - 2 : position] == b"\r\n" else 1)


def _head(body: bytes, start: int, end: int) -> tuple[Mapping[str, str], int]:
    """Return the headers of a part, by their names in lower case, and where its content begins."""
    # A part without headers begins with the empty line that ends them, and one without content
    # may end with it.
    found = _END_OF_HEAD.search(body, max(start - 2, 0), min(end + 2, start + _LONGEST_HEAD))
    if found is None:
        raise _unreadable()
    text = body[start : max(start, found.start())].decode("utf-8", "surrogateescape")
    headers = {name.lower(): value.rstrip("\r") for name, value in _HEADER.findall(text)}
    return headers, found.end()


def _parameters(disposition: str) -> dict[str, str]:
    """Return the parameters of a ``Content-Disposition``, the extended form before the plain."""
    found: dict[str, str] = {}
    extended: dict[str, str] = {}
    for name, quoted, plain in _PARAMETER.findall(disposition):
        key = name.lower()
        found.setdefault(key, _QUOTED.sub(r"\1", quoted) or plain)
        if key.endswith("*") and (value := _EXTENDED.fullmatch(plain)) is not None:
            extended[key[:-1]] = unquote_to_bytes(value[2]).decode(value[1], "replace")
    return found | extended


def _printable(text: str) -> str:
    """Drop what no header of another request may hold, such as line breaks."""
    return "".join(filter(str.isprintable, text))


def _unreadable() -> InvalidRequest:
    return InvalidRequest("failed to parse multipart form: the parts cannot be separated")
