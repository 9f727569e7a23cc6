"""Arguments that a text has, by the name and the schema of the parameter."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sandbox.arguments import Arguments, Request, find_arguments
from gateway.sandbox.hints import Hints

TEXT: Any = {"type": "string"}


def found(text: str, parameters: Any, *, acts: bool = False) -> Arguments:
    request = Request.of("make_thing", text, text)
    hints = Hints(text, without={"make", "thing"})
    return find_arguments(parameters, request, hints, acts=acts)


def one(name: str, schema: Any, text: str, *, required: bool = True, acts: bool = False) -> Any:
    """Return what is found for a parameter beside another one that is required."""
    members = {name: schema, "known": {"const": 1}}
    needed = [name, "known"] if required else ["known"]
    parameters = {"type": "object", "properties": members, "required": needed}
    return found(text, parameters, acts=acts).values.get(name, "nothing")


FOUND: dict[str, tuple[str, Any, str, Any]] = {
    "a constant": ("kind", {"const": "a"}, "hello", "a"),
    "the only choice": ("kind", {"enum": ["a"]}, "hello", "a"),
    "a choice that is said": ("kind", {"enum": ["red", "blue"]}, "the BLUE one", "blue"),
    "a choice that is not said": ("kind", {"enum": ["red", "blue"]}, "hello", "nothing"),
    "a default": ("count", {"type": "integer", "default": 3}, "hello", 3),
    "null where it may be": ("city", {"type": ["string", "null"]}, "hello", None),
    "null as an option": ("city", {"anyOf": [TEXT, {"type": "null"}]}, "hello", None),
    "an option that fits": ("n", {"oneOf": [{"type": "null"}, {"type": "integer"}]}, "take 5", 5),
    "only null": ("n", {"type": "null"}, "hello", None),
    "a whole number": ("count", {"type": "integer"}, "take 2.5 or 3", 3),
    "a number": ("count", {"type": "number"}, "take 2.5", 2.5),
    "a number with its label": ("days", {"type": "integer"}, "in 2026 for 5 days", 5),
    "a number after its label": ("limit", {"type": "integer"}, "12 with limit = 7", 7),
    "a number out of bounds": ("days", {"type": "integer", "maximum": 3}, "5 days", "nothing"),
    "half a number for a whole": ("days", {"type": "integer"}, "2.5 days", "nothing"),
    "no number": ("count", {"type": "integer"}, "hello", "nothing"),
    "a flag that is said": ("recursive", {"type": "boolean"}, "make it recursive", True),
    "a flag that is not": ("recursive", {"type": "boolean"}, "hello", "nothing"),
    "a format": ("at", {**TEXT, "format": "date"}, "on 2026-05-06", "2026-05-06"),
    "an unknown format": ("query", {**TEXT, "format": "own"}, "hello", "nothing"),
    "a pattern": ("code", {**TEXT, "pattern": "^[A-Z]{3}-\\d$"}, "take ABC-1", "ABC-1"),
    "no pattern": ("code", {**TEXT, "pattern": "(["}, "hello", "nothing"),
    "an address": ("pageUrl", TEXT, "see https://example.com/a.", "https://example.com/a"),
    "a path": ("file_path", TEXT, "see ./a/b.py", "./a/b.py"),
    "a directory": ("dir", TEXT, "see a/b/ now", "a/b/"),
    "a hidden file": ("path", TEXT, "see .env now", ".env"),
    "a quoted path": ("path", TEXT, "see 'the shed'", "the shed"),
    "no path": ("path", TEXT, "this, e.g. example.com and/or John", "nothing"),
    "a sum": ("expression", TEXT, "what is (2 + 3.5) * 4?", "(2 + 3.5) * 4"),
    "no sum": ("expression", TEXT, "what is 5?", "nothing"),
    "a moment": ("start_time", TEXT, "at 2026-05-06T07:08:09Z", "2026-05-06T07:08:09Z"),
    "a day in words": ("day", TEXT, "do it next week", "next week"),
    "no moment": ("date", TEXT, "do it, Bob", "nothing"),
    "a place": ("city", TEXT, "is it nice in new york today?", "new york"),
    "a place with its label": ("city", TEXT, "the city is Rome", "Rome"),
    "a title": ("title", TEXT, "make a thing called My day, Bob", "My day"),
    "a quoted title": ("title", TEXT, "make a thing named 'My day'", "My day"),
    "no title": ("title", TEXT, "make a thing for Bob", "nothing"),
    "an id": ("user_id", TEXT, "user id: 42", "42"),
    "a uuid": (
        "id",
        TEXT,
        "see 00000000-0000-4000-8000-000000000001",
        "00000000-0000-4000-8000-000000000001",
    ),
    "no id": ("id", TEXT, "see Bob", "nothing"),
    "code": ("command", TEXT, "run `ls`", "ls"),
    "no code": ("command", TEXT, "run Bob", "nothing"),
    "a name": ("person", TEXT, "see Bob Smith", "Bob Smith"),
    "a label in camel case": ("userName", TEXT, "user name: bob", "bob"),
    "no name": ("person", TEXT, "see him", "nothing"),
    "prose that is introduced": ("content", TEXT, "make a thing about tea.", "tea"),
    "prose that is quoted": ("content", TEXT, "make a thing: 'tea'", "tea"),
    "prose with its label": ("content", TEXT, "content: tea, milk; title: Bob", "tea, milk"),
    "prose that is not": ("content", TEXT, "make a thing now", "nothing"),
    "a query": ("query", TEXT, "make a thing on tea", "tea"),
    "a whole query": ("query", TEXT, "cats?", "cats?"),
    "a short query": ("query", {**TEXT, "maxLength": 2}, "make a thing for tea", "te"),
    "a length with a point": ("query", {**TEXT, "maxLength": 2.0}, "cats", "ca"),
    "a query that is too short": ("query", {**TEXT, "minLength": 9}, "cats", "nothing"),
    "cities": ("cities", {"type": "array", "items": TEXT}, "in Rome, Bern", ["Rome", "Bern"]),
    "paths": ("paths", {"type": "array", "items": TEXT}, "a.py and b.py", ["a.py", "b.py"]),
    "queries": ("queries", {"type": "array", "items": TEXT}, "cats", ["cats"]),
    "one city": (
        "cities",
        {"type": "array", "items": TEXT, "minItems": 1.0, "maxItems": 1.0},
        "in Rome, Bern",
        ["Rome"],
    ),
    "too few": (
        "cities",
        {"type": "array", "items": TEXT, "minItems": 3},
        "in Rome, Bern",
        "nothing",
    ),
    "choices": (
        "kinds",
        {"type": "array", "items": {"enum": ["red", "blue", "big"]}},
        "blue and red",
        ["red", "blue"],
    ),
    "no choices": ("kinds", {"type": "array", "items": {"enum": ["red"]}}, "hello", "nothing"),
    "a tuple": ("cities", {"type": "array", "items": [TEXT]}, "in Rome", "nothing"),
    "anything": ("person", True, "see Bob", "Bob"),
    "an object": (
        "trip",
        {"type": "object", "properties": {"city": TEXT, "why": TEXT}, "required": ["city"]},
        "in Rome",
        {"city": "Rome"},
    ),
    "half an object": (
        "trip",
        {"type": "object", "properties": {"city": TEXT, "id": TEXT}, "required": ["city", "id"]},
        "in Rome",
        "nothing",
    ),
    "an object of nothing": ("trip", {"type": "object"}, "in Rome", "nothing"),
}


@pytest.mark.parametrize(("name", "schema", "text", "value"), FOUND.values(), ids=FOUND.keys())
def test_a_required_argument_is_found_or_missing(
    name: str, schema: Any, text: str, value: Any
) -> None:
    assert one(name, schema, text) == value


LEFT_OUT: dict[str, tuple[str, Any, str, Any]] = {
    "a default": ("limit", {"type": "integer", "default": 10}, "take 3", "nothing"),
    "null": ("site", {"type": ["string", "null"]}, "see Bob", "nothing"),
    "any number": ("limit", {"type": "integer"}, "take 3", "nothing"),
    "a number with its label": ("limit", {"type": "integer"}, "take limit 3", 3),
    "any name": ("site", TEXT, "see Bob", "nothing"),
    "a name with its label": ("site", TEXT, "site: Bob", "Bob"),
    "a quotation": ("content", TEXT, "make a thing for 'Bob'", "nothing"),
    "the only choice": ("kind", {"enum": ["a"]}, "hello", "nothing"),
    "a choice that is said": ("kind", {"enum": ["red", "blue"]}, "the blue one", "blue"),
    "a path": ("path", TEXT, "see a.py", "a.py"),
    "a place": ("city", TEXT, "see Rome", "Rome"),
    "a query": ("query", TEXT, "hello", "nothing"),
}


@pytest.mark.parametrize(
    ("name", "schema", "text", "value"), LEFT_OUT.values(), ids=LEFT_OUT.keys()
)
def test_an_optional_argument_is_left_out_unless_it_is_plainly_said(
    name: str, schema: Any, text: str, value: Any
) -> None:
    assert one(name, schema, text, required=False) == value


def test_a_tool_with_effects_takes_neither_the_whole_text_nor_a_word_without_a_mark() -> None:
    assert one("query", TEXT, "cats", acts=True) == "nothing"
    assert one("person", TEXT, "make a thing for bob", acts=True) == "nothing"
    assert one("person", TEXT, "make a thing for bob") == "bob"


def test_values_are_used_once() -> None:
    members = dict.fromkeys(("source_path", "target_path", "start", "end", "a", "b"), TEXT)
    parameters = {"type": "object", "properties": members, "required": [*members]}
    text = "move x.py to y.py from today to 2026-05-06 for Ann and Bob"
    assert found(text, parameters) == Arguments(
        {
            "source_path": "x.py",
            "target_path": "y.py",
            "start": "2026-05-06",
            "end": "today",
            "a": "Ann",
            "b": "Bob",
        },
        (),
        specific=True,
    )
    assert found("start: today", {**parameters, "required": ["start"]}).values == {"start": "today"}


def test_what_is_missing_is_named() -> None:
    parameters = {"type": "object", "properties": {"id": TEXT}, "required": ["id", "other"]}
    assert found("hello", parameters) == Arguments({}, ("id", "other"), specific=False)
    assert found("hello", {"type": "object"}) == Arguments({}, (), specific=False)


NODES: Any = {
    "type": "object",
    "properties": {name: {"$ref": "#"} for name in "abcdefgh"},
    "required": ["a"],
}
ENDLESS = {
    "objects": NODES,
    "options": {"type": "object", "properties": {"a": {"anyOf": [{"$ref": "#/properties/a"}]}}},
    "arrays": {
        "type": "object",
        "properties": {"a": {"type": "array", "items": {"$ref": "#/properties/a"}}},
    },
}


@pytest.mark.parametrize("schema", ENDLESS.values(), ids=ENDLESS.keys())
def test_a_schema_without_an_end_is_given_up(schema: Any) -> None:
    assert found("make a thing for Bob", schema).values == {}


MEMBERS = st.sampled_from(
    [
        *({"type": kind} for kind in ("string", "integer", "number", "boolean", "null")),
        {"type": "string", "maxLength": 5},
        {"type": "string", "format": "date"},
        {"type": "string", "pattern": "^\\d+$"},
        {"type": ["string", "null"]},
        {"enum": ["red", "blue", 3]},
        {"const": [1]},
        {"type": "integer", "minimum": 2, "maximum": 8},
        {"type": "number", "exclusiveMinimum": 2},
        {"type": "array", "items": {"type": "string"}, "minItems": 2, "uniqueItems": True},
        {"type": "array", "items": {"type": "integer"}, "maxItems": 1},
        {"anyOf": [{"type": "integer"}, {"type": "string"}]},
        {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    ]
)
NAMES = st.sampled_from(["query", "city", "path", "id", "limit", "red", "content", "date", "who"])
TEXTS = st.sampled_from(
    [
        "",
        "make a thing about Ann Smith in Rome, 5 or 2.5, limit 3, red, 2026-05-06, a.py",
        "make 'one' and \"two\", city: bern, id: 42, path: /tmp/x, content: a b c",
        "is it red in new york and in bern today?",
    ]
)


@given(st.dictionaries(NAMES, MEMBERS, max_size=5), st.data(), TEXTS, st.booleans())
def test_what_is_found_fits_its_schema(
    members: dict[str, Any], data: st.DataObject, text: str, acts: bool
) -> None:
    required = [name for name in members if data.draw(st.booleans())]
    parameters = {"type": "object", "properties": members, "required": required}
    arguments = found(text, parameters, acts=acts)
    assert set(arguments.missing) == set(required) - arguments.values.keys()
    needed = {**parameters, "required": [name for name in required if name in arguments.values]}
    jsonschema.Draft202012Validator(needed).validate(arguments.values)
