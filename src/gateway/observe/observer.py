"""The base class of observers, and how the phases of a request are reported to them."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from gateway.observe.record import RequestRecord

__all__ = ["Attempt", "Observer", "Observers"]

_log = logging.getLogger("gateway.observe")

T = TypeVar("T")


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

    def attempt(self, record: RequestRecord, attempt: Attempt) -> None:
        """Handle one phase of one request to a provider."""

    def finished(self, record: RequestRecord) -> None:
        """Handle the end of a request, once for each, also if its client has disconnected."""


class Observers:
    """All observers of an application, by the phases that they override."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._started = [o.started for o in observers if _overrides(o, "started")]
        self._attempt = [o.attempt for o in observers if _overrides(o, "attempt")]
        self._finished = [o.finished for o in observers if _overrides(o, "finished")]
        self.watch_attempts = bool(self._attempt)

    def started(self, record: RequestRecord) -> None:
        """Report that a request has begun."""
        for notify in self._started:
            _call(notify, record)

    def finished(self, record: RequestRecord) -> None:
        """Report that a request is over."""
        for notify in self._finished:
            _call(notify, record)

    async def watch(self, record: RequestRecord, answer: Awaitable[T]) -> T:
        """Return *answer*, the attempt that *record* names, and report its phases."""
        attempt = Attempt(record.provider, record.upstream_model, record.key)
        self._report(record, attempt)
        try:
            result = await answer
        except BaseException as error:
            self._report(record, replace(attempt, phase="failed", error=error))
            raise
        self._report(record, replace(attempt, phase="complete"))
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
