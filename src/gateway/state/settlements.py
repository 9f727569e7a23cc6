"""The queue of writes to a backend: batched, in order, and never sent twice."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import Counter, deque

from gateway.state.backend import Kind, Settlement, StateFailure
from gateway.state.guard import Guard

__all__ = ["Settlements"]

_GATHER = 0.02
"""Seconds in which settlements are gathered that are in no hurry."""
_BATCH = 200
"""Settlements in one batch, so that nobody else waits long for the server."""

_TRIES = 5
"""How often a batch is sent that a reachable backend does not accept."""

_log = logging.getLogger("gateway.state")


class Settlements:
    """The queue in front of *guard*; of more than ``most`` that wait the oldest are lost."""

    def __init__(self, guard: Guard) -> None:
        self.most = 10_000
        self._guard = guard
        self._waiting: deque[Settlement] = deque()
        self._batch: tuple[str, list[Settlement]] | None = None
        self._tries = 0
        self._costs: Counter[tuple[str, int]] = Counter()
        self._any = asyncio.Event()
        self._urgent = asyncio.Event()
        self._writing = asyncio.Lock()
        self._flushing: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        """Return how many settlements are not known to be done."""
        return len(self._waiting) + (len(self._batch[1]) if self._batch else 0)

    def add(self, settlement: Settlement) -> None:
        """Have *settlement* done; at once if others may wait for the place that it frees."""
        if len(self._waiting) >= self.most:
            self._forget([self._waiting.popleft()])
            _log.warning("too many settlements wait for the state: the oldest is lost")
        self._waiting.append(settlement)
        for one in settlement.lease.demands:
            if one.money is not None and settlement.kind is not Kind.DOUBTFUL:
                self._costs[one.name, one.money.period] += settlement.actual.cost
        self._any.set()
        if any(one.concurrency is not None for one in settlement.lease.demands):
            self._urgent.set()

    def unsent(self, name: str, period: int) -> int:
        """Return the cost for *name* in a period that is still on its way."""
        return self._costs[name, period]

    async def run(self) -> None:
        """Do what is added, for ever."""
        while True:
            await self._any.wait()
            await self._guard.wait()
            try:
                async with asyncio.timeout(_GATHER):
                    await self._urgent.wait()
            except TimeoutError:
                pass
            await self.flush()

    async def flush(self) -> None:
        """Do all that has been added by now, or as much as can be done."""
        # Not cancelled with whoever wants it: else nobody would know what was done.
        flushing = asyncio.ensure_future(self._flush())
        self._flushing.add(flushing)
        flushing.add_done_callback(self._flushing.discard)
        await asyncio.shield(flushing)

    async def _flush(self) -> None:
        async with self._writing:
            self._urgent.clear()
            try:
                while self._batch or self._waiting:
                    await self._write()
            except StateFailure:
                return  # the same batch is sent again once the state is back
            self._any.clear()

    async def _write(self) -> None:
        if self._batch is None:
            some = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
            self._batch, self._tries = (secrets.token_hex(8), some), 0
        identity, batch = self._batch
        self._tries += self._guard.is_up
        try:
            await self._guard.ask(lambda backend: backend.settle(batch, identity))
        except StateFailure as error:
            if self._tries < _TRIES:
                raise
            _log.error("%d settlements are lost: %s", len(batch), error)
        self._batch = None
        self._forget(batch)

    def _forget(self, settlements: list[Settlement]) -> None:
        for settlement in settlements:
            for one in settlement.lease.demands:
                if one.money is not None and settlement.kind is not Kind.DOUBTFUL:
                    self._costs[one.name, one.money.period] -= settlement.actual.cost
        self._costs = +self._costs
