"""Bodies as people may look at them: media as what they are, no key, and not too much; pure."""

from __future__ import annotations

import binascii
import hashlib
import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from gateway.core.media_types import sniff
from gateway.core.secrets import REDACTED, redact

__all__ = ["LONGEST", "Excerpt", "excerpt", "without_keys"]

LONGEST: Final = 64 * 1024
"""Bytes of one excerpt."""
_MARGIN: Final = 4096
"""Bytes behind it that are looked at too, so that no key is cut off and thus not recognised."""
_BEGINS: Final = 32
"""Characters of base64 from which on a string may be a medium."""
_CERTAIN: Final = 256
"""Characters of base64 that no text has by chance, whatever their first bytes look like."""
_UNKNOWN: Final = 16 * 1024
"""Bytes from which on base64 of an unknown kind is left out; signatures are shorter."""
_PIECE: Final = 1 << 20
_DATA_URL: Final = 250

_find_medium: Final = re.compile(
    rb'"(?:data:([^",;\\]{1,100})(?:;[^",\\]{0,100})?;base64,)?'
    rb"((?:[A-Za-z0-9+/_-]|\\/){%d})" % _BEGINS
).search


class Excerpt(NamedTuple):
    """What is shown of a body; it ``is_whole`` if that is all of it, unchanged."""

    text: bytes
    is_whole: bool


def excerpt(body: bytes, *, secrets: Iterable[str] = (), kind: str = "") -> Excerpt:
    """Return what may be shown of *body*: UTF-8 of at most `LONGEST` bytes.

    Media in strings of JSON become their type, size and digest, *secrets* and whatever looks like
    a key are replaced. What is no text becomes its *kind*, size and digest.
    """
    text = _without_media(body)
    try:
        decoded = text.decode()
    except UnicodeDecodeError as error:
        if error.start < len(text) - 3 or len(text) < LONGEST:
            return Excerpt(_described(kind or "bytes", len(body), body), is_whole=False)
        decoded = text[: error.start].decode()  # the last character was cut in two
    found = without_keys(decoded, secrets).encode()
    shown = found if len(found) <= LONGEST else found[:LONGEST].decode("utf-8", "ignore").encode()
    return Excerpt(shown, is_whole=shown == body)


def without_keys(text: str, secrets: Iterable[str]) -> str:
    """Return *text* without *secrets*, and without whatever is known as a key or looks like one."""
    for secret in secrets:
        text = text.replace(secret, REDACTED)
    return redact(text)


def _without_media(body: bytes) -> bytes:
    """Return the beginning of *body*, a little more than is shown, with media described."""
    parts: list[bytes] = []
    at, room = 0, LONGEST + _MARGIN
    while room > 0 and at < len(body):
        found = _find_medium(body, at, at + room + _DATA_URL + _BEGINS)
        if found is None:
            parts.append(body[at : at + room])
            break
        start, end = found.start(2), body.find(b'"', found.end())
        content = body[start:] if end < 0 else body[start:end]
        medium = _medium(content, (found[1] or b"").decode("utf-8", "replace"))
        part = body[at:start] + (content if medium is None else medium)
        parts.append(part[:room])
        at, room = start + len(content), room - len(part)
    return b"".join(parts)


def _medium(content: bytes, kind: str) -> bytes | None:
    """Return what base64 holds; ``None`` for what is none, or of no known *kind* and short."""
    plain = content.replace(b"\\/", b"/").replace(b"-", b"+").replace(b"_", b"/").rstrip(b"=")
    digest, size, start = hashlib.sha256(), 0, b""
    try:
        for position in range(0, len(plain), _PIECE):
            piece = plain[position : position + _PIECE]
            decoded = binascii.a2b_base64(piece + b"=" * (-len(piece) % 4), strict_mode=True)
            start = start or decoded[:16]
            digest.update(decoded)
            size += len(decoded)
    except binascii.Error:
        return None
    sniffed = sniff(start)
    if sniffed == "audio/mpeg" and len(plain) < _CERTAIN:
        sniffed = ""
    kind = kind or sniffed
    if not kind and size < _UNKNOWN:
        return None
    return f"<{kind or 'bytes'}, {size} bytes, sha256:{digest.hexdigest()}>".encode()


def _described(kind: str, size: int, content: bytes) -> bytes:
    return f"<{kind}, {size} bytes, sha256:{hashlib.sha256(content).hexdigest()}>".encode()
