"""Decode the lines of an Ollama server (Ollama's ``docs/api.md``, ``server/routes.go``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from gateway.core import codec
from gateway.core.embeddings import EmbedResult
from gateway.core.events import (
    ChatEvent,
    Finish,
    FinishReason,
    Logprobs,
    TextDelta,
    ThinkingDelta,
    TokenLogprob,
    ToolCall,
    Usage,
)
from gateway.providers.answer_decoder import AnswerDecoder
from gateway.providers.embeddings import check_vectors
from gateway.providers.json_values import convert, count_of, text_of
from gateway.providers.ollama.encode import DIALECT
from gateway.providers.ollama.errors import line_error

__all__ = ["LineDecoder", "read_vectors"]


# Most members are Any: one of an unexpected type is then passed over and costs no answer.
class _Message(msgspec.Struct, gc=False):
    content: Any = None
    thinking: Any = None
    tool_calls: Any = None


class _Line(msgspec.Struct, gc=False):
    message: _Message | None = None
    response: Any = None
    thinking: Any = None
    tool_calls: Any = None
    logprobs: msgspec.Raw = msgspec.Raw()
    done: Any = False
    done_reason: Any = None
    prompt_eval_count: Any = None
    eval_count: Any = None
    error: Any = None


_read_line = msgspec.json.Decoder(_Line).decode
_read_logprobs = msgspec.json.Decoder(tuple[TokenLogprob, ...]).decode

_READ = frozenset(
    {"model", "remote_model", "remote_host", "created_at", "message", "response", "thinking"}
    | {"tool_calls", "logprobs", "done", "error"}
)
"""Members that are read from every line; what else the last one has is for clients as it is."""


class LineDecoder(AnswerDecoder):
    """Decode one answer of ``/api/chat`` or ``/api/generate``."""

    __slots__ = ("_has_calls",)

    def __init__(self, provider: str) -> None:
        super().__init__(provider)
        self._has_calls = False

    def feed(self, batch: Sequence[bytes]) -> list[ChatEvent]:
        """Return the events of lines that arrived together."""
        events: list[ChatEvent] = []
        for data in batch:
            if self._is_over:
                break
            try:
                line = _read_line(data)
                members = _members(data) if line.done is True else {}
            except (ValueError, RecursionError) as error:
                events += self._fail_unreadable("a line", cause=error)
            else:
                self._take(events, line)
                if line.done is True and not self._is_over:
                    rest = {name: value for name, value in members.items() if name not in _READ}
                    finish = Finish(self._reason(line.done_reason), _usage(line), {DIALECT: rest})
                    events += self._finish(finish)
        return events

    def _take(self, events: list[ChatEvent], line: _Line) -> None:
        if line.error is not None:
            events += self._fail(line_error(line.error, self._provider))
            return
        message = line.message or _Message(line.response, line.thinking, line.tool_calls)
        if isinstance(message.thinking, str) and message.thinking:
            events.append(ThinkingDelta(message.thinking))
        if isinstance(message.content, str) and message.content:
            events.append(TextDelta(message.content))
        if isinstance(message.tool_calls, list):
            self._take_calls(events, message.tool_calls)
        if line.logprobs and (tokens := _logprobs(line.logprobs)):
            events.append(Logprobs(tokens))

    def _take_calls(self, events: list[ChatEvent], calls: list[Any]) -> None:
        for call in calls:
            match call:
                case {"function": {"name": str(name), "arguments": dict(arguments)}} if (
                    name and not codec.nests_deeper(arguments, codec.DEEPEST)
                ):
                    events.append(ToolCall(name, arguments, text_of(call.get("id"))))
                    self._has_calls = True
                case _:
                    events += self._fail_unreadable("a tool call")
                    return

    def _reason(self, done_reason: object) -> FinishReason:
        if done_reason == "length":
            return FinishReason.LENGTH
        # Ollama says "stop" whether or not the model has called a tool.
        return FinishReason.TOOL_CALLS if self._has_calls else FinishReason.STOP


def _logprobs(tokens: msgspec.Raw) -> tuple[TokenLogprob, ...]:
    try:
        return _read_logprobs(tokens)
    except msgspec.DecodeError:
        return ()


def _members(data: bytes) -> dict[str, Any]:
    """Return all members of a line, which go on to a client of this dialect."""
    members: dict[str, Any] = codec.decode(data)
    if codec.nests_deeper(members, codec.DEEPEST):
        raise ValueError("a member nests too deep")
    return members


def _usage(line: _Line) -> Usage | None:
    sent, answered = line.prompt_eval_count, line.eval_count
    if not (isinstance(sent, int) or isinstance(answered, int)):
        return None
    # Ollama leaves out what is 0.
    return Usage(count_of(sent), count_of(answered))


class _Embeddings(msgspec.Struct):
    embeddings: list[list[float]]
    prompt_eval_count: int = 0


_NOT_NATIVE = frozenset({"model", "embedding", "embeddings"})


def read_vectors(payload: Any, expected: int, *, provider: str) -> EmbedResult:
    """Return the vectors of the inputs, of which there were *expected*.

    *payload* is the decoded JSON of ``/api/embed`` or ``/api/embeddings``. Raise
    `UpstreamProtocolError` when it is none, or has another number of vectors.
    """
    if isinstance(payload, dict) and "embedding" in payload:
        payload = {"embeddings": [payload["embedding"]]}
    answer = convert(payload, _Embeddings, provider=provider, what="embeddings")
    check_vectors(answer.embeddings, expected, provider=provider)
    native = {name: value for name, value in payload.items() if name not in _NOT_NATIVE}
    return EmbedResult(answer.embeddings, Usage(answer.prompt_eval_count, 0), {DIALECT: native})
