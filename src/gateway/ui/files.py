"""The files of the page, and the headers with which a browser gets them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Final

__all__ = ["HEADERS", "INDEX", "UiFile", "read_files"]

INDEX: Final = "index.html"

HEADERS: Final = MappingProxyType(
    {
        # Only files and routes of the gateway itself; text never becomes markup or a script, not
        # even by a mistake of the page's own script.
        "Content-Security-Policy": (
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
            " img-src 'self' data: blob:; base-uri 'none'; form-action 'none';"
            " frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
        ),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        # Kept by the browser and asked about each time, so that a new version is seen at once.
        "Cache-Control": "no-cache",
    }
)

_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
"""Not those of the system, which on Windows may be set to others by any program."""


@dataclass(frozen=True, slots=True)
class UiFile:
    """A file of the page: what is sent, its type, and the value of its ``ETag`` without quotes."""

    body: bytes
    content_type: str
    etag: str


@cache
def read_files() -> Mapping[str, UiFile]:
    """Return all files of the page by their path below ``/ui/``."""
    return MappingProxyType(dict(_walk(files(__package__).joinpath("static"), "")))


def _walk(folder: Traversable, above: str) -> Iterator[tuple[str, UiFile]]:
    for one in folder.iterdir():
        path = f"{above}{one.name}"
        if one.is_dir():
            yield from _walk(one, f"{path}/")
        else:
            yield path, _load(one)


def _load(file: Traversable) -> UiFile:
    body = file.read_bytes()
    content_type = _TYPES[PurePosixPath(file.name).suffix]
    return UiFile(body, content_type, hashlib.sha256(body).hexdigest()[:32])
