"""Mistral's chat chunks to events.

One decoder reads one answer: the stream of ``chat.completion.chunk`` objects, or the single
``chat.completion`` object that a proxy has made of it (Mistral API reference, "chat completions").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.core import codec
from gateway.core.errors import GatewayError, UpstreamProtocolError
from gateway.core.events import ChatEvent, Finish, FinishReason, TextDelta, ThinkingDelta, Usage
from gateway.providers.error_bodies import is_error, json_of
from gateway.providers.mistral import errors
from gateway.providers.mistral.chunks import (
    Choice,
    read_chunk,
    read_plain_chunk,
    read_text,
    read_thought,
    read_usage,
)
from gateway.providers.mistral.text_filters import TextFilter
from gateway.providers.tool_calls import CallAssembler
from gateway.providers.upstream.framing import ErrorEvent

__all__ = ["ChatDecoder"]

_STOP: Final = FinishReason.STOP
_REASONS: Final = {
    "stop": _STOP,
    "tool_calls": FinishReason.TOOL_CALLS,
    "length": FinishReason.LENGTH,
    "model_length": FinishReason.LENGTH,
    "content_filter": FinishReason.CONTENT_FILTER,
}

_WHOLE: Final = frozenset({_STOP, FinishReason.TOOL_CALLS})


class ChatDecoder:
    """Read one answer of the provider that the settings call *provider*.

    Thinking that comes although *think* is false is dropped. *stops* are cut out here, beside those
    that the service was sent; *prefix* is the text that it was asked to continue.

    See `gateway.providers.upstream.decoding` for the rest of the contract.
    """

    __slots__ = (
        "_answer_id",
        "_calls",
        "_filter",
        "_is_over",
        "_is_plain",
        "_provider",
        "_reason",
        "_think",
        "_usage",
        "closing",
        "cut",
        "failure",
        "finished",
    )

    def __init__(
        self, provider: str, *, think: bool = True, stops: Sequence[str] = (), prefix: str = ""
    ) -> None:
        self._provider = provider
        self._think = think
        self._filter = TextFilter(prefix, stops) if prefix or stops else None
        self._calls = CallAssembler(provider)
        self._answer_id = ""
        self._reason: FinishReason | None = None
        self._usage: Usage | None = None
        self._is_plain = False  # the first chunk tells who speaks
        self._is_over = False
        self.closing = False
        self.cut = False
        self.finished = False
        self.failure: GatewayError | None = None

    def feed(self, batch: Sequence[bytes]) -> list[ChatEvent]:
        """Return the events of data that arrived together."""
        events: list[ChatEvent] = []
        for data in () if self._is_over else batch:
            if type(data) is ErrorEvent:
                self._fail(events, errors.event_error(data, self._provider))
                break
            if self._is_plain:
                try:
                    delta = read_plain_chunk(data).choices[0].delta
                except (ValueError, RecursionError):
                    self._is_plain = False
                else:
                    if delta.text:
                        events.append(delta)
                    continue
            self._feed_any(events, data)
            if self._is_over:
                break
        return events

    def end(self) -> list[ChatEvent]:
        """Return the events that waited for the end of the stream."""
        events: list[ChatEvent] = []
        if not self._is_over:
            self._take_end(events)
        return events

    def _feed_any(self, events: list[ChatEvent], data: bytes) -> None:
        try:
            chunk = read_chunk(data)
        except (ValueError, RecursionError) as error:
            self._take_unreadable(events, data, error)
            return
        if not chunk.choices:
            self._take_no_choice(events, data)
        elif self._reason is None:
            for choice in chunk.choices:
                # One choice was asked for; its index may be missing or anything.
                if choice.index == 0 or not isinstance(choice.index, int):
                    self._take_choice(events, choice, data)
        usage = None if chunk.usage is None else read_usage(chunk.usage)
        if usage is not None:
            self._usage = usage
        if self._reason is not None and (usage is not None or self.cut):
            self._take_end(events)

    def _take_no_choice(self, events: list[ChatEvent], data: bytes) -> None:
        # Padding, usage or nothing at all, unless it is an error object.
        payload = json_of(data)
        if is_error(payload):
            self._fail(events, errors.payload_error(payload, self._provider))

    def _take_choice(self, events: list[ChatEvent], choice: Choice, data: bytes) -> None:
        delta = choice.delta or choice.message
        if delta is not None:
            content = delta.content
            if type(content) is str:
                self._say(events, content)
                # More of the same is the likeliest to follow.
                self._is_plain = self._filter is None and self._reason is None
            elif content is not None:
                self._take_pieces(events, content)
            if delta.tool_calls is not None:
                self._answer_id = self._answer_id or _id_of(data)
                events += self._calls.feed(delta.tool_calls, self._answer_id)
        if self.cut:
            self._conclude(events, _STOP)
        elif choice.finish_reason is not None:
            self._take_reason(events, choice.finish_reason, data)

    def _take_pieces(self, events: list[ChatEvent], content: object) -> None:
        for piece in content if isinstance(content, list) else ():
            kind = piece.get("type") if isinstance(piece, dict) else None
            if kind == "text":
                self._say(events, read_text(piece.get("text")))
            elif kind == "thinking":
                thought = read_thought(piece.get("thinking"))
                if thought and self._think:
                    events.append(ThinkingDelta(thought))

    def _say(self, events: list[ChatEvent], text: str) -> None:
        if self._filter is not None:
            text = self._filter.feed(text)
            self.cut = self._filter.stopped
        if text:
            events.append(TextDelta(text))

    def _take_reason(self, events: list[ChatEvent], reason: object, data: bytes) -> None:
        if reason == "error":
            self._fail(events, errors.payload_error(json_of(data), self._provider))
        elif isinstance(reason, str) and reason:
            self._conclude(events, _REASONS.get(reason, _STOP))

    def _conclude(self, events: list[ChatEvent], reason: FinishReason) -> None:
        """Give out what waited for the end of the text and of the calls."""
        self._flush(events)
        try:
            whole = reason in _WHOLE and not self.cut
            events += self._calls.finish() if whole else self._calls.rescue()
        except UpstreamProtocolError as error:
            self._fail(events, error)
        else:
            self._reason = reason
            self._is_plain = False
            self.closing = True

    def _take_unreadable(self, events: list[ChatEvent], data: bytes, error: Exception) -> None:
        text = data.decode("utf-8", "replace").strip()
        repaired = codec.repair_escapes(text).encode()
        if text == "[DONE]":
            self._take_end(events)
        elif text and repaired != data.strip():
            events += self.feed([repaired])
        elif text:
            failure = UpstreamProtocolError(
                f"{self._provider} sent an event that cannot be read", provider=self._provider
            )
            failure.__cause__ = error
            self._fail(events, failure)

    def _take_end(self, events: list[ChatEvent]) -> None:
        if self._reason is None:
            ended = UpstreamProtocolError("stream ended unexpectedly", provider=self._provider)
            self._fail(events, ended)
        else:
            events.append(Finish(self._reason, self._usage))
            self.finished = self._is_over = True
            self.closing = False

    def _fail(self, events: list[ChatEvent], error: GatewayError) -> None:
        self._flush(events)
        self.failure = error
        self._is_over = True
        self.closing = False

    def _flush(self, events: list[ChatEvent]) -> None:
        if self._filter is None:
            return
        text = self._filter.flush()
        self.cut = self._filter.stopped
        if text:
            events.append(TextDelta(text))


def _id_of(data: bytes) -> str:
    answer = json_of(data)
    return read_text(answer.get("id")) if isinstance(answer, dict) else ""
