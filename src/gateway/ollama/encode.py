"""Events to the lines and documents that answer ``/api/chat`` and ``/api/generate``.

A line is a prepared beginning, the value that differs, and a prepared end; only the value is
encoded. All lines of a batch become one bytes object and carry one time.
"""

from __future__ import annotations

import abc
import time
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import ClassVar, Literal

from gateway import codec
from gateway.call_ids import call_id
from gateway.errors import GatewayError
from gateway.events import (
    Answer,
    ChatEvent,
    Finish,
    FinishReason,
    TextDelta,
    ThinkingDelta,
    ToolCall,
)
from gateway.timing import Timing

__all__ = [
    "JSON_TYPE",
    "STREAM_TYPE",
    "ChatEncoder",
    "GenerateEncoder",
    "encode_document",
    "error_document",
]

JSON_TYPE = "application/json; charset=utf-8"
STREAM_TYPE = "application/x-ndjson"

_STREAM_HEADERS: Mapping[str, str] = {"Content-Type": STREAM_TYPE}

# Ollama's Go client reads no line of 8,000,000 bytes, and a character may take six of them.
_LONGEST_DELTA = 1_000_000

_THINKING = b'"","thinking":'


class _AnswerEncoder(abc.ABC):
    """Encode one answer; *model* is the client's own text, *now* tells nanoseconds since 1970."""

    stream_headers = _STREAM_HEADERS
    document_type = JSON_TYPE

    _open: ClassVar[bytes]
    """What stands between the time and the text."""
    _more: ClassVar[bytes]
    """What ends a line after which others come."""
    _done: ClassVar[bytes]
    """What leads to the reason in the last line."""

    def __init__(
        self,
        model: str,
        *,
        remote_model: str = "",
        remote_host: str = "",
        timing: Timing,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        remote = {"remote_model": remote_model, "remote_host": remote_host}
        fields = {"model": model} | {key: text for key, text in remote.items() if text}
        self._beginning = encode_document(fields)[:-1] + b',"created_at":"'
        self._timing = timing
        self._now = now
        self._calls: list[ToolCall] = []

    @abc.abstractmethod
    def _calls_in_text(self, first: int) -> bytes:
        """Return the tool calls from number *first* on, if they stand beside the text."""

    @abc.abstractmethod
    def _calls_at_end(self) -> bytes:
        """Return all tool calls, if they stand at the end of the answer."""

    def lines(self, events: Sequence[ChatEvent]) -> bytes:
        """Return a line for each delta, one for all the calls of the batch, and the last one."""
        values: list[bytes] = []
        finish: Finish | None = None
        first = len(self._calls)
        # Once per token, hence no `match`, which takes twice the time.
        for event in events:
            if isinstance(event, TextDelta):
                if len(event.text) <= _LONGEST_DELTA:
                    values.append(codec.encode(event.text))
                else:
                    values.extend(_encode_parts(event.text))
            elif isinstance(event, ThinkingDelta):
                values.extend([_THINKING + part for part in _encode_parts(event.text)])
            elif isinstance(event, ToolCall):
                self._calls.append(event)
            else:
                finish = event
        if beside := self._calls_in_text(first):
            values.append(b'""' + beside)
        if not values and finish is None:
            return b""
        head = self._head()
        lines = b""
        if values:
            # Compact JSON has no raw line feed, so that one can stand for what separates values.
            deltas = codec.escape(b"\n".join(values)).replace(b"\n", self._more + head)
            lines = b"".join((head, deltas, self._more))
        if finish is None:
            return lines
        return b"".join((lines, head, b'""', self._end(finish), b"\n"))

    def document(self, answer: Answer) -> bytes:
        """Return the whole answer as one object."""
        self._calls = [*answer.tool_calls]
        value = codec.encode(answer.text)
        if answer.thinking:
            value += b',"thinking":' + codec.encode(answer.thinking)
        value += self._calls_in_text(0)
        return b"".join((self._head(), codec.escape(value), self._end(answer.finish)))

    def load_document(self, reason: Literal["load", "unload"]) -> bytes:
        """Return the answer to a request that only loads or unloads a model."""
        return b"".join((self._head(), b'""', self._done, b'"%b"}' % reason.encode()))

    def error_line(self, error: GatewayError) -> bytes:
        """Return the last line of a stream that failed."""
        return error_document(error) + b"\n"

    def _head(self) -> bytes:
        return self._beginning + _timestamp(self._now()) + self._open

    def _end(self, finish: Finish) -> bytes:
        """Return the rest of the last line, from the end of its text on."""
        reason = b'"length"' if finish.reason is FinishReason.LENGTH else b'"stop"'
        metrics = codec.encode(self._metrics(finish))[1:-1]
        return b"".join((self._done, reason, b",", metrics, self._calls_at_end(), b"}"))

    def _metrics(self, finish: Finish) -> dict[str, int]:
        """Return times in nanoseconds and the provider's counts; a count of zero is left out."""
        durations = self._timing.durations()
        usage = finish.usage
        metrics = {
            "total_duration": durations.total,
            "load_duration": durations.load,
            "prompt_eval_count": usage.input_tokens if usage else 0,
            "prompt_eval_duration": durations.prompt,
            "eval_count": usage.output_tokens if usage else 0,
            "eval_duration": durations.answer,
        }
        return {key: value for key, value in metrics.items() if value}


class ChatEncoder(_AnswerEncoder):
    """Encode one answer of ``/api/chat``."""

    _open = b'","message":{"role":"assistant","content":'
    _more = b'},"done":false}\n'
    _done = b'},"done":true,"done_reason":'

    def _calls_in_text(self, first: int) -> bytes:
        calls = [
            {"id": call_id(call, index), "function": _function(index, call)}
            for index, call in enumerate(self._calls[first:], first)
        ]
        return b',"tool_calls":' + codec.encode(calls) if calls else b""

    def _calls_at_end(self) -> bytes:
        return b""


class GenerateEncoder(_AnswerEncoder):
    """Encode one answer of ``/api/generate``, where calls come last and have no ids."""

    _open = b'","response":'
    _more = b',"done":false}\n'
    _done = b',"done":true,"done_reason":'

    def _calls_in_text(self, first: int) -> bytes:
        return b""

    def _calls_at_end(self) -> bytes:
        calls = [{"function": _function(index, call)} for index, call in enumerate(self._calls)]
        return codec.escape(b',"tool_calls":' + codec.encode(calls)) if calls else b""


def encode_document(value: Mapping[str, object]) -> bytes:
    """Encode a whole JSON answer with the escapes that Go's encoder makes."""
    return codec.escape(codec.encode(value))


def error_document(error: GatewayError, _: str = "") -> bytes:
    """Return the body of an error response, in which there is no place for an id."""
    return encode_document({"error": error.message})


def _encode_parts(text: str) -> list[bytes]:
    """Encode a text in parts that each fit into one line."""
    starts = range(0, len(text), _LONGEST_DELTA)
    return [codec.encode(text[start : start + _LONGEST_DELTA]) for start in starts]


def _function(index: int, call: ToolCall) -> dict[str, object]:
    return {"index": index, "name": call.name, "arguments": call.arguments}


def _timestamp(nanoseconds: int) -> bytes:
    """Return RFC 3339 in UTC, the fraction without trailing zeros."""
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    text = f"{_second(seconds)}.{fraction:09d}".rstrip("0").rstrip(".")
    return text.encode() + b"Z"


@lru_cache(maxsize=4)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
