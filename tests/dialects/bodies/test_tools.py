"""Schemas that are true or false, wherever JSON Schema allows it."""

from __future__ import annotations

import pytest

from gateway.dialects.bodies.tools import read_parameters

SCHEMAS: dict[str, dict[str, object]] = {
    "a property": {"type": "object", "properties": {"any": True, "none": False}},
    "an alternative": {"properties": {"a": {"anyOf": [True, {"type": "string"}]}}},
    "items": {"properties": {"a": {"type": "array", "items": True}}},
    "further properties": {"additionalProperties": False, "properties": {"a": True}},
    "a property of a property": {"properties": {"a": {"properties": {"b": False}}}},
}


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_a_schema_may_be_true_or_false(schema: dict[str, object]) -> None:
    assert read_parameters(schema) is schema


@pytest.mark.parametrize("schema", [True, False])
def test_a_function_without_a_schema_of_its_own_takes_no_arguments(schema: bool) -> None:
    assert read_parameters(schema) == {}
