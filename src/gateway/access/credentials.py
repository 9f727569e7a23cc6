"""Where clients put their keys in a request; pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Final

__all__ = ["MADE", "credentials"]

MADE: Final = "sk-gw-"
"""What a key begins with that the gateway has made."""


def credentials(headers: Mapping[str, str]) -> Iterator[str]:
    """Yield the keys that a request gives, the first of which counts.

    They are ``Authorization`` with a bearer token or a password, ``x-api-key`` and ``api-key``.
    """
    scheme, _, given = headers.get("Authorization", "").strip().partition(" ")
    given = given.strip()
    match scheme.lower():
        case "bearer" if given:
            yield given
        case "basic" if password := _password(given):
            yield password
    for name in ("x-api-key", "api-key"):
        if key := headers.get(name, "").strip():
            yield key


def _password(encoded: str) -> str:
    try:
        decoded = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""
    return decoded.partition(":")[2].strip()
