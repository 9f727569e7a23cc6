"""Encode events for ``/v1/responses``: server-sent events, or one document.

An answer is a list of items: reasoning, messages and function calls, in the order in which they
come. The shapes and the order of the events are those of Ollama's ``openai/responses.go``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, TypeAlias

from gateway.core import codec
from gateway.core.errors import GatewayError
from gateway.core.events import (
    Answer,
    ChatEvent,
    Finish,
    FinishReason,
    TextDelta,
    ThinkingDelta,
    ToolCall,
    ToolCallDelta,
)
from gateway.dialects.call_ids import call_id
from gateway.dialects.documents import JSON_TYPE, encode_line
from gateway.dialects.openai.bodies import ResponseBody, ToolName
from gateway.dialects.openai.documents import error_fields
from gateway.dialects.openai.objects import (
    Item,
    message_item,
    reasoning_item,
    response_object,
    response_usage,
    text_part,
)
from gateway.dialects.server_sent_events import FRAME_END, STREAM_HEADERS, encode_event

__all__ = ["ResponseEncoder"]

_Kind: TypeAlias = Literal["reasoning", "message"]

_DELTAS: Final[Mapping[_Kind, str]] = {
    "reasoning": "response.reasoning_summary_text.delta",
    "message": "response.output_text.delta",
}
_PLACES: Final[Mapping[_Kind, str]] = {
    "reasoning": '"summary_index":0',
    "message": '"content_index":0,"logprobs":[]',
}
_INCOMPLETE: Final[Mapping[FinishReason, str]] = {
    FinishReason.LENGTH: "max_output_tokens",
    FinishReason.CONTENT_FILTER: "content_filter",
}
_DELTA_END: Final = b"}\n\n"


class ResponseEncoder:
    """Encode one answer.

    *identity* distinguishes this answer from others, *now* returns seconds since 1970.
    """

    stream_headers = STREAM_HEADERS
    line_end = FRAME_END
    document_type = JSON_TYPE

    def __init__(
        self, body: ResponseBody, *, identity: str, now: Callable[[], float] = time.time
    ) -> None:
        self._body = body
        self._identity = identity
        self._now = now
        self._response = response_object(body, identity=f"resp_{identity}", created=int(now()))
        self._sequence = 0
        self._items: list[Item] = []
        self._calls = 0
        # The call of which fragments have been sent until it is complete, and its item's place.
        self._open_call = ""
        self._call_index = 0
        # The item of text that is open, if one is, and what each of its deltas begins with.
        self._open: _Kind | None = None
        self._texts: list[str] = []
        self._delta = b""

    def lines(self, events: Sequence[ChatEvent]) -> bytes:
        """Return the events for a batch; the first batch, even an empty one, opens the answer."""
        frames: list[bytes] = []
        if self._sequence == 0:
            frames += self._begin()
        # Once per token, hence neither `match` nor `isinstance`.
        for event in events:
            if type(event) is TextDelta:
                frames += self._write("message", event.text)
            elif type(event) is ThinkingDelta:
                frames += self._write("reasoning", event.text)
            elif type(event) is ToolCallDelta:
                frames += self._write_call(event)
            elif type(event) is ToolCall:
                frames += self._make_call(event)
        if events and isinstance(events[-1], Finish):
            frames += self._end(events[-1])
        return codec.escape_html(b"".join(frames))

    def document(self, answer: Answer) -> bytes:
        """Return the whole answer as one object."""
        if answer.thinking:
            self._items.append(reasoning_item(self._id("rs"), answer.thinking))
        if answer.text or not answer.tool_calls:
            self._items.append(message_item(self._id("msg"), answer.text))
        for call in answer.tool_calls:
            item = self._function_call(call_id(call, self._calls), call.name)
            arguments = codec.encode(call.arguments).decode()
            self._items.append(item | {"status": "completed", "arguments": arguments})
        return encode_line(self._finished(answer.finish))

    def error_line(self, error: GatewayError) -> bytes:
        """Return the two events with which OpenAI reports an error; Ollama has neither."""
        failed = self._response | {
            "status": "failed",
            "output": self._complete_items(),
            "error": {
                "code": error.code
                or ("rate_limit_exceeded" if error.status == 429 else "server_error"),
                "message": error.message,
            },
        }
        frames = (
            self._event("error", {"error": error_fields(error)}),
            self._event("response.failed", {"response": failed}),
        )
        return codec.escape_html(b"".join(frames))

    def _begin(self) -> list[bytes]:
        started = {"response": self._response}
        return [
            self._event("response.created", started),
            self._event("response.in_progress", started),
        ]

    def _write(self, kind: _Kind, text: str) -> list[bytes]:
        """Add a piece of text to the open item, or to a new one if that is of another kind."""
        frames = [] if kind == self._open else [*self._close(), *self._open_item(kind)]
        self._texts.append(text)
        number, self._sequence = self._sequence, self._sequence + 1
        frames += (self._delta, b"%d" % number, b',"delta":', codec.encode(text), _DELTA_END)
        return frames

    def _open_item(self, kind: _Kind) -> list[bytes]:
        self._open = kind
        self._texts = []
        if kind == "reasoning":
            item: Item = {"id": self._id("rs"), "type": "reasoning", "summary": []}
        else:
            item = message_item(self._id("msg"), "") | {"status": "in_progress", "content": []}
        name = _DELTAS[kind]
        self._delta = (
            f'event: {name}\ndata: {{"type":"{name}","item_id":"{item["id"]}",'
            f'"output_index":{len(self._items)},{_PLACES[kind]},"sequence_number":'
        ).encode()
        frames = [self._event("response.output_item.added", {**self._place(), "item": item})]
        if kind == "message":
            part = {"item_id": item["id"], **self._place(), "content_index": 0}
            frames.append(
                self._event("response.content_part.added", {**part, "part": text_part("")})
            )
        return frames

    def _close(self) -> list[bytes]:
        """End the item of text that is open, if one is."""
        kind, self._open = self._open, None
        if kind is None:
            return []
        text = "".join(self._texts)
        if kind == "reasoning":
            item = reasoning_item(self._id("rs"), text)
            place = {"item_id": item["id"], **self._place(), "summary_index": 0}
            ends = [("response.reasoning_summary_text.done", {**place, "text": text})]
        else:
            item = message_item(self._id("msg"), text)
            place = {"item_id": item["id"], **self._place(), "content_index": 0}
            ends = [
                ("response.output_text.done", {**place, "text": text, "logprobs": []}),
                ("response.content_part.done", {**place, "part": text_part(text)}),
            ]
        ends.append(("response.output_item.done", {**self._place(), "item": item}))
        self._items.append(item)
        return [self._event(name, fields) for name, fields in ends]

    def _write_call(self, delta: ToolCallDelta) -> list[bytes]:
        """Add a fragment to the open call, or to a new one."""
        frames: list[bytes] = []
        if delta.id != self._open_call:
            frames += self._close()
            frames += self._open_function_call(delta.id, delta.name)
            self._open_call = delta.id
        frames.append(self._arguments_delta(delta.arguments))
        return frames

    def _make_call(self, call: ToolCall) -> list[bytes]:
        """Return the end of a call; all of it, if none of its fragments have been sent."""
        arguments = codec.encode(call.arguments).decode()
        frames: list[bytes] = []
        if call.id and call.id == self._open_call:
            self._open_call = ""
        else:
            frames += self._close()
            frames += self._open_function_call(call_id(call, self._calls), call.name)
            frames.append(self._arguments_delta(arguments))
        place = {"output_index": self._call_index}
        item = self._items[self._call_index]
        item |= {"status": "completed", "arguments": arguments}
        done = {"item_id": item["id"], **place, "name": item["name"], "arguments": arguments}
        frames += [
            self._event("response.function_call_arguments.done", done),
            self._event("response.output_item.done", {**place, "item": item}),
        ]
        return frames

    def _open_function_call(self, identity: str, name: str) -> list[bytes]:
        item = self._function_call(identity, name)
        place = self._place()
        self._call_index = len(self._items)
        self._items.append(item)
        return [self._event("response.output_item.added", {**place, "item": item})]

    def _arguments_delta(self, arguments: str) -> bytes:
        item = self._items[self._call_index]
        place = {"item_id": item["id"], "output_index": self._call_index}
        return self._event("response.function_call_arguments.delta", {**place, "delta": arguments})

    def _end(self, finish: Finish) -> list[bytes]:
        frames: list[bytes] = []
        if self._open != "message" and all(item["type"] == "reasoning" for item in self._items):
            frames += self._close()
            frames += self._open_item("message")  # an empty answer is still a message
        frames += self._close()
        frames.append(self._event("response.completed", {"response": self._finished(finish)}))
        return frames

    def _function_call(self, identity: str, function: str) -> Item:
        """Return a call that has just begun."""
        name = self._body.names.get(function, ToolName(function))
        item: Item = {
            "id": self._id("fc"),
            "type": "function_call",
            "status": "in_progress",
            "call_id": identity,
            "name": name.name,
            "arguments": "",
        }
        if name.namespace:
            item["namespace"] = name.namespace
        self._calls += 1
        return item

    def _finished(self, finish: Finish) -> dict[str, object]:
        reason = _INCOMPLETE.get(finish.reason)
        if self._open_call:
            reason = reason or _INCOMPLETE[FinishReason.LENGTH]
        return self._response | {
            "status": "completed",
            "completed_at": int(self._now()),
            # Ollama calls an answer that was cut complete; here the reason is reported at least.
            "incomplete_details": {"reason": reason} if reason else None,
            "output": self._complete_items(),
            "usage": response_usage(finish.usage),
        }

    def _complete_items(self) -> list[Item]:
        """Return all items but a call that was cut off, which nobody must make."""
        return [item for item in self._items if item.get("status") != "in_progress"]

    def _event(self, name: str, fields: Mapping[str, object]) -> bytes:
        number, self._sequence = self._sequence, self._sequence + 1
        return encode_event(name, {"sequence_number": number, **fields})

    def _id(self, prefix: str) -> str:
        """Return the id of the item that comes next."""
        return f"{prefix}_{self._identity}_{len(self._items)}"

    def _place(self) -> dict[str, object]:
        return {"output_index": len(self._items)}
