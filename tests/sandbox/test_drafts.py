from __future__ import annotations

import jsonschema
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.sandbox.drafts import schema_fault

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.sampled_from([0.5, 2.0, "object", "text", "", [], ["a", "a"], ["a", "b"], ["string"]]),
    st.sampled_from([{}, {"a": True}, {"a": {"type": "null"}}, {"a": 1}, [{}], [1], {"a": ["b"]}]),
)
KEYWORDS = (
    *("type", "required", "enum", "examples", "uniqueItems", "readOnly", "multipleOf"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength"),
    *("minItems", "maxItems", "minProperties", "maxProperties", "title", "description"),
    *("$comment", "additionalItems", "additionalProperties", "contains", "propertyNames"),
    *("not", "if", "then", "else", "allOf", "anyOf", "oneOf", "properties"),
    *("patternProperties", "definitions", "items", "dependencies", "$defs", "x-own", "default"),
    *("const"),
)
SCHEMAS = st.dictionaries(st.sampled_from(KEYWORDS), VALUES, max_size=3)


@given(st.one_of(SCHEMAS, SCHEMAS.map(lambda schema: {"properties": {"p": schema}})))
@example({"items": {"type": "null"}, "dependencies": {"a": ["b"], "c": {}}, "minimum": 1})
@example({"minItems": 1.0, "multipleOf": 2, "required": ["a"], "type": ["null", "string"]})
@example({"minItems": 1.5})
@example({"multipleOf": 0})
@example({"required": ["a", "a"]})
@example({"required": "a"})
def test_the_judgement_is_that_of_the_draft_7_meta_schema(schema: dict[str, object]) -> None:
    try:
        jsonschema.Draft7Validator.check_schema(schema)
    except jsonschema.SchemaError:
        valid = False
    else:
        valid = True
    assert (schema_fault(schema) is None) == valid


@pytest.mark.parametrize(
    ("schema", "fault"),
    [
        ({"type": "text"}, "'text' is not valid as 'type'"),
        ({"properties": {"a": 1}}, "1 is not of type 'object', 'boolean'"),
        ({"anyOf": []}, "[] is not valid as 'anyOf'"),
        ({"dependencies": 1}, "1 is not valid as 'dependencies'"),
    ],
)
def test_a_fault_names_the_keyword(schema: object, fault: str) -> None:
    assert schema_fault(schema) == fault
