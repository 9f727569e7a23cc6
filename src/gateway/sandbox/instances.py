"""Generate an instance of a JSON Schema, with obvious values from a text."""

from __future__ import annotations

import math
import re
from typing import Final

from gateway.sandbox.hints import Hints
from gateway.sandbox.patterns import example
from gateway.sandbox.schemas import (
    DEEP,
    Schema,
    bounds,
    count_of,
    is_free_text,
    kind_of,
    merged,
    resolved,
)

__all__ = ["instance"]

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
        schema = resolved(schema, self._root)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return next(iter(self._hints.mentioned(schema["enum"])), schema["enum"][0])
        for keyword in ("anyOf", "oneOf"):
            if schema.get(keyword):
                rest = {key: value for key, value in schema.items() if key != keyword}
                option = self._option(schema[keyword], depth)
                return self.make(merged(rest, option), name=name, depth=depth + 1)
        match kind_of(schema):
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

    def _option(self, options: list[object], depth: int) -> object:
        """Take the first real option, or near the bottom of a recursion the first null."""
        kinds = [
            kind_of(resolved(option, self._root)) if isinstance(option, dict) else ""
            for option in options
        ]
        if depth >= DEEP and "null" in kinds:
            return options[kinds.index("null")]
        return next(
            (option for option, kind in zip(options, kinds, strict=True) if kind != "null"),
            options[0],
        )

    def _object(self, schema: Schema, depth: int) -> dict[str, object]:
        members = schema.get("properties") or {}
        required = [name for name in schema.get("required") or () if name not in members]
        result = {
            name: self.make(member, name=name, depth=depth + 1)
            for name, member in members.items()
            if depth < DEEP or name in (schema.get("required") or ())
        }
        extra = schema.get("additionalProperties")
        number = 0
        while len(result) + len(required) < schema.get("minProperties", 0):
            number += 1
            required.append(f"member{number}")
        for name in required:
            result[name] = self.make(extra, name=name, depth=depth + 1)
        return result

    def _array(self, schema: Schema, name: str, depth: int) -> list[object]:
        items = schema.get("prefixItems", schema.get("items", {}))
        if isinstance(items, list):
            return [self.make(item, name=name, depth=depth + 1) for item in items]
        low, high = schema.get("minItems", 0), schema.get("maxItems", math.inf)
        made: list[object] = []
        if isinstance(items, dict) and items.get("enum"):
            made = (self._hints.mentioned(items["enum"]) or items["enum"])[: int(min(high, 3))]
            if len(made) < low and schema.get("uniqueItems"):
                made = items["enum"][:low]
        while len(made) < max(low, min(1 if depth < DEEP else 0, high)):
            made.append(self.make(items, name=name, depth=depth + 1))
            if schema.get("uniqueItems") and made[-1] in made[:-1]:
                made[-1] = _another(made[-1], len(made))
        while is_free_text(items) and self._hints.has_names and len(made) < min(high, 5):
            made.append(self._hints.name())
        return made

    def _number(self, schema: Schema, *, whole: bool) -> float:
        low, high = bounds(schema, whole=whole)
        step = schema.get("multipleOf", 1 if whole else None)
        found = self._hints.number(whole=whole, low=low, high=high)
        value = min(max(1, low), high) if found is None else found
        if step is not None and value % step:
            value = math.ceil(value / step) * step
            if value > high:
                value = math.floor(high / step) * step
        return int(value) if float(value).is_integer() else value

    def _string(self, schema: Schema, name: str) -> str:
        if isinstance(schema.get("format"), str) and schema["format"] in _FORMATS:
            return self._hints.formatted(schema["format"]) or _FORMATS[schema["format"]]
        if isinstance(schema.get("pattern"), str):
            return self._patterned(schema["pattern"])
        value = self._hints.labelled(name) if name else None
        if value is None and name in _WHOLE_TEXT:
            value = self._hints.text
        if value is None:
            value = self._hints.name() or self._hints.otherwise or f"sandbox {name}".strip()
        value = value.ljust(count_of(schema, "minLength", 0), ".")
        return value[: count_of(schema, "maxLength", len(value))]

    def _patterned(self, source: str) -> str:
        try:
            pattern = re.compile(source)
        except re.error:
            return "sandbox"
        return self._hints.matching(pattern) or example(source)


def _another(value: object, number: int) -> object:
    """Return a value of the same type that is not there yet, where that is easy."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + number - 1
    return f"{value} {number}" if isinstance(value, str) else value
