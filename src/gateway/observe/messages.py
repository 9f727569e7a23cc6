"""Prompts and answers as attributes of spans, in the JSON of OpenTelemetry's GenAI conventions."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from gateway.core import codec
from gateway.core.chat import ChatRequest, FillRequest, Media, Message, Part, Role, Tool
from gateway.core.embeddings import EmbedRequest
from gateway.core.events import ChatEvent, TextDelta, ThinkingDelta, ToolCall
from gateway.observe.observer import ModelRequest
from gateway.observe.record import RequestRecord

__all__ = ["LARGEST", "Conversation"]

LARGEST: Final = 64 * 1024
"""Bytes of one attribute; what is longer is cut, so that it is no longer valid JSON."""


class Conversation:
    """What was asked, and what has been answered so far: as much as a span has room for."""

    __slots__ = ("_answer", "_request", "_room")

    def __init__(self, request: ModelRequest) -> None:
        self._request = request
        self._answer: list[ChatEvent] = []
        self._room = LARGEST

    def add(self, events: Sequence[ChatEvent]) -> None:
        """Add a part of the answer, unless there is enough of it."""
        for event in events:
            if self._room > 0 and isinstance(event, TextDelta | ThinkingDelta | ToolCall):
                self._answer.append(event)
                self._room -= len(event.name if isinstance(event, ToolCall) else event.text)

    def attributes(self, record: RequestRecord) -> Mapping[str, str]:
        """Return the attributes, those that would be empty left out."""
        request = self._request
        tools = request.tools if isinstance(request, ChatRequest) else ()
        messages = _messages(request)
        system = [part for one in messages if one.role is Role.SYSTEM for part in one.parts]
        others = [one for one in messages if one.role is not Role.SYSTEM]
        answer = [*_answered(self._answer)]
        finish = {"finish_reason": record.finish} if record.finish else {}
        outputs = [{"role": "assistant", "parts": answer, **finish}] if answer else []
        found = {
            "gen_ai.system_instructions": _as_json(map(_part, system)),
            "gen_ai.input.messages": _as_json(map(_message, others)),
            "gen_ai.output.messages": _as_json(outputs),
            "gen_ai.tool.definitions": _as_json(map(_tool, tools)),
        }
        return {name: text for name, text in found.items() if text != "[]"}


def _messages(request: ModelRequest) -> Sequence[Message]:
    match request:
        case ChatRequest():
            return request.messages
        case FillRequest():
            texts = [text for text in (request.prompt, request.suffix) if text]
            return [Message(Role.USER, tuple(texts))]
        case EmbedRequest():
            return [Message(Role.USER, text) for text in request.inputs]
    recording = base64.b64encode(request.recording).decode()
    return [Message(Role.USER, (Media(request.media_type, recording),))]


def _as_json(items: Iterable[object]) -> str:
    """Return the items as one JSON array, of which no more is encoded than is kept."""
    text = bytearray(b"[")
    for item in items:
        text += b"," if len(text) > 1 else b""
        text += _encoded(item)
        if len(text) > LARGEST:
            return text[:LARGEST].decode("utf-8", "ignore")
    return f"{text.decode()}]"


def _encoded(item: object) -> bytes:
    try:
        return codec.encode(item)
    except UnicodeEncodeError:  # texts of clients may hold lone surrogates
        return json.dumps(item, default=str).encode()


def _message(message: Message) -> Mapping[str, object]:
    """Return a message of the history; its content is the result if it is that of a tool."""
    if message.role is Role.TOOL:
        result = {
            "type": "tool_call_response",
            "id": message.tool_call_id or None,
            "response": message.text[:LARGEST],
        }
        return {"role": "tool", "parts": [result, *map(_part, message.media)]}
    thinking = [_reasoning(message.thinking)] if message.thinking else []
    parts = [*thinking, *map(_part, message.parts), *map(_call, message.tool_calls)]
    return {"role": str(message.role), "parts": parts}


def _part(part: Part) -> Mapping[str, object]:
    if isinstance(part, str):
        return {"type": "text", "content": part[:LARGEST]}
    kind = {"mime_type": part.media_type, "modality": part.media_type.partition("/")[0]}
    if part.url:
        return {"type": "uri", **kind, "uri": part.url[:LARGEST]}
    content = base64.b64decode(part.base64)
    digest = hashlib.sha256(content).hexdigest()
    return {"type": "blob", **kind, "size": len(content), "digest": f"sha256:{digest}"}


def _reasoning(text: str) -> Mapping[str, object]:
    return {"type": "reasoning", "content": text[:LARGEST]}


def _call(call: ToolCall) -> Mapping[str, object]:
    return {
        "type": "tool_call",
        "id": call.id or None,
        "name": call.name,
        "arguments": call.arguments,
    }


def _tool(tool: Tool) -> Mapping[str, Any]:
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
    }


def _answered(events: Sequence[ChatEvent]) -> Iterator[Mapping[str, object]]:
    """Yield the parts of an answer: its thinking, its text, its calls."""
    thinking = "".join([event.text for event in events if isinstance(event, ThinkingDelta)])
    if thinking:
        yield _reasoning(thinking)
    if text := "".join([event.text for event in events if isinstance(event, TextDelta)]):
        yield {"type": "text", "content": text[:LARGEST]}
    yield from (_call(event) for event in events if isinstance(event, ToolCall))
