"""Walk the JSON Schemas of clients without changing them.

A key of a schema is a keyword only where a schema stands: a property may well be called ``items``,
and what stands in ``default``, ``enum``, ``const`` or ``examples`` is data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias, TypeGuard

__all__ = ["Schema", "map_subschemas", "without_identity"]

Schema: TypeAlias = Mapping[str, object]

_NAMED: Final = frozenset(
    {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"}
)
_LISTED: Final = frozenset({"items", "prefixItems", "anyOf", "oneOf", "allOf"})
_SINGLE: Final = frozenset(
    {"items", "additionalItems", "additionalProperties", "contains", "propertyNames", "not", "if"}
    | {"then", "else", "unevaluatedItems", "unevaluatedProperties"}
)


def _is_schema(value: object) -> TypeGuard[Schema]:
    """Tell whether this is a schema with keywords, not one of the two boolean schemas."""
    return isinstance(value, Mapping)


def map_subschemas(schema: Schema, change: Callable[[Schema], Schema]) -> dict[str, object]:
    """Return a copy of *schema* with *change* applied to each schema directly inside it.

    A null in a collection of schemas is left out.
    """
    copy = dict(schema)
    for keyword, value in schema.items():
        if keyword in _SINGLE and _is_schema(value):
            copy[keyword] = change(value)
        elif keyword in _NAMED and _is_schema(value):
            copy[keyword] = {
                name: change(inner) if _is_schema(inner) else inner
                for name, inner in value.items()
                if inner is not None
            }
        elif keyword in _LISTED and isinstance(value, list):
            copy[keyword] = [
                change(inner) if _is_schema(inner) else inner
                for inner in value
                if inner is not None
            ]
    return copy


def without_identity(schema: Schema) -> dict[str, object]:
    """Return a copy without ``$schema`` and ``$id``, over which Mistral's grammars stumble."""
    return {key: value for key, value in schema.items() if key not in {"$schema", "$id"}}
