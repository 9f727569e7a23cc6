from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.chat import NamedTool, Tool, ToolChoice
from gateway.core.errors import InvalidRequest
from gateway.providers.mistral.tools import wire_tool_choice, wire_tools
from gateway.sandbox.drafts import tool_schema_fault


def parameters_of(schema: dict[str, Any]) -> object:
    (wire,) = wire_tools([Tool("f", parameters=schema)])
    function = wire["function"]
    assert isinstance(function, dict)
    return function["parameters"]


def test_a_tool_is_written_with_what_was_said_of_it() -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    assert wire_tools(
        [Tool("a-b_1"), Tool("weather", "It\u2019s \ud83d", schema, strict=False)]
    ) == [
        {
            "type": "function",
            "function": {"name": "a-b_1", "parameters": {"type": "object", "properties": {}}},
        },
        {
            "type": "function",
            "function": {
                "name": "weather",
                "description": "It\u2019s \ufffd",
                "strict": False,
                "parameters": schema,
            },
        },
    ]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        pytest.param("get weather", "get weather", id="space"),
        pytest.param("", "", id="empty"),
        pytest.param("x" * 65, "x" * 65, id="too-long"),
        pytest.param("a\ud83d", "a\ufffd", id="surrogate"),
    ],
)
def test_a_bad_name_is_refused_by_name(name: str, shown: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        wire_tools([Tool("good"), Tool(name)])
    assert (caught.value.status, caught.value.message) == (
        400,
        f'invalid tool name "{shown}": use 1 to 64 letters, digits, "_" or "-"',
    )


@pytest.mark.parametrize(
    ("schema", "wire"),
    [
        pytest.param({}, {"type": "object", "properties": {}}, id="nothing"),
        pytest.param(
            {"type": "object", "properties": None, "required": None},
            {"type": "object", "properties": {}},
            id="nulls-at-the-root",
        ),
        pytest.param(
            {"properties": {"a": {}}},
            {"properties": {"a": {}}, "type": "object"},
            id="type-missing",
        ),
        pytest.param({"type": None}, {"type": "object"}, id="type-null"),
        pytest.param(
            {"$schema": "http://json-schema.org/draft-07/schema#", "$id": "x", "type": "object"},
            {"type": "object"},
            id="identity",
        ),
        pytest.param(
            {"type": "object", "properties": {"$id": {"type": "string"}, "$schema": {}}},
            {"type": "object", "properties": {"$id": {"type": "string"}, "$schema": {}}},
            id="properties-named-like-identity",
        ),
        pytest.param(
            {
                "type": "object",
                "properties": {
                    "a": {"type": "array", "items": None, "enum": None},
                    "b": {"anyOf": None, "description": None, "default": None},
                    "c": None,
                    "d": {"anyOf": [None, {"const": None, "items": [{"enum": None}, True]}]},
                },
            },
            {
                "type": "object",
                "properties": {
                    "a": {"type": "array"},
                    "b": {"default": None},
                    "d": {"anyOf": [{"const": None, "items": [{}, True]}]},
                },
            },
            id="nulls-inside",
        ),
        pytest.param(
            {"type": "object", "properties": {"a": {"type": ["string", "null"], "enum": [None]}}},
            {"type": "object", "properties": {"a": {"type": ["string", "null"], "enum": [None]}}},
            id="null-as-data",
        ),
        pytest.param(
            {
                "type": "object",
                "properties": {
                    "a": {"minimum": 1, "exclusiveMinimum": True, "exclusiveMaximum": False},
                    "b": {"maximum": 9, "exclusiveMaximum": True, "exclusiveMinimum": True},
                    "c": {"minimum": 1, "exclusiveMinimum": 0},
                },
                "additionalProperties": {"maximum": 1, "exclusiveMaximum": True},
                "patternProperties": {"^x": True},
            },
            {
                "type": "object",
                "properties": {
                    "a": {"exclusiveMinimum": 1},
                    "b": {"exclusiveMaximum": 9},
                    "c": {"minimum": 1, "exclusiveMinimum": 0},
                },
                "additionalProperties": {"exclusiveMaximum": 1},
                "patternProperties": {"^x": True},
            },
            id="exclusive-limits-of-draft-4",
        ),
        pytest.param(
            {"type": "object", "properties": {"\ud83d": {"enum": ["\udc00", 1, None]}}},
            {"type": "object", "properties": {"\ufffd": {"enum": ["\ufffd", 1, None]}}},
            id="surrogates",
        ),
    ],
)
def test_parameters_are_made_a_draft_7_object_schema(
    schema: dict[str, Any], wire: dict[str, object]
) -> None:
    before = copy.deepcopy(schema)
    assert parameters_of(schema) == wire
    assert schema == before


SCHEMAS = st.recursive(
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from([None, "string", "number", ["null", "integer"]]),
            "enum": st.none() | st.just([None, "x"]),
            "minimum": st.integers(),
            "exclusiveMinimum": st.booleans() | st.integers() | st.none(),
            "description": st.none() | st.just("null"),
            "default": st.none(),
        },
    ),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "properties": st.none()
            | st.dictionaries(st.sampled_from(["items", "type", "a"]), st.none() | inner),
            "items": st.none() | inner | st.lists(inner, min_size=1),
            "anyOf": st.none() | st.lists(st.booleans() | inner, min_size=1),
            "not": st.none() | st.booleans() | inner,
            "required": st.none() | st.just(["a"]),
            "$defs": st.none() | st.dictionaries(st.sampled_from(["n"]), inner),
        },
    ),
    max_leaves=6,
)


@given(SCHEMAS, st.sampled_from([{"type": "object"}, {"type": None}, {}]))
def test_parameters_with_gaps_pass_mistrals_check(
    schema: dict[str, Any], kind: dict[str, Any]
) -> None:
    schema = {key: value for key, value in schema.items() if key != "type"} | kind
    wire = parameters_of(schema)
    assert isinstance(wire, dict)
    assert tool_schema_fault(wire) is None
    assert parameters_of(wire) == wire


@pytest.mark.parametrize(
    ("choice", "wire"),
    [
        pytest.param("auto", "auto", id="auto"),
        pytest.param("none", "none", id="none"),
        pytest.param("required", "any", id="required"),
        pytest.param(
            NamedTool("weather"),
            {"type": "function", "function": {"name": "weather"}},
            id="one-function",
        ),
    ],
)
def test_tool_choice_in_mistrals_words(choice: ToolChoice, wire: object) -> None:
    assert wire_tool_choice(choice) == wire
