"""Keep the last requests for the people who run the gateway; imported only where that is wanted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final, TypeVar, cast

from aiohttp import web

from gateway.access.credentials import credentials
from gateway.core.errors import GatewayError
from gateway.core.events import Answer, ChatEvent, ChatStream
from gateway.core.upstream_replies import Watching
from gateway.dialects.base import AnswerEncoder, WrappingEncoder
from gateway.observe.exchanges import Exchange, Exchanges
from gateway.observe.observer import Attempt, ModelRequest, Observer, RequestHead
from gateway.observe.record import RequestRecord
from gateway.serving.drafts import Draft, is_short
from gateway.serving.relay import Opened
from gateway.settings import UiSettings

__all__ = [
    "ExchangeObserver",
    "KeepingEncoder",
    "TextObserver",
    "heard",
    "keep_exchanges",
    "reading",
    "watched",
]

_WITHOUT_TEXTS: Final = 100
"""Exchanges that are kept, without any text, for a page that is not told how many."""
_SHORTEST_KEY: Final = 8
_MOST_ATTEMPTS: Final = 20
_RUNNING: Final = "running"
_OWN_PREFIXES: Final = ("/gateway/", "/ui/")
_OWN: Final = frozenset({"/metrics", "/healthz", "/readyz", "/openapi.json", "/docs"})
"""Routes for the people who run the gateway, whose requests would hide those of clients."""

T = TypeVar("T")


def keep_exchanges(settings: UiSettings) -> tuple[Exchanges, Observer]:
    """Return what keeps as many exchanges as *settings* want, and who tells it of them.

    Texts are kept only if they say how many.
    """
    most, most_bytes = settings.exchanges, settings.exchange_bytes
    if most is None:
        exchanges = Exchanges(_WITHOUT_TEXTS, most_bytes, with_texts=False)
        return exchanges, ExchangeObserver(exchanges)
    exchanges = Exchanges(most, most_bytes, with_texts=True)
    return exchanges, TextObserver(exchanges)


class ExchangeObserver(Observer):
    """Keep each request of a client in *exchanges*, from its start on."""

    def __init__(self, exchanges: Exchanges) -> None:
        self._exchanges = exchanges

    def received(self, record: RequestRecord, head: RequestHead) -> None:
        """Begin an exchange, unless it is with one of the gateway's own routes."""
        if record.route in _OWN or record.route.startswith(_OWN_PREFIXES):
            return
        exchange = self._exchanges.begin(record)
        given = [key for key in credentials(head.headers) if len(key) >= _SHORTEST_KEY]
        exchange.secrets = given
        exchange.user_agent = exchange.clean(head.headers.get("User-Agent", ""))
        exchange.content_type = exchange.clean(head.headers.get("Content-Type", ""))

    def finished(self, record: RequestRecord) -> None:
        """Keep what may be shown of the request."""
        exchange = self._exchanges.find(record.id)
        if exchange is not None:
            self._exchanges.end(exchange)


class TextObserver(ExchangeObserver):
    """Keep the attempts of each exchange as well, and a recording unless it is long."""

    def __init__(self, exchanges: Exchanges) -> None:
        super().__init__(exchanges)
        self._drafts: dict[str, Draft] = {}

    def dispatched(self, record: RequestRecord, request: ModelRequest) -> None:
        """Begin the recording of an attempt."""
        self._drafts.pop(record.id, None)
        exchange = self._exchanges.find(record.id)
        if exchange is not None and is_short(request):
            draft = self._drafts[record.id] = Draft(record, request)
            exchange.hear = draft.add

    def attempt(self, record: RequestRecord, attempt: Attempt) -> None:
        """Note what became of a request to a provider, and when; an error may be replayed."""
        exchange = self._exchanges.find(record.id)
        if exchange is None:
            return
        attempts = exchange.attempts
        now = round((record.timing.clock() - record.timing.accepted) / 1e6, 1)
        if attempt.phase == "started":
            if len(attempts) < _MOST_ATTEMPTS:
                attempts.append(
                    {"provider": attempt.provider, "model": attempt.model, "key": attempt.key}
                    | {"outcome": _RUNNING, "error": "", "from_ms": now, "to_ms": None}
                )
        elif attempts[-1]["outcome"] == _RUNNING:
            error = attempt.error
            attempts[-1] |= {
                "outcome": _outcome(attempt),
                "error": exchange.clean(error.message) if isinstance(error, GatewayError) else "",
                "to_ms": now,
            }
        draft = self._drafts.get(record.id)
        if draft is not None and isinstance(attempt.error, GatewayError):
            draft.error = attempt.error
        self._exchanges.note(exchange)

    def finished(self, record: RequestRecord) -> None:
        """Keep what may be shown of the request, and its recording if it is complete."""
        draft, exchange = self._drafts.pop(record.id, None), self._exchanges.find(record.id)
        if draft is not None and exchange is not None:
            exchange.recording = draft.file(exchange)
        super().finished(record)


class KeepingEncoder(WrappingEncoder):
    """Encode a stream as *encoder* does, and show what is sent to *keep*."""

    def __init__(self, encoder: AnswerEncoder, keep: Callable[[bytes], None]) -> None:
        super().__init__(encoder)
        self._keep = keep
        self.error_line = self._kept_error_line

    def lines(self, events: Sequence[ChatEvent]) -> bytes:
        """Return whole lines for a batch."""
        lines = self._encoder.lines(events)
        self._keep(lines)
        return lines

    def document(self, answer: Answer) -> bytes:
        """Return the whole answer, which is kept with its response."""
        return self._encoder.document(answer)

    def _kept_error_line(self, error: GatewayError) -> bytes:
        line = self._encoder.error_line(error)
        self._keep(line)
        return line


def reading(exchange: Exchange, load: Callable[[bytes], T]) -> Callable[[bytes], T]:
    """Return what loads a body as *load* does, and keeps it before."""

    def kept(body: bytes) -> T:
        exchange.receive(body)
        return load(body)

    return kept


async def watched(
    exchange: Exchange, response: Awaitable[web.StreamResponse]
) -> web.StreamResponse:
    """Return *response*; what providers are sent meanwhile, and what it is, is kept."""
    with Watching(exchange.send):
        answer = await response
    if isinstance(answer, web.Response) and isinstance(answer.body, bytes):
        exchange.answered(answer.body)
    return answer


def heard(exchange: Exchange, opened: Opened) -> Opened:
    """Return *opened*, whose events are kept as they come from the provider."""
    if (hear := exchange.hear) is None:
        return opened
    stream, encoder, batch = opened
    hear(batch)
    return Opened(cast("ChatStream", _Heard(stream, hear)), encoder, batch)


class _Heard(AsyncIterator[Sequence[ChatEvent]]):
    """A stream that shows each batch to *hear*."""

    def __init__(self, stream: ChatStream, hear: Callable[[Sequence[ChatEvent]], None]) -> None:
        self._stream = stream
        self._hear = hear

    async def __anext__(self) -> Sequence[ChatEvent]:
        batch = await anext(self._stream)
        self._hear(batch)
        return batch

    async def aclose(self) -> None:
        await self._stream.aclose()


def _outcome(attempt: Attempt) -> str:
    if attempt.error is None:
        return "ok"
    is_cancelled = isinstance(attempt.error, asyncio.CancelledError)
    return "cancelled" if is_cancelled else type(attempt.error).__name__
