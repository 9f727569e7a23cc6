"""What the document says of one route."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import marshmallow as ma

__all__ = ["JSON", "LINES", "SSE", "TEXT", "Answered", "Body", "Events", "Operation"]

JSON: Final = "application/json"
LINES: Final = "application/x-ndjson"
SSE: Final = "text/event-stream"
TEXT: Final = "text/plain"

SchemaType = type[ma.Schema]


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a request: its schema and an example; *media* is its content type."""

    schema: SchemaType | Mapping[str, Any]
    example: Mapping[str, Any] | str | None = None
    media: str = JSON


@dataclass(frozen=True, slots=True)
class Events:
    """The items of a stream: lines, or server-sent events with a name or without.

    ``ends_with`` is the text of the last event, if that is no JSON.
    """

    items: tuple[SchemaType, ...]
    media: str
    named: bool = False
    ends_with: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """What is answered to a request that succeeds: documents by content type, or a stream.

    A schema of None is an empty body; several schemas are a union.
    """

    schemas: tuple[SchemaType | Mapping[str, Any], ...] = ()
    stream: Events | None = None
    media: str = JSON
    others: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    status: str = "200"


@dataclass(frozen=True, slots=True)
class Operation:
    """A route: what it is for, its request and its answers.

    ``tag`` is empty for that of the dialect. ``also`` are further statuses with the schema of
    their answers; ``query`` are parameters with what they mean.
    """

    summary: str
    answer: Answered = Answered()
    body: Body | None = None
    tag: str = ""
    also: Mapping[str, SchemaType | None] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
