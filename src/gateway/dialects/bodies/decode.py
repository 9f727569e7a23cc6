"""Decode JSON by the rules of Go's ``encoding/json``, which Ollama uses.

msgspec decodes nearly every body. Only what it rejects goes to `gateway.dialects.bodies.lenient`,
which reads it as Go does or raises Go's error message.
"""

from __future__ import annotations

from gateway.core import codec
from gateway.core.errors import InvalidRequest
from gateway.dialects.bodies.budget import LIMITS
from gateway.dialects.bodies.large import LARGE, decode_large
from gateway.dialects.bodies.lenient import read_value, repaired, too_deep

__all__ = ["decode_body", "dynamic_type", "fold_keys", "kind_of"]


def decode_body(body: bytes, kind: str) -> dict[str, object]:
    """Decode the JSON object of a request; *kind* is its Go type, such as ``api.ChatRequest``.

    ``null`` is an object with nothing in it. Bytes after the value do not matter, nor does the
    content type. Of duplicate keys the last one counts. Raise `InvalidRequest` otherwise, also for
    what nests too deep, and `BodyTooLarge` for too many values: see `LIMITS`.
    """
    limits = LIMITS.get()
    try:
        try:
            value = _decode(body)
        except (codec.JSONError, UnicodeDecodeError):
            value = _decode_leniently(body)
    except RecursionError:
        raise too_deep(body) from None
    # Each level begins with a bracket, so that hardly any body has to be walked through.
    is_suspect = body.count(b"{") + body.count(b"[") > limits.depth
    if is_suspect and codec.nests_deeper(value, limits.depth):
        raise too_deep(body)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidRequest(
            f"json: cannot unmarshal {kind_of(value)} into Go value of type {kind}"
        )
    return value


def _decode(body: bytes) -> object:
    limits = LIMITS.get()
    if len(body) < min(LARGE, limits.members, limits.text):
        return codec.decode(body)
    return decode_large(body, most_text=limits.text, most_members=limits.members)


def _decode_leniently(body: bytes) -> object:
    text = repaired(body)
    try:
        return _decode(text.encode())
    except codec.JSONError:
        if len(text) > LIMITS.get().text:
            raise InvalidRequest("request body is not valid JSON") from None
        return read_value(text)


def fold_keys(value: dict[str, object], known: frozenset[str]) -> dict[str, object]:
    """Return *value* without nulls and with the *known* keys in their own spelling.

    Go matches the names of fields in any letter case, the last one in the document counts, and a
    ``null`` leaves a field as it is.
    """
    if value.keys() <= known and None not in value.values():
        return value
    folded: dict[str, object] = {}
    for key, item in value.items():
        if item is not None:
            lowered = key.lower()
            folded[lowered if lowered in known else key] = item
    return folded


def kind_of(value: object) -> str:
    """Name the kind of a JSON value as Go does."""
    if isinstance(value, str):
        return "string"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, dict):
        return "object"
    if isinstance(value, list):
        return "array"
    return "number"


def dynamic_type(value: object) -> str:
    """Name the type of a JSON value in a field that may hold anything, as Go's ``%T`` does."""
    if value is None:
        return "<nil>"
    kind = kind_of(value)
    return _DYNAMIC_TYPES.get(kind, kind)


_DYNAMIC_TYPES = {
    "array": "[]interface {}",
    "number": "float64",
    "object": "map[string]interface {}",
}
