"""Read JSON Schemas: follow references, join parts, tell the type."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

__all__ = ["DEEP", "Schema", "bounds", "count_of", "is_free_text", "kind_of", "merged", "resolved"]

Schema: TypeAlias = Mapping[str, Any]

DEEP: Final = 5
"""So many references are followed one after the other, or so many objects filled with all."""


def resolved(schema: Schema, root: object, rounds: int = 0) -> Schema:
    """Follow `$ref` into `root` and merge `allOf`; what only refers to itself is left alone."""
    reference, parts = schema.get("$ref"), schema.get("allOf") or ()
    if rounds > DEEP or not (isinstance(reference, str) or parts):
        return schema
    rest = {key: value for key, value in schema.items() if key not in {"$ref", "allOf"}}
    for part in (_target(reference, root) if isinstance(reference, str) else None, *parts):
        if isinstance(part, dict):
            rest = dict(merged(resolved(part, root, rounds + 1), rest))
    return rest


def _target(reference: str, root: object) -> object:
    target = root
    for part in reference.removeprefix("#").split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        target = target.get(key) if isinstance(target, dict) else None
    return target


def kind_of(schema: Schema) -> str:
    """Return the JSON type to make; a missing one is read off the other keywords."""
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    if isinstance(kind, str):
        return kind
    if "properties" in schema or "additionalProperties" in schema:
        return "object"
    return "array" if "items" in schema else "string"


def bounds(schema: Schema, *, whole: bool) -> tuple[float, float]:
    """Return the least and the greatest number that a schema allows."""
    low, high = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
    if "exclusiveMinimum" in schema:
        low = max(low, schema["exclusiveMinimum"] + (1 if whole else 1e-6))
    if "exclusiveMaximum" in schema:
        high = min(high, schema["exclusiveMaximum"] - (1 if whole else 1e-6))
    return low, high


def count_of(schema: Schema, keyword: str, otherwise: int) -> int:
    """Return a number of characters or items, which may be written as `5.0`."""
    return int(schema.get(keyword, otherwise))


def merged(one: object, other: object) -> Schema:
    """Lay one schema over another; their properties and required names add up."""
    first = one if isinstance(one, dict) else {}
    second = other if isinstance(other, dict) else {}
    both = {**first, **second}
    if "properties" in first and "properties" in second:
        both["properties"] = {**first["properties"], **second["properties"]}
    if "required" in first and "required" in second:
        both["required"] = list(dict.fromkeys([*first["required"], *second["required"]]))
    return both


def is_free_text(schema: object) -> bool:
    """Tell a string that may be any."""
    return (
        isinstance(schema, dict)
        and schema.get("type") == "string"
        and not {"enum", "const", "format", "pattern", "minLength", "maxLength"} & schema.keys()
    )
