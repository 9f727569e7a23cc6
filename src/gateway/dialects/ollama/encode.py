"""Encode events for ``/api/chat`` and ``/api/generate``: lines, or one document.

A line is a prepared head, the value that differs, and a prepared end; only the value is encoded.
All lines of a batch become one bytes object and carry one time.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar, Literal, assert_never

import msgspec

from gateway.core import codec
from gateway.core.errors import GatewayError
from gateway.core.events import (
    Answer,
    ChatEvent,
    Finish,
    FinishReason,
    Logprobs,
    TextDelta,
    ThinkingDelta,
    Thought,
    TokenLogprob,
    ToolCall,
    ToolCallDelta,
)
from gateway.core.timing import Timing
from gateway.dialects.call_ids import call_id
from gateway.dialects.documents import encode_document
from gateway.dialects.ollama.clock import CLOCK, Clock
from gateway.dialects.ollama.messages import write_function
from gateway.dialects.ollama.passthrough import DIALECT
from gateway.dialects.text_batch import LONGEST_TEXT, encode_text_batch

__all__ = [
    "JSON_TYPE",
    "STREAM_TYPE",
    "ChatEncoder",
    "GenerateEncoder",
    "error_document",
]

JSON_TYPE = "application/json; charset=utf-8"
STREAM_TYPE = "application/x-ndjson"

_STREAM_HEADERS: Mapping[str, str] = {"Content-Type": STREAM_TYPE}

_NOT_REMOTE: Mapping[str, str] = MappingProxyType({})

_THINKING = b'"","thinking":'


class _Metrics(msgspec.Struct, omit_defaults=True, gc=False):
    """The members that end an answer: nanoseconds and token counts; counts of zero are left out."""

    done_reason: str
    total_duration: int
    load_duration: int
    prompt_eval_count: int = 0
    prompt_eval_duration: int = 0
    eval_count: int = 0
    eval_duration: int = 0


class _AnswerEncoder(abc.ABC):
    """Encode one answer.

    *model* is the name in the request; *remote* are the members that mark it as remote, if any.
    """

    __slots__ = ("_calls", "_clock", "_head", "_timing")

    stream_headers = _STREAM_HEADERS
    line_end = b"\n"
    still_here = b""
    document_type = JSON_TYPE

    _prefix: ClassVar[bytes]
    """What leads from the time to the text."""
    _continue: ClassVar[bytes]
    """What ends a line that others follow."""
    _final: ClassVar[bytes]
    """What leads from the text to the other members of the last line."""

    def __init__(
        self,
        model: str,
        *,
        remote: Mapping[str, str] = _NOT_REMOTE,
        timing: Timing,
        clock: Clock = CLOCK,
    ) -> None:
        self._head = _encode_head(model, remote)
        self._timing = timing
        self._clock = clock
        self._calls: list[ToolCall] = []

    @abc.abstractmethod
    def _calls_in_text(self, first: int) -> bytes:
        """Return the tool calls from number *first* on, at least one, if they stand beside text."""

    @abc.abstractmethod
    def _calls_at_end(self) -> bytes:
        """Return all tool calls, at least one, if they stand at the end of the answer."""

    def lines(self, events: Sequence[ChatEvent]) -> bytes:
        """Return a line for each delta, one for all the calls of the batch, and the last one."""
        return encode_text_batch(
            events, before=self._start(), after=self._continue
        ) or self._any_lines(events)

    def _any_lines(self, events: Sequence[ChatEvent]) -> bytes:
        if events and isinstance(events[-1], Finish):
            # Events before it are encoded first, since the last line may have to list their calls.
            before = self.lines(events[:-1]) if len(events) > 1 else b""
            return b"".join((before, self._start(), b'""', self._end(events[-1]), b"\n"))
        values: list[bytes] = []
        first = len(self._calls)
        for event in events:
            if isinstance(event, TextDelta):
                if len(event.text) <= LONGEST_TEXT:
                    values.append(codec.encode(event.text))
                else:
                    values.extend(_encode_parts(event.text))
            elif isinstance(event, ThinkingDelta):
                values.extend([_THINKING + part for part in _encode_parts(event.text)])
            elif isinstance(event, ToolCall):
                self._calls.append(event)
            elif isinstance(event, Logprobs):
                del self._calls[first:]
                return self._scored_lines(events)
            elif not isinstance(event, Thought | ToolCallDelta | Finish):
                assert_never(event)
        if len(self._calls) > first and (beside := self._calls_in_text(first)):
            values.append(b'""' + beside)
        if not values:
            return b""
        start = self._start()
        # Compact JSON has no line feed of its own.
        lines = codec.escape_html(b"\n".join(values)).replace(b"\n", self._continue + start)
        return b"".join((start, lines, self._continue))

    def document(self, answer: Answer) -> bytes:
        """Return the whole answer as one object."""
        self._calls = [*answer.tool_calls]
        value = codec.encode(answer.text)
        if answer.thinking:
            value += b',"thinking":' + codec.encode(answer.thinking)
        if self._calls:
            value += self._calls_in_text(0)
        document = b"".join((self._start(), codec.escape_html(value), self._end(answer.finish)))
        return _scored(document, answer.logprobs) if answer.logprobs else document

    def load_document(self, reason: Literal["load", "unload"]) -> bytes:
        """Return the answer to a request that only loads or unloads a model."""
        end = b',"done_reason":"%b"}' % reason.encode()
        return b"".join((self._start(), b'""', self._final, end))

    def error_line(self, error: GatewayError) -> bytes:
        """Return the last line of a stream that failed."""
        return error_document(error) + b"\n"

    def _scored_lines(self, events: Sequence[ChatEvent]) -> bytes:
        """Return the same lines with probabilities at the end of those whose text they are of."""
        lines: list[bytes] = []
        begin = 0
        for place, event in enumerate(events):
            if isinstance(event, Logprobs):
                before = self.lines(events[begin:place])
                line = before or b"".join((self._start(), b'""', self._continue))
                lines.append(_scored(line.removesuffix(b"\n"), event.tokens) + b"\n")
                begin = place + 1
        return b"".join((*lines, self.lines(events[begin:])))

    def _start(self) -> bytes:
        return b"".join((self._head, self._clock.stamp(), self._prefix))

    def _end(self, finish: Finish) -> bytes:
        """Return the rest of the last line, from the end of its text on.

        The members that an Ollama server sent there replace those of the gateway.
        """
        passthrough = finish.native.get(DIALECT) if finish.native else None
        encoded = encode_document(self._metrics(finish) if passthrough is None else passthrough)
        members = encoded[1:-1]
        comma = b"," if members else b""
        calls = self._calls_at_end() if self._calls else b""
        return b"".join((self._final, comma, members, calls, b"}"))

    def _metrics(self, finish: Finish) -> _Metrics:
        durations = self._timing.durations()
        usage = finish.usage
        return _Metrics(
            "length" if finish.reason is FinishReason.LENGTH else "stop",
            durations.total,
            durations.load,
            usage.input_tokens if usage else 0,
            durations.prompt,
            usage.output_tokens if usage else 0,
            durations.answer,
        )


class ChatEncoder(_AnswerEncoder):
    """Encode one answer of ``/api/chat``."""

    __slots__ = ()

    _prefix = b'","message":{"role":"assistant","content":'
    _continue = b'},"done":false}\n'
    _final = b'},"done":true'

    def _calls_in_text(self, first: int) -> bytes:
        calls = [
            {"id": call_id(call, index), "function": write_function(call, index)}
            for index, call in enumerate(self._calls[first:], first)
        ]
        return b',"tool_calls":' + codec.encode(calls)

    def _calls_at_end(self) -> bytes:
        return b""


class GenerateEncoder(_AnswerEncoder):
    """Encode one answer of ``/api/generate``, where calls come last and have no ids."""

    __slots__ = ()

    _prefix = b'","response":'
    _continue = b',"done":false}\n'
    _final = b',"done":true'

    def _calls_in_text(self, first: int) -> bytes:
        return b""

    def _calls_at_end(self) -> bytes:
        calls = [
            {"function": write_function(call, index)} for index, call in enumerate(self._calls)
        ]
        return codec.escape_html(b',"tool_calls":' + codec.encode(calls))


def error_document(error: GatewayError, _: str = "") -> bytes:
    """Return the body of an error response, which has no place for a request id."""
    return encode_document({"error": error.message})


def _encode_head(model: str, remote: Mapping[str, str]) -> bytes:
    """Return what each line begins with, up to the time."""
    return encode_document({"model": model, **remote})[:-1] + b',"created_at":"'


def _encode_parts(text: str) -> list[bytes]:
    """Encode a text in parts that each fit into one line."""
    starts = range(0, len(text), LONGEST_TEXT)
    return [codec.encode(text[start : start + LONGEST_TEXT]) for start in starts]


def _scored(document: bytes, tokens: Sequence[TokenLogprob]) -> bytes:
    """Add the probabilities of tokens at the end of an object."""
    return b"".join((document[:-1], b',"logprobs":', codec.escape_html(codec.encode(tokens)), b"}"))
