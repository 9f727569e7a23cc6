"""Lines of an Ollama server to events (Ollama's ``docs/api.md``, ``server/routes.go``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from gateway.core import codec
from gateway.core.embeddings import EmbedResult
from gateway.core.errors import GatewayError, UpstreamProtocolError
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
from gateway.providers.ollama.encode import DIALECT
from gateway.providers.ollama.errors import line_error

__all__ = ["LineDecoder", "read_embeddings"]


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


class LineDecoder:
    """Read one answer of ``/api/chat`` or ``/api/generate``.

    See `gateway.providers.upstream.decoding` for the contract.
    """

    closing = False
    cut = False

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._calls = False
        self.finished = False
        self.failure: GatewayError | None = None

    def feed(self, batch: Sequence[bytes]) -> list[ChatEvent]:
        """Return the events of lines that arrived together."""
        events: list[ChatEvent] = []
        for data in batch:
            if self.finished or self.failure is not None:
                break
            try:
                line = _read_line(data)
                said = codec.decode(data) if line.done is True else {}
            except (ValueError, RecursionError) as error:
                self.failure = self._unreadable(f"{self._provider} sent a line that cannot be read")
                self.failure.__cause__ = error
            else:
                self._take(events, line)
                if line.done is True and self.failure is None:
                    rest = {name: said[name] for name in said if name not in _READ}
                    reason = self._reason(line.done_reason)
                    events.append(Finish(reason, _usage(line), {DIALECT: rest}))
                    self.finished = True
        return events

    def end(self) -> list[ChatEvent]:
        """Note that the body is over, which only a line with ``done`` may come before."""
        if not self.finished and self.failure is None:
            self.failure = self._unreadable("stream ended unexpectedly")
        return []

    def _take(self, events: list[ChatEvent], line: _Line) -> None:
        if line.error is not None:
            self.failure = line_error(line.error, self._provider)
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
                case {"function": {"name": str(name), "arguments": dict(arguments)}} if name:
                    call_id = call.get("id")
                    given = call_id if isinstance(call_id, str) else ""
                    events.append(ToolCall(name, arguments, given))
                    self._calls = True
                case _:
                    self.failure = self._unreadable(
                        f"{self._provider} sent a tool call that cannot be read"
                    )
                    return

    def _reason(self, said: object) -> FinishReason:
        if said == "length":
            return FinishReason.LENGTH
        # Ollama says "stop" whether or not the model has called a tool.
        return FinishReason.TOOL_CALLS if self._calls else FinishReason.STOP

    def _unreadable(self, text: str) -> UpstreamProtocolError:
        return UpstreamProtocolError(text, provider=self._provider)


def _logprobs(said: msgspec.Raw) -> tuple[TokenLogprob, ...]:
    try:
        return _read_logprobs(said)
    except msgspec.DecodeError:
        return ()


def _usage(line: _Line) -> Usage | None:
    counts = (line.prompt_eval_count, line.eval_count)
    if not any(isinstance(count, int) for count in counts):
        return None
    # Ollama leaves out what is 0.
    return Usage(*(count if isinstance(count, int) else 0 for count in counts))


class _Embeddings(msgspec.Struct):
    embeddings: list[list[float]]
    prompt_eval_count: int = 0


_NOT_TOLD = frozenset({"model", "embedding", "embeddings"})


def read_embeddings(payload: Any, expected: int, provider: str) -> EmbedResult:
    """Return the vectors of the inputs, of which there were *expected*."""
    if isinstance(payload, dict) and "embedding" in payload:
        payload = {"embeddings": [payload["embedding"]]}
    try:
        answer = msgspec.convert(payload, _Embeddings)
    except msgspec.ValidationError as error:
        raise UpstreamProtocolError(
            f"{provider} sent embeddings that cannot be read", provider=provider
        ) from error
    if len(answer.embeddings) != expected:
        raise UpstreamProtocolError(
            f"{provider} sent {len(answer.embeddings)} embeddings for {expected} inputs",
            provider=provider,
        )
    said = {name: value for name, value in payload.items() if name not in _NOT_TOLD}
    return EmbedResult(answer.embeddings, Usage(answer.prompt_eval_count, 0), {DIALECT: said})
