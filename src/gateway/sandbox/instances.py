"""Generate an instance of a JSON Schema, with obvious values from a text."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from gateway.sandbox.hints import Hints
from gateway.sandbox.patterns import example

__all__ = ["instance"]

_Schema: TypeAlias = Mapping[str, Any]

_DEEP: Final = 5
"""From this depth on only required members are made, so that a recursive schema ends."""
_DEEPEST: Final = 12
"""At this depth a schema that requires itself gets null: it has no finite instance."""

_FORMATS = {
    "date-time": "2026-01-02T03:04:05Z",
    "date": "2026-01-02",
    "time": "03:04:05Z",
    "duration": "PT1H",
    "email": "sandbox@example.com",
    "uri": "https://example.com/sandbox",
    "uuid": "00000000-0000-4000-8000-000000000001",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "hostname": "sandbox.example.com",
}
_WHOLE_TEXT = frozenset({"query", "question", "prompt", "message", "text", "content", "input"})


def instance(schema: object, hints: Hints) -> object:
    """Return a value that the schema accepts, as far as its keywords are understood."""
    return _Maker(schema, hints).make(schema, name="", depth=0)


class _Maker:
    """Build one instance; the root schema is kept for its `$ref`s."""

    def __init__(self, root: object, hints: Hints) -> None:
        self._root = root
        self._hints = hints

    def make(self, schema: object, *, name: str, depth: int) -> object:
        if not isinstance(schema, dict):
            return f"sandbox {name}".strip()
        if depth > _DEEPEST:
            return None
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return next(iter(self._hints.mentioned(schema["enum"])), schema["enum"][0])
        for keyword in ("anyOf", "oneOf"):
            if schema.get(keyword):
                rest = {key: value for key, value in schema.items() if key != keyword}
                option = self._option(schema[keyword], depth)
                return self.make(_merged(rest, option), name=name, depth=depth + 1)
        match _kind(schema):
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, name, depth)
            case "integer":
                return int(self._number(schema, whole=True))
            case "number":
                return self._number(schema, whole=False)
            case "boolean":
                return not self._hints.denies()
            case "null":
                return None
            case _:
                return self._string(schema, name)

    def _resolved(self, schema: _Schema, rounds: int = 0) -> _Schema:
        """Follow `$ref` and merge `allOf`; a schema that only refers to itself is left alone."""
        reference, parts = schema.get("$ref"), schema.get("allOf") or ()
        if rounds > _DEEP or not (isinstance(reference, str) or parts):
            return schema
        rest = {key: value for key, value in schema.items() if key not in {"$ref", "allOf"}}
        for part in (self._target(reference) if isinstance(reference, str) else None, *parts):
            if isinstance(part, dict):
                rest = dict(_merged(self._resolved(part, rounds + 1), rest))
        return rest

    def _target(self, reference: str) -> object:
        target = self._root
        for part in reference.removeprefix("#").split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            target = target.get(key) if isinstance(target, dict) else None
        return target

    def _option(self, options: list[object], depth: int) -> object:
        """Take the first real option, or near the bottom of a recursion the first null."""
        kinds = [
            _kind(self._resolved(option)) if isinstance(option, dict) else "" for option in options
        ]
        if depth >= _DEEP and "null" in kinds:
            return options[kinds.index("null")]
        return next(
            (option for option, kind in zip(options, kinds, strict=True) if kind != "null"),
            options[0],
        )

    def _object(self, schema: _Schema, depth: int) -> dict[str, object]:
        members = schema.get("properties") or {}
        required = [name for name in schema.get("required") or () if name not in members]
        result = {
            name: self.make(member, name=name, depth=depth + 1)
            for name, member in members.items()
            if depth < _DEEP or name in (schema.get("required") or ())
        }
        extra = schema.get("additionalProperties")
        number = 0
        while len(result) + len(required) < schema.get("minProperties", 0):
            number += 1
            required.append(f"member{number}")
        for name in required:
            result[name] = self.make(extra, name=name, depth=depth + 1)
        return result

    def _array(self, schema: _Schema, name: str, depth: int) -> list[object]:
        items = schema.get("prefixItems", schema.get("items", {}))
        if isinstance(items, list):
            return [self.make(item, name=name, depth=depth + 1) for item in items]
        low, high = schema.get("minItems", 0), schema.get("maxItems", math.inf)
        made: list[object] = []
        if isinstance(items, dict) and items.get("enum"):
            made = (self._hints.mentioned(items["enum"]) or items["enum"])[: int(min(high, 3))]
            if len(made) < low and schema.get("uniqueItems"):
                made = items["enum"][:low]
        while len(made) < max(low, min(1 if depth < _DEEP else 0, high)):
            made.append(self.make(items, name=name, depth=depth + 1))
            if schema.get("uniqueItems") and made[-1] in made[:-1]:
                made[-1] = _another(made[-1], len(made))
        while _is_text(items) and self._hints.has_names and len(made) < min(high, 5):
            made.append(self._hints.name())
        return made

    def _number(self, schema: _Schema, *, whole: bool) -> float:
        low, high = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
        step = schema.get("multipleOf", 1 if whole else None)
        if "exclusiveMinimum" in schema:
            low = max(low, schema["exclusiveMinimum"] + (1 if whole else 1e-6))
        if "exclusiveMaximum" in schema:
            high = min(high, schema["exclusiveMaximum"] - (1 if whole else 1e-6))
        found = self._hints.number(whole=whole, low=low, high=high)
        value = min(max(1, low), high) if found is None else found
        if step is not None and value % step:
            value = math.ceil(value / step) * step
            if value > high:
                value = math.floor(high / step) * step
        return int(value) if float(value).is_integer() else value

    def _string(self, schema: _Schema, name: str) -> str:
        if isinstance(schema.get("format"), str) and schema["format"] in _FORMATS:
            return self._hints.formatted(schema["format"]) or _FORMATS[schema["format"]]
        if isinstance(schema.get("pattern"), str):
            return self._patterned(schema["pattern"])
        value = self._hints.labelled(name) if name else None
        if value is None and name in _WHOLE_TEXT:
            value = self._hints.text
        if value is None:
            value = self._hints.name() or f"sandbox {name}".strip()
        low, high = schema.get("minLength", 0), schema.get("maxLength")
        return value.ljust(low, ".")[:high]

    def _patterned(self, source: str) -> str:
        try:
            pattern = re.compile(source)
        except re.error:
            return "sandbox"
        return self._hints.matching(pattern) or example(source)


def _kind(schema: _Schema) -> str:
    """Return the JSON type to make; a missing one is read off the other keywords."""
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    if isinstance(kind, str):
        return kind
    if "properties" in schema or "additionalProperties" in schema:
        return "object"
    return "array" if "items" in schema else "string"


def _merged(one: object, other: object) -> _Schema:
    """Lay one schema over another; their properties and required names add up."""
    first = one if isinstance(one, dict) else {}
    second = other if isinstance(other, dict) else {}
    merged = {**first, **second}
    if "properties" in first and "properties" in second:
        merged["properties"] = {**first["properties"], **second["properties"]}
    if "required" in first and "required" in second:
        merged["required"] = list(dict.fromkeys([*first["required"], *second["required"]]))
    return merged


def _is_text(schema: object) -> bool:
    return (
        isinstance(schema, dict)
        and schema.get("type") == "string"
        and not {"enum", "const", "format", "pattern", "minLength", "maxLength"} & schema.keys()
    )


def _another(value: object, number: int) -> object:
    """Return a value of the same type that is not there yet, where that is easy."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + number - 1
    return f"{value} {number}" if isinstance(value, str) else value
