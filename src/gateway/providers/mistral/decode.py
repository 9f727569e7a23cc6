"""Decode Mistral's chat chunks to events.

One decoder reads one answer: the stream of ``chat.completion.chunk`` objects, or the single
``chat.completion`` object that a proxy has made of it (Mistral API reference, "chat completions").
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.core import codec
from gateway.core.events import (
    ChatEvent,
    FinishReason,
    Keepsake,
    TextDelta,
    ThinkingDelta,
    Thought,
    Usage,
)
from gateway.core.token_estimates import answer_tokens
from gateway.providers.answer_decoder import ChunkDecoder, Keep
from gateway.providers.error_bodies import is_error
from gateway.providers.finish_reasons import is_failure
from gateway.providers.json_values import fields_of, json_of, text_of
from gateway.providers.mistral import errors
from gateway.providers.mistral.chunks import (
    Choice,
    read_chunk,
    read_plain_chunk,
    read_thought,
    read_usage,
)
from gateway.providers.mistral.text_filters import TextFilter
from gateway.providers.upstream.framing import ErrorEvent

__all__ = ["ChatDecoder"]


class ChatDecoder(ChunkDecoder):
    """Decode one answer of ``/chat/completions`` or ``/fim/completions``, streamed or whole.

    Thinking that comes although *think* is false is dropped. *stops* are cut out here, beside those
    that the service was sent; *prefix* is the text that it was asked to continue. An answer that is
    cut has no counts, so it gets estimates, of *input_tokens* and of what has come.
    """

    __slots__ = (
        *("_answer_id", "_blocks", "_filter", "_input_tokens", "_is_plain", "_length"),
        *("_signature", "_thoughts"),
    )

    def __init__(
        self,
        provider: str,
        *,
        think: bool = True,
        stops: Sequence[str] = (),
        prefix: str = "",
        input_tokens: int = 0,
        keep: Keep | None = None,
    ) -> None:
        super().__init__(provider, think=think, keep=keep)
        self._filter = TextFilter(prefix, stops) if prefix or stops else None
        self._input_tokens = input_tokens
        self._length = 0
        """The characters of text and thinking, where the answer may be cut."""
        self._answer_id = ""
        self._thoughts: list[str] = []
        self._signature = ""
        """The texts and the signature of the thinking that has not ended."""
        self._blocks: list[dict[str, object]] = []
        """The thinking that has ended."""
        self._is_plain = False  # until the first chunk has been read

    def feed(self, batch: Sequence[bytes]) -> list[ChatEvent]:
        """Return the events of data that arrived together."""
        events: list[ChatEvent] = []
        for data in () if self._is_over else batch:
            if type(data) is ErrorEvent:
                events += self._fail(errors.event_error(data, self._provider))
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
        elif self.cut and self._usage is None:
            output = answer_tokens(self._length)
            self._usage = Usage(max(1, self._input_tokens), output, estimated=True)
        if self._reason is not None and (usage is not None or self.cut):
            events += self.end()

    def _take_no_choice(self, events: list[ChatEvent], data: bytes) -> None:
        # Padding, usage or nothing at all, unless it is an error object.
        payload = json_of(data)
        if is_error(payload):
            events += self._fail(errors.payload_error(payload, self._provider))

    def _take_choice(self, events: list[ChatEvent], choice: Choice, data: bytes) -> None:
        delta = choice.delta or choice.message
        if delta is not None:
            content = delta.content
            if type(content) is str:
                self._add_text(events, content)
                # More of the same is the likeliest to follow.
                self._is_plain = self._filter is None and self._reason is None
            elif content is not None:
                self._take_pieces(events, content)
            if delta.tool_calls:  # some servers send an empty list with each delta
                events += self._end_thought()
                self._answer_id = self._answer_id or _id_of(data)
                events += self._calls.feed(delta.tool_calls, self._answer_id)
        if self.cut:
            events += self._conclude(FinishReason.STOP)
        elif choice.finish_reason is not None:
            self._is_plain = False
            if is_failure(choice.finish_reason):
                events += self._fail(errors.payload_error(json_of(data), self._provider))
            else:
                events += self._take_reason(choice.finish_reason)

    def _take_pieces(self, events: list[ChatEvent], content: object) -> None:
        for piece in content if isinstance(content, list) else ():
            kind = piece.get("type") if isinstance(piece, dict) else None
            if kind == "text":
                self._add_text(events, text_of(piece.get("text")))
            elif kind == "thinking":
                thought = read_thought(piece.get("thinking"))
                self._length += len(thought)
                if not self._think:
                    continue
                self._signature = text_of(piece.get("signature")) or self._signature
                if thought:
                    self._thoughts.append(thought)
                    events.append(ThinkingDelta(thought))

    def _end_thought(self) -> list[ChatEvent]:
        """Return the event for the end of thinking, if there was any and it is signed."""
        if not self._thoughts and not self._signature:
            return []
        block: dict[str, object] = {"thinking": "".join(self._thoughts)}
        if self._signature:
            block["signature"] = self._signature
        self._thoughts, self._signature = [], ""
        self._blocks.append(block)
        return [Thought({"mistral": {"blocks": [block]}})] if len(block) > 1 else []

    def _keepsake(self) -> Keepsake:
        return {"mistral": {"blocks": self._blocks}} if self._blocks else {}

    def _add_text(self, events: list[ChatEvent], text: str) -> None:
        if text and (self._thoughts or self._signature):
            events += self._end_thought()
        if self._filter is not None:
            self._length += len(text)
            text = self._filter.feed(text)
            self.cut = self._filter.stopped
        if text:
            events.append(TextDelta(text))

    def _take_unreadable(self, events: list[ChatEvent], data: bytes, error: Exception) -> None:
        text = data.decode("utf-8", "replace").strip()
        repaired = codec.repair_escapes(text).encode()
        if text == "[DONE]":
            events += self._end_marked()
        elif text and repaired != data.strip():
            events += self.feed([repaired])
        elif text:
            events += self._fail_unreadable("an event", cause=error)

    def _flush(self) -> list[ChatEvent]:
        thought = self._end_thought()
        if self._filter is None:
            return thought
        text = self._filter.flush()
        self.cut = self._filter.stopped
        return [*thought, TextDelta(text)] if text else thought


def _id_of(data: bytes) -> str:
    return text_of(fields_of(json_of(data)).get("id"))
