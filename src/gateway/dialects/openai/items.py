"""Read the input of ``/v1/responses``: items of a conversation (Ollama's ``openai/responses.go``).

Agents send their whole history each time, so that no item fails for its type: what can be read of
an unknown one is kept, the rest is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from gateway.core import codec
from gateway.core.chat import Message, Part, Role, replace
from gateway.core.errors import InvalidRequest
from gateway.core.events import Keepsake, ToolCall, join_keepsakes
from gateway.dialects.bodies.arguments import parse_arguments
from gateway.dialects.bodies.budget import LIMITS
from gateway.dialects.bodies.decode import kind_of
from gateway.dialects.bodies.readable import readable_text
from gateway.dialects.bodies.readers import Mismatch, Reader, read_anything, read_fields
from gateway.dialects.bodies.roles import read_role
from gateway.dialects.left_out import log_left_out
from gateway.dialects.openai.custom_tools import custom_arguments
from gateway.dialects.openai.hosted import read_hosted_call
from gateway.dialects.openai.parts import message_of, read_part
from gateway.dialects.openai.thinking import read_reasoning_item
from gateway.dialects.openai.tools import OfferedTools, read_flat_tools, tool_key

__all__ = ["Conversation", "read_items"]

_BETWEEN_THOUGHTS = "\n\n"


class Conversation(NamedTuple):
    """The messages so far, and the tools that items among them have added."""

    messages: tuple[Message, ...] = ()
    tools: OfferedTools = OfferedTools()


def read_items(items: Sequence[object], *, offered: int = 0) -> Conversation:
    """Return the conversation that *items* are; raise `InvalidRequest` for one that is no item.

    A result without a call is named after its type, such as ``shell``, but not where *offered*, the
    number of tools beside the items, is one: adapters take it for a result of that tool.
    """
    reading = _Reading(is_named=offered != 1)
    for index, item in enumerate(items):
        try:
            reading.add(item)
        except _BadItem as error:
            raise InvalidRequest(f"input[{index}]: {error}") from None
    return reading.finish()


class _Thought(NamedTuple):
    """A text of thinking, and what its service wants back with it."""

    text: str
    keepsake: Keepsake


class _BadItem(ValueError):
    """An item that cannot be read; the callers add where it is."""


class _Reading:
    """Messages made of items: calls belong to the assistant's message before them."""

    def __init__(self, *, is_named: bool) -> None:
        self._is_named = is_named
        self._messages: list[Message] = []
        self._definitions: list[object] = []
        self._calls: list[ToolCall] = []
        self._call_thoughts: list[_Thought] = []
        """The calls of the last message, which gets them when the next one comes, and the thinking
        that led to them."""
        self._names: dict[str, str] = {}
        self._thoughts: list[_Thought] = []
        """The thinking before the assistant's next text or calls."""

    def add(self, item: object) -> None:
        """Add one item, or raise `InvalidRequest` or `_BadItem`."""
        fields = _fields(item)
        match _text(fields, "type") or ("message" if fields.get("role") else ""):
            case "message":
                self._say(fields)
            case "function_call":
                arguments = parse_arguments(fields.get("arguments"))
                self._call(tool_key(fields), _text(fields, "call_id"), arguments)
            case "custom_tool_call":
                arguments = custom_arguments(fields.get("input"))
                self._call(tool_key(fields), _text(fields, "call_id"), arguments)
            case "reasoning":
                self._think(_Thought(*read_reasoning_item(fields)))
            case "web_search_call":
                pass  # its result is in the message that follows
            case "":
                raise _BadItem("input item missing required 'type' field")
            case kind if kind.endswith("_call"):
                self._use_hosted(fields)
            case "additional_tools":
                self._offer(fields)
            case kind if kind.endswith("_output"):
                self._answer(fields)
                self._offer(fields)
            case kind:
                self._read_unknown(kind, fields)

    def finish(self) -> Conversation:
        """Return the messages; thinking that nothing follows is a message of its own."""
        self._end_thinking()
        self._close()
        count, most = len(self._definitions), LIMITS.get().tools
        if count > most:
            raise InvalidRequest(f"too many tools: {count}, at most {most} are allowed")
        return Conversation(tuple(self._messages), read_flat_tools(self._definitions))

    def _say(self, fields: dict[str, Any]) -> None:
        role = read_role(_text(fields, "role"))
        parts = _content(fields.get("content"), "content")
        if role is not Role.ASSISTANT:
            self._end_thinking()
        thinking, keepsake = self._take_thinking()
        self._append(message_of(role, parts, thinking=thinking, keepsake=keepsake))

    def _call(self, name: str, identity: str, arguments: dict[str, object]) -> None:
        self._names[identity] = name
        if not self._messages or self._messages[-1].role is not Role.ASSISTANT:
            self._append(Message(Role.ASSISTANT))
        self._calls.append(ToolCall(name, arguments, identity))
        self._call_thoughts += self._thoughts
        self._thoughts.clear()

    def _answer(self, fields: dict[str, Any]) -> None:
        self._end_thinking()
        parts = _output(fields.get("output", fields.get("outputs")))
        identity = _text(fields, "call_id") or _text(fields, "id")
        # Codex sends what it found out by itself as the result of a call that was never made.
        name = self._names.get(identity) or tool_key(fields)
        if not name and self._is_named:
            name = _tool_of(_text(fields, "type"))
        self._append(message_of(Role.TOOL, parts, tool_name=name, tool_call_id=identity))

    def _use_hosted(self, fields: dict[str, Any]) -> None:
        call = read_hosted_call(fields)
        if call is None:
            log_left_out("an item of the input", fields["type"])
            return
        self._call(call.name, call.id, call.arguments)
        if call.result is not None:
            self._answer({"call_id": call.id, "output": call.result})

    def _offer(self, fields: dict[str, Any]) -> None:
        """Add the tools in an item, such as those that a search for tools has found."""
        if isinstance(fields.get("tools"), list):
            self._definitions += fields["tools"]

    def _read_unknown(self, kind: str, fields: dict[str, Any]) -> None:
        text = readable_text(fields)
        if text:
            self._say({"role": fields.get("role") or "assistant", "content": text})
        else:
            log_left_out("an item of the input", kind)

    def _think(self, thought: _Thought) -> None:
        if any(thought):
            self._thoughts.append(thought)

    def _append(self, message: Message) -> None:
        self._close()
        self._messages.append(message)

    def _close(self) -> None:
        """Give the last message the calls that belong to it."""
        if self._calls:
            last = self._messages[-1]
            first = _Thought(last.thinking, last.keepsake)
            thinking, keepsake = _joined([first, *self._call_thoughts])
            self._messages[-1] = replace(
                last, thinking=thinking, keepsake=keepsake, tool_calls=tuple(self._calls)
            )
            self._calls, self._call_thoughts = [], []

    def _end_thinking(self) -> None:
        """Make a message of thinking that the assistant did not go on from."""
        thinking, keepsake = self._take_thinking()
        if thinking:
            self._append(Message(Role.ASSISTANT, thinking=thinking, keepsake=keepsake))

    def _take_thinking(self) -> _Thought:
        thoughts, self._thoughts = self._thoughts, []
        return _joined(thoughts)


def _tool_of(kind: str) -> str:
    """Return the tool whose results are items of this type, empty for those of any function."""
    if kind in ("function_call_output", "custom_tool_call_output"):
        return ""
    return kind.removesuffix("_output").removesuffix("_call")


def _joined(thoughts: Sequence[_Thought]) -> _Thought:
    texts = [thought.text for thought in thoughts if thought.text]
    keepsake = join_keepsakes([thought.keepsake for thought in thoughts])
    return _Thought(_BETWEEN_THOUGHTS.join(texts), keepsake)


def _content(value: object, field: str) -> list[Part]:
    """Return the parts of a message or a result."""
    if value is None:
        return []
    if isinstance(value, str | dict):
        value = [value]
    if not isinstance(value, list):
        raise _BadItem(
            f"{field} must be a string or array: json: cannot unmarshal {kind_of(value)}"
            " into Go value of type []json.RawMessage"
        )
    parts = []
    for index, part in enumerate(value):
        try:
            parts.append(read_part(part))
        except Mismatch as mismatch:
            where = f"{field}[{index}]: {mismatch.text('ResponsesContent')}"
            raise _BadItem(where) from None
    return parts


def _output(value: object) -> list[Part]:
    """Return the parts of a result; what has no parts is kept as JSON."""
    if value is None or isinstance(value, str) or _has_type(value) or _is_parts(value):
        return _content(value, "output")
    return [codec.encode(value).decode()]


def _is_parts(value: object) -> bool:
    return isinstance(value, list) and all(
        one is None or isinstance(one, str | dict) for one in value
    )


def _has_type(value: object) -> bool:
    return isinstance(value, dict) and "type" in value


def _fields(item: object) -> dict[str, Any]:
    try:
        fields = read_fields(item, _ITEM, "openai.ResponsesInputItem")
    except Mismatch as mismatch:
        raise _BadItem(mismatch.text("ResponsesInputItem")) from None
    return {**item, **fields} if isinstance(item, dict) else fields


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


_ITEM: dict[str, Reader] = dict.fromkeys(
    ("type", "role", "content", "call_id", "name", "namespace", "arguments", "output"),
    read_anything,
)
