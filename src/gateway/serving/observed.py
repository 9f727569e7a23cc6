"""Report the events of an answer to observers, where any wants them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from aiohttp import web

from gateway.core.events import Answer, ChatEvent, TextDelta, ThinkingDelta
from gateway.dialects.base import AnswerEncoder, WrappingEncoder
from gateway.serving.keys import EXCHANGE, OBSERVERS, RECORD

__all__ = ["observed"]


def observed(request: web.Request, encoder: AnswerEncoder) -> AnswerEncoder:
    """Return *encoder*, which also reports what it encodes if any observer wants that."""
    observers = request.app[OBSERVERS]
    if (exchange := request[EXCHANGE]) is not None:
        from gateway.serving.exchanges import KeepingEncoder  # noqa: PLC0415 - where it is used

        encoder = KeepingEncoder(encoder, exchange.answered)
    if not observers.watch_answers:
        return encoder
    return _ObservedEncoder(encoder, partial(observers.answered, request[RECORD]))


class _ObservedEncoder(WrappingEncoder):
    """Encode an answer, and call *report* with its events before."""

    def __init__(
        self, encoder: AnswerEncoder, report: Callable[[Sequence[ChatEvent]], None]
    ) -> None:
        super().__init__(encoder)
        self._report = report

    def lines(self, events: Sequence[ChatEvent]) -> bytes:
        """Return whole lines for a batch."""
        self._report(events)
        return self._encoder.lines(events)

    def document(self, answer: Answer) -> bytes:
        """Return the whole answer."""
        thinking = [ThinkingDelta(answer.thinking)] if answer.thinking else []
        text = [TextDelta(answer.text)] if answer.text else []
        self._report([*thinking, *text, *answer.tool_calls, answer.finish])
        return self._encoder.document(answer)
