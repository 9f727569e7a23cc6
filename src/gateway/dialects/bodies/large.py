"""Large bodies: the JSON decoder sees their long strings only in slices.

It holds Python's lock for as long as it works, some hundred milliseconds for a hundred megabytes,
and in that time nothing else runs, whichever thread it works in. What makes a body large is base64.
`gateway.providers.upstream.payload` does the reverse on the way out, and "Large bodies" in
docs/explanation/architecture.md explains both.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

from gateway.core import codec
from gateway.core.errors import BodyTooLarge
from gateway.dialects.bodies.budget import give_way

__all__ = ["LARGE", "decode_large"]

LARGE = 256 * 1024
"""From how many bytes on a body is worth the detour."""

_BLOCK = 32 * 1024
_SLICE = 256 * 1024
_LONGEST_ESCAPE = 12
"""Characters of a surrogate pair."""
_BETWEEN = b" \t\r\n,:]}"
"""What may follow the end of a string; a string that begins with one of these is left alone."""


def decode_large(body: bytes, *, most_text: int, most_members: int) -> object:
    """Decode one JSON document like `codec.decode`, and with the same errors.

    Each long string is replaced by a short one that stands for it, the rest is decoded, and then
    the string is put where the short one was. Raise `BodyTooLarge` if the rest has more bytes than
    *most_text*, or more commas than *most_members*: it is decoded in one go.
    """
    texts: dict[str, str] = {}
    rest: list[bytes | memoryview] = []
    view = memoryview(body)
    position = 0
    secret = secrets.token_hex(16)  # or a client could write a mark of its own
    for start, end in _long_strings(body):
        text = _decode_string(body, start, end)
        if text is None:
            continue
        mark = f"{secret}{len(texts)}"
        texts[mark] = text
        rest += [view[position:start], mark.encode()]
        position = end
    short = b"".join([*rest, view[position:]]) if texts else body
    if len(short) > most_text:
        raise BodyTooLarge(f"request body too large: more than {most_text} bytes of JSON")
    if short.count(b",") > most_members:
        raise BodyTooLarge(f"request body too large: more than {most_members} values")
    filled = [codec.decode(short)]
    if _fill(filled, texts):
        return filled[0]
    # A mark has become a key, or was covered by a later value of the same key.
    return codec.decode(body)


def _long_strings(body: bytes) -> Iterator[tuple[int, int]]:
    """Yield where strings of more than two blocks begin and end that can be cut out.

    If what stands before such a run is valid JSON, then its first quote opens a string: behind one
    that closes a string no such character may stand. Nor do its characters have a second meaning,
    so the document is valid with the run if it is without.
    """
    block = 0
    while (block := block + _BLOCK) < len(body):
        if body.find(b'"', block, block + _BLOCK) >= 0:
            continue
        start = body.rfind(b'"', 0, block) + 1
        end = body.find(b'"', block + _BLOCK)
        if start == 0 or end < 0:
            return
        if body[start] not in _BETWEEN and body[start - 2 : start - 1] != b"\\":
            yield start, end
        block = end - end % _BLOCK


def _decode_string(body: bytes, start: int, end: int) -> str | None:
    """Return the text of a string's inside, or None where it cannot be decoded in slices."""
    pieces: list[str] = []
    while start < end:
        give_way()
        cut = _cut(body, start, start + _SLICE) if end - start > _SLICE else end
        try:
            piece = codec.decode(b'"%b"' % body[start:cut]) if cut > start else None
        except (codec.JSONError, UnicodeDecodeError):
            return None
        if not isinstance(piece, str):
            return None
        pieces.append(piece)
        start = cut
    return "".join(pieces)


def _cut(body: bytes, start: int, position: int) -> int:
    """Return a place up to *position* that is within no character and no escape.

    It is *start*, which is such a place, if there is no other.
    """
    backslash = body.rfind(b"\\", max(start, position - _LONGEST_ESCAPE), position)
    if backslash < 0:
        while body[position] & 0xC0 == 0x80 and position > start:
            position -= 1
        return position
    before = body[start:backslash].rstrip(b"\\")
    escape = start + len(before)
    # The second half of a surrogate pair belongs to the first.
    is_second = body[escape + 1 : escape + 3].lower() == b"ud" and body[escape + 3] in b"cCdDeEfF"
    return max(start, escape - 6) if is_second else escape


def _fill(value: list[object], texts: dict[str, str]) -> bool:
    """Put *texts* where their marks are in *value*; return whether each of them was found."""
    missing = len(texts)
    pending: list[Any] = [value]
    while pending and missing:
        container = pending.pop()
        items = container.items() if isinstance(container, dict) else enumerate(container)
        for key, item in [*items]:
            if isinstance(item, dict | list):
                pending.append(item)
            elif isinstance(item, str) and item in texts:
                container[key] = texts[item]
                missing -= 1
    return not missing
