"""Extract the message of a service's error object, in all known shapes.

Mistral's own validation errors alone come as a list, as an object, as JSON in a text and as the
documented ``detail``; Kong and proxies add theirs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from gateway.providers.json_values import fields_of, json_of

__all__ = ["event_payload", "first_error", "is_error", "read_error"]

_LONGEST_TEXT = 1000
_DEEPEST = 4
_HTML = re.compile(r"<(!doctype|html|head|body|\?xml)\b", re.IGNORECASE)


def first_error(payload: object) -> Mapping[str, object]:
    """Return an error object, or the first one of a list of them (Gemini)."""
    return fields_of(payload[0] if isinstance(payload, list) and payload else payload)


def is_error(payload: object) -> bool:
    """Tell an error object from a chunk without choices."""
    fields = first_error(payload)
    return str(fields.get("object")).lower() == "error" or any(
        fields.get(name) is not None for name in ("error", "message", "detail")
    )


def read_error(payload: object) -> tuple[str, tuple[str, ...]]:
    """Return the message of an error object in one line, and the request fields that it names.

    The message is empty when there is none, and cut at 1000 characters. A validation item becomes
    ``loc: msg``; the caller's input that it echoes is left out.
    """
    outer = first_error(payload)
    inner = outer.get("error")
    for value in (
        fields_of(inner).get("message"),
        inner,
        outer.get("message"),
        outer.get("detail"),
    ):
        parts = list(_parts(value, _DEEPEST))
        text = "; ".join([f"{where}: {words}" if where else words for where, words in parts])
        lines = map(str.strip, (text + _reason(inner)).expandtabs(1).splitlines())
        text = " ".join(filter(None, lines))
        if text and not _HTML.search(text):
            if len(text) > _LONGEST_TEXT:
                text = text[: _LONGEST_TEXT - 1] + "…"
            return text, tuple(where for where, _ in parts if where)
    return "", ()


def _reason(error: object) -> str:
    """Return what a router tells of the service behind it (OpenRouter, ``metadata.raw``)."""
    raw = fields_of(fields_of(error).get("metadata")).get("raw")
    return f": {raw}" if isinstance(raw, str) and raw else ""


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


def event_payload(data: bytes) -> object:
    """Return the error object of an event of the type ``error``; plain text becomes one."""
    payload = json_of(data)
    return payload if isinstance(payload, dict) else {"error": data.decode("utf-8", "replace")}
