"""Chunks of OpenAI's dialect to events (API reference, "the chat completion chunk object").

One decoder reads one answer of ``/chat/completions`` or ``/completions``, streamed or whole. The
servers behind this dialect differ in what they add: the reasoning of a model comes as
``reasoning_content`` (DeepSeek, llama.cpp, older vLLM) or ``reasoning`` (OpenRouter, vLLM), token
counts with every chunk, with the last one, after it or not at all, and errors as a chunk.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from gateway.core.embeddings import EmbedResult
from gateway.core.errors import GatewayError, UpstreamProtocolError
from gateway.core.events import ChatEvent, Finish, FinishReason, TextDelta, ThinkingDelta, Usage
from gateway.providers.error_bodies import is_error, json_of
from gateway.providers.openai import errors
from gateway.providers.tool_calls import CallAssembler
from gateway.providers.upstream.framing import ErrorEvent

__all__ = ["ChatDecoder", "read_embeddings"]

_REASONS = {
    "length": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOL_CALLS,
    "function_call": FinishReason.TOOL_CALLS,
    "content_filter": FinishReason.CONTENT_FILTER,
}
_CUT_SHORT = frozenset({FinishReason.LENGTH, FinishReason.CONTENT_FILTER})

_MOST_MISSES = 8
"""So often is a chunk in vain read as text alone, which costs twice what it saves."""


# Most members are Any: one of an unexpected type is then passed over and costs no answer.
class _Delta(msgspec.Struct, gc=False):
    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    refusal: Any = None
    tool_calls: Any = None


class _Choice(msgspec.Struct, gc=False):
    delta: _Delta | None = None
    message: _Delta | None = None
    text: Any = None
    index: Any = 0
    finish_reason: Any = None


class _Chunk(msgspec.Struct, gc=False):
    id: Any = None
    choices: list[_Choice] | None = None
    usage: Any = None
    error: Any = None


_read_chunk = msgspec.json.Decoder(_Chunk).decode


class _PlainDelta(msgspec.Struct, gc=False):
    content: str
    tool_calls: None = None
    refusal: None = None
    reasoning: None = None
    reasoning_content: None = None


class _PlainChoice(msgspec.Struct, gc=False):
    delta: _PlainDelta
    index: Literal[0] = 0
    finish_reason: None = None


class _PlainChunk(msgspec.Struct, gc=False):
    choices: tuple[_PlainChoice]
    usage: None = None
    error: None = None


# For a chunk that says nothing but a fragment of text, as nearly all do: types check faster than
# code does. Any other chunk raises what the careful reader raises for bad ones.
_read_plain_chunk = msgspec.json.Decoder(_PlainChunk).decode


class ChatDecoder:
    """Read one answer of the provider that the settings call *provider*.

    Thinking that comes although *think* is false is dropped. See
    `gateway.providers.upstream.decoding` for the rest of the contract.
    """

    cut = False

    def __init__(self, provider: str, *, think: bool = True) -> None:
        self._provider = provider
        self._think = think
        self._calls = CallAssembler(provider)
        self._reason: FinishReason | None = None
        self._usage: Usage | None = None
        self._is_plain = True
        self._misses = 0
        self.closing = False
        self.finished = False
        self.failure: GatewayError | None = None

    def feed(self, batch: Sequence[bytes]) -> list[ChatEvent]:
        """Return the events of data that arrived together."""
        events: list[ChatEvent] = []
        for data in batch:
            if self.finished or self.failure is not None:
                break
            if type(data) is ErrorEvent:
                self.failure = errors.event_error(data, self._provider)
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
                events += self.end()
            else:
                self._read(events, data)
        return events

    def end(self) -> list[ChatEvent]:
        """Return what waited for the end of the body."""
        if self.finished or self.failure is not None:
            return []
        if self._reason is None:
            self.failure = self._unreadable("stream ended unexpectedly")
            return []
        self.finished = True
        self.closing = False
        return [Finish(self._reason, self._usage)]

    def _read(self, events: list[ChatEvent], data: bytes) -> None:
        try:
            chunk = _read_chunk(data)
        except (ValueError, RecursionError) as error:
            self.failure = self._unreadable(f"{self._provider} sent an event that cannot be read")
            self.failure.__cause__ = error
            return
        if chunk.error is not None or (chunk.choices is None and is_error(json_of(data))):
            self.failure = errors.payload_error(json_of(data), self._provider)
            return
        if self._reason is None:
            # One choice was asked for; its index may be missing or anything.
            for choice in chunk.choices or ():
                if choice.index == 0 or not isinstance(choice.index, int):
                    self._take(events, choice, chunk)
        usage = _usage(chunk.usage)
        if usage is not None:
            self._usage = usage
            if self._reason is not None and self.failure is None:
                events += self.end()

    def _take(self, events: list[ChatEvent], choice: _Choice, chunk: _Chunk) -> None:
        delta = choice.delta or choice.message or _Delta(content=choice.text)
        thought = _text(delta.reasoning_content) or _text(delta.reasoning)
        if thought and self._think:
            events.append(ThinkingDelta(thought))
        # The words of a refusal come in a member of their own and are the answer.
        text = _text(delta.content) + _text(delta.refusal)
        if text:
            events.append(TextDelta(text))
            # More of the same is the likeliest to follow, but some servers add to each chunk.
            self._is_plain = self._reason is None and self._misses < _MOST_MISSES
        if delta.tool_calls is not None:
            events += self._calls.feed(delta.tool_calls, _text(chunk.id))
        if isinstance(choice.finish_reason, str) and choice.finish_reason:
            self._conclude(events, _REASONS.get(choice.finish_reason, FinishReason.STOP))

    def _conclude(self, events: list[ChatEvent], reason: FinishReason) -> None:
        try:
            cut = reason in _CUT_SHORT
            events += self._calls.rescue() if cut else self._calls.finish()
        except UpstreamProtocolError as error:
            self.failure = error
        else:
            self._reason = reason
            self._is_plain = False
            self.closing = True

    def _unreadable(self, text: str) -> UpstreamProtocolError:
        return UpstreamProtocolError(text, provider=self._provider)


def _text(value: object) -> str:
    """Return a text, or the texts of a list of parts."""
    if isinstance(value, list):
        return "".join([_text(part.get("text")) for part in value if isinstance(part, dict)])
    return value if isinstance(value, str) else ""


def _usage(value: object) -> Usage | None:
    if not isinstance(value, dict):
        return None
    details = value.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    if cached is None:
        cached = value.get("prompt_cache_hit_tokens")  # DeepSeek
    counts = (value.get("prompt_tokens"), value.get("completion_tokens"), cached)
    return Usage(*(count if isinstance(count, int) and count > 0 else 0 for count in counts))


class _Embedding(msgspec.Struct):
    embedding: list[float]
    index: int = 0


class _EmbedUsage(msgspec.Struct):
    prompt_tokens: int = 0


class _Embeddings(msgspec.Struct):
    data: list[_Embedding]
    usage: _EmbedUsage | None = None


def read_embeddings(payload: object, expected: int, provider: str) -> EmbedResult:
    """Return the vectors in the order of the inputs, of which there were *expected*."""
    try:
        answer = msgspec.convert(payload, _Embeddings)
    except msgspec.ValidationError as error:
        raise UpstreamProtocolError(
            f"{provider} sent embeddings that cannot be read", provider=provider
        ) from error
    if len(answer.data) != expected:
        raise UpstreamProtocolError(
            f"{provider} sent {len(answer.data)} embeddings for {expected} inputs",
            provider=provider,
        )
    vectors = [item.embedding for item in sorted(answer.data, key=lambda item: item.index)]
    usage = None if answer.usage is None else Usage(answer.usage.prompt_tokens, 0)
    return EmbedResult(vectors, usage)
