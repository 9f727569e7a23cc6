"""Decode answers of the Converse API (API reference, "ConverseStream", "Converse").

A streamed answer consists of frames, each with its kind in a header and JSON as its payload. The
reason comes in ``messageStop``, the token counts in ``metadata`` behind it. An answer that comes
whole is one document.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from gateway.providers import (
    ChatEvent,
    ChunkDecoder,
    FinishReason,
    Frame,
    Keep,
    Keepsake,
    TextDelta,
    ThinkingDelta,
    Thought,
    UpstreamError,
    Usage,
    count_of,
    fields_of,
    json_of,
    text_of,
)

from gateway_bedrock.errors import exception_error
from gateway_bedrock.reasoning import DIALECT, Reasoning

__all__ = ["ConverseDecoder"]

_FILTERED = frozenset({"guardrail_intervened", "content_filtered"})
_FAILED = frozenset({"malformed_model_output", "malformed_tool_use"})
_CACHED = {
    "cacheReadInputTokens": "cache_read_input_tokens",
    "cacheWriteInputTokens": "cache_creation_input_tokens",
}
"""Counts of cached tokens, and their names for clients of Anthropic's dialect."""


# Most members are Any: one of an unexpected type is then passed over and costs no answer.
class _Delta(msgspec.Struct, rename="camel", gc=False):
    text: Any = None
    tool_use: Any = None
    reasoning_content: Any = None


class _Event(msgspec.Struct, rename="camel", gc=False):
    """The payload of a frame, of whatever kind, or a whole answer."""

    content_block_index: Any = 0
    delta: _Delta | None = None
    start: Any = None
    stop_reason: Any = None
    usage: Any = None
    output: Any = None


_read_event = msgspec.json.Decoder(_Event).decode


class ConverseDecoder(ChunkDecoder):
    """Decode one answer, streamed or whole.

    Thinking that comes although *think* is false is dropped. *answer_id* is what ids of calls are
    made of that the service gives none; it is to be another for each answer.
    """

    __slots__ = ("_answer_id", "_blocks", "_counts", "_reasoning")

    def __init__(
        self, provider: str, *, answer_id: str, think: bool = True, keep: Keep | None = None
    ) -> None:
        super().__init__(provider, think=think, keep=keep)
        self._answer_id = answer_id
        self._blocks: list[object] = []
        """The thinking that the service wants back."""
        self._reasoning: Reasoning | None = None
        """The block of thinking that is open, if one is."""
        self._counts: Mapping[str, object] = {}

    def feed(self, batch: Sequence[bytes]) -> list[ChatEvent]:
        """Return the events of data that arrived together."""
        events: list[ChatEvent] = []
        for data in batch:
            if self._is_over:
                break
            kind = _kind_of(data)
            if kind.startswith("!"):
                error = exception_error(kind[1:], _payload(data), self._provider)
                return events + self._fail(error)
            try:
                event = _read_event(data)
            except (ValueError, RecursionError) as error:
                events += self._fail_unreadable("an event", cause=error)
            else:
                self._take(events, kind, event)
        return events

    def _take(self, events: list[ChatEvent], kind: str, event: _Event) -> None:
        match kind:
            case "contentBlockDelta" if event.delta is not None:
                self._take_delta(events, event.delta, event.content_block_index)
            case "contentBlockStart":
                events += self._end_thought()
                call = fields_of(fields_of(event.start).get("toolUse"))
                if call:
                    self._take_call(events, call, event.content_block_index, "")
            case "contentBlockStop":
                events += self._end_thought()
            case "messageStop":
                events += self._stop(event.stop_reason)
            case "metadata":
                self._count(event.usage)
                if self._reason is not None:
                    events += self.end()
            case "":
                self._take_whole(events, event)
            case _:
                pass  # messageStart, and what is yet to be invented

    def _take_delta(self, events: list[ChatEvent], delta: _Delta, index: object) -> None:
        if delta.text and isinstance(delta.text, str):
            if self._reasoning is not None:
                events += self._end_thought()
            events.append(TextDelta(delta.text))
        elif isinstance(delta.reasoning_content, dict):
            part = delta.reasoning_content
            self._think_on(
                events,
                text=part.get("text"),
                signature=part.get("signature"),
                encrypted=part.get("redactedContent"),
            )
        elif isinstance(delta.tool_use, dict):
            fragment = {"index": index, "function": {"arguments": delta.tool_use.get("input")}}
            events += self._calls.feed([fragment], self._answer_id)

    def _think_on(self, events: list[ChatEvent], **parts: object) -> None:
        self._reasoning = self._reasoning or Reasoning()
        text = self._reasoning.add(**parts)
        if text and self._think:
            events.append(ThinkingDelta(text))

    def _take_call(
        self, events: list[ChatEvent], call: Mapping[str, object], index: object, arguments: object
    ) -> None:
        function = {"name": call.get("name"), "arguments": arguments}
        element = {"id": call.get("toolUseId"), "index": index, "function": function}
        events += self._calls.feed([element], self._answer_id)

    def _take_whole(self, events: list[ChatEvent], event: _Event) -> None:
        content = fields_of(fields_of(event.output).get("message")).get("content")
        for index, block in enumerate(map(fields_of, content if isinstance(content, list) else ())):
            reasoning = fields_of(block.get("reasoningContent"))
            if text := text_of(block.get("text")):
                events.append(TextDelta(text))
            elif reasoning:
                said = fields_of(reasoning.get("reasoningText"))
                self._think_on(
                    events,
                    text=said.get("text"),
                    signature=said.get("signature"),
                    encrypted=reasoning.get("redactedContent"),
                )
                events += self._end_thought()
            elif call := fields_of(block.get("toolUse")):
                self._take_call(events, call, index, call.get("input") or {})
        self._count(event.usage)
        events += self._stop(event.stop_reason)

    def _stop(self, word: object) -> list[ChatEvent]:
        events = self._end_thought()
        if word in _FAILED:
            text = f"{self._provider} broke off the answer: {word}"
            return events + self._fail(UpstreamError(text, provider=self._provider))
        if word in _FILTERED:
            return events + self._conclude(FinishReason.CONTENT_FILTER)
        return events + self._take_reason(word)

    def _end_thought(self) -> list[ChatEvent]:
        """Return the event for the end of the block of thinking, if one is open and to be kept."""
        reasoning, self._reasoning = self._reasoning, None
        keepsake: Keepsake = {} if reasoning is None else reasoning.keepsake()
        if not keepsake:
            return []
        blocks = keepsake[DIALECT]["blocks"]
        self._blocks += blocks if isinstance(blocks, list) else []
        return [Thought(keepsake)] if self._think else []

    def _keepsake(self) -> Keepsake:
        return {DIALECT: {"blocks": self._blocks}} if self._blocks else {}

    def _native(self) -> Mapping[str, Mapping[str, object]] | None:
        """Return the kinds of cached tokens, which clients of Anthropic's dialect are told."""
        counts = {name: self._counts[own] for own, name in _CACHED.items() if own in self._counts}
        return {DIALECT: {"usage": counts}} if counts else None

    def _count(self, usage: object) -> None:
        counts = {name: count_of(value) for name, value in fields_of(usage).items()}
        if not counts:
            return
        self._counts = counts
        cached = counts.get("cacheReadInputTokens", 0)
        fresh = counts.get("inputTokens", 0) + counts.get("cacheWriteInputTokens", 0)
        self._usage = Usage(fresh + cached, counts.get("outputTokens", 0), cached)


def _kind_of(data: bytes) -> str:
    """Return the kind of event that a frame has, behind a "!" that of an exception; empty for none.

    What is no frame is an answer that came whole.
    """
    if not isinstance(data, Frame):
        return ""
    headers = data.headers
    match headers.get(":message-type"):
        case "exception":
            return f"!{headers.get(':exception-type', 'exception')}"
        case "error":
            return f"!{headers.get(':error-code', 'error')}"
    return headers.get(":event-type", "?")


def _payload(frame: bytes) -> object:
    """Return what an exception says; an error says it in a header."""
    said = frame.headers.get(":error-message") if isinstance(frame, Frame) else None
    return json_of(frame) if said is None else {"message": said}
