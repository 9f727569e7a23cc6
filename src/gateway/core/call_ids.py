"""Ids for tool calls that have none, or one that a service rejects."""

from __future__ import annotations

import hashlib
from collections.abc import Collection

__all__ = ["new_id"]

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LENGTH = 9
_IDS = 62**_LENGTH


def new_id(source: str, taken: Collection[str] = ()) -> str:
    """Return nine base-62 digits of the SHA-256 of *source*, hashed on while it is *taken*.

    Every service accepts such an id: Mistral wants exactly nine letters and digits.
    """
    candidate, attempt = _digits(source), 0
    while candidate in taken:
        attempt += 1
        candidate = _digits(f"{source}#{attempt}")
    return candidate


def _digits(source: str) -> str:
    digest = hashlib.sha256(source.encode("utf-8", "surrogatepass")).digest()
    number = int.from_bytes(digest, "big") % _IDS  # a smaller one divides faster
    digits = []
    for _ in range(_LENGTH):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    return "".join(digits)
