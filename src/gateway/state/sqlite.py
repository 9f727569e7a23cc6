"""Limits and usage in one SQLite file, for the worker processes of one machine.

Buckets, leases, spent money and the ledger are in one file, so that one transaction sees them all.
The last changes before a power cut may be lost, which costs nobody more than a second of limits.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from gateway.core.directory import CannotOpen
from gateway.core.errors import SettingsError
from gateway.core.sqlite import open_file
from gateway.state import rules
from gateway.state.backend import LEASE, Kind, Settlement, StateFailure
from gateway.state.base import Demand, Granted, Lease, Level, Refused
from gateway.state.rows import UsageCounts, UsageKey, UsageRow

__all__ = ["FILE", "TIMEOUT", "SqliteBackend", "wall_ms"]

FILE = "usage.sqlite3"
TIMEOUT = 2.0
"""Seconds that a transaction waits for those of other processes, which take microseconds."""

_VERSION = 1
_TABLES = (
    "CREATE TABLE buckets (name TEXT, kind TEXT, level INTEGER, at INTEGER,"
    " PRIMARY KEY (name, kind)) WITHOUT ROWID",
    "CREATE TABLE leases (name TEXT, id TEXT, expires INTEGER, period INTEGER, held INTEGER,"
    " PRIMARY KEY (name, id)) WITHOUT ROWID",
    "CREATE TABLE spent (name TEXT, period INTEGER, amount INTEGER, forget INTEGER,"
    " PRIMARY KEY (name, period)) WITHOUT ROWID",
    "CREATE TABLE usage (hour INTEGER, caller TEXT, provider TEXT, model TEXT, operation TEXT,"
    " attribution TEXT, requests INTEGER, errors INTEGER, cancelled INTEGER, cache_hits INTEGER,"
    " input_tokens INTEGER, cached_tokens INTEGER, output_tokens INTEGER,"
    " estimated_tokens INTEGER, cost INTEGER, unpriced INTEGER,"
    " PRIMARY KEY (hour, caller, provider, model, operation, attribution)) WITHOUT ROWID",
    "CREATE TABLE answers (key TEXT PRIMARY KEY, value BLOB, expires INTEGER)",
    "CREATE TABLE batches (id TEXT PRIMARY KEY, at INTEGER) WITHOUT ROWID",
)
_ADD = (
    "INSERT INTO usage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT DO UPDATE SET requests = requests + excluded.requests,"
    " errors = errors + excluded.errors, cancelled = cancelled + excluded.cancelled,"
    " cache_hits = cache_hits + excluded.cache_hits,"
    " input_tokens = input_tokens + excluded.input_tokens,"
    " cached_tokens = cached_tokens + excluded.cached_tokens,"
    " output_tokens = output_tokens + excluded.output_tokens,"
    " estimated_tokens = estimated_tokens + excluded.estimated_tokens,"
    " cost = cost + excluded.cost, unpriced = unpriced + excluded.unpriced"
)

_REMEMBERED = 600_000
"""Milliseconds that a batch is remembered: the time in which it may come again, and plenty more."""

T = TypeVar("T")


def wall_ms() -> int:
    """Return the milliseconds since 1970, which all processes of a machine agree on."""
    return time.time_ns() // 1_000_000


class SqliteBackend:
    """The file *path*, or with ``None`` a database in memory; *keep* is in days, for the ledger.

    All work is done by one thread, one transaction after the other, so that a request that is
    cancelled leaves nothing half done. Raise `SettingsError` if the file cannot be used.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        keep: int,
        clock: Callable[[], int] = wall_ms,
        lock_timeout: float = TIMEOUT,
    ) -> None:
        self._clock = clock
        self._keep = keep * 86400
        try:
            self._connection = open_file(
                path,
                version=_VERSION,
                tables=_TABLES,
                synchronous="NORMAL",
                lock_timeout=lock_timeout,
            )
        except CannotOpen as error:
            raise SettingsError(f"home: cannot use {path}: {error}") from error
        self._execute = self._connection.execute
        self._worker = ThreadPoolExecutor(1, "gateway-state")

    async def ping(self) -> None:
        """Do nothing, in a transaction."""
        await self._run(lambda: None)

    async def acquire(self, lease: Lease) -> Granted | Refused:
        """Take all that *lease* demands, or nothing."""
        return await self._run(lambda: self._acquire(lease))

    async def settle(self, settlements: Sequence[Settlement], batch: str) -> None:
        """Do all of *settlements*, once for each *batch*."""

        def run() -> None:
            now = self._clock()
            if self._is_done(batch, now):
                return
            for settlement in settlements:
                for demand in settlement.lease.demands:
                    self._settle(settlement, demand, now)

        await self._run(run)

    async def renew(self, leases: Sequence[Lease]) -> None:
        """Let *leases* hold longer."""
        expires = self._clock() + LEASE
        values = [(expires, one.name, lease.id) for lease in leases for one in lease.demands]
        statement = "UPDATE leases SET expires = ? WHERE name = ? AND id = ?"
        await self._run(lambda: self._connection.executemany(statement, values))

    async def free(self, owner: str) -> None:
        """Give back what the leases of *owner* hold."""
        # Not LIKE, in which some characters of a name would mean others.
        statement = "DELETE FROM leases WHERE substr(id, 1, length(?1)) = ?1"
        await self._run(lambda: self._execute(statement, (f"{owner}:",)))

    async def levels(self, demands: Sequence[Demand]) -> tuple[Level, ...]:
        """Return where the names of *demands* stand."""

        def run() -> tuple[Level, ...]:
            now = self._clock()
            return tuple(rules.level_of(one, self._standing(one, now)) for one in demands)

        return await self._run(run)

    async def spent(self, name: str, period: int) -> int:
        """Return what *name* has spent in a period."""
        return await self._run(lambda: self._spent(name, period))

    async def cached(self, key: str) -> bytes | None:
        """Return what was kept under *key*, or ``None``."""

        def run() -> bytes | None:
            statement = "SELECT value FROM answers WHERE key = ? AND expires > ?"
            row = self._execute(statement, (key, self._clock())).fetchone()
            return None if row is None else bytes(row[0])

        return await self._run(run)

    async def keep(self, key: str, value: bytes, ttl: float) -> None:
        """Keep *value*, and forget what has expired."""

        def run() -> None:
            now = self._clock()
            self._execute("DELETE FROM answers WHERE expires <= ?", (now,))
            expires = now + int(ttl * 1000)
            self._execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", (key, value, expires))

        await self._run(run)

    async def add_usage(self, rows: Sequence[UsageRow], batch: str) -> None:
        """Add *rows* to the ledger, once for each *batch*, and forget what is too old."""

        def run() -> None:
            now = self._clock()
            if self._is_done(batch, now):
                return
            self._execute("DELETE FROM usage WHERE hour < ?", (now // 1000 - self._keep,))
            self._connection.executemany(_ADD, [(*row.key, *row.counts) for row in rows])

        await self._run(run)

    async def usage(self, since: int, until: int) -> Sequence[UsageRow]:
        """Return the ledger's rows of some hours."""

        def run() -> Sequence[UsageRow]:
            statement = "SELECT * FROM usage WHERE hour >= ? AND hour < ?"
            found = self._execute(statement, (since, until)).fetchall()
            return [UsageRow(UsageKey(*row[:6]), UsageCounts(*row[6:])) for row in found]

        return await self._run(run)

    async def aclose(self) -> None:
        """Close the file, after all that was asked for before."""
        await asyncio.get_running_loop().run_in_executor(self._worker, self._connection.close)
        self._worker.shutdown()

    def _is_done(self, batch: str, now: int) -> bool:
        """Tell whether *batch* came before, as after an answer that took too long."""
        self._execute("DELETE FROM batches WHERE at < ?", (now - _REMEMBERED,))
        statement = "INSERT OR IGNORE INTO batches VALUES (?, ?)"
        return self._execute(statement, (batch, now)).rowcount == 0

    def _acquire(self, lease: Lease) -> Granted | Refused:
        now = self._clock()
        standings = [self._standing(demand, now) for demand in lease.demands]
        found = tuple(
            one
            for demand, standing in zip(lease.demands, standings, strict=True)
            for one in rules.unmet(demand, standing)
        )
        if found:
            return Refused(found, tuple(map(rules.level_of, lease.demands, standings)))
        for demand, standing in zip(lease.demands, standings, strict=True):
            rules.take(demand, standing)
            self._write_bucket(demand.name, "rpm", demand.rpm, standing.requests, now)
            self._write_bucket(demand.name, "tpm", demand.tpm, standing.tokens, now)
            money = demand.money
            held = (money.period, money.amount) if money else (0, 0)
            row = (demand.name, lease.id, now + LEASE, *held)
            self._execute("INSERT INTO leases VALUES (?, ?, ?, ?, ?)", row)
        return Granted(lease, tuple(map(rules.level_of, lease.demands, standings)))

    def _settle(self, settlement: Settlement, demand: Demand, now: int) -> None:
        where = (demand.name, settlement.lease.id)
        ended = self._execute("DELETE FROM leases WHERE name = ? AND id = ?", where).rowcount
        standing = self._standing(demand, now)
        match settlement.kind:
            case Kind.GRANTED:
                rules.settle(demand, standing, settlement.actual)
                self._write_bucket(demand.name, "tpm", demand.tpm, standing.tokens, now)
            case Kind.DOUBTFUL if ended:
                rules.undo(demand, standing)
                self._write_bucket(demand.name, "rpm", demand.rpm, standing.requests, now)
                self._write_bucket(demand.name, "tpm", demand.tpm, standing.tokens, now)
        money, cost = demand.money, settlement.actual.cost
        if money is not None and cost and settlement.kind is not Kind.DOUBTFUL:
            forget = money.period + money.keep if money.keep else None
            self._execute("DELETE FROM spent WHERE forget < ?", (now // 1000,))
            self._execute(
                "INSERT INTO spent VALUES (?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET amount = amount + excluded.amount",
                (demand.name, money.period, cost, forget),
            )

    def _standing(self, demand: Demand, now: int) -> rules.Standing:
        money, name = demand.money, demand.name
        period = money.period if money else -1
        self._execute("DELETE FROM leases WHERE name = ? AND expires <= ?", (name, now))
        statement = (
            "SELECT count(*), coalesce(sum(CASE period WHEN ? THEN held END), 0)"
            " FROM leases WHERE name = ?"
        )
        running, held = self._execute(statement, (period, name)).fetchone()
        return rules.Standing(
            requests=self._level(name, "rpm", demand.rpm, now),
            tokens=self._level(name, "tpm", demand.tpm, now),
            running=running,
            spent=self._spent(name, period) if money else 0,
            held=held,
        )

    def _level(self, name: str, kind: str, limit: int | None, now: int) -> int:
        if limit is None:
            return 0
        statement = "SELECT level, at FROM buckets WHERE name = ? AND kind = ?"
        row = self._execute(statement, (name, kind)).fetchone()
        if row is None:
            return rules.full(limit)
        level, at = row
        if at > now:  # the clock was set back: from here on it counts
            self._write_bucket(name, kind, limit, level, now)
        return rules.refilled(level, limit, now - at)

    def _write_bucket(self, name: str, kind: str, limit: int | None, level: int, now: int) -> None:
        if limit is not None:
            row = (name, kind, level, now)
            self._execute("INSERT OR REPLACE INTO buckets VALUES (?, ?, ?, ?)", row)

    def _spent(self, name: str, period: int) -> int:
        statement = "SELECT amount FROM spent WHERE name = ? AND period = ?"
        row = self._execute(statement, (name, period)).fetchone()
        return 0 if row is None else int(row[0])

    async def _run(self, work: Callable[[], T]) -> T:
        """Return what *work* returns, which is done as one transaction."""

        def run() -> T:
            self._execute("BEGIN IMMEDIATE")
            try:
                result = work()
                self._execute("COMMIT")
            except BaseException:
                self._execute("ROLLBACK")
                raise
            return result

        try:
            return await asyncio.get_running_loop().run_in_executor(self._worker, run)
        except (sqlite3.Error, RuntimeError) as error:
            raise StateFailure(str(error)) from error
