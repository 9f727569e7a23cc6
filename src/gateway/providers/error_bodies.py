"""What an error object of the service says, in any of the shapes that have been seen.

Mistral's own validation errors alone come as a list, as an object, as JSON in a text and as the
documented ``detail``; Kong and proxies add theirs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from gateway.core import codec

__all__ = ["fields_of", "is_error", "json_of", "read_error"]

_NOTHING: Mapping[str, object] = MappingProxyType({})
_LONGEST_TEXT = 1000
_DEEPEST = 4
_HTML = re.compile(r"<(!doctype|html|head|body|\?xml)\b", re.IGNORECASE)


def is_error(payload: object) -> bool:
    """Tell an error object from a chunk without choices."""
    fields = fields_of(payload)
    return str(fields.get("object")).lower() == "error" or any(
        fields.get(name) is not None for name in ("error", "message", "detail")
    )


def read_error(payload: object) -> tuple[str, tuple[str, ...]]:
    """Return the one line that an error object has to say, and the fields that it complains of.

    The line is empty when there is none. A validation item becomes ``loc: msg``; the caller's input
    that it echoes is left out.
    """
    outer = fields_of(payload)
    inner = outer.get("error")
    for said in (fields_of(inner).get("message"), inner, outer.get("message"), outer.get("detail")):
        parts = list(_parts(said, _DEEPEST))
        text = "; ".join([f"{where}: {words}" if where else words for where, words in parts])
        text = " ".join(text.split())
        if text and not _HTML.search(text):
            if len(text) > _LONGEST_TEXT:
                text = text[: _LONGEST_TEXT - 1] + "…"
            return text, tuple(where for where, _ in parts if where)
    return "", ()


def _parts(value: object, depth: int) -> Iterator[tuple[str, str]]:
    """Yield location and words of what is text, JSON in text, a list of items or an object."""
    if depth == 0:
        return
    match value:
        case str():
            nested = json_of(value)
            if isinstance(nested, list) or "detail" in fields_of(nested):
                yield from _parts(nested, depth - 1)
            else:
                yield "", value
        case list():
            for item in value:
                yield from _parts(item, depth - 1)
        case {"msg": str(words), "loc": [*where]}:
            yield ".".join(map(str, where[1:] if where[:1] == ["body"] else where)), words
        case {"msg": str(words)}:
            yield "", words
        case {"detail": nested} | {"message": nested}:
            yield from _parts(nested, depth - 1)


def fields_of(value: object) -> Mapping[str, object]:
    """Return the members of an object, none when *value* is no object."""
    return value if isinstance(value, dict) else _NOTHING


def json_of(document: bytes | str) -> object:
    """Return the JSON value of *document*, or ``None`` when it holds none."""
    text = document.decode("utf-8", "replace") if isinstance(document, bytes) else document
    try:
        value: object = codec.decode(text)
    except (ValueError, RecursionError):
        return None
    return value
