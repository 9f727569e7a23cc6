"""Schemas of tools that are true or false, which JSON Schema allows anywhere."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.anthropic.requests import read_messages
from gateway.dialects.ollama.schemas import load_chat
from gateway.dialects.openai.schemas import load_chat as load_openai_chat
from gateway.dialects.openai.schemas import load_response

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
def test_a_schema_may_be_true_or_false_in_every_dialect(schema: dict[str, object]) -> None:
    function = {"name": "f", "parameters": schema}
    wrapped = [{"type": "function", "function": function}]
    flat = [{"type": "function", **function}]
    body: dict[str, object] = {"model": "m", "messages": SAID}
    for load in (load_chat, load_openai_chat):
        (tool,) = load(json.dumps({**body, "tools": wrapped}).encode()).tools
        assert tool.parameters == schema
    response = load_response(json.dumps({"model": "m", "input": "hi", "tools": flat}).encode())
    assert [tool.parameters for tool in response.tools] == [schema]
    theirs = [{"name": "f", "input_schema": schema}]
    message, _ = read_messages(json.dumps({**body, "max_tokens": 1, "tools": theirs}).encode())
    assert [tool.parameters for tool in message.tools] == [schema]


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
