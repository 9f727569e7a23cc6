"""Read the input of ``/v1/responses``: a string or items (Ollama's ``openai/responses.go``)."""

from __future__ import annotations

from typing import Any

from gateway.core import codec
from gateway.core.chat import Content, Message, Part, Role, content_of, replace
from gateway.core.errors import InvalidRequest
from gateway.core.events import ToolCall
from gateway.dialects.bodies.decode import kind_of
from gateway.dialects.bodies.readers import (
    Mismatch,
    Reader,
    read_anything,
    read_fields,
    read_string,
)
from gateway.dialects.bodies.roles import read_role
from gateway.dialects.openai.bodies import ToolName
from gateway.dialects.openai.images import read_image_url
from gateway.dialects.openai.messages import parse_arguments
from gateway.dialects.openai.tools import upstream_name

__all__ = ["read_input"]


def read_input(value: object) -> tuple[Message, ...]:
    """Return the conversation so far."""
    if isinstance(value, str):
        return (Message(Role.USER, value),) if value else ()
    if not isinstance(value, list):
        raise InvalidRequest(f"input must be a string or array: {_not_a_list(value)}")
    conversation = _Conversation()
    for index, item in enumerate(value):
        try:
            conversation.add(item)
        except _BadItem as error:
            raise InvalidRequest(f"input[{index}]: {error}") from None
    return conversation.finish()


class _BadItem(ValueError):
    """An item that cannot be read; the callers add where it is."""


class _Conversation:
    """Messages made of items: calls belong to the assistant's message before them."""

    def __init__(self) -> None:
        self._messages: list[Message] = []
        self._calls: list[ToolCall] = []
        """The calls of the last message, which gets them when the next one comes."""
        self._names: dict[str, str] = {}
        self._thinking = ""
        """The thinking before the assistant's next text or calls."""

    def add(self, item: object) -> None:
        """Add one item, or raise `InvalidRequest` or `_BadItem`."""
        fields = _fields(item, _ITEM, "ResponsesInputItem")
        kind = fields.get("type", "") or ("message" if fields.get("role") else "")
        match kind:
            case "message":
                self._say(fields)
            case "function_call":
                self._call(fields)
            case "function_call_output":
                self._answer(fields)
            case "reasoning":
                self._thinking = fields.get("encrypted_content", "")
            case "web_search_call":
                pass  # its result is in the message that follows
            case "":
                raise _BadItem("input item missing required 'type' field")
            case _:
                raise _BadItem(f"unknown input item type: {codec.encode(kind).decode()}")

    def finish(self) -> tuple[Message, ...]:
        """Return the messages; thinking that nothing follows is a message of its own."""
        self._close()
        if self._thinking:
            self._messages.append(Message(Role.ASSISTANT, thinking=self._thinking))
        return tuple(self._messages)

    def _say(self, fields: dict[str, Any]) -> None:
        role = read_role(fields.get("role", ""))
        content = _content(fields.get("content", ""), "content")
        thinking = self._take_thinking() if role is Role.ASSISTANT else ""
        self._append(Message(role, content, thinking=thinking))

    def _call(self, fields: dict[str, Any]) -> None:
        name = upstream_name(ToolName(fields.get("name", ""), fields.get("namespace", "")))
        identity = fields.get("call_id", "")
        call = ToolCall(name, _arguments(fields.get("arguments", "")), identity)
        self._names[identity] = name
        if not self._messages or self._messages[-1].role is not Role.ASSISTANT:
            self._append(Message(Role.ASSISTANT))
        self._calls.append(call)
        if self._thinking:
            self._messages[-1] = replace(self._messages[-1], thinking=self._take_thinking())

    def _answer(self, fields: dict[str, Any]) -> None:
        content = _content(fields.get("output", ""), "output")
        identity = fields.get("call_id", "")
        # Codex sends what it found out by itself as the result of a call that was never made.
        own = ToolName(fields.get("name", ""), fields.get("namespace", ""))
        name = self._names.get(identity) or upstream_name(own)
        self._append(Message(Role.TOOL, content, tool_name=name, tool_call_id=identity))

    def _append(self, message: Message) -> None:
        self._close()
        self._messages.append(message)

    def _close(self) -> None:
        """Give the last message the calls that belong to it."""
        if self._calls:
            self._messages[-1] = replace(self._messages[-1], tool_calls=tuple(self._calls))
            self._calls = []

    def _take_thinking(self) -> str:
        thinking, self._thinking = self._thinking, ""
        return thinking


def _content(value: object, field: str) -> Content:
    """Return the texts and the images of a message or a result."""
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise _BadItem(f"{field} must be a string or array: {_not_a_list(value)}")
    parts: list[Part] = []
    for index, part in enumerate(value):
        try:
            parts.append(_part(part))
        except _BadItem as error:
            raise _BadItem(f"{field}[{index}]: {error}") from None
    return content_of(parts)


def _part(part: object) -> Part:
    fields = _fields(part, _PART, "ResponsesContent")
    kind = fields.get("type", "")
    match kind:
        case "input_text" | "output_text":
            return str(fields.get("text", ""))
        case "input_image":
            url = fields.get("image_url", "")
            return read_image_url(url) if url else ""
        case "input_file":
            raise InvalidRequest("file inputs are not currently supported")
    raise _BadItem(f"unknown content type: {kind}")


def _arguments(text: str) -> dict[str, object]:
    if not text:
        return {}
    try:
        return parse_arguments(text)
    except InvalidRequest as error:
        raise InvalidRequest(f"failed to parse function call arguments: {error}") from None


def _fields(item: object, readers: dict[str, Reader], go_type: str) -> dict[str, Any]:
    try:
        return read_fields(item, readers, f"openai.{go_type}")
    except Mismatch as mismatch:
        raise _BadItem(mismatch.text(go_type)) from None


def _not_a_list(value: object) -> str:
    return f"json: cannot unmarshal {kind_of(value)} into Go value of type []json.RawMessage"


_PART: dict[str, Reader] = {"type": read_string, "text": read_string, "image_url": read_string}
_ITEM: dict[str, Reader] = {
    "type": read_string,
    "role": read_string,
    "content": read_anything,
    "call_id": read_string,
    "name": read_string,
    "namespace": read_string,
    "arguments": read_string,
    "output": read_anything,
    "encrypted_content": read_string,
}
