"""The base class of observers, and how the phases of a request are reported to them."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, TypeVar

from gateway.core.chat import ChatRequest, FillRequest
from gateway.core.embeddings import EmbedRequest
from gateway.core.events import ChatEvent
from gateway.core.transcriptions import TranscribeRequest
from gateway.observe.record import RequestRecord

__all__ = ["Attempt", "ModelRequest", "Observer", "Observers", "RequestHead"]

_log = logging.getLogger("gateway.observe")

T = TypeVar("T")

ModelRequest: TypeAlias = ChatRequest | FillRequest | EmbedRequest | TranscribeRequest
"""What a provider is sent, in the vocabulary."""


class RequestHead(Protocol):
    """The head of an HTTP request, as its client has sent it; that of aiohttp's requests."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers; a name may be written in any case."""

    @property
    def host(self) -> str:
        """The name and the port that the client has called."""

    @property
    def scheme(self) -> str:
        """``http`` or ``https``."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request to a provider, and its current phase.

    It is ``complete`` when the first events of a stream, or the whole of another answer, arrived.
    ``model`` is the provider's id, ``key`` the number of the provider's key, from 1, or 0 if it
    has one key. ``error`` is set only if it ``failed``, and is `asyncio.CancelledError` if the
    client disconnected.
    """

    provider: str
    model: str
    key: int
    phase: Literal["started", "complete", "failed"] = "started"
    error: BaseException | None = None


class Observer:
    """Base class of observers, which are called for every request; its methods do nothing.

    The methods are called from the event loop: they must be quick. What they raise is logged and
    changes nothing else. Override only what is needed: a phase that no observer overrides is free.
    """

    def started(self, record: RequestRecord) -> None:
        """Handle the start of a request, when its head has arrived; *record* has no model yet."""

    def received(self, record: RequestRecord, head: RequestHead) -> None:
        """Handle the head of the HTTP request, right after `started`."""

    def dispatched(self, record: RequestRecord, request: ModelRequest) -> None:
        """Handle what is about to be sent to a provider, in each attempt.

        *request* may be large: an observer that keeps it keeps a whole conversation in memory.
        """

    def attempt(self, record: RequestRecord, attempt: Attempt) -> None:
        """Handle one phase of one request to a provider."""

    def answered(self, record: RequestRecord, events: Sequence[ChatEvent]) -> None:
        """Handle a part of an answer that is about to be sent to the client.

        It is a batch of a stream, or the whole of another answer; a transcript is one text.
        Embeddings are not reported. This is called for every batch, so it must be very quick.
        """

    def finished(self, record: RequestRecord) -> None:
        """Handle the end of a request, once for each, also if its client has disconnected."""


class Observers:
    """All observers of an application, by the phases that they override."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._started = [o.started for o in observers if _overrides(o, "started")]
        self._received = [o.received for o in observers if _overrides(o, "received")]
        self._dispatched = [o.dispatched for o in observers if _overrides(o, "dispatched")]
        self._attempt = [o.attempt for o in observers if _overrides(o, "attempt")]
        self._answered = [o.answered for o in observers if _overrides(o, "answered")]
        self._finished = [o.finished for o in observers if _overrides(o, "finished")]
        self.watch_attempts = bool(self._attempt)
        self.watch_answers = bool(self._answered)

    def started(self, record: RequestRecord, head: RequestHead) -> None:
        """Report that a request has begun."""
        for notify in self._started:
            _call(notify, record)
        for notify_of in self._received:
            _call(notify_of, record, head)

    def dispatched(self, record: RequestRecord, request: ModelRequest) -> None:
        """Report what is about to be sent to a provider."""
        for notify in self._dispatched:
            _call(notify, record, request)

    def answered(self, record: RequestRecord, events: Sequence[ChatEvent]) -> None:
        """Report a part of an answer."""
        for notify in self._answered:
            _call(notify, record, events)

    def finished(self, record: RequestRecord) -> None:
        """Report that a request is over."""
        for notify in self._finished:
            _call(notify, record)

    async def watch(self, record: RequestRecord, answer: Awaitable[T]) -> T:
        """Return *answer*, the attempt that *record* names, and report its phases."""
        target = record.provider, record.upstream_model, record.key
        self._report(record, Attempt(*target))
        try:
            result = await answer
        except BaseException as error:
            self._report(record, Attempt(*target, "failed", error))
            raise
        self._report(record, Attempt(*target, "complete"))
        return result

    def _report(self, record: RequestRecord, attempt: Attempt) -> None:
        for notify in self._attempt:
            _call(notify, record, attempt)


def _overrides(observer: Observer, phase: str) -> bool:
    return getattr(type(observer), phase) is not getattr(Observer, phase)


def _call(notify: Callable[..., None], *arguments: object) -> None:
    """Call one observer; its failure must not affect the answer."""
    try:
        notify(*arguments)
    except Exception:
        _log.exception("an observer failed: %r", notify)
