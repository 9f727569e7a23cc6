"""Encode events for ``/v1/chat/completions`` and ``/v1/completions``: chunks, or one document.

A chunk is a prepared head, the value that differs, and a prepared end; only the value is
encoded. All chunks of a batch become one bytes object. Shapes and order are those of Ollama's
``openai/openai.go`` and ``middleware/openai.go``.
"""

from __future__ import annotations

import abc
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import ClassVar, Final, assert_never

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
    ToolCall,
    ToolCallDelta,
    Usage,
    join_keepsakes,
)
from gateway.dialects.documents import JSON_TYPE, encode_line
from gateway.dialects.openai.calls import begun_call, extra_content, whole_calls
from gateway.dialects.openai.documents import error_document
from gateway.dialects.openai.thinking import reasoning_details
from gateway.dialects.server_sent_events import COMMENT, FRAME_END
from gateway.dialects.text_batch import encode_text_batch

__all__ = ["NO_TOKENS", "ChatEncoder", "CompletionEncoder"]

NO_TOKENS: Final = Usage(0, 0)
"""The counts of an answer for which no provider was asked."""

_STREAM_HEADERS: Final[Mapping[str, str]] = {"Content-Type": "text/event-stream"}
_DONE: Final = b"data: [DONE]\n\n"
_NO_TEXT: Final = (ThinkingDelta, Thought, ToolCallDelta, ToolCall, Logprobs, Finish)


class _ChunkEncoder(abc.ABC):
    """Encode one answer.

    *model* is the name in the request, *identity* distinguishes this answer from others,
    *include_usage* adds token counts to a stream, *custom* names the tools whose calls are those of
    custom tools, *now* returns seconds since 1970.
    """

    stream_headers = _STREAM_HEADERS
    line_end = FRAME_END
    still_here = COMMENT
    document_type = JSON_TYPE

    _id_prefix: ClassVar[str]
    """What ids begin with."""
    _kind: ClassVar[str]
    _chunk_kind: ClassVar[str]
    _prefix: ClassVar[bytes]
    """What leads from the head of a chunk to its value."""
    _suffix: ClassVar[bytes]
    """What leads from the value to the finish reason."""
    _empty: ClassVar[bytes]
    """The value of the chunk that carries the finish reason."""
    _text: ClassVar[bytes] = b""
    """What stands before a text."""
    _empty_counts: ClassVar[bytes] = b""
    """The token counts in each chunk, if they are requested."""
    _role: bytes = b""
    """What only the first chunk has."""

    def __init__(
        self,
        model: str,
        *,
        identity: str,
        include_usage: bool = False,
        custom: Collection[str] = (),
        now: Callable[[], float] = time.time,
    ) -> None:
        self._fields: dict[str, object] = {
            "id": f"{self._id_prefix}-{identity}",
            "object": self._chunk_kind,
            "created": int(now()),
            "model": model,
            "system_fingerprint": "fp_ollama",
        }
        self._head = b"data: " + codec.encode(self._fields)[:-1] + b',"choices":['
        self._chunk_start = self._head + self._prefix
        counts = self._empty_counts if include_usage else b""
        self._tail = b"".join((b"}]", counts, b"}\n\n"))
        self._continue = b"".join((self._suffix, b"null", self._tail))
        self._text_start = codec.escape_html(self._chunk_start + self._text)
        self._include_usage = include_usage
        self._custom = custom
        self._calls = 0
        self._open_call = ""
        """The id of the call of which fragments have been sent, until it is complete."""

    @abc.abstractmethod
    def _values(self, events: Sequence[ChatEvent]) -> list[bytes]:
        """Return what differs in each chunk of a batch."""

    @abc.abstractmethod
    def _choice(self, answer: Answer) -> dict[str, object]:
        """Return the one choice of a whole answer, but for its reason."""

    def lines(self, events: Sequence[ChatEvent]) -> bytes:
        """Return the chunks for a batch; the last batch brings the reason and the end."""
        if not self._role and (
            chunks := encode_text_batch(events, before=self._text_start, after=self._continue)
        ):
            return chunks
        chunks = b""
        if values := self._values(events):
            between = self._continue + self._chunk_start
            chunks = b"".join((self._chunk_start, between.join(values), self._continue))
        if events and isinstance(events[-1], Finish):
            chunks += self._last(self._reason(events[-1]), events[-1].usage)
        return codec.escape_html(chunks)

    def document(self, answer: Answer) -> bytes:
        """Return the whole answer as one object."""
        self._calls = len(answer.tool_calls)
        choice = self._choice(answer)
        return self._document(choice, self._reason(answer.finish), answer.finish.usage)

    def error_line(self, error: GatewayError) -> bytes:
        """Return the event that reports an error; Ollama has none."""
        return b"data: " + error_document(error) + b"\n\n"

    def _reason(self, finish: Finish) -> str:
        """Return the finish reason; it is ``tool_calls`` only if there are some, all complete."""
        match finish.reason:
            case FinishReason.STOP | FinishReason.TOOL_CALLS if self._open_call:
                return "length"
            case FinishReason.STOP | FinishReason.TOOL_CALLS:
                return "tool_calls" if self._calls else "stop"
            case _:
                return finish.reason.value

    def _last(self, reason: str, usage: Usage | None) -> bytes:
        quoted = b'"%b"' % reason.encode()
        parts = [self._chunk_start, self._empty, self._suffix, quoted, self._tail]
        if self._include_usage and usage is not None:
            parts += [self._head, b'],"usage":', codec.encode(_counts(usage)), b"}\n\n"]
        return b"".join((*parts, _DONE))

    def _document(self, choice: dict[str, object], reason: str, usage: Usage | None) -> bytes:
        fields = self._fields | {"object": self._kind}
        choices = [{**choice, "finish_reason": reason}]
        counts = {} if usage is None else {"usage": _counts(usage)}
        return encode_line({**fields, "choices": choices, **counts})


class ChatEncoder(_ChunkEncoder):
    """Encode one answer of ``/v1/chat/completions``."""

    _id_prefix = "chatcmpl"
    _kind = "chat.completion"
    _chunk_kind = "chat.completion.chunk"
    _prefix = b'{"index":0,"delta":{'
    _suffix = b'},"finish_reason":'
    _empty = b""
    _text = b'"content":'
    _role = b'"role":"assistant",'

    def _values(self, events: Sequence[ChatEvent]) -> list[bytes]:
        values: list[bytes] = []
        calls: list[ToolCall] = []
        # Once per token, hence neither `match` nor `isinstance`.
        for event in events:
            if type(event) is TextDelta:
                values.append(self._text + codec.encode(event.text))
            elif type(event) is ThinkingDelta:
                values.append(b'"content":"","reasoning":' + codec.encode(event.text))
            elif type(event) is Thought:
                if own := reasoning_details(event.keepsake):
                    values.append(b'"content":"",' + codec.encode(own)[1:-1])
            elif type(event) is ToolCallDelta and event.name in self._custom:
                self._open_call = event.id  # its input is no JSON, so it is sent whole
            elif type(event) is ToolCallDelta:
                values += self._whole_calls(calls)
                values.append(self._call_fragment(event))
                calls = []
            elif type(event) is ToolCall:
                was_open = event.id and event.id == self._open_call
                if was_open:
                    self._open_call = ""
                if was_open and event.name not in self._custom:
                    values += self._call_end(event)
                else:
                    calls.append(event)
            elif type(event) is not Logprobs and type(event) is not Finish:
                assert_never(event)
        values += self._whole_calls(calls)
        if self._role and events:
            values = values or [b'"content":""']  # an empty answer still has a role
            values[0] = self._role + values[0]
            self._role = b""
        return values

    def _whole_calls(self, calls: Sequence[ToolCall]) -> list[bytes]:
        if not calls:
            return []
        made = codec.encode(whole_calls(calls, self._custom, first=self._calls))
        self._calls += len(calls)
        return [b'"content":"","tool_calls":' + made]

    def _call_fragment(self, delta: ToolCallDelta) -> bytes:
        """Return a fragment of a call; the first one names it."""
        if delta.id == self._open_call:
            fragment = {"index": self._calls - 1, "function": {"arguments": delta.arguments}}
            return b'"tool_calls":' + codec.encode([fragment])
        self._open_call = delta.id
        start = begun_call(delta.id, self._calls, delta.name, delta.arguments)
        self._calls += 1
        return b'"content":"","tool_calls":' + codec.encode([start])

    def _call_end(self, call: ToolCall) -> list[bytes]:
        """Return what the service wants back with a call whose fragments have been sent."""
        extra = extra_content(call)
        fragment = {"index": self._calls - 1, "function": {"arguments": ""}, **extra}
        return [b'"tool_calls":' + codec.encode([fragment])] if extra else []

    def _choice(self, answer: Answer) -> dict[str, object]:
        message: dict[str, object] = {"role": "assistant", "content": answer.text}
        if answer.thinking:
            message["reasoning"] = answer.thinking
        message |= reasoning_details(join_keepsakes([one.keepsake for one in answer.thoughts]))
        if answer.tool_calls:
            message["tool_calls"] = whole_calls(answer.tool_calls, self._custom, first=0)
        return {"index": 0, "message": message}


class CompletionEncoder(_ChunkEncoder):
    """Encode one answer of ``/v1/completions``, which has no place for thinking or calls."""

    _id_prefix = "cmpl"
    _kind = "text_completion"
    _chunk_kind = "text_completion"
    _prefix = b'{"text":'
    _suffix = b',"index":0,"finish_reason":'
    _empty = b'""'

    _empty_counts = b',"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}'
    """Here, unlike in chats, Ollama puts empty counts into each chunk."""

    def load_stream(self) -> bytes:
        """Return the stream that answers an empty prompt."""
        return codec.escape_html(self._last("load", NO_TOKENS))

    def load_document(self) -> bytes:
        """Return the document that answers an empty prompt."""
        return self._document({"text": "", "index": 0}, "load", NO_TOKENS)

    def _values(self, events: Sequence[ChatEvent]) -> list[bytes]:
        values: list[bytes] = []
        for event in events:
            if type(event) is TextDelta:
                values.append(codec.encode(event.text))
            elif not isinstance(event, _NO_TEXT):
                assert_never(event)
        return values

    def _choice(self, answer: Answer) -> dict[str, object]:
        return {"text": answer.text, "index": 0}


def _counts(usage: Usage) -> dict[str, object]:
    """Return token counts; cached ones only if there are any."""
    counts: dict[str, object] = {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
    if usage.cached_tokens > 0:
        counts["prompt_tokens_details"] = {"cached_tokens": usage.cached_tokens}
    return counts
