"""Find the JSON that a prompt describes: by a JSON Schema, or by an example of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from gateway.sandbox.drafts import schema_fault

__all__ = ["outline", "without_json"]

_MOST_TRIES: Final = 200
"""Brackets of one text at which JSON is looked for."""
_MOST_ITEMS: Final = 3

_decoder = json.JSONDecoder()
_START = re.compile(r"\{|\[(?=\s*[{\[])")
_WANTS_JSON = re.compile(
    r"\b(?:respond|response|reply|answer|return|output|result|format(?:ted)?|produce|provide)\b"
    r"[^\n]{0,80}?\bJSON\b(?![.(_])"
    r"|\bJSON (?:format|object|response)\b\s*[:=]"
    r"|\b(?:in|as) (?:a |one |the )?(?:single )?(?:valid |strict |raw )*JSON\b",
    re.IGNORECASE,
)
_TYPES: Mapping[str, Mapping[str, Any]] = {
    "array": {"type": "array", "items": {"type": "string"}, "minItems": 1},
    "bool": {"type": "boolean"},
    "boolean": {"type": "boolean"},
    "float": {"type": "number"},
    "int": {"type": "integer"},
    "integer": {"type": "integer"},
    "list": {"type": "array", "items": {"type": "string"}, "minItems": 1},
    "number": {"type": "number"},
}
"""What the words stand for with which people write types into an example."""


def outline(messages: Sequence[tuple[str, str]], *, demanded: bool) -> Mapping[str, Any] | None:
    """Return a schema for the JSON that messages of (role, text) describe, or None.

    The last JSON Schema counts, else the first example of the last message that asks for JSON.
    Where the request itself does not demand JSON, an instruction or the last user message has to.
    """
    all_texts = [text for role, text in messages if role in {"system", "user"}]
    asking = [text for text in _current(messages) if _WANTS_JSON.search(text)]
    texts = all_texts if demanded else asking
    for text in reversed(texts):
        schemas = [value for value in _objects(text) if _is_schema(value)]
        if schemas:
            return schemas[-1]
    for text in [*reversed(asking), *(all_texts if demanded else ())]:
        examples = _objects(text)
        if examples:
            return _schema_of(_fullest(examples))
    return None


def _current(messages: Sequence[tuple[str, str]]) -> list[str]:
    users = [text for role, text in messages if role == "user"]
    return [text for role, text in messages if role == "system"] + users[-1:]


def without_json(text: str) -> str:
    """Return a text without the JSON objects that stand in it."""
    kept: list[str] = []
    at = 0
    for _, start, end in _found(text):
        kept.append(text[at:start])
        at = end
    return " ".join([*kept, text[at:]])


def _objects(text: str) -> list[dict[str, Any]]:
    """Return the JSON objects that stand in a text, those inside others and in arrays left out."""
    return [value for value, _, _ in _found(text) if isinstance(value, dict) and value]


def _found(text: str) -> Iterator[tuple[object, int, int]]:
    """Yield JSON objects, and arrays of objects or arrays, with where they start and end."""
    at = 0
    for _ in range(_MOST_TRIES):
        start = _START.search(text, at)
        if start is None:
            return
        try:
            value, at = _decoder.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            at = start.end()
            continue
        yield value, start.start(), at


def _is_schema(value: Mapping[str, Any]) -> bool:
    described = isinstance(value.get("properties"), dict) or "$ref" in value
    if not described and value.get("type") not in {"object", "array"}:
        return False
    return schema_fault(value) is None


def _fullest(examples: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the first example, its empty values replaced by those of others like it."""
    first = examples[0]
    alike = [one for one in examples if one.keys() == first.keys()]
    return {
        key: next((one[key] for one in alike if one[key] not in ("", [], {}, None)), value)
        for key, value in first.items()
    }


def _schema_of(value: object) -> Mapping[str, Any]:
    """Return a schema that a value of an example is an instance of, and others of its kind."""
    match value:
        case dict():
            members = {name: _schema_of(member) for name, member in value.items()}
            return {"type": "object", "properties": members, "required": list(members)}
        case list():
            return _array(value)
        case str():
            return _text(value)
        case bool():
            return {"type": "boolean"}
        case int():
            return {"type": "integer"}
        case float():
            return {"type": "number"}
        case _:
            return {"type": "null"}


def _array(items: list[Any]) -> dict[str, Any]:
    item = _schema_of(items[0]) if items else {"type": "string"}
    least = max(1, min(len(items), _MOST_ITEMS))
    return {"type": "array", "items": item, "minItems": least, "uniqueItems": True}


def _text(value: str) -> Mapping[str, Any]:
    """Return the schema of a text that may name a type, or the choices, instead of being one."""
    named = _TYPES.get(value.strip("<> ").lower())
    if named is not None:
        return named
    choices = [part.strip(" '\"<>") for part in value.split("|")]
    if len(choices) > 1 and all(choices):
        return {"type": "string", "enum": choices}
    return {"type": "string"}
