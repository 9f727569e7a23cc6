"""The built document of the API: values made by its schemas, and answers judged by them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import jsonschema
from hypothesis import strategies as st

from gateway.openapi.files import DOCUMENTS, read_file

__all__ = ["DOCUMENT", "judge", "mutated", "problems", "values_of"]

DOCUMENT: dict[str, Any] = json.loads(read_file(DOCUMENTS["3.2"]))

JUNK: tuple[Any, ...] = (True, 7, -3, 1.5, "?", [], {}, [1], {"a": 1})
"""What replaces a part of a good value; no text of it is of any format, nor in any list."""


def problems(schema: Mapping[str, Any], value: object, *, checked: bool = False) -> list[str]:
    """Return how *value* differs from *schema*, whose references are those of the document.

    With *checked* it may be anything where the schema says that its reader takes other values.
    """
    whole = {
        "components": _components(checked=checked),
        **(_lenient(schema) if checked else schema),
    }
    found = jsonschema.Draft202012Validator(whole).iter_errors(value)
    return [f"{error.json_path}: {error.message[:200]}" for error in found]


@cache
def _components(*, checked: bool) -> dict[str, Any]:
    components: dict[str, Any] = {"schemas": DOCUMENT["components"]["schemas"]}
    return _lenient(components) if checked else components


def _lenient(schema: Any) -> Any:
    if isinstance(schema, dict):
        if schema.get("x-unchecked"):
            return {}
        return {name: _lenient(part) for name, part in schema.items()}
    return [_lenient(part) for part in schema] if isinstance(schema, list) else schema


def values_of(schema: Mapping[str, Any], depth: int = 3) -> st.SearchStrategy[Any]:
    """Return values that *schema* allows, those of its members that the schema names."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return values_of(DOCUMENT["components"]["schemas"][name], depth)
    if "anyOf" in schema:
        return st.one_of([values_of(one, depth) for one in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "const" in schema:
        return st.just(schema["const"])
    kinds = schema.get("type", ["null", "boolean", "string"])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return st.one_of([_of_kind(kind, schema, depth) for kind in kinds])


def _of_kind(kind: str, schema: Mapping[str, Any], depth: int) -> st.SearchStrategy[Any]:
    low, high = schema.get("minimum"), schema.get("maximum")
    match kind:
        case "null":
            return st.none()
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(low, high)
        case "number":
            return st.floats(low, high, allow_nan=False, allow_infinity=False)
        case "string":
            return _texts(schema)
        case "array":
            items = values_of(schema.get("items", {}), depth - 1)
            least = schema.get("minItems", 0)
            return st.lists(items, min_size=least, max_size=2 if depth > 0 else least)
    assert kind == "object"
    members = schema.get("properties", {})
    required = schema.get("required", ())
    if depth <= 0:
        members = {name: part for name, part in members.items() if name in required}
    known = st.fixed_dictionaries(
        {name: values_of(members[name], depth - 1) for name in required},
        optional={
            name: values_of(part, depth - 1)
            for name, part in members.items()
            if name not in required
        },
    )
    if members or depth <= 0:
        return known
    others = schema["additionalProperties"]
    others = {} if others is True else others
    return st.dictionaries(st.sampled_from(("x", "y")), values_of(others, depth - 1), max_size=2)


def _texts(schema: Mapping[str, Any]) -> st.SearchStrategy[str]:
    if "pattern" in schema:
        return st.from_regex(schema["pattern"].removesuffix("$") + r"\Z")
    if schema.get("contentEncoding") == "base64":
        return st.binary(max_size=9).map(lambda data: base64.b64encode(data).decode())
    if schema.get("format") == "uri":
        return st.sampled_from(("https://example.com/a.png", "http://example.com/b"))
    return st.one_of(st.text(max_size=5), st.sampled_from(schema.get("examples", ("a",))))


@st.composite
def mutated(draw: st.DrawFn, values: st.SearchStrategy[Any]) -> Any:
    """Return one of *values* with junk in the place of one of its parts."""
    value = draw(values)
    path = draw(st.sampled_from([*_paths(value)]))
    return _replaced(value, path, draw(st.sampled_from(JUNK)))


def _paths(value: Any) -> Iterator[tuple[Any, ...]]:
    yield ()
    parts = value.items() if isinstance(value, dict) else ()
    parts = enumerate(value) if isinstance(value, list) else parts
    for key, part in parts:
        yield from ((key, *path) for path in _paths(part))


def _replaced(value: Any, path: tuple[Any, ...], junk: Any) -> Any:
    if not path:
        return junk
    key, *rest = path
    copied = value.copy()
    copied[key] = _replaced(value[key], tuple(rest), junk)
    return copied


def judge(method: str, path: str, status: int, content_type: str, sent: bytes) -> Mapping[str, Any]:
    """Hold an answer of a route against what the document says of its status and content.

    Return the response of the document that it is.
    """
    responses = DOCUMENT["paths"][path][method.lower()]["responses"]
    response = responses.get(str(status)) or responses["default"]
    if "$ref" in response:
        response = DOCUMENT["components"]["responses"][response["$ref"].rpartition("/")[2]]
    media = content_type.partition(";")[0]
    if not sent:
        return response
    content = response["content"][media]
    if "itemSchema" in content:
        events = _items(media, sent)
        assert events
        assert _wrong_events(content["itemSchema"], events) == []
    elif media == "application/json":
        assert problems(content["schema"], json.loads(sent)) == []
    else:
        assert problems(content["schema"], sent.decode()) == []
    return response


def _items(media: str, sent: bytes) -> list[dict[str, Any]]:
    """Return the lines of a stream, or its events with their members as texts."""
    if media == "application/x-ndjson":
        return [json.loads(line) for line in sent.splitlines()]
    frames = [frame.splitlines() for frame in sent.decode().split("\n\n") if frame]
    return [dict(line.split(": ", 1) for line in frame) for frame in frames]


def _wrong_events(schema: Mapping[str, Any], events: list[dict[str, Any]]) -> list[str]:
    """Return how the items of a stream differ from its *schema*, and the JSON in their data."""
    found = [problem for event in events for problem in problems(schema, event)]
    data = schema.get("properties", {}).get("data")
    if data is None:
        return found
    inner, *end = data.get("anyOf", [data])
    for event in events:
        if not end or event["data"] != end[0]["const"]:
            found += problems(inner["contentSchema"], json.loads(event["data"]))
    return found
