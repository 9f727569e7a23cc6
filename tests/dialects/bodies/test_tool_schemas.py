"""Schemas of tools that are true or false, which JSON Schema allows anywhere."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.ollama.schemas import load_chat

SCHEMAS = {
    "a property that may be anything": {"type": "object", "properties": {"x": True}},
    "a property that may not be": {"type": "object", "properties": {"x": False, "y": {}}},
    "an alternative": {
        "type": "object",
        "properties": {"x": {"anyOf": [True, {"type": "string"}]}},
    },
    "items": {"type": "object", "properties": {"x": {"type": "array", "items": True}}},
    "one far below": {
        "type": "object",
        "properties": {"x": {"type": "object", "properties": {"y": {"properties": {"z": True}}}}},
    },
    "additional properties": {"type": "object", "additionalProperties": False},
}
SAID = [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_a_schema_may_be_true_or_false(schema: dict[str, object]) -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": schema}}]
    (tool,) = load_chat(json.dumps({"model": "m", "messages": SAID, "tools": tools}).encode()).tools
    assert tool.parameters == schema


nested = st.recursive(
    st.booleans(),
    lambda below: st.fixed_dictionaries(
        {}, optional={"properties": st.dictionaries(st.text("ab"), below), "anyOf": st.lists(below)}
    ),
    max_leaves=10,
)


@given(nested)
def test_wherever_a_schema_stands_it_may_be_true_or_false(below: object) -> None:
    schema = {"type": "object", "properties": {"x": below}}
    tools = [{"type": "function", "function": {"name": "f", "parameters": schema}}]
    (tool,) = load_chat(json.dumps({"model": "m", "tools": tools}).encode()).tools
    assert tool.parameters == schema
