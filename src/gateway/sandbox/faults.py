"""Describe the faults of an answer, and parse such a description from a line of text.

A test plans a `Fault` in Python.  A person writes one into the last user message, or sends it in
the header `x-sandbox-fault` without the brackets and the word `fault`:

    [[fault: 429 retry-after=2]]    a status; also 429 zero-quota, 422 shape=string, 500 body=empty
    [[fault: cut after=3]]          the connection breaks after three events
    [[fault: huge size=100000]]     one delta of that many characters
    [[delay: 0.5]]                  seconds before the head
    [[pace: 0.05]]                  seconds between deltas

`NAMED` lists the other names.  Several directives in one message add up.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from gateway.core import codec
from gateway.sandbox.calls import CallLayout
from gateway.sandbox.refusals import SHAPES, Problem

__all__ = [
    "NAMED",
    "Ending",
    "Fault",
    "fault_in_text",
    "parse_fault",
    "refusal",
    "without_directives",
]

_Fields: TypeAlias = dict[str, Any]

_HTML = b"<!DOCTYPE html>\n<html><head><title>520: unknown error</title></head></html>\n"
_ERROR = (
    b'{"object":"error","message":"Internal server error","type":"internal_error","code":"1000"}'
)


class Ending(enum.StrEnum):
    """Name the ways in which a body ends."""

    DONE = "done"
    """`[DONE]` and the end of the body, as it should be."""
    EOF = "eof"
    """The end of the body without `[DONE]`."""
    CUT = "cut"
    """The connection breaks between two events."""
    TORN = "torn"
    """The connection breaks inside an event."""
    SILENCE = "silence"
    """Nothing more is sent until the client goes."""
    OPEN = "open"
    """`[DONE]`, but the body does not end until the client goes."""
    UNENDED = "unended"
    """`[DONE]` and the end of the body, without the blank line between them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Describe one deviation from a good answer; the defaults are none.

    `status`, `body`, `content_type` and `headers` replace the answer before it is made.
    `raw` replaces the body of a 200: each item is one write, and `ending` says what follows.
    `after` counts events, the role chunk included; None means all of them.
    `insert` is written as it is after `insert_at` events.
    """

    delay: float = 0.0
    pace: float | None = None
    hang: bool = False
    drop: bool = False
    status: int | None = None
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    raw: tuple[bytes, ...] | None = None
    ending: Ending = Ending.DONE
    after: int | None = None
    insert: bytes = b""
    insert_at: int = 2
    finish: str | None = None
    size: int | None = None
    as_json: bool = False
    calls: CallLayout | None = None
    late_usage: bool = False
    empty_choices: bool = False
    line_end: str = "\n"
    bom: bool = False
    comments: bool = False
    multiline: bool = False
    write_size: int | None = None
    batch: bool = False


NAMED: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "drop": {"drop": True},
        "hang": {"hang": True},
        "silence": {"ending": Ending.SILENCE, "after": 0},
        "cut": {"ending": Ending.CUT, "after": 2},
        "torn": {"ending": Ending.TORN, "after": 2},
        "eof": {"ending": Ending.EOF},
        "open": {"ending": Ending.OPEN},
        "unended": {"ending": Ending.UNENDED},
        "no-finish": {"after": 2},
        "finish-error": {"finish": "error"},
        "json-error": {
            "insert": b"data: " + _ERROR + b"\n\n",
            "ending": Ending.EOF,
            "after": 2,
        },
        "event-error": {
            "insert": b"event: error\ndata: " + _ERROR + b"\n\n",
            "ending": Ending.EOF,
            "after": 2,
        },
        "garbage": {"insert": b'data: {"choices": [oops\n\n'},
        "json": {"as_json": True},
        "huge": {"size": 4 * 1024 * 1024},
        "fragments": {"calls": CallLayout.FRAGMENTS},
        "zero-index": {"calls": CallLayout.ZERO_INDEX},
        "late-usage": {"late_usage": True},
        "empty-choices": {"empty_choices": True},
        "crlf": {"line_end": "\r\n"},
        "cr": {"line_end": "\r"},
        "mixed": {"line_end": "mixed"},
        "bom": {"bom": True},
        "comments": {"comments": True},
        "multiline": {"multiline": True},
        "dribble": {"write_size": 1},
        "batch": {"batch": True},
    }
)
"""The faults that a directive can name, besides statuses."""

_DIRECTIVE = re.compile(r"\[\[\s*(fault|delay|pace)\s*:([^\]]*)\]\]")
_OPTIONS: Mapping[str, tuple[str, Callable[[str], object]]] = {
    "delay": ("delay", float),
    "pace": ("pace", float),
    "after": ("after", int),
    "at": ("insert_at", int),
    "size": ("size", int),
    "write": ("write_size", int),
    "finish": ("finish", str),
}
_STATUSES: Mapping[int, object] = {
    401: {"detail": "Unauthorized"},
    402: {"detail": "Payment required"},
    403: {"error": {"message": "Content blocked by guardrail", "status": 403}, "guardrails": {}},
    404: {"message": "no Route matched with those values", "request_id": "sandbox"},
    408: {"message": "Request timeout"},
    413: {"message": "Request size limit exceeded"},
    429: {
        "object": "error",
        "message": "Rate limit exceeded",
        "type": "rate_limited",
        "param": None,
        "code": "1300",
        "raw_status_code": 429,
    },
    500: {
        "object": "error",
        "message": "Internal server error",
        "type": "internal_server_error",
        "code": "1000",
    },
    503: {
        "object": "error",
        "message": "Service tier capacity exceeded for this model.",
        "type": "service_tier_capacity_exceeded",
        "param": None,
        "code": "3505",
    },
}


def refusal(
    status: int,
    *,
    retry_after: str | None = None,
    zero_quota: bool = False,
    shape: str = "list",
    body: str = "",
) -> Fault:
    """Return the fault of being refused with a status and the body that goes with it.

    `shape` is the body shape of a 422; `body` may be `empty`, `html` or `text` instead.  Statuses
    of the network's edge come as HTML anyway.
    """
    return Fault(**_refusal(status, retry_after, shape, body, zero_quota=zero_quota))


def _refusal(
    status: int, retry_after: str | None, shape: str, body: str, *, zero_quota: bool
) -> _Fields:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    if zero_quota:
        headers["x-ratelimit-limit-req-minute"] = "0"
    fields: _Fields = {"status": status, "headers": MappingProxyType(headers)}
    if status == 422 and not body:
        detail = Problem("sandbox", ("body", "messages"), "Refused on request", None).wire()
        return {**fields, "body": codec.encode(_known(SHAPES, shape)([detail]))}
    if body == "html" or (not body and status not in _STATUSES):
        return {**fields, "body": _HTML, "content_type": "text/html"}
    if body:
        text = b"" if body == "empty" else b"upstream connect error"
        return {**fields, "body": text, "content_type": "text/plain"}
    return {**fields, "body": codec.encode(_STATUSES[status])}


def parse_fault(text: str) -> Fault:
    """Read a fault from text such as `cut after=3`; raise `ValueError` for an unknown one."""
    return Fault(**_fields(text))


def fault_in_text(text: str) -> Fault | None:
    """Return the fault that a message asks for, if it asks for one."""
    found: _Fields = {}
    for kind, words in _DIRECTIVE.findall(text):
        found |= _fields(words if kind == "fault" else f"{kind}={words.strip()}")
    return Fault(**found) if found else None


def without_directives(text: str) -> str:
    """Return a message without what it asks the sandbox to do wrong."""
    return _DIRECTIVE.sub("", text).strip() if "[[" in text else text


def _fields(text: str) -> _Fields:
    names = [word for word in text.split() if "=" not in word]
    options = dict(word.split("=", 1) for word in text.split() if "=" in word)
    fields: _Fields = {}
    statuses = [int(name) for name in names if name.isdecimal()]
    for status in statuses:
        fields |= _refusal(
            status,
            options.pop("retry-after", None),
            options.pop("shape", "list"),
            options.pop("body", ""),
            zero_quota="zero-quota" in names,
        )
    for name in names:
        if name.isdecimal() or (name == "zero-quota" and statuses):
            continue
        fields |= _known(NAMED, name)
    for name, value in options.items():
        member, read = _known(_OPTIONS, name)
        fields[member] = read(value)
    return fields


def _known(table: Mapping[str, Any], name: str) -> Any:
    if name not in table:
        raise ValueError(f"the sandbox knows no {name!r}; it knows {', '.join(sorted(table))}")
    return table[name]
