"""Large bodies: the JSON decoder sees their base64 only in slices.

It holds Python's lock for as long as it works, some hundred milliseconds for a hundred megabytes,
and in that time nothing else runs, whichever thread it works in. What makes a body large is base64.
`gateway.providers.upstream.payload` does the reverse on the way out, and "Large bodies" in
docs/explanation/architecture.md explains both.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from typing import Any

from gateway.core import codec

__all__ = ["LARGE", "decode_large", "give_way"]

LARGE = 256 * 1024
"""From how many bytes on a body is worth the detour."""

_BLOCK = 32 * 1024
_SLICE = 256 * 1024
_A_MOMENT = 50e-6
_BETWEEN = b" \t\r\n,:]}"
"""What may follow the end of a string; a string that begins with one of these is left alone."""


def give_way() -> None:
    """Let other threads run before the next slice, above all the one with the event loop.

    Left to itself Python takes its lock away after five milliseconds only, each time that another
    thread wants it. And who lets go of it for no time at all has it back before anybody wakes up.
    """
    time.sleep(_A_MOMENT)


def decode_large(body: bytes) -> object:
    """Decode one JSON document like `codec.decode`, and with the same errors.

    Each long string without escapes is replaced by a short one that stands for it, the rest is
    decoded, and then the string is put where the short one was.
    """
    runs = dict(_marked(_long_strings(body)))
    if not runs:
        return codec.decode(body)
    view = memoryview(body)
    rest: list[bytes | memoryview] = []
    position = 0
    for mark, (start, end) in runs.items():
        rest += [view[position:start], mark.encode()]
        position = end
    filled = [codec.decode(b"".join([*rest, view[position:]]))]
    texts: dict[str, str] = {}
    for mark, (start, end) in runs.items():
        give_way()
        texts[mark] = str(view[start:end], "ascii")
    # A mark may have become a key, or been covered by a later value of the same key.
    return filled[0] if _fill(filled, texts) else codec.decode(body)


def _marked(runs: Iterator[tuple[int, int]]) -> Iterator[tuple[str, tuple[int, int]]]:
    secret = secrets.token_hex(16)  # or a client could write a mark of its own
    for number, run in enumerate(runs):
        yield f"{secret}{number}", run


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
        opens = body[start] not in _BETWEEN and body[start - 2 : start - 1] != b"\\"
        if opens and _is_plain(body, start, end):
            yield start, end
        block = end - end % _BLOCK


def _is_plain(body: bytes, start: int, end: int) -> bool:
    """Return whether a string's inside is ASCII without escapes and control characters."""
    for position in range(start, end, _SLICE):
        give_way()
        piece = body[position : min(position + _SLICE, end)]
        if not piece.isascii() or b"\\" in piece:
            return False
        try:
            codec.decode(b'"%b"' % piece)
        except codec.JSONError:
            return False
    return True


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
