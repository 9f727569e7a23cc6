"""Read the messages of a chat by the rules of Ollama's ``openai/openai.go``.

A message in several parts stays one message here; Ollama makes a message of each part, and then no
longer knows which call a result belongs to.
"""

from __future__ import annotations

from typing import Any

from gateway.core import codec
from gateway.core.chat import Content, Message, Part, Role, content_of
from gateway.core.errors import InvalidRequest
from gateway.core.events import ToolCall
from gateway.dialects.bodies.decode import dynamic_type
from gateway.dialects.bodies.media import read_media
from gateway.dialects.bodies.readers import (
    Reader,
    read_anything,
    read_fields,
    read_list,
    read_string,
)
from gateway.dialects.bodies.roles import read_role
from gateway.dialects.openai.images import read_image_url

__all__ = ["parse_arguments", "read_messages"]


def read_messages(value: object) -> tuple[Message, ...]:
    """Return the messages of a chat; a result gets the name of the call that it answers."""
    names: dict[str, str] = {}
    messages = []
    for item in read_list(value, "[]openai.Message"):
        message = _message(read_fields(item, _MESSAGE, "openai.Message"), names)
        names |= {call.id: call.name for call in message.tool_calls if call.id}
        messages.append(message)
    return tuple(messages)


def parse_arguments(text: str) -> dict[str, object]:
    """Return the arguments of a call, which OpenAI's clients write as text."""
    try:
        value = codec.decode(text)
    except (codec.JSONError, RecursionError):
        value = None
    # In a text they are no part of what the limit on the depth of a body counts.
    if not isinstance(value, dict) or codec.nests_deeper(value, codec.DEEPEST):
        raise InvalidRequest("invalid tool call arguments")
    return value


def _message(fields: dict[str, Any], names: dict[str, str]) -> Message:
    role: Role = fields.get("role", Role.USER)
    answered = fields.get("tool_call_id", "")
    return Message(
        role,
        _content(fields.get("content"), is_optional="tool_calls" in fields),
        thinking=fields.get("reasoning", ""),
        tool_calls=fields.get("tool_calls", ()),
        tool_name=fields.get("name") or names.get(answered, "") if role is Role.TOOL else "",
        tool_call_id=answered,
    )


def _content(value: object, *, is_optional: bool) -> Content:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return content_of(map(_part, value))
    if is_optional:
        return ""
    raise InvalidRequest(f"invalid message content type: {dynamic_type(value)}")


def _part(part: object) -> Part:
    match part:
        case {"type": "text", "text": str(text)}:
            return text
        case {"type": "image_url", "image_url": {"url": str(url)} | str(url)}:
            return read_image_url(url)
        case {"type": "input_audio", "input_audio": {"data": str(data)}}:
            return read_media(data)
    raise InvalidRequest("invalid message format")


def _tool_calls(value: object) -> tuple[ToolCall, ...]:
    return tuple([_tool_call(item) for item in read_list(value, "[]openai.ToolCall")])


def _tool_call(item: object) -> ToolCall:
    fields = read_fields(item, _TOOL_CALL, "openai.ToolCall")
    called = fields.get("function", {})
    extra = fields.get("extra_content")
    return ToolCall(
        name=called.get("name", ""),
        arguments=parse_arguments(called.get("arguments", "")),
        id=fields.get("id", ""),
        keepsake={"openai": {"extra_content": extra}} if extra else {},
    )


def _called(value: object) -> dict[str, Any]:
    return read_fields(value, _CALLED, "openai.ToolCall.function")


_CALLED: dict[str, Reader] = {"name": read_string, "arguments": read_string}
_TOOL_CALL: dict[str, Reader] = {
    "id": read_string,
    "function": _called,
    "extra_content": read_anything,
}
_MESSAGE: dict[str, Reader] = {
    "role": read_role,
    "content": read_anything,
    "reasoning": read_string,
    "tool_calls": _tool_calls,
    "name": read_string,
    "tool_call_id": read_string,
}
