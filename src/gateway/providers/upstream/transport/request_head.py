"""The bytes of a request's head; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["check_headers", "encode_head", "encode_headers"]

_is_token = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
_is_value = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*").fullmatch
_FRAMING = frozenset({"content-length", "transfer-encoding"})
"""What tells where a body ends, which is known only where it is written."""
_is_start_line = re.compile(r"[\x21-\x7e]+ [\x21-\x7e]+ HTTP/1\.1").fullmatch


def encode_head(start_line: str, headers: Mapping[str, str]) -> bytes:
    """Return the start line and the headers, without the empty line that ends a head.

    Raise `ValueError` for what would be read as another head than the one that was meant.
    """
    if not _is_start_line(start_line):
        raise ValueError("the path of a URL holds characters that no request line can")
    return start_line.encode("ascii") + b"\r\n" + encode_headers(headers)


def encode_headers(headers: Mapping[str, str]) -> bytes:
    """Return one line for each header; text beyond ASCII is encoded as UTF-8.

    Raise `ValueError` as `check_headers` does.
    """
    check_headers(headers)
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("utf-8")


def check_headers(headers: Mapping[str, str]) -> None:
    """Raise `ValueError` for a name that is none or not to be set, and for control characters."""
    for name, value in headers.items():
        if not _is_token(name) or not _is_value(value) or name.lower() in _FRAMING:
            raise ValueError(f"the header {name!r} cannot be sent")
