from __future__ import annotations

import copy
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.chat import JsonFormat, Message
from gateway.providers.mistral.formats import JSON_HINT, close, wire_format, with_json_hint
from mistral_histories import assistant, system, user

PERSON = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
CLOSED = PERSON | {"additionalProperties": False}


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(JsonFormat(), id="any-json"),
        pytest.param(JsonFormat({}), id="empty-schema"),
        pytest.param(
            JsonFormat({"$schema": "https://json-schema.org/schema"}), id="only-a-dialect"
        ),
    ],
)
def test_no_schema_is_json_mode(form: JsonFormat) -> None:
    assert wire_format(form) == {"type": "json_object"}


@pytest.mark.parametrize(
    ("form", "inner"),
    [
        pytest.param(
            JsonFormat(PERSON), {"name": "response", "schema": CLOSED, "strict": True}, id="schema"
        ),
        pytest.param(
            JsonFormat(PERSON | {"title": "Person", "$id": "p", "$schema": "s"}),
            {"name": "Person", "schema": CLOSED | {"title": "Person"}, "strict": True},
            id="named-by-its-title",
        ),
        pytest.param(
            JsonFormat(PERSON | {"title": "A person"}),
            {"name": "response", "schema": CLOSED | {"title": "A person"}, "strict": True},
            id="title-that-is-no-name",
        ),
        pytest.param(
            JsonFormat(PERSON | {"title": 5}),
            {"name": "response", "schema": CLOSED | {"title": 5}, "strict": True},
            id="title-that-is-no-text",
        ),
        pytest.param(
            JsonFormat(PERSON | {"title": "Person"}, "mine", "Who\ud83d", strict=False),
            {
                "name": "mine",
                "description": "Who\ufffd",
                "schema": CLOSED | {"title": "Person"},
                "strict": False,
            },
            id="named-and-described-by-the-client",
        ),
        pytest.param(
            JsonFormat({"type": "object"}, strict=True),
            {"name": "response", "schema": {"type": "object"}, "strict": True},
            id="strict-because-the-client-says-so",
        ),
        pytest.param(
            JsonFormat({"type": "array", "items": PERSON}),
            {"name": "response", "schema": {"type": "array", "items": CLOSED}, "strict": True},
            id="root-that-is-no-object",
        ),
        pytest.param(
            JsonFormat({"const": "\ud83d"}),
            {"name": "response", "schema": {"const": "\ufffd"}, "strict": True},
            id="surrogates",
        ),
    ],
)
def test_a_schema_is_sent_with_its_name(form: JsonFormat, inner: dict[str, object]) -> None:
    assert wire_format(form) == {"type": "json_schema", "json_schema": inner}


@pytest.mark.parametrize(
    ("schema", "closed", "strict"),
    [
        pytest.param(
            {"properties": {"a": PERSON}, "$defs": {"p": PERSON}},
            {"properties": {"a": CLOSED}, "$defs": {"p": CLOSED}, "additionalProperties": False},
            True,
            id="nested",
        ),
        pytest.param(
            {
                "items": [PERSON],
                "prefixItems": [PERSON, True],
                "anyOf": [PERSON],
                "oneOf": [PERSON],
                "allOf": [PERSON],
                "not": PERSON,
                "definitions": {"p": PERSON},
                "contains": PERSON,
            },
            {
                "items": [CLOSED],
                "prefixItems": [CLOSED, True],
                "anyOf": [CLOSED],
                "oneOf": [CLOSED],
                "allOf": [CLOSED],
                "not": CLOSED,
                "definitions": {"p": CLOSED},
                "contains": CLOSED,
            },
            True,
            id="wherever-a-schema-stands",
        ),
        pytest.param(
            {
                "properties": {"items": PERSON, "properties": {"enum": [PERSON]}},
                "default": PERSON,
                "const": PERSON,
                "examples": [PERSON],
            },
            {
                "properties": {"items": CLOSED, "properties": {"enum": [PERSON]}},
                "default": PERSON,
                "const": PERSON,
                "examples": [PERSON],
                "additionalProperties": False,
            },
            True,
            id="names-and-data-that-look-like-schemas",
        ),
        pytest.param({"type": "object"}, {"type": "object"}, False, id="free-map"),
        pytest.param(
            {"type": ["object", "null"]}, {"type": ["object", "null"]}, False, id="map-or-null"
        ),
        pytest.param(
            {"type": "object", "properties": {}},
            {"type": "object", "properties": {}},
            False,
            id="no-properties",
        ),
        pytest.param(
            PERSON | {"properties": {"tags": {"type": "object"}}},
            CLOSED | {"properties": {"tags": {"type": "object"}}},
            False,
            id="free-map-inside",
        ),
        pytest.param(
            PERSON | {"additionalProperties": True},
            PERSON | {"additionalProperties": True},
            False,
            id="open-on-purpose",
        ),
        pytest.param(
            {"type": "object", "additionalProperties": PERSON},
            {"type": "object", "additionalProperties": CLOSED},
            False,
            id="map-of-closed-objects",
        ),
        pytest.param(
            {"additionalProperties": True},
            {"additionalProperties": True},
            False,
            id="open-without-a-type",
        ),
        pytest.param(CLOSED, CLOSED, True, id="closed-already"),
        pytest.param(
            {"type": "object", "additionalProperties": False},
            {"type": "object", "additionalProperties": False},
            True,
            id="empty-on-purpose",
        ),
        pytest.param(
            {"allOf": [PERSON, {"properties": {"age": {}}}]},
            {"allOf": [PERSON, {"properties": {"age": {}}}]},
            False,
            id="properties-in-several-places",
        ),
        pytest.param(
            {"items": PERSON | {"anyOf": [{"required": ["a"]}]}},
            {"items": PERSON | {"anyOf": [{"required": ["a"]}]}},
            False,
            id="properties-beside-alternatives",
        ),
    ],
)
def test_objects_are_closed_where_that_changes_no_meaning(
    schema: dict[str, Any], closed: dict[str, Any], strict: bool
) -> None:
    before = copy.deepcopy(schema)
    assert close(schema) == (closed, strict)
    assert schema == before


NAMES = st.sampled_from(["items", "properties", "type", "enum", "additionalProperties", "x"])


@st.composite
def documents(draw: st.DrawFn, depth: int = 3) -> tuple[dict[str, Any], Any]:
    """Draw a schema and a value that it describes, without a word that it does not know."""
    kind = draw(st.sampled_from(["text", "data", "object", "array", "choice", "map"]))
    if depth == 0 or kind == "text":
        return {"type": "string"}, draw(st.sampled_from(["", "a"]))
    if kind == "data":
        return {"enum": [{"properties": {"a": 1}}, None]}, {"properties": {"a": 1}}
    if kind == "map":
        value = draw(st.dictionaries(NAMES, st.integers(), max_size=2))
        return {"type": "object"} | draw(
            st.sampled_from([{}, {"additionalProperties": True}])
        ), value
    inner = documents(depth=depth - 1)
    if kind == "array":
        schema, value = draw(inner)
        return {"type": "array", "items": schema}, [value] * draw(st.integers(0, 2))
    if kind == "choice":
        pairs = draw(st.lists(inner, min_size=1, max_size=2))
        return {"anyOf": [schema for schema, _ in pairs]}, draw(st.sampled_from(pairs))[1]
    members = draw(st.dictionaries(NAMES, inner, max_size=3))
    known = draw(st.sets(st.sampled_from(sorted(members)))) if members else set()
    properties = {name: schema for name, (schema, _) in members.items()}
    schema = {"properties": properties, "required": sorted(known)}
    schema |= draw(st.sampled_from([{}, {"type": "object"}, {"title": "T"}]))
    return schema, {name: value for name, (_, value) in members.items() if name in known}


@given(documents())
def test_what_a_schema_describes_is_still_valid_when_it_is_closed(
    document: tuple[dict[str, Any], Any],
) -> None:
    schema, value = document
    before = copy.deepcopy(schema)
    closed, strict = close(schema)
    assert schema == before
    assert close(closed) == (closed, strict)
    jsonschema.Draft202012Validator(schema).validate(value)
    jsonschema.Draft202012Validator(closed).validate(value)


@given(documents())
def test_a_closed_object_takes_no_word_more(document: tuple[dict[str, Any], Any]) -> None:
    inner, value = document
    closed, _ = close({"type": "object", "properties": {"known": inner}})
    validator = jsonschema.Draft202012Validator(closed)
    assert validator.is_valid({"known": value})
    assert not validator.is_valid({"known": value, "unknown": value})


@pytest.mark.parametrize(
    ("messages", "hinted"),
    [
        pytest.param(
            [system("Be brief."), user()],
            [system(f"Be brief.\n\n{JSON_HINT}"), user()],
            id="to-the-system-message",
        ),
        pytest.param([system(" "), user()], [system(JSON_HINT), user()], id="blank-system"),
        pytest.param([user()], [system(JSON_HINT), user()], id="no-system-message"),
        pytest.param(
            [user("Write json!"), assistant("{}"), user("More!")],
            [user("Write json!"), assistant("{}"), user("More!")],
            id="asked-already",
        ),
        pytest.param(
            [system("As JSON."), user()], [system("As JSON."), user()], id="in-capital-letters"
        ),
    ],
)
def test_json_mode_is_asked_for_in_words(messages: list[Message], hinted: list[Message]) -> None:
    assert with_json_hint(messages) == hinted


def test_the_hint_itself_speaks_of_json() -> None:
    assert "JSON" in JSON_HINT
