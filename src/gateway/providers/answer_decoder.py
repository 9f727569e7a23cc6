"""The state of an answer while it is decoded, shared by the decoders of all adapters.

A decoder has the form that `gateway.providers.upstream.decoding.Decoder` describes: it is fed the
data of events and returns events, and does no I/O.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from gateway.core.errors import GatewayError, UpstreamError, UpstreamProtocolError
from gateway.core.events import ChatEvent, Finish, FinishReason, Keepsake, ToolCall, Usage
from gateway.providers.finish_reasons import is_failure, read_reason
from gateway.providers.json_values import unreadable
from gateway.providers.tool_calls import CallAssembler

__all__ = ["AnswerDecoder", "ChunkDecoder", "Keep"]

Keep: TypeAlias = Callable[[Sequence[ToolCall], Keepsake], None]
"""Remembers what the service wants back with the calls of an answer, and with the answer."""

_INCOMPLETE = frozenset({FinishReason.LENGTH, FinishReason.CONTENT_FILTER})
"""Reasons with which a tool call may have been cut short."""


class AnswerDecoder(abc.ABC):
    """Decode one answer of the provider that the settings call *provider*.

    A subclass implements `feed`. There it returns the result of `_finish` with the events that it
    decodes when the answer is complete, the result of `_fail` when it cannot be; both set
    ``_is_over``, and nothing may be decoded after that.
    """

    __slots__ = ("_is_over", "_provider", "closing", "cut", "failure", "finished")

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._is_over = False
        self.closing = False
        self.cut = False
        self.finished = False
        self.failure: GatewayError | None = None

    @abc.abstractmethod
    def feed(self, batch: Sequence[bytes], /) -> list[ChatEvent]:
        """Return the events of data that arrived together."""

    def end(self) -> list[ChatEvent]:
        """Return the events that waited for the end of the body.

        A body that ends before the answer is complete sets `failure`.
        """
        if self._is_over:
            return []
        error = UpstreamProtocolError("stream ended unexpectedly", provider=self._provider)
        return self._fail(error)

    def _finish(self, finish: Finish) -> list[ChatEvent]:
        """End the answer with *finish*, and return it."""
        self.finished = self._is_over = True
        self.closing = False
        return [finish]

    def _fail(self, error: GatewayError, *, cause: Exception | None = None) -> list[ChatEvent]:
        """End the answer with *error*, and return the events that are still to come before it."""
        if cause is not None:
            error.__cause__ = cause
        self.failure = error
        self._is_over = True
        self.closing = False
        return self._flush()

    def _fail_unreadable(self, what: str, *, cause: Exception | None = None) -> list[ChatEvent]:
        """End the answer, since *what* was sent, such as ``an event``, cannot be read."""
        return self._fail(unreadable(self._provider, what), cause=cause)

    def _flush(self) -> list[ChatEvent]:
        """Return the events that were held back; nothing unless a subclass holds events back."""
        return []


class ChunkDecoder(AnswerDecoder):
    """Decode an answer whose finish reason may come before its usage, and calls in fragments.

    *think* false drops thinking, which a subclass has to look at. *keep* is called with the calls
    of a complete answer. ``_usage`` holds the token counts that have come so far.
    """

    __slots__ = ("_calls", "_keep", "_reason", "_think", "_usage")

    def __init__(self, provider: str, *, think: bool = True, keep: Keep | None = None) -> None:
        super().__init__(provider)
        self._keep = keep
        self._think = think
        self._calls = CallAssembler(provider)
        self._reason: FinishReason | None = None
        self._usage: Usage | None = None

    def end(self) -> list[ChatEvent]:
        """Return the events that waited for the end of the body: a `Finish` if its reason came."""
        if self._is_over or self._reason is None:
            return super().end()
        keepsake = self._keepsake()
        if self._keep is not None and self._calls.made:
            self._keep(self._calls.made, keepsake)
        finish = Finish(self._reason, self._usage, self._native(), keepsake=keepsake or None)
        return self._finish(finish)

    def _native(self) -> Mapping[str, Mapping[str, object]] | None:
        """Return ``native`` of the `Finish`: nothing, unless a subclass has anything to tell."""
        return None

    def _keepsake(self) -> Keepsake:
        """Return what the service wants back with this answer; nothing by default."""
        return {}

    def _end_marked(self) -> list[ChatEvent]:
        """Return the events for a marker that says that the answer is over.

        Some servers send it after calls that no reason has followed.
        """
        if self._is_over or self._reason is not None or not self._calls.has_any:
            return self.end()
        return self._conclude(FinishReason.TOOL_CALLS) + self.end()

    def _take_reason(self, word: object) -> list[ChatEvent]:
        """Return the events for a service's own *word* for why the answer ends, or for none."""
        if is_failure(word):
            text = f"{self._provider} broke off the answer: {word}"
            return self._fail(UpstreamError(text, provider=self._provider))
        reason = read_reason(word)
        return [] if reason is None else self._conclude(reason)

    def _conclude(self, reason: FinishReason) -> list[ChatEvent]:
        """Note why the answer ends, and return what waited for that: held back text, and calls.

        After an answer that was cut short only the calls that are complete are returned; else
        one that cannot be made of its fragments fails the answer.
        """
        events = self._flush()
        try:
            is_whole = reason not in _INCOMPLETE and not self.cut
            events += self._calls.finish() if is_whole else self._calls.rescue()
        except UpstreamProtocolError as error:
            return events + self._fail(error)
        self._reason = reason
        self.closing = True
        return events
