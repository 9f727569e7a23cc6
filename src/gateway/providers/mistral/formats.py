"""Encode the format of the answer for Mistral.

With ``strict`` Mistral accepts only object schemas that are closed (``additionalProperties:
false``); Ollama's clients leave that word out, and Ollama's grammar closes objects by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.core.chat import JsonFormat, Message, Role, replace
from gateway.providers.history.ids import is_name
from gateway.providers.history.instructions import join_paragraphs
from gateway.providers.history.surrogates import clean, clean_json
from gateway.providers.mistral.schemas import Schema, map_subschemas, without_identity

__all__ = ["JSON_HINT", "close", "wire_format", "with_json_hint"]

JSON_HINT: Final = "Answer with JSON only."
"""Unless a message mentions JSON, Mistral may write whitespace until the limit."""

_COMPOSING: Final = frozenset(
    {"allOf", "anyOf", "oneOf", "$ref", "$dynamicRef", "if", "dependentSchemas"}
)


@dataclass(slots=True)
class _Findings:
    """What a walk through a schema came across."""

    composed: bool = False
    open: bool = False


def wire_format(form: JsonFormat) -> dict[str, object]:
    """Return Mistral's ``response_format``; an empty schema allows any JSON."""
    schema = without_identity(clean_json(form.schema or {}))
    if not schema:
        return {"type": "json_object"}
    closed, strict = close(schema)
    inner: dict[str, object] = {"name": _name(form.name, schema.get("title"))}
    if form.description:
        inner["description"] = clean(form.description)
    inner["schema"] = closed
    inner["strict"] = strict if form.strict is None else form.strict
    return {"type": "json_schema", "json_schema": inner}


def _name(*candidates: object) -> str:
    fitting = (name for name in candidates if isinstance(name, str) and is_name(name))
    return next(fitting, "response")


def close(schema: Schema) -> tuple[Schema, bool]:
    """Return a copy with its objects closed, and whether it is now fit for ``strict``.

    An object without properties is a free map: closed, it could only be empty. A schema that
    spreads the properties of one object over several places comes back as it is: closed, each
    place would forbid what the others ask for.
    """
    findings = _Findings()
    closed = _closed(schema, findings)
    if findings.composed:
        return schema, False
    return closed, not findings.open


def _closed(schema: Schema, findings: _Findings) -> Schema:
    closed = map_subschemas(schema, lambda inner: _closed(inner, findings))
    branches, kind = schema.get("allOf"), schema.get("type")
    if schema.get("properties"):
        closed.setdefault("additionalProperties", False)
        findings.composed |= not _COMPOSING.isdisjoint(schema)
    findings.composed |= isinstance(branches, list) and len(branches) > 1
    is_object = kind == "object" or (isinstance(kind, list) and "object" in kind)
    is_object = is_object or "properties" in schema
    findings.open |= closed.get("additionalProperties", is_object) is not False
    return closed


def with_json_hint(messages: Sequence[Message]) -> Sequence[Message]:
    """Ask for JSON in the system message unless any message speaks of it in any case."""
    if any("json" in message.text.casefold() for message in messages):
        return messages
    first = messages[0]
    if first.role is Role.SYSTEM:
        return [replace(first, content=join_paragraphs([first.text, JSON_HINT])), *messages[1:]]
    return [Message(Role.SYSTEM, JSON_HINT), *messages]
