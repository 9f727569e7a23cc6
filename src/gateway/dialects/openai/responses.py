"""Encode events for ``/v1/responses``: server-sent events, or one document.

An answer is a list of items: reasoning, messages and function calls, in the order in which they
come. The shapes and the order of the events are those of Ollama's ``openai/responses.go``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, assert_never

from gateway.core import codec
from gateway.core.errors import GatewayError
from gateway.core.events import (
    Answer,
    ChatEvent,
    Finish,
    FinishReason,
    Keepsake,
    Logprobs,
    TextDelta,
    ThinkingDelta,
    Thought,
    ToolCall,
    ToolCallDelta,
)
from gateway.dialects.call_ids import call_id
from gateway.dialects.documents import JSON_TYPE, encode_line
from gateway.dialects.openai.bodies import ResponseBody
from gateway.dialects.openai.documents import error_fields
from gateway.dialects.openai.objects import Item, response_object, response_usage, text_part
from gateway.dialects.openai.output import NOTHING, Output, TextKind
from gateway.dialects.server_sent_events import COMMENT, FRAME_END, STREAM_HEADERS, encode_event

__all__ = ["ResponseEncoder"]

_DELTAS: Final[Mapping[TextKind, str]] = {
    "reasoning": "response.reasoning_summary_text.delta",
    "message": "response.output_text.delta",
}
_PLACES: Final[Mapping[TextKind, str]] = {
    "reasoning": '"summary_index":0',
    "message": '"content_index":0,"logprobs":[]',
}
_INCOMPLETE: Final[Mapping[FinishReason, str]] = {
    FinishReason.LENGTH: "max_output_tokens",
    FinishReason.CONTENT_FILTER: "content_filter",
}
_CALLS: Final[Mapping[str, tuple[str, str]]] = {
    "function_call": ("response.function_call_arguments", "arguments"),
    "custom_tool_call": ("response.custom_tool_call_input", "input"),
}
"""How the events of each kind of call begin, and the member in which its text is."""
_DELTA_END: Final = b"}\n\n"


class ResponseEncoder:
    """Encode one answer.

    *identity* distinguishes this answer from others, *keep* is given its id and its items once it
    is complete, and *now* returns seconds since 1970.
    """

    stream_headers = STREAM_HEADERS
    line_end = FRAME_END
    still_here = COMMENT
    document_type = JSON_TYPE

    def __init__(
        self,
        body: ResponseBody,
        *,
        identity: str,
        keep: Callable[[str, Sequence[Item]], None] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._body = body
        self._keep = keep
        self._now = now
        self._response = response_object(
            body,
            identity=f"resp_{identity}",
            created=int(now()),
            is_stored=keep is not None,
        )
        self._sequence = 0
        self._output = Output(identity, body.tools.custom)
        # The call of which fragments have been sent until it is complete, and its item's place.
        self._open_call = ""
        self._call_index = 0
        # The item of text that is open, if one is, and what each of its deltas begins with.
        self._open: TextKind | None = None
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
            elif type(event) is Thought:
                frames += self._end_thinking(event.keepsake)
            elif type(event) is ToolCallDelta:
                frames += self._write_call(event)
            elif type(event) is ToolCall:
                frames += self._make_call(event)
            elif type(event) is not Logprobs and type(event) is not Finish:
                assert_never(event)
        if events and isinstance(events[-1], Finish):
            frames += self._end(events[-1])
        return codec.escape_html(b"".join(frames))

    def document(self, answer: Answer) -> bytes:
        """Return the whole answer as one object."""
        last = len(answer.parts) - 1
        for place, part in enumerate(answer.parts):
            if isinstance(part, str):
                is_cut = place == last and self._is_cut(answer.finish)
                self._output.add_message(part, is_cut=is_cut)
            elif isinstance(part, ToolCall):
                index = self._output.begin_call(call_id(part, self._output.calls), part.name)
                self._output.complete_call(index, part.arguments)
            else:
                self._output.add_reasoning(part.text, part.keepsake)
        if self._output.is_only_thinking:  # an empty answer is still a message
            self._output.add_message("", is_cut=self._is_cut(answer.finish))
        return encode_line(self._finished(answer.finish))

    def error_line(self, error: GatewayError) -> bytes:
        """Return the two events with which OpenAI reports an error; Ollama has neither."""
        failed = self._response | {
            "status": "failed",
            "output": self._output.complete_items(),
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

    def _write(self, kind: TextKind, text: str) -> list[bytes]:
        """Add a piece of text to the open item, or to a new one if that is of another kind."""
        frames = [] if kind == self._open else [*self._close(), *self._open_item(kind)]
        self._texts.append(text)
        number, self._sequence = self._sequence, self._sequence + 1
        frames += (self._delta, b"%d" % number, b',"delta":', codec.encode(text), _DELTA_END)
        return frames

    def _open_item(self, kind: TextKind) -> list[bytes]:
        self._open = kind
        self._texts = []
        item, index = self._output.begun_text(kind), len(self._output.items)
        place = {"output_index": index}
        name = _DELTAS[kind]
        self._delta = (
            f'event: {name}\ndata: {{"type":"{name}","item_id":"{item["id"]}",'
            f'"output_index":{index},{_PLACES[kind]},"sequence_number":'
        ).encode()
        frames = [self._event("response.output_item.added", {**place, "item": item})]
        if kind == "message":
            part = {"item_id": item["id"], **place, "content_index": 0}
            frames.append(
                self._event("response.content_part.added", {**part, "part": text_part("")})
            )
        return frames

    def _end_thinking(self, keepsake: Keepsake) -> list[bytes]:
        """End the thinking that is open, or tell of thinking that has no text to show."""
        is_open = self._open == "reasoning"
        begin = [] if is_open else [*self._close(), *self._open_item("reasoning")]
        return begin + self._close(keepsake=keepsake)

    def _close(self, finish: Finish | None = None, keepsake: Keepsake = NOTHING) -> list[bytes]:
        """End the item of text that is open, if one is; *finish* if the answer ends with it.

        *keepsake* is what its service wants back with thinking.
        """
        kind, self._open = self._open, None
        if kind is None:
            return []
        text, place = "".join(self._texts), {"output_index": len(self._output.items)}
        if kind == "reasoning":
            item = self._output.add_reasoning(text, keepsake)
            part = {"item_id": item["id"], **place, "summary_index": 0}
            ends = [("response.reasoning_summary_text.done", {**part, "text": text})]
        else:
            item = self._output.add_message(
                text, is_cut=finish is not None and self._is_cut(finish)
            )
            part = {"item_id": item["id"], **place, "content_index": 0}
            ends = [
                ("response.output_text.done", {**part, "text": text, "logprobs": []}),
                ("response.content_part.done", {**part, "part": text_part(text)}),
            ]
        ends.append(("response.output_item.done", {**place, "item": item}))
        return [self._event(name, fields) for name, fields in ends]

    def _write_call(self, delta: ToolCallDelta) -> list[bytes]:
        """Add a fragment to the open call, or to a new one."""
        if delta.name in self._body.tools.custom:
            self._open_call = delta.id  # its input is no JSON, so it is sent whole
            return []
        frames: list[bytes] = []
        if delta.id != self._open_call:
            frames += self._close()
            frames += self._open_tool_call(delta.id, delta.name)
            self._open_call = delta.id
        frames.append(self._call_delta(delta.arguments))
        return frames

    def _make_call(self, call: ToolCall) -> list[bytes]:
        """Return the end of a call; all of it, if none of its fragments have been sent."""
        frames: list[bytes] = []
        was_open = bool(call.id) and call.id == self._open_call
        if was_open:
            self._open_call = ""
        is_begun = was_open and call.name not in self._body.tools.custom
        if not is_begun:
            frames += self._close()
            frames += self._open_tool_call(call_id(call, self._output.calls), call.name)
        item = self._output.complete_call(self._call_index, call.arguments)
        event, member = _CALLS[str(item["type"])]
        if not is_begun:
            frames.append(self._call_delta(str(item[member])))
        place = {"output_index": self._call_index}
        named = {"name": item["name"]} if member == "arguments" else {}
        done = {"item_id": item["id"], **place, **named, member: item[member]}
        frames += [
            self._event(f"{event}.done", done),
            self._event("response.output_item.done", {**place, "item": item}),
        ]
        return frames

    def _open_tool_call(self, identity: str, name: str) -> list[bytes]:
        index = self._call_index = self._output.begin_call(identity, name)
        added = {"output_index": index, "item": self._output.items[index]}
        return [self._event("response.output_item.added", added)]

    def _call_delta(self, text: str) -> bytes:
        item = self._output.items[self._call_index]
        event, _ = _CALLS[str(item["type"])]
        place = {"item_id": item["id"], "output_index": self._call_index}
        return self._event(f"{event}.delta", {**place, "delta": text})

    def _end(self, finish: Finish) -> list[bytes]:
        frames: list[bytes] = []
        if self._open != "message" and self._output.is_only_thinking:
            frames += self._close()
            frames += self._open_item("message")  # an empty answer is still a message
        frames += self._close(finish)
        response = self._finished(finish)
        frames.append(self._event(f"response.{response['status']}", {"response": response}))
        return frames

    def _cut(self, finish: Finish) -> str | None:
        """Return why the answer is incomplete, None if it is not."""
        reason = _INCOMPLETE.get(finish.reason)
        return reason or (_INCOMPLETE[FinishReason.LENGTH] if self._open_call else None)

    def _is_cut(self, finish: Finish | None) -> bool:
        return finish is not None and self._cut(finish) is not None

    def _finished(self, finish: Finish) -> dict[str, object]:
        items, reason = self._output.complete_items(), self._cut(finish)
        if self._keep is not None:
            self._keep(str(self._response["id"]), items)
        return self._response | {
            "status": "incomplete" if reason else "completed",
            "completed_at": None if reason else int(self._now()),
            "incomplete_details": {"reason": reason} if reason else None,
            "output": items,
            "usage": response_usage(finish.usage),
        }

    def _event(self, name: str, fields: Mapping[str, object]) -> bytes:
        number, self._sequence = self._sequence, self._sequence + 1
        return encode_event(name, {"sequence_number": number, **fields})
