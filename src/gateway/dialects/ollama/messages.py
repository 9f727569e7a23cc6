"""Read and write the messages of a chat (Ollama's ``api/types.go``)."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.core.chat import Media, Message, Role, content_of
from gateway.core.events import ToolCall
from gateway.dialects.bodies.arguments import parse_arguments
from gateway.dialects.bodies.described import array_of, described, object_of
from gateway.dialects.bodies.media import read_media
from gateway.dialects.bodies.readers import (
    Mismatch,
    Reader,
    read_fields,
    read_int,
    read_list,
    read_string,
)
from gateway.dialects.bodies.roles import read_role

__all__ = ["read_images", "read_messages", "write_function", "write_messages"]


@described(lambda: object_of(_MESSAGE), name="OllamaMessage")
def _message(item: object) -> Message:
    fields = read_fields(item, _MESSAGE, "api.Alias")
    if "images" in fields:
        # The list of images has no place among the text: it comes after it.
        fields["content"] = content_of((fields.get("content", ""), *fields.pop("images")))
    if "role" not in fields:
        fields["role"] = Role.USER
    return Message(**fields)


@described(lambda: array_of(_message))
def read_messages(value: object) -> tuple[Message, ...]:
    """Return the messages of a chat."""
    return tuple([_message(item) for item in read_list(value, "[]api.Message")])


@described({"type": "string", "contentEncoding": "base64"})
def _encoded(item: object) -> str:
    if not isinstance(item, str):
        raise Mismatch(item, "api.ImageData")
    return item


@described(lambda: array_of(_encoded))
def read_images(value: object) -> tuple[Media, ...]:
    """Return the media in a list of base64 strings; a ``null`` in it is an empty one."""
    items = read_list(value, "[]api.ImageData")
    return tuple([read_media("" if item is None else _encoded(item)) for item in items])


def write_messages(messages: Sequence[Message]) -> list[dict[str, object]]:
    """Return the JSON that `read_messages` reads as the same messages."""
    return [_written(message) for message in messages]


def write_function(call: ToolCall, index: int) -> dict[str, object]:
    """Return the ``function`` of the call that has the place *index* among its answer's calls."""
    return {"index": index, "name": call.name, "arguments": call.arguments}


def _written(message: Message) -> dict[str, object]:
    calls = [
        {"id": call.id, "function": write_function(call, index)}
        for index, call in enumerate(message.tool_calls)
    ]
    optional: dict[str, object] = {
        "thinking": message.thinking,
        "images": [item.base64 for item in message.media],
        "tool_calls": calls,
        "tool_name": message.tool_name,
        "tool_call_id": message.tool_call_id,
    }
    return {
        "role": message.role,
        "content": message.text,
        **{key: value for key, value in optional.items() if value},
    }


@described(lambda: object_of(_TOOL_CALL), name="OllamaToolCall")
def _tool_call(item: object) -> ToolCall:
    fields = read_fields(item, _TOOL_CALL, "api.ToolCall")
    called = fields.get("function", {})
    return ToolCall(
        name=called.get("name", ""),
        arguments=called.get("arguments", {}),
        id=fields.get("id", ""),
    )


@described(lambda: array_of(_tool_call))
def _tool_calls(value: object) -> tuple[ToolCall, ...]:
    return tuple([_tool_call(item) for item in read_list(value, "[]api.ToolCall")])


@described(lambda: object_of(_CALLED))
def _called(value: object) -> dict[str, object]:
    return read_fields(value, _CALLED, "api.ToolCallFunction")


_CALLED: dict[str, Reader] = {"index": read_int, "name": read_string, "arguments": parse_arguments}
_TOOL_CALL: dict[str, Reader] = {"id": read_string, "function": _called}
_MESSAGE: dict[str, Reader] = {
    "role": read_role,
    "content": read_string,
    "thinking": read_string,
    "images": read_images,
    "tool_calls": _tool_calls,
    "tool_name": read_string,
    "tool_call_id": read_string,
}
