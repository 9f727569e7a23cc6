from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sandbox.hints import Hints, words
from gateway.sandbox.instances import instance
from gateway.sandbox.patterns import example

FORMATS = [
    *("date-time", "date", "time", "duration", "email", "uri", "uuid", "ipv4", "ipv6", "hostname"),
    "x-own",
]


def _strings() -> st.SearchStrategy[dict[str, Any]]:
    lengths = st.tuples(st.integers(0, 30), st.integers(0, 30)).map(sorted)
    return st.one_of(
        st.just({"type": "string"}),
        st.sampled_from(FORMATS).map(lambda name: {"type": "string", "format": name}),
        lengths.map(lambda two: {"type": "string", "minLength": two[0], "maxLength": two[1]}),
        st.sampled_from(["^[A-Z]{3}-\\d{2,4}$", "a+b?c*", "^(foo|bar)$", "^\\w+@\\w+$"]).map(
            lambda pattern: {"type": "string", "pattern": pattern}
        ),
    )


def _numbers() -> st.SearchStrategy[dict[str, Any]]:
    bounds = st.tuples(st.integers(-50, 50), st.integers(0, 50))
    return st.one_of(
        st.sampled_from(["integer", "number"]).map(lambda kind: {"type": kind}),
        bounds.map(lambda two: {"type": "integer", "minimum": two[0], "maximum": sum(two)}),
        bounds.map(
            lambda two: {
                "type": "number",
                "exclusiveMinimum": two[0],
                "exclusiveMaximum": two[0] + two[1] + 1,
            }
        ),
        st.integers(-50, 50).map(
            lambda low: {"type": "integer", "exclusiveMinimum": low, "exclusiveMaximum": low + 2}
        ),
        st.integers(1, 9).map(
            lambda step: {"type": "integer", "multipleOf": step, "minimum": 5, "maximum": 19}
        ),
    )


SIMPLE = st.one_of(
    _strings(),
    _numbers(),
    st.just({"type": "boolean"}),
    st.just({"type": ["null", "string"]}),
    st.just({"type": "null"}),
    st.just({"enum": ["red", "blue", 3, None]}),
    st.just({"const": {"a": 1}}),
    st.just({}),
    st.just(True),
)


def _compound(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    members = st.dictionaries(st.sampled_from(["name", "age", "query", "tags"]), inner, max_size=4)
    objects = members.flatmap(
        lambda found: st.lists(st.sampled_from([*found, "other"]), unique=True).map(
            lambda needed: {"type": "object", "properties": found, "required": needed}
        )
    )
    arrays = st.tuples(inner, st.integers(0, 3), st.integers(0, 3)).map(
        lambda three: {
            "type": "array",
            "items": three[0],
            "minItems": three[1],
            "maxItems": three[1] + three[2],
        }
    )
    options = st.lists(inner, min_size=1, max_size=3).map(lambda many: {"anyOf": many})
    return st.one_of(objects, arrays, options)


SCHEMAS = st.recursive(SIMPLE, _compound, max_leaves=6)
TEXTS = st.sampled_from(
    [
        "",
        "Alice Smith is 31 and likes red, not blue. She lives in Oslo.",
        'The "big one" has 7 or 2.5',
    ]
)


@given(SCHEMAS, TEXTS)
def test_what_is_made_is_an_instance(schema: Any, text: str) -> None:
    made = instance(schema, Hints(text))
    jsonschema.Draft202012Validator(schema).validate(made)


TREE = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "label": {"$ref": "#/$defs/a~1b"},
                "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
            },
            "required": ["label", "next"],
        },
        "a/b": {"type": "string"},
    },
    "$ref": "#/$defs/node",
}
WHOLE = {
    "a recursive schema": TREE,
    "parts of one object": {
        "allOf": [
            {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
            {"properties": {"b": {"type": "boolean"}}, "required": ["a", "b"]},
            True,
        ]
    },
    "a tuple": {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}]},
    "an old tuple": {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "array",
        "items": [{"type": "integer"}],
    },
    "unlike elements": {
        "type": "array",
        "items": {"type": "string", "minLength": 1},
        "minItems": 3,
        "uniqueItems": True,
    },
    "unlike numbers": {
        "type": "array",
        "items": {"type": "integer"},
        "minItems": 3,
        "uniqueItems": True,
    },
    "unlike truths": {
        "type": "array",
        "items": {"type": "boolean"},
        "minItems": 2,
        "uniqueItems": True,
    },
    "unlike choices": {
        "type": "array",
        "items": {"enum": ["a", "b", "c", "d"]},
        "minItems": 4,
        "uniqueItems": True,
    },
    "at least two members": {
        "type": "object",
        "minProperties": 2,
        "additionalProperties": {"type": "integer"},
    },
    "an object without a type": {"properties": {"a": {"type": "null"}}, "required": ["a"]},
    "an array without a type": {"items": {"type": "boolean"}, "minItems": 1},
    "one of": {"oneOf": [{"type": "string"}, {"type": "integer"}]},
    "a length with a point": {"type": "string", "minLength": 30.0, "maxLength": 40.0},
    "only null": {"anyOf": [{"type": "null"}]},
    "an alternative that is open": {"anyOf": [True, {"type": "string"}]},
    "bounds": {
        "type": "array",
        "items": [
            {"type": "integer", "exclusiveMinimum": 30, "exclusiveMaximum": 32},
            {"type": "number", "minimum": 0.5, "maximum": 0.75},
            {"type": "string", "minLength": 9, "maxLength": 9},
        ],
        "$schema": "http://json-schema.org/draft-07/schema#",
    },
    "null or a text": {"type": ["null", "string"]},
    "null at most": {"type": ["null"]},
    "few of many": {"type": "array", "items": {"enum": ["a", "b", "c"]}, "maxItems": 2},
    "members that nothing describes": {"type": "object", "required": ["a"]},
    "a step above a bound": {"type": "number", "multipleOf": 5, "minimum": 3, "maximum": 9},
    "a step below a bound": {"type": "integer", "multipleOf": 5, "maximum": -7},
}


@pytest.mark.parametrize("schema", WHOLE.values(), ids=WHOLE.keys())
def test_a_schema_with_much_in_it_is_followed(schema: Any) -> None:
    jsonschema.validate(instance(schema, Hints("Ann and Bob, no 12")), schema)


def test_a_schema_that_no_value_can_fit_still_ends() -> None:
    endless = {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}
    made: Any = instance(endless, Hints(""))
    depth = 0
    while made is not None:
        made, depth = made["a"], depth + 1
    assert depth == 13
    assert instance({"$ref": "#"}, Hints("")) == "sandbox"
    nulls = {"type": "array", "items": {"type": "null"}, "minItems": 2, "uniqueItems": True}
    assert instance(nulls, Hints("")) == [None, None]
    assert instance({"$ref": "#/nowhere/at/all", "type": "integer"}, Hints("")) == 1
    assert instance({"type": "string", "enum": []}, Hints("")) == "sandbox"


PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": "integer"},
        "email": {"type": "string", "format": "email"},
        "height": {"type": "number", "maximum": 3},
        "color": {"type": "string", "enum": ["red", "blue"]},
        "cities": {"type": "array", "items": {"type": "string"}},
        "smoker": {"type": "boolean"},
        "code": {"type": "string", "pattern": "^[A-Z]{2}-\\d+$"},
        "born": {"type": "string", "format": "date"},
        "text": {"type": "string"},
    },
}


def test_the_values_are_those_of_the_text_where_they_are_obvious() -> None:
    text = (
        "Describe Alice Smith, 31 years, 1.74 m, alice@example.org, born 1994-05-06, who wears "
        "blue, has been to New Delhi and Oslo, does not smoke, id AB-77."
    )
    assert instance(PERSON, Hints(text)) == {
        "name": "Alice Smith",
        "age": 31,
        "email": "alice@example.org",
        "height": 1.74,
        "color": "blue",
        "cities": ["New Delhi", "Oslo", "AB-77"],
        "smoker": False,
        "code": "AB-77",
        "born": "1994-05-06",
        "text": text,
    }


LABELS = [
    ("city: Paris", "city", "Paris"),
    ("The city is New York today", "city", "New York"),
    ('set first_name="Jo Ann"', "first_name", "Jo Ann"),
    ("first name = jo", "first_name", "jo"),
    ("Ann says that the city is Rome", "city", "Rome"),
    ("nothing here", "city", None),
]


@pytest.mark.parametrize(("text", "label", "value"), LABELS)
def test_a_value_stands_after_its_label(text: str, label: str, value: str | None) -> None:
    assert Hints(text).labelled(label) == value


def test_names_are_capitalised_runs_that_do_not_merely_open_a_sentence() -> None:
    hints = Hints("What is the weather in New York, Paris and Rome? Tell me. Berlin too.")
    found = []
    while hints.has_names:
        found.append(hints.name())
    assert found == ["New York", "Paris", "Rome", "Berlin"]
    assert hints.name() is None


def test_quotations_come_before_names() -> None:
    hints = Hints("Send \"one\", “two”, `three` and 'four' to Bob, don't worry")
    assert [hints.name() for _ in range(5)] == ["one", "two", "three", "four", "Bob"]


def test_each_number_is_handed_out_once_and_only_within_bounds() -> None:
    hints = Hints("from 5 to 7.5 or -3, not v2 or 3x")
    assert hints.number(whole=True, low=0, high=10) == 5
    assert hints.number(whole=True, low=0, high=10) is None
    assert hints.number(whole=False, low=0, high=10) == 7.5
    assert hints.number(whole=True, low=-10, high=10) == -3


def test_words_lose_case_and_plural() -> None:
    assert words("Cities' Names: CLASS bus") == ["citie", "name", "class", "bus"]


PATTERNS = [
    "^abc$",
    "^[0-9]{5}$",
    r"\d{3}-\d{4}",
    "^(?:yes|no)$",
    "^(?P<year>\\d{4})-[01]\\d$",
    "^[^a-z]+$",
    "^[^a1_ -]$",
    "^\\W\\D\\S.$",
    "^x{2,}?y*$",
    "^[\\d]+\\.\\b[\\w-]$",
    "^\\$\\s$",
    "a|b",
    "^\\]$",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_an_example_fits_its_pattern(pattern: str) -> None:
    jsonschema.validate(example(pattern), {"type": "string", "pattern": pattern})
    assert example(pattern) != "sandbox"


def test_a_pattern_beyond_us_gives_a_fixed_word() -> None:
    assert example("^(?=b)(?!a)b{2}[\\]x]$") == "sandbox"
    assert instance({"type": "string", "pattern": "(["}, Hints("")) == "sandbox"


def test_a_schema_that_requires_itself_ends() -> None:
    endless = {"type": "object", "properties": {"child": {"$ref": "#"}}, "required": ["child"]}
    made, depth = instance(endless, Hints("")), 0
    while made is not None:
        assert isinstance(made, dict)
        made, depth = made["child"], depth + 1
    assert depth == 13


def test_a_constant_is_the_only_instance() -> None:
    assert instance({"properties": {"a": {"const": 7}}, "required": ["a"]}, Hints("")) == {"a": 7}
