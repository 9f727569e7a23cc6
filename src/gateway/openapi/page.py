"""Write the document as one page of HTML: no script, no address elsewhere, a link to each part."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any

from gateway.openapi.files import STYLE

__all__ = ["write_page"]

_COMPONENT = re.compile(r"#/components/schemas/(\w+)")
_replace_code = re.compile(r"`([^`]+)`").sub

Json = Mapping[str, Any]


def write_page(document: Json) -> str:
    """Return the page; each operation and each schema is a heading with an id."""
    info = document["info"]
    title = escape(f"{info['title']} {info['version']}")
    lines = [
        "<!doctype html>",
        '<html lang="en">',
        f'<head><meta charset="utf-8"><title>{title}</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>{STYLE}</style></head>",
        f"<body><h1>{title}</h1>",
        f"<p>{_prose(info['description'])}</p>",
        '<p><a href="openapi.json">OpenAPI 3.2</a>,'
        ' <a href="openapi.json?version=3.1">OpenAPI 3.1</a></p>',
        *_contents(document),
        "<main>",
    ]
    for tag in document["tags"]:
        lines.append(_heading(2, tag["name"], tag["description"].rstrip(".")))
        for method, path, operation in _operations(document, tag["name"]):
            lines += _operation(document, f"{method} {path}", operation)
    lines.append(_heading(2, "schemas", "Schemas"))
    for name, schema in sorted(document["components"]["schemas"].items()):
        lines.append(_heading(4, f"schema-{name}", name))
        lines += _schema(schema)
    return "\n".join([*lines, "</main></body></html>", ""])


def _operations(document: Json, tag: str) -> Iterator[tuple[str, str, Json]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if tag in operation["tags"]:
                yield method.upper(), path, operation


def _contents(document: Json) -> Iterator[str]:
    yield "<nav><ul>"
    for tag in document["tags"]:
        yield f"<li>{_link(tag['name'], tag['description'].rstrip('.'))}<ul>"
        for method, path, operation in _operations(document, tag["name"]):
            yield f"<li>{_link(operation['operationId'], f'{method} {path}')}</li>"
        yield "</ul></li>"
    yield f"<li>{_link('schemas', 'Schemas')}</li></ul></nav>"


def _operation(document: Json, title: str, operation: Json) -> Iterator[str]:
    yield _heading(3, operation["operationId"], title)
    yield f"<p>{_prose(operation['summary'])}</p>"
    if operation.get("security") == []:
        yield "<p>No key is needed.</p>"
    if parameters := operation.get("parameters"):
        rows = [(one["name"], one["in"], _prose(one["description"])) for one in parameters]
        yield from _table(("Parameter", "In", "Meaning"), rows)
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"<p>Request: {_code(media)}, {_type(content.get('schema', {}))}</p>"
        if "example" in content:
            text = json.dumps(content["example"], indent=2, ensure_ascii=False)
            yield f"<pre>{escape(text)}</pre>"
    responses = operation["responses"]
    yield from _table(
        ("Status", "Meaning", "Content"),
        [
            (status, *_response(document, response))
            for status, response in sorted(responses.items())
        ],
    )


def _response(document: Json, response: Json) -> tuple[str, str]:
    if "$ref" in response:
        response = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
    contents = [
        f"{_code(media)}: {_type(content.get('schema') or content['itemSchema'])}"
        + (", one after the other" if "itemSchema" in content else "")
        for media, content in response.get("content", {}).items()
    ]
    headers = [_code(name) for name in response.get("headers", {})]
    said = _prose(response["description"])
    return said + (f" Headers: {', '.join(headers)}." if headers else ""), "<br>".join(contents)


def _schema(schema: Json) -> Iterator[str]:
    if said := schema.get("description"):
        yield f"<p>{_prose(said)}</p>"
    if "properties" not in schema:
        yield f"<p>{_type(schema)}</p>"
        return
    required = schema.get("required", ())
    rows = [
        (
            name + (" (always)" if name in required else ""),
            _type(member),
            _prose(member.get("description", "")),
        )
        for name, member in schema["properties"].items()
    ]
    yield from _table(("Member", "Type", "Meaning"), rows)


def _type(schema: Json) -> str:
    """Return in a few words what a schema allows."""
    if "$ref" in schema:
        found = _COMPONENT.fullmatch(schema["$ref"])
        return _link(f"schema-{found[1]}", found[1]) if found else ""
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(one) for one in schema["anyOf"]))
    if "const" in schema or "enum" in schema:
        words = schema.get("enum", [schema.get("const")])
        return " or ".join(_code(json.dumps(one)) for one in words)
    kinds = schema.get("type", "anything")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return " or ".join(_kind(kind, schema) for kind in kinds)


def _kind(kind: str, schema: Json) -> str:
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if kind == "object" and "properties" in schema:
        members = [
            f"{_code(name)}: {_type(member)}" for name, member in schema["properties"].items()
        ]
        return f"object ({', '.join(members)})"
    if kind == "string" and "contentSchema" in schema:
        return f"JSON of {_type(schema['contentSchema'])}"
    if "minimum" in schema and "maximum" in schema and "format" not in schema:
        return f"{kind} from {schema['minimum']} to {schema['maximum']}"
    return kind


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    cells = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    yield f"<table><thead><tr>{cells}</tr></thead><tbody>"
    for row in rows:
        first, *others = row
        cells = "".join(f"<td>{cell}</td>" for cell in others)
        yield f'<tr><th scope="row">{escape(first)}</th>{cells}</tr>'
    yield "</tbody></table>"


def _heading(level: int, anchor: str, title: str) -> str:
    return f'<h{level} id="{escape(anchor)}">{_link(anchor, title)}</h{level}>'


def _link(anchor: str, title: str) -> str:
    return f'<a href="#{escape(anchor)}">{escape(title)}</a>'


def _code(text: str) -> str:
    return f"<code>{escape(text)}</code>"


def _prose(text: str) -> str:
    """Return a text with its code marked."""
    return _replace_code(r"<code>\1</code>", escape(text))
