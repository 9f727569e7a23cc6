"""Build the document of the API from the routes and the schemas that read their bodies.

It needs the extra ``docs``, and is built before the gateway is packed, never by a server.
"""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

import marshmallow as ma
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin

from gateway.core.version import __version__
from gateway.dialects.bodies.described import named_schemas, nullable, schema_of
from gateway.dialects.bodies.schemas import BodySchema, Value
from gateway.openapi.answers.base import OneOf
from gateway.openapi.errors import (
    CACHE_CONTROL,
    ERRORS,
    HEADERS,
    SECURITY,
    answer_headers,
    error_responses,
)
from gateway.openapi.errors import responses_of as errors_of
from gateway.openapi.operation import JSON, Answered, Body, Events, Operation
from gateway.openapi.operations import OPERATIONS

__all__ = ["Route", "as_3_1", "build_document"]

_TAGS: Final = {
    "ollama": "Ollama's API.",
    "openai": "OpenAI's API, as Ollama serves it.",
    "anthropic": "Anthropic's API, as Ollama serves it.",
    "operation": "For those who run the gateway.",
}
_ABOUT: Final = (
    "Names of members are matched in any letter case, null is the same as no member, and unknown"
    " members are ignored. The mark `x-unchecked` is on what does not fail for other values: they"
    " are ignored, or rejected after the model was found."
)
_PARAMETERS: Final = {
    "digest": ("`sha256:` and 64 hexadecimal digits.", "sha256:" + "0" * 64),
    "id": ("The id of a request, as in the log.", "0123456789abcdef"),
    "key": ("Any name of a key.", "k"),
    "model": ("The name of a model.", "mistral-small"),
}


class _Named(Protocol):
    @property
    def name(self) -> str:
        """The name of a dialect."""


class Route(Protocol):
    """What the document needs to know of a route; rows of the table of routes have it."""

    @property
    def method(self) -> str:
        """The method in capitals."""

    @property
    def path(self) -> str:
        """The path with its parameters in braces."""

    @property
    def dialect(self) -> _Named:
        """The dialect of its errors."""

    @property
    def operation(self) -> str:
        """The operation of a model, empty for none."""

    @property
    def right(self) -> str:
        """What a caller needs; ``none`` if no key is asked for."""


def build_document(routes: Iterable[Route]) -> dict[str, Any]:
    """Return the document of *routes* in OpenAPI 3.2; raise `KeyError` for one that is unknown."""
    plugin = MarshmallowPlugin(schema_name_resolver=_name_of)
    spec = APISpec(
        title="ollama-gateway",
        version=__version__,
        openapi_version="3.2.0",
        plugins=[plugin],
        info={"description": _ABOUT, "license": {"name": "MIT", "identifier": "MIT"}},
        servers=[{"url": "./"}],
        tags=[{"name": name, "description": said} for name, said in _TAGS.items()],
        security=[{}, *({name: []} for name in SECURITY)],
    )
    assert plugin.converter is not None  # noqa: S101 - made when the plugin was given to the spec
    for add in (_read_value, _one_of):
        plugin.converter.add_attribute_function(add)  # type: ignore[no-untyped-call] # of the library
    components = spec.components
    for name, schema in sorted(named_schemas().items()):
        components.schema(name, schema)
    for error in ERRORS.values():
        components.schema(_name_of(error), schema=error)
    for name, header in HEADERS.items():
        components.header(name, header)
    for name, response in error_responses().items():
        components.response(name, response)
    for name, scheme in SECURITY.items():
        components.security_scheme(name, scheme)
    for route in routes:
        operation = OPERATIONS[route.method, route.path]
        described = _Writer(spec).operation(route, operation)
        spec.path(route.path, operations={route.method.lower(): described})
    for key, name in plugin.converter.refs.items():
        components.schemas[name]["description"] = (inspect.getdoc(key[0]) or "").replace("``", "`")
    return spec.to_dict()


def as_3_1(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same document in OpenAPI 3.1, which has no word for the items of a stream."""
    older = copy.deepcopy(dict(document))
    older["openapi"] = "3.1.2"
    for path in older["paths"].values():
        for operation in path.values():
            for response in operation["responses"].values():
                for media in response.get("content", {}).values():
                    if "itemSchema" in media:
                        media["x-itemSchema"] = media.pop("itemSchema")
                        media["schema"] = {"type": "string"}
    return older


def _name_of(schema: ma.Schema | type[ma.Schema] | str) -> str:
    """Return the name of a schema among the components, with the dialect of a body before it."""
    found = schema if isinstance(schema, type) else type(schema)
    if issubclass(found, BodySchema):
        dialect = {"ollama": "Ollama", "openai": "OpenAI", "anthropic": "Anthropic"}
        return dialect[found.__module__.split(".")[2]] + found.__name__.replace("Schema", "Request")
    return found.__name__


def _read_value(_: object, field: ma.fields.Field[Any], **__: object) -> dict[str, Any]:
    """Return the schema that stands beside the reader of a field."""
    return nullable(schema_of(field.read)) if isinstance(field, Value) else {}


def _one_of(converter: Any, field: ma.fields.Field[Any], **_: object) -> dict[str, Any]:
    if not isinstance(field, OneOf):
        return {}
    return {
        "anyOf": [
            one if isinstance(one, dict) else converter.resolve_nested_schema(one)
            for one in field.schemas
        ]
    }


class _Writer:
    """Writes one operation; schemas of marshmallow become components."""

    def __init__(self, spec: APISpec) -> None:
        self._spec = spec

    def operation(self, route: Route, operation: Operation) -> dict[str, Any]:
        dialect = route.dialect.name
        written: dict[str, Any] = {
            "operationId": "_".join([route.method.lower(), *re.findall(r"\w+", route.path)]),
            "summary": operation.summary,
            "tags": [operation.tag or dialect],
            "parameters": [
                *[_path_parameter(name) for name in re.findall(r"\{(\w+)\}", route.path)],
                *[_query_parameter(name, said) for name, said in operation.query.items()],
                *([CACHE_CONTROL] if route.operation else []),
            ],
            "responses": self._responses(route, operation),
        }
        if operation.body is not None:
            written["requestBody"] = {"required": True, "content": self._body(operation.body)}
        if route.right == "none":
            written["security"] = []
        return written

    def _responses(self, route: Route, operation: Operation) -> dict[str, Any]:
        dialect = route.dialect.name
        answer = operation.answer
        done: dict[str, Any] = {"description": operation.summary}
        if content := self._content(answer):
            done["content"] = content
        if route.operation:
            done["headers"] = answer_headers(dialect)
        also = {
            status: {"description": operation.summary}
            | ({} if schema is None else {"content": {JSON: {"schema": self._schema(schema)}}})
            for status, schema in operation.also.items()
        }
        if route.method == "HEAD":
            return {answer.status: done, "default": {"description": "The request failed."}}
        errors = errors_of(dialect, of_model=bool(route.operation))
        if route.right == "none":
            errors = {"default": errors["default"]}
        return errors | also | {answer.status: done}

    def _body(self, body: Body) -> dict[str, Any]:
        media = {"schema": self._schema(body.schema)} if body.schema else {}
        return {body.media: media | ({"example": body.example} if body.example else {})}

    def _content(self, answer: Answered) -> dict[str, Any]:
        content: dict[str, Any] = {}
        if answer.schemas:
            content[answer.media] = {"schema": self._union(answer.schemas)}
        content |= {media: {"schema": dict(schema)} for media, schema in answer.others.items()}
        if answer.stream is not None:
            content[answer.stream.media] = {"itemSchema": self._item(answer.stream)}
        return content

    def _item(self, stream: Events) -> dict[str, Any]:
        """Return the schema of a line, or of a server-sent event."""
        union = self._union(stream.items)
        if stream.media != "text/event-stream":
            return union
        data: dict[str, Any] = {"type": "string", "contentMediaType": JSON, "contentSchema": union}
        if stream.ends_with:
            data = {"anyOf": [data, {"const": stream.ends_with}]}
        event = {"event": {"type": "string"}} if stream.named else {}
        return {
            "type": "object",
            "properties": {**event, "data": data},
            "required": [*event, "data"],
        }

    def _union(self, schemas: tuple[type[ma.Schema] | Mapping[str, Any], ...]) -> dict[str, Any]:
        found = [self._schema(schema) for schema in schemas]
        return found[0] if len(found) == 1 else {"anyOf": found}

    def _schema(self, schema: type[ma.Schema] | Mapping[str, Any]) -> dict[str, Any]:
        """Return a reference to a component, or a schema as it is."""
        if isinstance(schema, Mapping):
            return dict(schema)
        name = _name_of(schema)
        if name not in self._spec.components.schemas:
            self._spec.components.schema(name, schema=schema)
        return {"$ref": f"#/components/schemas/{name}"}


def _path_parameter(name: str) -> dict[str, Any]:
    said, example = _PARAMETERS[name]
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": said,
        "schema": {"type": "string"},
        "example": example,
    }


def _query_parameter(name: str, said: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": said, "schema": {"type": "string"}}
