"""JSON Schemas beside the functions that read values: what each of them takes.

Nothing here is used to read a body. `gateway.openapi` makes the document of the API of it, and
property tests hold each reader against its schema.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

__all__ = [
    "OBJECT",
    "UNCHECKED",
    "JsonSchema",
    "any_of",
    "array_of",
    "described",
    "named_schemas",
    "nullable",
    "object_of",
    "schema_of",
]

JsonSchema: TypeAlias = dict[str, Any]
"""A schema of JSON Schema 2020-12, or a reference to a component of the document."""

ReaderT = TypeVar("ReaderT", bound=Callable[..., Any])

OBJECT: Final[JsonSchema] = {"type": "object", "additionalProperties": True}
"""Any object; it says so, since some generators of clients take an object for an empty one."""

UNCHECKED: Final[JsonSchema] = {"x-unchecked": True}
"""Marks a schema whose reader takes other values too: they are ignored, or rejected later."""


class _Description(NamedTuple):
    schema: Callable[[], JsonSchema]
    name: str


_descriptions: dict[Callable[..., Any], _Description] = {}


def described(
    schema: JsonSchema | Callable[[], JsonSchema], *, name: str = ""
) -> Callable[[ReaderT], ReaderT]:
    """Say by a *schema* what a reader takes.

    A function that returns the schema is called only when somebody asks for it, so that it may use
    what is defined below. A schema with a *name* is a component of the document.
    """

    def describe(read: ReaderT) -> ReaderT:
        find = schema if callable(schema) else lambda: schema
        _descriptions[read] = _Description(find, name)
        return read

    return describe


def schema_of(read: Callable[..., Any]) -> JsonSchema:
    """Return the schema of a reader, or a reference to it; raise `KeyError` if it has none."""
    description = _descriptions[read]
    if description.name:
        return {"$ref": f"#/components/schemas/{description.name}"}
    return description.schema()


def named_schemas() -> dict[str, JsonSchema]:
    """Return all schemas that are components, by name."""
    return {one.name: one.schema() for one in _descriptions.values() if one.name}


def object_of(
    readers: Mapping[str, Callable[..., Any]], *, required: tuple[str, ...] = ()
) -> JsonSchema:
    """Return the schema of what ``read_fields`` reads: members may be null, or unknown."""
    members = {name: nullable(schema_of(read)) for name, read in readers.items()}
    schema: JsonSchema = {"type": "object", "properties": members}
    return schema | ({"required": [*required]} if required else {})


def array_of(read: Callable[..., Any]) -> JsonSchema:
    """Return the schema of a list of what *read* reads, in which null has a meaning as well."""
    return {"type": "array", "items": nullable(schema_of(read))}


def any_of(*schemas: JsonSchema) -> JsonSchema:
    """Return the schema of a union."""
    return {"anyOf": [*schemas]}


def nullable(schema: JsonSchema) -> JsonSchema:
    """Return the schema of the same values and null."""
    if "anyOf" in schema:
        return schema | {"anyOf": [*schema["anyOf"], {"type": "null"}]}
    if isinstance(kind := schema.get("type"), str) and "enum" not in schema:
        return schema | {"type": [kind, "null"]}
    return any_of(schema, {"type": "null"}) if schema else schema
