"""Read the format of the answer and the reasoning effort, as OpenAI's clients write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.core.chat import JsonFormat, Think
from gateway.core.errors import InvalidRequest
from gateway.core.texts import quote
from gateway.dialects.bodies.described import UNCHECKED, described, object_of
from gateway.dialects.bodies.formats import keep_format, read_format
from gateway.dialects.bodies.readers import Reader, read_fields, read_string

__all__ = ["read_effort", "read_reasoning", "read_response_format", "read_text"]

_EFFORTS: Final[Mapping[str, Think]] = {
    "none": False,
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "max",
    "ultra": "max",
    "max": "max",
}


@described(lambda: object_of(_RESPONSE_FORMAT))
def read_response_format(value: object) -> JsonFormat | None:
    """Return the format that a chat requests, None for an unknown type."""
    fields = read_fields(value, _RESPONSE_FORMAT, "openai.ResponseFormat")
    return _format(fields.get("type", ""), fields.get("json_schema", {}))


@described(lambda: object_of(_TEXT))
def read_text(value: object) -> JsonFormat | None:
    """Return the format that ``text`` of ``/v1/responses`` requests, in one flat object."""
    fields = read_fields(value, _TEXT, "openai.ResponsesText").get("format", {})
    return _format(fields.get("type", ""), fields)


@described({"type": "string", "enum": ["", *_EFFORTS]})
def read_effort(value: object) -> Think | None:
    """Return whether and how hard to think; raise `InvalidRequest` for an unknown effort."""
    effort = read_string(value)
    if not effort:
        return None
    if effort not in _EFFORTS:
        raise InvalidRequest(
            f'invalid reasoning value: {quote(effort)} (must be "minimal", "low", "medium", "high",'
            ' "xhigh", "ultra", "max", or "none")'
        )
    return _EFFORTS[effort]


@described(lambda: object_of(_REASONING))
def read_reasoning(value: object, go_type: str = "openai.Reasoning") -> Think | None:
    """Return the effort in an object."""
    effort: Think | None = read_fields(value, _REASONING, go_type).get("effort")
    return effort


def _format(kind: str, described: Mapping[str, object]) -> JsonFormat | None:
    """Return a format; *described* holds a schema and what Ollama does not read of it."""
    if kind == "json_object":
        return JsonFormat()
    form = read_format(described.get("schema")) if kind == "json_schema" else None
    if form is None:
        return None
    name, description, strict = (described.get(key) for key in ("name", "description", "strict"))
    return JsonFormat(
        form.schema,
        name=name if isinstance(name, str) else "",
        description=description if isinstance(description, str) else "",
        strict=strict if isinstance(strict, bool) else None,
    )


@described({"type": "string", **UNCHECKED})
def _keep_text(value: object) -> object:
    return value


@described({"type": "boolean", **UNCHECKED})
def _keep_flag(value: object) -> object:
    return value


@described(lambda: object_of(_FLAT_FORMAT))
def _flat_format(value: object) -> dict[str, object]:
    return read_fields(value, _FLAT_FORMAT, "openai.ResponsesTextFormat")


@described(lambda: object_of(_SCHEMA))
def _object(value: object) -> dict[str, object]:
    return read_fields(value, _SCHEMA, "openai.JsonSchema")


_SCHEMA: dict[str, Reader] = {
    "schema": keep_format,
    "name": _keep_text,
    "description": _keep_text,
    "strict": _keep_flag,
}
_RESPONSE_FORMAT: dict[str, Reader] = {"type": read_string, "json_schema": _object}
_FLAT_FORMAT: dict[str, Reader] = {"type": read_string, **_SCHEMA}
_TEXT: dict[str, Reader] = {"format": _flat_format}
_REASONING: dict[str, Reader] = {"effort": read_effort}
