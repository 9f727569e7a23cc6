"""Check that a tool's parameters are an object schema that is valid under JSON Schema Draft 7.

Mistral validates the schema itself, not only its use ("Invalid tool schema: …").  The rules are
those of the Draft 7 meta-schema, keyword by keyword.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

__all__ = ["schema_fault", "tool_schema_fault"]

_Rule: TypeAlias = Callable[[object], bool]

_TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: object) -> bool:
    return isinstance(value, int | float) and _is_number(value) and value >= 0 and value % 1 == 0


def _is_positive(value: object) -> bool:
    return isinstance(value, int | float) and _is_number(value) and value > 0


def _is_names(value: object) -> bool:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        return False
    return len(set(value)) == len(value)


def _is_type(value: object) -> bool:
    if isinstance(value, str):
        return value in _TYPES
    return _is_names(value) and isinstance(value, list) and bool(value) and _TYPES.issuperset(value)


def _is_a(kind: type) -> _Rule:
    return lambda value: isinstance(value, kind)


_PLAIN: dict[str, _Rule] = {
    "type": _is_type,
    "required": _is_names,
    "enum": _is_a(list),
    "examples": _is_a(list),
    "uniqueItems": _is_a(bool),
    "readOnly": _is_a(bool),
    "multipleOf": _is_positive,
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _is_number),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), _is_count),
    **dict.fromkeys(("minProperties", "maxProperties"), _is_count),
    **dict.fromkeys(("title", "description", "$comment", "$ref", "$id", "$schema"), _is_a(str)),
    **dict.fromkeys(("format", "pattern", "contentMediaType", "contentEncoding"), _is_a(str)),
}
_ONE = frozenset(
    {"additionalItems", "additionalProperties", "contains", "propertyNames"}
    | {"not", "if", "then", "else"}
)
_MANY = frozenset({"allOf", "anyOf", "oneOf"})
_NAMED = frozenset({"properties", "patternProperties", "definitions"})


def tool_schema_fault(schema: dict[str, object]) -> str | None:
    """Say what is wrong with the parameters of a function, or None."""
    if schema.get("type") != "object":
        return f"{schema!r} is not an object schema"
    return schema_fault(schema)


def schema_fault(schema: object) -> str | None:
    """Say what is wrong with a schema under Draft 7, or None."""
    waiting: list[object] = [schema]
    while waiting:
        current = waiting.pop()
        if isinstance(current, bool):
            continue
        if not isinstance(current, dict):
            return f"{current!r} is not of type 'object', 'boolean'"
        for keyword, value in current.items():
            rule = _PLAIN.get(keyword)
            if rule is not None:
                if not rule(value):
                    return f"{value!r} is not valid as '{keyword}'"
                continue
            parts = _parts(keyword, value)
            if parts is None:
                return f"{value!r} is not valid as '{keyword}'"
            waiting.extend(parts)
    return None


def _parts(keyword: str, value: object) -> Iterator[object] | None:
    """Return the schemas inside a keyword's value, or None if the value has the wrong form."""
    if keyword in _ONE:
        return iter((value,))
    if keyword in _NAMED:
        return iter(value.values()) if isinstance(value, dict) else None
    if keyword in _MANY or (keyword == "items" and isinstance(value, list)):
        return iter(value) if isinstance(value, list) and value else None
    if keyword == "items":
        return iter((value,))
    if keyword == "dependencies":
        return _dependencies(value)
    return iter(())


def _dependencies(value: object) -> Iterator[object] | None:
    if not isinstance(value, dict):
        return None
    return (part for part in value.values() if not _is_names(part))
