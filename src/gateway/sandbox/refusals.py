"""Build Mistral's error responses: statuses, types, codes and the shapes of its error bodies.

The shapes follow the Mistral API as recorded in public captures and bug reports: one gateway in
front and several services behind it, each with a body of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, TypeAlias

from gateway.core import codec

__all__ = [
    "SHAPES",
    "Loc",
    "Problem",
    "Refusal",
    "invalid_args",
    "invalid_call",
    "invalid_input",
    "invalid_model",
    "invalid_order",
    "invalid_prompt",
    "invalid_request",
    "unknown_agent",
]

Loc: TypeAlias = tuple[str | int, ...]
_Detail: TypeAlias = list[dict[str, object]]


@dataclass(frozen=True, slots=True)
class Problem:
    """Hold one item of a 422; Mistral echoes the offending input."""

    kind: str
    loc: Loc
    message: str
    value: object

    def wire(self) -> dict[str, object]:
        """Return the item as it stands in an error body."""
        return {
            "type": self.kind,
            "loc": list(self.loc),
            "msg": self.message,
            "input": self.value,
        }


@dataclass(frozen=True, slots=True)
class Refusal:
    """Hold one refusal: its status, its JSON body, and its words for the reader of a test."""

    status: int
    message: str
    body: object
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def _error(status: int, kind: str, code: str | None, message: str) -> Refusal:
    body = {
        "object": "error",
        "message": message,
        "type": kind,
        "param": None,
        "code": code,
        "raw_status_code": status,
    }
    return Refusal(status, message, body)


def invalid_request(message: str, *, status: int = 400) -> Refusal:
    """Refuse without a code, as most of the older rules do."""
    return _error(status, "invalid_request_error", None, message)


def invalid_order(message: str) -> Refusal:
    """Refuse the order or the structure of the messages."""
    return _error(400, "invalid_request_message_order", "3230", message)


def invalid_call(message: str) -> Refusal:
    """Refuse a tool call, its id or its name."""
    return _error(400, "invalid_function_call", "3280", message)


def invalid_prompt(message: str) -> Refusal:
    """Refuse an input that is too large."""
    return _error(400, "invalid_request_prompt", "3210", message)


def invalid_args(message: str) -> Refusal:
    """Refuse a value this model does not take."""
    return _error(400, "invalid_request_invalid_args", "3051", message)


def invalid_model(model: str, *, status: int = 400) -> Refusal:
    """Refuse a model that does not exist, or not on this endpoint."""
    return _error(status, "invalid_model", "1500", f"Invalid model: {model}")


def unknown_agent(agent: str) -> Refusal:
    """Refuse an agent that the account has not; no capture of this is known."""
    return Refusal(404, "Agent not found", {"detail": f"Agent {agent} not found"})


def invalid_input(problems: Sequence[Problem]) -> Refusal:
    """Refuse a body that breaks its schema, in the body shape of the object that is wrong.

    Mistral's 422 has been seen in all of these shapes; which one comes is decided here by the
    first problem's place, so that one wrong body always gets the same answer.
    """
    place = str(problems[0].loc[1]) if len(problems[0].loc) > 1 else ""
    lines = [f"{'.'.join(map(str, one.loc))}: {one.message}" for one in problems]
    shape = SHAPES[_SHAPE_BY_PLACE.get(place, "object")]
    return Refusal(422, "; ".join(lines), shape([one.wire() for one in problems]))


def _list_message(detail: _Detail) -> object:
    return {
        "object": "Error",
        "message": detail,
        "detail": detail,
        "type": "invalid_request_error",
        "code": 3001,
    }


def _object_message(detail: _Detail) -> object:
    return {
        "object": "error",
        "message": {"detail": detail},
        "type": "invalid_request_error",
        "param": None,
        "code": None,
        "raw_status_code": 422,
    }


def _string_message(detail: _Detail) -> object:
    return {
        "object": "error",
        "message": codec.encode({"detail": detail}).decode(),
        "type": "internal_error_proxy",
        "param": None,
        "code": "1000",
    }


def _bare_detail(detail: _Detail) -> object:
    return {"detail": detail}


SHAPES: Final[Mapping[str, Callable[[_Detail], object]]] = MappingProxyType(
    {
        "list": _list_message,
        "object": _object_message,
        "string": _string_message,
        "detail": _bare_detail,
    }
)
"""The body shapes of a 422, by what holds the items."""

_SHAPE_BY_PLACE = {
    "messages": "list",
    "tools": "string",
    "tool_choice": "string",
    "response_format": "detail",
    "input": "detail",
    "prompt": "detail",
}
