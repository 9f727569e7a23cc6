"""Decode chunks of OpenAI's API (API reference, "the chat completion chunk object").

One decoder reads one answer of ``/chat/completions`` or ``/completions``, streamed or whole. The
servers behind this dialect differ in what they add: the reasoning of a model comes as
``reasoning_content`` (DeepSeek, llama.cpp, older vLLM), ``reasoning`` (vLLM) or
``reasoning_details`` (OpenRouter), token counts with every chunk, with the last one, after it or
not at all, and errors as a chunk.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from gateway.core.errors import GatewayError
from gateway.core.events import ChatEvent, Keepsake, TextDelta, ThinkingDelta, Thought, Usage
from gateway.providers.answer_decoder import ChunkDecoder, Keep
from gateway.providers.error_bodies import event_payload, is_error
from gateway.providers.json_values import count_of, fields_of, json_of
from gateway.providers.openai import errors
from gateway.providers.openai.tags import TagReader
from gateway.providers.upstream.framing import ErrorEvent

__all__ = ["ChatDecoder"]

_MOST_MISSES = 8
"""So often is a chunk in vain read as text alone, which costs twice what it saves."""


# Most members are Any: one of an unexpected type is then passed over and costs no answer.
class _Delta(msgspec.Struct, gc=False):
    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    reasoning_details: Any = None
    refusal: Any = None
    tool_calls: Any = None


class _Choice(msgspec.Struct, gc=False):
    delta: _Delta | None = None
    message: _Delta | None = None
    text: Any = None
    index: Any = 0
    finish_reason: Any = None
    usage: Any = None


class _Chunk(msgspec.Struct, gc=False):
    id: Any = None
    choices: list[_Choice] | None = None
    usage: Any = None
    x_groq: Any = None
    error: Any = None


_read_chunk = msgspec.json.Decoder(_Chunk).decode


class _PlainDelta(msgspec.Struct, gc=False):
    content: str
    tool_calls: None = None
    refusal: None = None
    reasoning: None = None
    reasoning_content: None = None
    reasoning_details: None = None


class _PlainChoice(msgspec.Struct, gc=False):
    delta: _PlainDelta
    index: Literal[0] = 0
    finish_reason: None = None
    usage: None = None


class _PlainChunk(msgspec.Struct, gc=False):
    choices: tuple[_PlainChoice]
    usage: None = None
    error: None = None


# For a chunk with nothing but a fragment of text, as nearly all have: types check faster than
# code does. Any other chunk raises what the careful reader raises for bad ones.
_read_plain_chunk = msgspec.json.Decoder(_PlainChunk).decode


class ChatDecoder(ChunkDecoder):
    """Decode one answer of ``/chat/completions`` or ``/completions``, streamed or whole.

    Thinking that comes although *think* is false is dropped. *tags* takes a ``<think>`` at the
    beginning of the text for thinking. *key_variable* is that of the provider, for errors.
    """

    __slots__ = (
        "_details",
        "_is_plain",
        "_key_variable",
        "_misses",
        "_reasoning",
        "_sent_details",
        "_tags",
    )

    def __init__(
        self,
        provider: str,
        *,
        think: bool = True,
        keep: Keep | None = None,
        tags: bool = False,
        key_variable: str = "",
    ) -> None:
        super().__init__(provider, think=think, keep=keep)
        self._tags = TagReader() if tags else None
        self._key_variable = key_variable
        self._reasoning: list[str] = []
        self._details: list[object] = []
        self._sent_details = 0
        """The number of details for which there was an event."""
        self._is_plain = not tags
        self._misses = 0

    def feed(self, batch: Sequence[bytes]) -> list[ChatEvent]:
        """Return the events of data that arrived together."""
        events: list[ChatEvent] = []
        for data in batch:
            if self._is_over:
                break
            if type(data) is ErrorEvent:
                events += self._fail(self._error(event_payload(data)))
                break
            if self._is_plain:
                try:
                    text = _read_plain_chunk(data).choices[0].delta.content
                except (ValueError, RecursionError):
                    self._is_plain = False
                    self._misses += 1
                else:
                    if text:
                        events.append(TextDelta(text))
                    continue
            if data.strip() == b"[DONE]":
                events += self._end_marked()
            else:
                self._read(events, data)
        return events

    def _read(self, events: list[ChatEvent], data: bytes) -> None:
        try:
            chunk = _read_chunk(data)
        except (ValueError, RecursionError) as error:
            events += self._fail_unreadable("an event", cause=error)
            return
        if chunk.error is not None or (chunk.choices is None and is_error(json_of(data))):
            events += self._fail(self._error(json_of(data)))
            return
        if self._reason is None:
            # One choice was asked for; its index may be missing or anything.
            for choice in chunk.choices or ():
                if choice.index == 0 or not isinstance(choice.index, int):
                    self._take(events, choice, chunk)
        usage = _usage_of(chunk)
        if usage is not None:
            self._usage = usage
            if self._reason is not None and not self._is_over:
                events += self.end()

    def _take(self, events: list[ChatEvent], choice: _Choice, chunk: _Chunk) -> None:
        delta = choice.delta or choice.message or _Delta(content=choice.text)
        thought = _text(delta.reasoning_content)
        if thought:
            self._reasoning.append(thought)
        thought = thought or _text(delta.reasoning)
        if isinstance(delta.reasoning_details, list):
            self._details += delta.reasoning_details
            thought = thought or _details(delta.reasoning_details)
        if thought and self._think:
            events.append(ThinkingDelta(thought))
        # A model's refusal comes in a member of its own and is the answer.
        text = _text(delta.content) + _text(delta.refusal)
        if text:
            events += self._end_thought()
        if text and self._tags is not None:
            events += self._untagged(self._tags.feed(text))
            if self._tags.is_over:
                self._tags = None
        elif text:
            events.append(TextDelta(text))
            # More of the same is the likeliest to follow, but some servers add to each chunk.
            self._is_plain = self._reason is None and self._misses < _MOST_MISSES
        if delta.tool_calls:  # some servers send an empty list with each delta
            events += self._flush()
            events += self._calls.feed(delta.tool_calls, _text(chunk.id))
        if choice.finish_reason is not None:
            self._is_plain = False
            events += self._take_reason(choice.finish_reason)

    def _end_thought(self) -> list[ChatEvent]:
        """Return the event for the details that have come, if there are new ones."""
        details, self._sent_details = self._details[self._sent_details :], len(self._details)
        is_shown = bool(details) and self._think
        return [Thought({"openai": {"reasoning_details": details}})] if is_shown else []

    def _flush(self) -> list[ChatEvent]:
        """Return the end of the thinking, and text that may have been the beginning of a tag."""
        tags, self._tags = self._tags, None
        held = [] if tags is None else self._untagged(tags.end())
        return self._end_thought() + held

    def _untagged(self, events: list[ChatEvent]) -> list[ChatEvent]:
        """Return what tags have told apart, without thinking that nobody wants."""
        self._reasoning += [event.text for event in events if type(event) is ThinkingDelta]
        return [event for event in events if self._think or type(event) is not ThinkingDelta]

    def _error(self, payload: object) -> GatewayError:
        return errors.payload_error(payload, self._provider, key_variable=self._key_variable)

    def _keepsake(self) -> Keepsake:
        # Details hold the thinking as well, with its signatures.
        if self._details:
            return {"openai": {"reasoning_details": self._details}}
        if self._reasoning:
            return {"openai": {"reasoning_content": "".join(self._reasoning)}}
        return {}


def _text(value: object) -> str:
    """Return a text, or the texts of a list of parts."""
    if isinstance(value, list):
        return "".join([_text(part.get("text")) for part in value if isinstance(part, dict)])
    return value if isinstance(value, str) else ""


def _details(value: list[object]) -> str:
    """Return the thinking in a list of details: its text, or a summary of it (OpenRouter)."""
    details = map(fields_of, value)
    return "".join([_text(one.get("text")) or _text(one.get("summary")) for one in details])


def _usage_of(chunk: _Chunk) -> Usage | None:
    """Return the token counts of a chunk, from the first place that has some."""
    usage = _usage(chunk.usage) or _usage(fields_of(chunk.x_groq).get("usage"))  # Groq
    if usage is None and chunk.choices:
        usage = _usage(chunk.choices[0].usage)  # Moonshot
    return usage


def _usage(value: object) -> Usage | None:
    if not isinstance(value, dict):
        return None
    details = value.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    if cached is None:
        cached = value.get("prompt_cache_hit_tokens")  # DeepSeek
    sent, answered = value.get("prompt_tokens"), value.get("completion_tokens")
    return Usage(count_of(sent), count_of(answered), count_of(cached))
