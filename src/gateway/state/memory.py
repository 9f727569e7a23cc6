"""Limits of one process: arithmetic on dictionaries, which never waits."""

from __future__ import annotations

import itertools
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

from gateway.state import rules
from gateway.state.base import Actual, Demand, Granted, Lease, Level, Money, Refused
from gateway.state.rows import UsageCounts, UsageKey, UsageRow

__all__ = ["MemoryState", "monotonic_ms"]


def monotonic_ms() -> int:
    """Return the milliseconds of a clock that is never set back."""
    return time.monotonic_ns() // 1_000_000


class _Account(rules.Standing, gc=False):
    """Where one name stands; each bucket had its level at a time, and then this limit."""

    requests_at: int = 0
    tokens_at: int = 0
    rpm: int = 0
    tpm: int = 0

    def refill(self, demand: Demand, now: int) -> None:
        """Bring the buckets up to *now*."""
        rpm, tpm = demand.rpm, demand.tpm
        if rpm is not None:
            self.requests = rules.refilled(self.requests, rpm, now - self.requests_at)
            self.requests_at, self.rpm = now, rpm
        if tpm is not None:
            self.tokens = rules.refilled(self.tokens, tpm, now - self.tokens_at)
            self.tokens_at, self.tpm = now, tpm

    def says_nothing(self, now: int) -> bool:
        """Tell whether nothing runs and both buckets are full."""
        return (
            not self.running
            and rules.refilled(self.requests, self.rpm, now - self.requests_at)
            == rules.full(self.rpm)
            and rules.refilled(self.tokens, self.tpm, now - self.tokens_at) == rules.full(self.tpm)
        )


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
        self._accounts: dict[str, _Account] = {}
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
        accounts = [self._account(demand, now) for demand in demands]
        if not all(map(rules.is_met, demands, accounts)):
            unmet = itertools.chain.from_iterable(map(rules.unmet, demands, accounts))
            return Refused(tuple(unmet), tuple(map(rules.level_of, demands, accounts)))
        for demand, account in zip(demands, accounts, strict=True):
            rules.take(demand, account)
            if demand.money is not None:
                self._keep_money(demand.name, demand.money, account)
        return Granted(
            Lease(identity, tuple(demands)), tuple(map(rules.level_of, demands, accounts))
        )

    def settle(self, lease: Lease, actual: Actual) -> None:
        """Replace what *lease* holds by what was used."""
        now = self._clock()
        for demand in lease.demands:
            account = self._account(demand, now)
            rules.settle(demand, account, actual)
            if demand.money is not None:
                self._keep_money(demand.name, demand.money, account)

    def give_back(self, lease: Lease) -> None:
        """Let it be as if *lease* had never been granted."""
        now = self._clock()
        for demand in lease.demands:
            account = self._account(demand, now)
            rules.undo(demand, account)
            if demand.money is not None:
                self._keep_money(demand.name, demand.money, account)

    async def levels(self, demands: Sequence[Demand]) -> tuple[Level, ...]:
        """Return where the names of *demands* stand."""
        now = self._clock()
        return tuple(rules.level_of(demand, self._account(demand, now)) for demand in demands)

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

    def keep(self, key: str, value: bytes, ttl: float) -> None:
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

    def _account(self, demand: Demand, now: int) -> _Account:
        """Return where the name of *demand* stands now; what is changed there stays."""
        name, money = demand.name, demand.money
        account = self._accounts.get(name)
        if account is None:
            long_ago = now - rules.SCALE  # so that its buckets are full by now
            account = self._accounts[name] = _Account(requests_at=long_ago, tokens_at=long_ago)
        account.refill(demand, now)
        if money is None:
            account.spent = account.held = 0
        else:
            period = name, money.period
            account.spent, account.held = self._spent.get(period, 0), self._held.get(period, 0)
        return account

    def _keep_money(self, name: str, money: Money, account: _Account) -> None:
        period = name, money.period
        self._held[period] = account.held
        if account.spent or period in self._spent:
            self.learn(name, money, account.spent)

    def _sweep(self) -> None:
        """Forget what says no more than nothing would."""
        now, today = self._clock(), self._now()
        self._accounts = {
            name: account
            for name, account in self._accounts.items()
            if not account.says_nothing(now)
        }
        self._held = {period: amount for period, amount in self._held.items() if amount}
        for period, until in [*self._forget.items()]:
            if until < today and period not in self._held:
                del self._forget[period]
                self._spent.pop(period, None)

    def _drop(self, key: str) -> None:
        if (found := self._answers.pop(key, None)) is not None:
            self._bytes -= len(key) + len(found[0])
