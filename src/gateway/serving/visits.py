"""What one request asks of the cache and leaves there; imported only where there is one."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final, cast

from gateway.core.errors import NotCached
from gateway.core.events import ChatEvent, ChatStream, Finish, FinishReason
from gateway.observe.record import RequestRecord
from gateway.replay.cache import Cache, Flight
from gateway.replay.entries import Answer
from gateway.replay.keys import AnyRequest, key_of, may_be_kept
from gateway.replay.wishes import Wishes
from gateway.routing.targets import Target
from gateway.state.base import State

__all__ = ["Visit"]

_WAITS: Final = 2
"""To how many equal requests one waits for the answer before it asks by itself."""
_NOT_CACHED: Final = "not in the cache"
_EVENT: Final = 100
"""Bytes that an event takes besides its text."""


class Visit:
    """One request at the *cache*; ``answer`` is the kept answer, if one was found.

    What this process has not kept is looked for in the state that is *shared* with others, if any.
    """

    __slots__ = (
        *("_age", "_cache", "_first", "_flight", "_heard", "_key", "_kept_under", "_record"),
        *("_shared", "_wishes", "answer"),
    )

    def __init__(
        self, cache: Cache, record: RequestRecord, wishes: Wishes, shared: State | None
    ) -> None:
        self._cache = cache
        self._shared = shared
        self._record = record
        self._wishes = wishes
        self._first: Target | None = None
        self._key = ""
        self._kept_under = ""
        self._flight: Flight | None = None
        self._heard: _Heard | None = None
        self._age = 0.0
        self.answer: Answer | None = None

    @property
    def headers(self) -> Mapping[str, str]:
        """What the client is told of the cache; empty before it was asked."""
        result = self._record.cache
        if not result:
            return {}
        age = {"Age": str(int(self._age))} if result == "hit" else {}
        return {"X-Gateway-Cache": result, **age}

    async def look_up(self, wanted: AnyRequest | None, first: Target) -> bool:
        """Tell whether there is a kept answer to *wanted*, which *first* would be asked.

        The answer to an equal request that is running is waited for. ``None`` is a request that
        wants no answer. Raise `NotCached` for a client that wants nothing else.
        """
        cache, wishes = self._cache, self._wishes
        self._first = first
        self._key = key = "" if wanted is None else self._key_of(wanted, first)
        self._record.cache = "miss" if key else "bypass"
        may_find = key != "" and not wishes.no_cache
        for waited in range(_WAITS + 1 if may_find else 0):
            # Another one may have been kept while its equal was waited for.
            if found := cache.find(key, max_age=wishes.max_age):
                self._age = found.age
                return self._has(found.answer, "shared" if waited else "hit")
            if waited == _WAITS:
                break
            flight = None if wishes.only_if_cached else cache.flight(key)
            if flight is None:
                return await self._fetch()
            if (answer := await flight.wait()) is not None:
                return self._has(answer, "shared")
            cache.forget(key, flight)
        if wishes.only_if_cached:
            raise NotCached(_NOT_CACHED)
        return False

    async def _fetch(self) -> bool:
        """Tell whether other processes have kept an answer; equal requests wait meanwhile."""
        cache, wishes, found = self._cache, self._wishes, None
        if not wishes.only_if_cached:
            self._flight = cache.begin(self._key)
        if self._shared is not None:
            found = await cache.fetch(self._key, self._shared, max_age=wishes.max_age)
        if found is not None:
            self._age = found.age
            self._land(found.answer)
            return self._has(found.answer, "hit")
        if wishes.only_if_cached:
            raise NotCached(_NOT_CACHED)
        return False

    def stream(self) -> ChatStream:
        """Return the events of the kept answer in one batch."""
        return _in_one_batch(cast("Sequence[ChatEvent]", self.answer))

    def asks(self, wanted: AnyRequest, target: Target) -> None:
        """Keep what answers *wanted* under *target*, which is about to be asked."""
        first = self._first
        is_first = first is not None and first.model is target.model
        self._kept_under = self._key if is_first else self._key_of(wanted, target)

    def heard(self, stream: ChatStream, batch: Sequence[ChatEvent]) -> ChatStream:
        """Return *stream*, whose events after the first *batch* are remembered if they may be."""
        if not self._kept_under:
            return stream
        self._heard = _Heard(stream, batch, self)
        return cast("ChatStream", self._heard)

    def keep(self, answer: Answer | None = None) -> None:
        """Keep *answer*, or the events that were heard; called when all has come."""
        if self._heard is not None:
            answer = self._heard.answer
        if answer is None or not self._kept_under:
            return
        try:
            self._cache.keep(self._kept_under, answer, self._shared)
        except (ValueError, TypeError, RecursionError):  # it cannot be encoded
            return
        self._land(answer if self._kept_under == self._key else None)

    def close(self) -> None:
        """Have nobody wait for this request any longer."""
        self._land(None)

    def has_too_much(self) -> bool:
        """Tell whether what has come of the answer is more than is kept; nobody waits then."""
        if self._record.characters + _EVENT * self._record.pieces <= self._cache.most:
            return False
        self._land(None)
        return True

    def hand(self, at: float | None) -> None:
        """Note since when the client has what came last, ``None`` while more is waited for."""
        if self._flight is not None:
            self._flight.handed_at = at

    def _has(self, answer: Answer, result: str) -> bool:
        self.answer = answer
        record, first = self._record, cast("Target", self._first)
        record.cache = result
        record.set_target(*first.id)
        record.service = first.provider.otel_name or first.model.provider
        return True

    def _land(self, answer: Answer | None) -> None:
        if self._flight is not None:
            self._cache.forget(self._key, self._flight)
            self._flight.land(answer)
            self._flight = None

    def _key_of(self, wanted: AnyRequest, target: Target) -> str:
        """Return the key of *wanted*, empty if its answer is not kept."""
        settings = self._cache.settings
        if self._wishes.no_store or not may_be_kept(wanted, settings.what):
            return ""
        caller = self._record.caller if settings.scope == "caller" else ""
        try:
            return key_of(
                wanted,
                # Whoever asks with a key of their own may have models that others have not.
                scope=f"{caller}\0{target.owner}" if target.owner else caller,
                provider=target.model.provider,
                model=target.model.info.canonical,
                dialect=target.provider.native_dialect,
            )
        except (ValueError, TypeError, RecursionError):  # it cannot be encoded
            return ""


class _Heard(AsyncIterator[Sequence[ChatEvent]]):
    """A stream that remembers its batches."""

    __slots__ = ("_batches", "_stream", "_visit")

    def __init__(self, stream: ChatStream, first: Sequence[ChatEvent], visit: Visit) -> None:
        self._stream = stream
        self._visit = visit
        self._batches: list[Sequence[ChatEvent]] | None = [first]
        visit.hand(time.monotonic())

    async def __anext__(self) -> Sequence[ChatEvent]:
        self._visit.hand(None)
        batch = await anext(self._stream)
        self._visit.hand(time.monotonic())
        if self._batches is not None:
            self._batches.append(batch)
            if self._visit.has_too_much():
                self._batches = None
        return batch

    async def aclose(self) -> None:
        await self._stream.aclose()

    @property
    def answer(self) -> Answer | None:
        """All events, or ``None`` if they are not to be kept."""
        events = [event for batch in self._batches or () for event in batch]
        finish = events[-1] if events else None
        if not isinstance(finish, Finish) or finish.reason is FinishReason.CONTENT_FILTER:
            return None
        return None if finish.usage is not None and finish.usage.estimated else events


async def _in_one_batch(events: Sequence[ChatEvent]) -> ChatStream:
    yield events
