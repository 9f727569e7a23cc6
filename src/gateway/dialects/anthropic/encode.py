"""Encode events for ``/v1/messages``: server-sent events, or one document.

The names and the order of all keys are those of Ollama's ``anthropic/anthropic.go``. An event is a
prepared head, the value that differs, and a prepared end; only the value is encoded. All
events of a batch become one bytes object.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, assert_never

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
)
from gateway.core.token_estimates import answer_tokens
from gateway.dialects.anthropic.bodies import DIALECT
from gateway.dialects.anthropic.documents import error_document
from gateway.dialects.anthropic.frames import (
    arguments_delta,
    block_delta,
    block_start,
    block_stop,
    message_end,
    tool_use,
)
from gateway.dialects.anthropic.thinking import thinking_blocks
from gateway.dialects.call_ids import call_id
from gateway.dialects.documents import JSON_TYPE, encode_line
from gateway.dialects.server_sent_events import FRAME_END, STREAM_HEADERS, encode_event
from gateway.dialects.text_batch import encode_text_batch

__all__ = ["MessageEncoder"]

_STOP_REASONS: Final[Mapping[FinishReason, str]] = {
    FinishReason.STOP: "end_turn",
    FinishReason.LENGTH: "max_tokens",
    FinishReason.TOOL_CALLS: "end_turn",
    FinishReason.CONTENT_FILTER: "refusal",
}
_LOADED: Final = "stop_sequence"
"""What Ollama makes of its own reason ``load``, of the answer to a request without messages."""

_DELTA_END: Final = b"}}\n\n"
_NO_COUNTS: Final = {"input_tokens": 0, "output_tokens": 0}
# Anthropic's libraries declare a signature for thinking; most services sign nothing.
_EMPTY_BLOCKS: Final[Mapping[type[ChatEvent], dict[str, object]]] = {
    TextDelta: {"type": "text", "text": ""},
    ThinkingDelta: {"type": "thinking", "thinking": "", "signature": ""},
}
_DELTAS: Final[Mapping[type[ChatEvent], bytes]] = {
    TextDelta: b'{"type":"text_delta","text":',
    ThinkingDelta: b'{"type":"thinking_delta","thinking":',
}


class MessageEncoder:
    """Encode one answer; *model* is the name in the request.

    *input_tokens* is the estimate that a stream begins with, since the provider's count comes last;
    it stays if the provider does not count.
    *identity* is the id of the request, up to 24 hexadecimal digits.
    """

    stream_headers = STREAM_HEADERS
    line_end = FRAME_END
    still_here = encode_event("ping", {})
    document_type = JSON_TYPE

    def __init__(self, model: str, *, identity: str, input_tokens: int = 0) -> None:
        self._model = model
        self._identity = identity
        self._input_tokens = input_tokens
        self._is_started = False
        self._calls = 0
        self._blocks = 0
        # The block of text or thinking that is open, if one is, and what its deltas begin with.
        self._open: type[ChatEvent] | None = None
        self._index = 0
        self._delta = b""
        # The id of the call of which fragments have been sent until it is complete, and its block.
        self._open_call = ""
        self._call_index = 0
        self._length = 0
        """About how many characters have been sent, to be known only if nobody counts tokens."""

    def lines(self, events: Sequence[ChatEvent]) -> bytes:
        """Return the events for a batch; the first batch, even an empty one, begins the message."""
        if self._open is TextDelta and (
            deltas := encode_text_batch(events, before=self._delta, after=_DELTA_END)
        ):
            self._length += len(deltas) - len(events) * (len(self._delta) + len(_DELTA_END))
            return deltas
        parts: list[bytes] = []
        if not self._is_started:
            self._is_started = True
            parts.append(self._start())
        # Once per token, hence neither `match` nor `isinstance`.
        for event in events:
            if type(event) is TextDelta or type(event) is ThinkingDelta:
                if type(event) is not self._open:
                    parts += [self._close(), self._begin(type(event))]
                encoded = codec.encode(event.text)
                self._length += len(encoded)
                parts += [self._delta, encoded, _DELTA_END]
            elif type(event) is ToolCallDelta:
                parts += [self._close(), self._call_fragment(event)]
            elif type(event) is ToolCall:
                parts += [self._close(), self._call(event)]
            elif type(event) is Thought:
                parts += self._end_thinking(event)
            elif type(event) is not Logprobs and type(event) is not Finish:
                assert_never(event)
        finish = events[-1] if events else None
        if isinstance(finish, Finish):
            end = _end_of(finish, calls=self._calls, is_cut=bool(self._open_call))
            parts += [self._close(), message_end(end, self._counts(finish))]
        return codec.escape_html(b"".join(parts))

    def document(self, answer: Answer) -> bytes:
        """Return the whole answer as one object."""
        content: list[dict[str, object]] = []
        for part in answer.parts:
            if isinstance(part, str):
                content.append({**_EMPTY_BLOCKS[TextDelta], "text": part})
            elif isinstance(part, ToolCall):
                block = tool_use(call_id(part, self._calls), part.name)
                content.append({**block, "input": part.arguments})
                self._calls += 1
            elif part.keepsake:
                content += thinking_blocks(part.text, part.keepsake)
            else:
                content.append({**_EMPTY_BLOCKS[ThinkingDelta], "thinking": part.text})
        end = _end_of(answer.finish, calls=self._calls)
        if answer.finish.usage is None:
            arguments = [codec.encode(call.arguments) for call in answer.tool_calls]
            self._length = sum(map(len, (answer.thinking, answer.text, *arguments)))
        return self._document(content, end, self._counts(answer.finish))

    def error_line(self, error: GatewayError) -> bytes:
        """Return the event that reports an error; Ollama has none and just ends the stream."""
        return b"event: error\ndata: %b\n\n" % error_document(error, self._identity)

    def load_stream(self) -> bytes:
        """Return the stream that answers a request without messages."""
        return codec.escape_html(self._start() + message_end({"stop_reason": _LOADED}, _NO_COUNTS))

    def load_document(self) -> bytes:
        """Return the document that answers a request without messages."""
        return self._document([], {"stop_reason": _LOADED}, _NO_COUNTS)

    def _message(self, content: Sequence[object]) -> dict[str, object]:
        return {
            "id": f"msg_{self._identity:0>24}",
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": content,
        }

    def _document(
        self, content: Sequence[object], end: Mapping[str, str], usage: Mapping[str, int]
    ) -> bytes:
        return encode_line({**self._message(content), **end, "usage": usage})

    def _start(self) -> bytes:
        usage = {**_NO_COUNTS, "input_tokens": self._input_tokens}
        return encode_event("message_start", {"message": {**self._message([]), "usage": usage}})

    def _begin(self, kind: type[ChatEvent]) -> bytes:
        """Begin a block of text or thinking, and prepare what its deltas share."""
        self._open = kind
        self._index = self._next_block()
        self._delta = (
            b"event: content_block_delta\n"
            b'data: {"type":"content_block_delta","index":%d,"delta":' % self._index
        ) + _DELTAS[kind]
        return block_start(self._index, _EMPTY_BLOCKS[kind])

    def _end_thinking(self, thought: Thought) -> list[bytes]:
        """Return the end of the open block of thinking, and blocks that have no text to show."""
        is_open = self._open is ThinkingDelta
        parts = [] if is_open else [self._close()]
        for block in thinking_blocks("shown" if is_open else "", thought.keepsake):
            is_signed = block["type"] == "thinking"
            if is_open and is_signed:
                signature = {"type": "signature_delta", "signature": block["signature"]}
                parts += [block_delta(self._index, signature), self._close()]
            else:
                parts += [self._close(), *self._whole_thinking(block)]
            is_open = False
        return parts

    def _whole_thinking(self, block: Mapping[str, Any]) -> list[bytes]:
        """Return a block of which nothing has been sent."""
        index = self._next_block()
        if block["type"] != "thinking":
            return [block_start(index, block), block_stop(index)]
        start = block_start(index, {**_EMPTY_BLOCKS[ThinkingDelta]})
        deltas = [("thinking_delta", "thinking"), ("signature_delta", "signature")]
        parts = [
            block_delta(index, {"type": kind, name: block[name]})
            for kind, name in deltas
            if block[name]
        ]
        return [start, *parts, block_stop(index)]

    def _close(self) -> bytes:
        """End the block that is open, if one is."""
        if self._open is None:
            return b""
        self._open = None
        return block_stop(self._index)

    def _call(self, call: ToolCall) -> bytes:
        """Return the end of the block of a call, all of it if no fragments have been sent."""
        if call.id and call.id == self._open_call:
            self._open_call = ""
            return block_stop(self._call_index)
        index = self._next_block()
        block = tool_use(call_id(call, self._calls), call.name)
        self._calls += 1
        arguments = codec.encode(call.arguments).decode()
        self._length += len(arguments)
        return b"".join(
            (block_start(index, block), arguments_delta(index, arguments), block_stop(index))
        )

    def _call_fragment(self, delta: ToolCallDelta) -> bytes:
        """Return a fragment of a call; the first one begins its block."""
        self._length += len(delta.arguments)
        start = b""
        if delta.id != self._open_call:
            self._open_call = delta.id
            self._call_index = self._next_block()
            self._calls += 1
            start = block_start(self._call_index, tool_use(delta.id, delta.name))
        return start + arguments_delta(self._call_index, delta.arguments)

    def _counts(self, finish: Finish) -> dict[str, int]:
        """Return the counts, or estimates; those of the input are without what was cached."""
        usage = finish.usage
        if usage is None:
            estimate = answer_tokens(self._length)
            return {"input_tokens": self._input_tokens, "output_tokens": estimate}
        native = _native(finish).get("usage")
        cached = {"cache_read_input_tokens": usage.cached_tokens} if usage.cached_tokens else {}
        if isinstance(native, Mapping):
            cached = {name: count for name, count in native.items() if isinstance(count, int)}
        fresh = max(usage.input_tokens - sum(cached.values()), 0)
        return {"input_tokens": fresh, **cached, "output_tokens": usage.output_tokens}

    def _next_block(self) -> int:
        index, self._blocks = self._blocks, self._blocks + 1
        return index


def _stop_reason(finish: Finish, *, calls: int, is_cut: bool = False) -> str:
    """Return why an answer with that many calls ended; *is_cut* if the last one is incomplete."""
    if is_cut:
        is_filtered = finish.reason is FinishReason.CONTENT_FILTER
        return _STOP_REASONS[finish.reason if is_filtered else FinishReason.LENGTH]
    return "tool_use" if calls else _STOP_REASONS[finish.reason]


def _end_of(finish: Finish, *, calls: int, is_cut: bool = False) -> dict[str, str]:
    """Return the members that tell why an answer ended, and with which stop sequence."""
    reason = _stop_reason(finish, calls=calls, is_cut=is_cut)
    sequence = _native(finish).get("stop_sequence")
    if reason == "end_turn" and isinstance(sequence, str):
        return {"stop_reason": "stop_sequence", "stop_sequence": sequence}
    return {"stop_reason": reason}


def _native(finish: Finish) -> Mapping[str, object]:
    """Return what only a service of this dialect sends at the end of its answer."""
    return {} if finish.native is None else finish.native.get(DIALECT, {})
