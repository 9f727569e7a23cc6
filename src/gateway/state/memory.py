"""Limits of one process: arithmetic on dictionaries, which never waits."""

from __future__ import annotations

import itertools
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.state import rules
from gateway.state.base import Actual, Demand, Granted, Lease, Level, Money, Refused
from gateway.state.rows import UsageCounts, UsageKey, UsageRow

__all__ = ["MemoryState", "monotonic_ms"]


def monotonic_ms() -> int:
    """Return the milliseconds of a clock that is never set back."""
    return time.monotonic_ns() // 1_000_000


@dataclass(slots=True)
class _Bucket:
    level: int
    at: int
    limit: int


class MemoryState:
    """The state of one process; it lasts as long as the process.

    *clock* tells milliseconds, *now* seconds since 1970. At most *size* bytes of answers are kept;
    the least recently used go first. Every *sweep* requests all that says nothing, such as buckets
    that are full, is forgotten.
    """

    is_up = True

    def __init__(
        self,
        *,
        clock: Callable[[], int] = monotonic_ms,
        now: Callable[[], float] = time.time,
        size: int = 64 << 20,
        sweep: int = 4096,
    ) -> None:
        self._clock = clock
        self._now = now
        self._numbers = itertools.count(1)
        self._requests: dict[str, _Bucket] = {}
        self._tokens: dict[str, _Bucket] = {}
        self._running: dict[str, int] = {}
        self._held: dict[tuple[str, int], int] = {}
        self._spent: dict[tuple[str, int], int] = {}
        self._forget: dict[tuple[str, int], int] = {}
        self._usage: dict[UsageKey, UsageCounts] = {}
        self._size = size
        self._sweep_after = sweep
        self._answers: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self._bytes = 0

    async def reach(self) -> bool:
        """Tell that nothing is in the way."""
        return True

    async def acquire(self, demands: Sequence[Demand]) -> Granted | Refused:
        """Take all or nothing, at once."""
        number = next(self._numbers)
        if number % self._sweep_after == 0:
            self._sweep()
        return self.take(f"{number:x}", demands)

    def take(self, identity: str, demands: Sequence[Demand]) -> Granted | Refused:
        """Take all or nothing; the lease is called *identity*."""
        now = self._clock()
        standings = [self._standing(demand, now) for demand in demands]
        if not all(map(rules.is_met, demands, standings)):
            unmet = itertools.chain.from_iterable(map(rules.unmet, demands, standings))
            return Refused(tuple(unmet), tuple(map(rules.level_of, demands, standings)))
        after = [*map(rules.taken, demands, standings)]
        for demand, standing in zip(demands, after, strict=True):
            self._write(demand, standing, now)
        return Granted(Lease(identity, tuple(demands)), tuple(map(rules.level_of, demands, after)))

    def settle(self, lease: Lease, actual: Actual) -> None:
        """Replace what *lease* holds by what was used."""
        now = self._clock()
        for demand in lease.demands:
            if demand.money is None and demand.tpm is None:  # nothing but a place is given back
                self._running[demand.name] -= 1
            else:
                self._write(demand, rules.settled(demand, self._standing(demand, now), actual), now)

    def give_back(self, lease: Lease) -> None:
        """Let it be as if *lease* had never been granted."""
        now = self._clock()
        for demand in lease.demands:
            self._write(demand, rules.undone(demand, self._standing(demand, now)), now)

    async def levels(self, demands: Sequence[Demand]) -> tuple[Level, ...]:
        """Return where the names of *demands* stand."""
        now = self._clock()
        return tuple(rules.level_of(demand, self._standing(demand, now)) for demand in demands)

    async def spent(self, name: str, period: int) -> int:
        """Return what *name* has spent in a period."""
        return self.known(name, period) or 0

    def known(self, name: str, period: int) -> int | None:
        """Return what *name* has spent, ``None`` if nothing was ever heard of this period."""
        return self._spent.get((name, period))

    def learn(self, name: str, money: Money, spent: int) -> None:
        """Take *spent* for what *name* has spent in the period of *money*."""
        self._spent[name, money.period] = spent
        if money.keep:
            self._forget[name, money.period] = money.period + money.keep

    async def cached(self, key: str) -> bytes | None:
        """Return what was kept under *key*, or ``None``."""
        value, until = self._answers.get(key, (None, 0.0))
        if value is None or until <= self._now():
            return None
        self._answers.move_to_end(key)
        return value

    async def keep(self, key: str, value: bytes, ttl: float) -> None:
        """Keep *value*; the least recently used answers make room for it."""
        self._drop(key)
        self._answers[key] = (value, self._now() + ttl)
        self._bytes += len(key) + len(value)
        while self._bytes > self._size:
            self._drop(next(iter(self._answers)))

    async def add_usage(self, rows: Sequence[UsageRow], batch: str) -> bool:
        """Add *rows* to the ledger."""
        for key, counts in rows:
            self._usage[key] = self._usage.get(key, UsageCounts()).plus(counts)
        return True

    async def usage(self, since: int, until: int) -> Sequence[UsageRow]:
        """Return the ledger's rows of some hours."""
        return [
            UsageRow(key, counts)
            for key, counts in sorted(self._usage.items())
            if since <= key.hour < until
        ]

    async def free(self, owner: str) -> None:
        """Do nothing: what a process holds here ends with it."""

    def _standing(self, demand: Demand, now: int) -> rules.Standing:
        name, money = demand.name, demand.money
        period = None if money is None else (name, money.period)
        return rules.Standing(
            0 if demand.rpm is None else _level(self._requests.get(name), demand.rpm, now),
            0 if demand.tpm is None else _level(self._tokens.get(name), demand.tpm, now),
            self._running.get(name, 0),
            0 if period is None else self._spent.get(period, 0),
            0 if period is None else self._held.get(period, 0),
        )

    def _write(self, demand: Demand, standing: rules.Standing, now: int) -> None:
        name = demand.name
        if demand.rpm is not None:
            self._requests[name] = _Bucket(standing.requests, now, demand.rpm)
        if demand.tpm is not None:
            self._tokens[name] = _Bucket(standing.tokens, now, demand.tpm)
        self._running[name] = standing.running
        if demand.money is not None:
            period = name, demand.money.period
            self._held[period] = standing.held
            if standing.spent or period in self._spent:
                self.learn(name, demand.money, standing.spent)

    def _sweep(self) -> None:
        """Forget what says no more than nothing would."""
        now, today = self._clock(), self._now()
        for buckets in (self._requests, self._tokens):
            for name, bucket in [*buckets.items()]:
                if _level(bucket, bucket.limit, now) == rules.full(bucket.limit):
                    del buckets[name]
        self._running = {name: count for name, count in self._running.items() if count}
        self._held = {period: amount for period, amount in self._held.items() if amount}
        for period, until in [*self._forget.items()]:
            if until < today and period not in self._held:
                del self._forget[period]
                self._spent.pop(period, None)

    def _drop(self, key: str) -> None:
        if (found := self._answers.pop(key, None)) is not None:
            self._bytes -= len(key) + len(found[0])


def _level(bucket: _Bucket | None, limit: int, now: int) -> int:
    if bucket is None:
        return rules.full(limit)
    return rules.refilled(bucket.level, limit=limit, elapsed=now - bucket.at)
