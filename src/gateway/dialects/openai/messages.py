"""Read the messages of a chat by the rules of Ollama's ``openai/openai.go``.

A message in several parts stays one message here; Ollama makes a message of each part, and then no
longer knows which call a result belongs to.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.core.chat import Message, Part, Role
from gateway.core.errors import InvalidRequest
from gateway.core.events import Keepsake, ToolCall
from gateway.dialects.bodies.arguments import parse_arguments
from gateway.dialects.bodies.decode import dynamic_type
from gateway.dialects.bodies.described import UNCHECKED, any_of, array_of, described, object_of
from gateway.dialects.bodies.readers import (
    Mismatch,
    Reader,
    read_anything,
    read_fields,
    read_list,
    read_string,
)
from gateway.dialects.bodies.roles import read_role
from gateway.dialects.left_out import log_left_out
from gateway.dialects.openai.custom_tools import custom_arguments
from gateway.dialects.openai.parts import message_of, read_part

__all__ = ["read_messages"]


@described(lambda: object_of(_MESSAGE), name="OpenAIMessage")
def _read_message(item: object) -> dict[str, Any]:
    return read_fields(item, _MESSAGE, "openai.Message")


@described(lambda: array_of(_read_message))
def read_messages(value: object) -> tuple[Message, ...]:
    """Return the messages of a chat; a result gets the name of the call that it answers."""
    names: dict[str, str] = {}
    messages = []
    for item in read_list(value, "[]openai.Message"):
        message = _message(_read_message(item), names)
        names |= {call.id: call.name for call in message.tool_calls if call.id}
        messages.append(message)
    return tuple(messages)


def _message(fields: dict[str, Any], names: dict[str, str]) -> Message:
    role: Role = fields.get("role", Role.USER)
    parts = _content(fields.get("content"))
    if not parts and fields.get("refusal"):
        parts = [fields["refusal"]]
    answered = fields.get("tool_call_id", "")
    return message_of(
        role,
        parts,
        keepsake=fields.get("reasoning_details", {}),
        thinking=fields.get("reasoning") or fields.get("reasoning_content", ""),
        tool_calls=fields.get("tool_calls", ()),
        tool_name=fields.get("name") or names.get(answered, "") if role is Role.TOOL else "",
        tool_call_id=answered,
    )


@described(lambda: any_of({"type": "string"}, array_of(read_part)) | UNCHECKED)
def _keep_content(value: object) -> object:
    return value


def _content(value: object) -> list[Part]:
    if value is None:
        return []
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict) and "type" in value:
        value = [value]
    if not isinstance(value, list):
        raise InvalidRequest(f"invalid message content type: {dynamic_type(value)}")
    try:
        return list(map(read_part, value))
    except Mismatch:
        raise InvalidRequest("invalid message format") from None


@described(lambda: object_of(_TOOL_CALL), name="OpenAIToolCall")
def _read_tool_call(item: object) -> dict[str, Any]:
    return read_fields(item, _TOOL_CALL, "openai.ToolCall")


@described(lambda: array_of(_read_tool_call))
def _tool_calls(value: object) -> tuple[ToolCall, ...]:
    read = [_tool_call(item) for item in read_list(value, "[]openai.ToolCall")]
    return tuple([call for call in read if call is not None])


def _tool_call(item: object) -> ToolCall | None:
    fields = _read_tool_call(item)
    if "custom" in fields:
        called = fields["custom"]
        arguments = custom_arguments(called.get("input"))
    elif "function" in fields:
        called = fields["function"]
        arguments = parse_arguments(called.get("arguments"))
    else:
        log_left_out("a tool call", fields.get("type"))
        return None
    extra = fields.get("extra_content")
    return ToolCall(
        name=called.get("name", ""),
        arguments=arguments,
        id=fields.get("id", ""),
        keepsake={"openai": {"extra_content": extra}} if extra else {},
    )


@described(lambda: object_of(_CALLED))
def _called(value: object) -> dict[str, Any]:
    return read_fields(value, _CALLED, _ANONYMOUS)


@described({"type": "string", **UNCHECKED})
def _text_or_nothing(value: object) -> str:
    """Return a text; fields that Ollama does not read never fail for their type."""
    return value if isinstance(value, str) else ""


@described({"type": "array", **UNCHECKED})
def _details(value: object) -> Keepsake:
    """Return the thinking of a service that wants it back as it came (OpenRouter)."""
    return {"openai": {"reasoning_details": value}} if value and isinstance(value, list) else {}


# Go writes such a type out, and an error in it names no type.
_ANONYMOUS: Final = (
    'struct { Name string "json:\\"name\\""; Arguments string "json:\\"arguments\\"" }'
)
_CALLED: dict[str, Reader] = {
    "name": read_string,
    "arguments": read_anything,
    "input": read_anything,
}
_TOOL_CALL: dict[str, Reader] = {
    "id": read_string,
    "type": read_anything,
    "function": _called,
    "custom": _called,
    "extra_content": read_anything,
}
_MESSAGE: dict[str, Reader] = {
    "role": read_role,
    "content": _keep_content,
    "reasoning": read_string,
    "reasoning_content": _text_or_nothing,
    "reasoning_details": _details,
    "refusal": _text_or_nothing,
    "tool_calls": _tool_calls,
    "name": read_string,
    "tool_call_id": read_string,
}
