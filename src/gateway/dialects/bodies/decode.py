"""Decode JSON by the rules of Go's ``encoding/json``, which Ollama uses.

msgspec decodes nearly every body. Only what it rejects goes to `gateway.dialects.bodies.lenient`,
which reads it as Go does or raises Go's error message.
"""

from __future__ import annotations

from gateway.core import codec
from gateway.core.errors import InvalidRequest
from gateway.dialects.bodies.large import LARGE, decode_large
from gateway.dialects.bodies.lenient import read_value

__all__ = ["decode_body", "dynamic_type", "fold_keys", "kind_of"]


def decode_body(body: bytes, kind: str) -> dict[str, object]:
    """Decode the JSON object of a request; *kind* is its Go type, such as ``api.ChatRequest``.

    ``null`` is an object with nothing in it. Bytes after the value do not matter, nor does the
    content type. Of duplicate keys the last one counts. Raise `InvalidRequest` otherwise.
    """
    try:
        value = codec.decode(body) if len(body) < LARGE else decode_large(body)
    except (codec.JSONError, UnicodeDecodeError, RecursionError):
        value = read_value(body)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidRequest(
            f"json: cannot unmarshal {kind_of(value)} into Go value of type {kind}"
        )
    return value


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
