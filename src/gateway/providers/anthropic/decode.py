"""Decode the events of Anthropic's messages API (docs, "streaming messages").

An answer is a sequence of blocks, each of text, of thinking or of a call whose arguments come as
fragments of JSON. What ends it is named by ``message_delta``; ``message_stop`` follows. Services
that imitate the API may leave out the types of events, or send ``[DONE]`` as OpenAI does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from gateway.core.events import ChatEvent, Keepsake, TextDelta, ThinkingDelta, Thought, Usage
from gateway.providers.answer_decoder import ChunkDecoder, Keep
from gateway.providers.anthropic.errors import payload_error
from gateway.providers.anthropic.native import DIALECT
from gateway.providers.json_values import fields_of, json_of, text_of

__all__ = ["MessageDecoder"]

_CACHED: Final = ("cache_creation_input_tokens", "cache_read_input_tokens")


# Most members are Any: one of an unexpected type is then passed over and costs no answer.
class _Part(msgspec.Struct, gc=False):
    """A block at its start, a delta of one, or the delta of the whole message."""

    type: Any = None
    text: Any = None
    thinking: Any = None
    signature: Any = None
    data: Any = None
    partial_json: Any = None
    id: Any = None
    name: Any = None
    input: Any = None
    stop_reason: Any = None
    stop_sequence: Any = None


class _Event(msgspec.Struct, gc=False):
    type: Any = None
    index: Any = 0
    delta: _Part | None = None
    content_block: _Part | None = None
    message: Any = None
    usage: Any = None
    # What stands in a whole message, which a proxy may send instead of a stream.
    id: Any = None
    content: list[_Part] | None = None
    stop_reason: Any = None
    stop_sequence: Any = None
    error: Any = None


_DONE = b"[DONE]"
"""What ends streams of OpenAI's dialect, and of some servers that speak this one."""

_read_event = msgspec.json.Decoder(_Event).decode


class _Thought:
    """A block of thinking, as the service wants it back: signed, or encrypted."""

    __slots__ = ("data", "signatures", "texts")

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.signatures: list[str] = []
        self.data: list[str] = []

    def add(self, part: _Part) -> None:
        """Take the start of the block, or a part of it."""
        self.texts.append(text_of(part.thinking))
        self.signatures.append(text_of(part.signature))
        self.data.append(text_of(part.data))

    def blocks(self) -> list[dict[str, object]]:
        """Return the block; none if it was never signed."""
        if data := "".join(self.data):
            return [{"type": "redacted_thinking", "data": data}]
        signature = "".join(self.signatures)
        if not signature:
            return []
        thinking = "".join(self.texts)
        return [{"type": "thinking", "thinking": thinking, "signature": signature}]


class MessageDecoder(ChunkDecoder):
    """Decode one answer of ``POST /v1/messages``, streamed or whole.

    Thinking that comes although *think* is false is dropped.
    """

    __slots__ = ("_blocks", "_counts", "_message_id", "_stop_sequence", "_thought")

    def __init__(self, provider: str, *, think: bool = True, keep: Keep | None = None) -> None:
        super().__init__(provider, think=think, keep=keep)
        self._blocks: list[dict[str, object]] = []
        """The blocks of thinking that have ended, as the service wants them back."""
        self._thought: _Thought | None = None
        """The block of thinking that is open, if one is."""
        self._message_id = ""
        self._counts: dict[str, int] = {}
        self._stop_sequence = ""

    def feed(self, batch: Sequence[bytes]) -> list[ChatEvent]:
        """Return the events of data that arrived together."""
        events: list[ChatEvent] = []
        for data in batch:
            if self._is_over:
                break
            try:
                event = _read_event(data)
            except (ValueError, RecursionError) as error:
                if data.strip() == _DONE:
                    # Without a reason so far, more may follow; the end of the body tells.
                    is_over = self._reason is not None or self._calls.has_any
                    events += self._end_marked() if is_over else []
                else:
                    events += self._fail_unreadable("an event", cause=error)
            else:
                self._take(events, event, data)
        return events

    def _take(self, events: list[ChatEvent], event: _Event, data: bytes) -> None:
        match event.type or _kind_of(event):
            case "content_block_delta" if event.delta is not None:
                self._take_part(events, event.delta, event.index)
            case "content_block_stop":
                events += self._end_thought()
            case "content_block_start" if event.content_block is not None:
                events += self._end_thought()
                self._take_part(events, event.content_block, event.index)
            case "message_start":
                message = fields_of(event.message)
                self._message_id = str(message.get("id", ""))
                self._count(message.get("usage"))
            case "message_delta":
                self._count(event.usage)
                events += self._stop(event.delta)
            case "message_stop":
                events += self._end_marked()
            case "message":
                self._take_whole(events, event)
            case "error":
                events += self._fail(payload_error(json_of(data), self._provider))
            case _:
                pass  # pings, and what is yet to be invented

    def _take_whole(self, events: list[ChatEvent], event: _Event) -> None:
        self._message_id = str(event.id)
        for index, block in enumerate(event.content or ()):
            self._take_part(events, block, index)
            events += self._end_thought()
        self._count(event.usage)
        events += self._stop(event)

    def _take_part(self, events: list[ChatEvent], part: _Part, index: object) -> None:
        match part.type:
            case "text" | "text_delta":
                if isinstance(part.text, str) and part.text:
                    events.append(TextDelta(part.text))
            case "thinking" | "thinking_delta" | "signature_delta" | "redacted_thinking":
                self._thought = self._thought or _Thought()
                self._thought.add(part)
                if isinstance(part.thinking, str) and part.thinking and self._think:
                    events.append(ThinkingDelta(part.thinking))
            case "tool_use":
                # Empty here, the arguments follow; all here, nothing follows.
                function = {"name": part.name, "arguments": part.input or ""}
                call = {"id": part.id, "index": index, "function": function}
                events += self._calls.feed([call], self._message_id)
            case "input_json_delta":
                fragment = {"index": index, "function": {"arguments": part.partial_json}}
                events += self._calls.feed([fragment], self._message_id)
            case _:
                pass  # citations, and tools that run at the service

    def _end_thought(self) -> list[ChatEvent]:
        """Return the event for the end of the block of thinking, if one is open and to be kept."""
        thought, self._thought = self._thought, None
        blocks = [] if thought is None else thought.blocks()
        self._blocks += blocks
        return [Thought({DIALECT: {"blocks": blocks}})] if blocks and self._think else []

    def _keepsake(self) -> Keepsake:
        return {DIALECT: {"blocks": self._blocks}} if self._blocks else {}

    def _stop(self, end: _Part | _Event | None) -> list[ChatEvent]:
        if end is None or self._reason is not None:
            return []
        if isinstance(end.stop_sequence, str):
            self._stop_sequence = end.stop_sequence
        return self._end_thought() + self._take_reason(end.stop_reason)

    def _native(self) -> Mapping[str, Mapping[str, object]] | None:
        """Return what only clients of this dialect are told: stop sequence, and kinds of tokens."""
        members: dict[str, object] = {}
        if self._stop_sequence:
            members["stop_sequence"] = self._stop_sequence
        if counts := {name: self._counts[name] for name in _CACHED if name in self._counts}:
            members["usage"] = counts
        return {DIALECT: members} if members else None

    def _count(self, usage: object) -> None:
        """Add token counts, which come in parts; later ones replace earlier ones of their name."""
        counts = {name: n for name, n in fields_of(usage).items() if isinstance(n, int)}
        if not counts:
            return
        self._counts |= counts
        get = self._counts.get
        cached = get("cache_read_input_tokens", 0)
        fresh = get("input_tokens", 0) + get("cache_creation_input_tokens", 0)
        self._usage = Usage(fresh + cached, get("output_tokens", 0), cached)


def _kind_of(event: _Event) -> str:
    """Return the type of an event that does not name it, as some servers send."""
    if event.error is not None:
        return "error"
    if event.message is not None:
        return "message_start"
    if event.content is not None:
        return "message"
    if event.content_block is not None:
        return "content_block_start"
    if event.delta is not None:
        return "content_block_delta" if event.delta.type is not None else "message_delta"
    return ""
