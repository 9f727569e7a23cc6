"""A process that writes usage, money and keys without end, and says so after each: to be killed."""

import asyncio
import sys
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from gateway.access.client_keys import NewKey
from gateway.access.key_file import KeyFile
from gateway.settings import KeySettings
from gateway.state.backend import Kind, Settlement
from gateway.state.base import Actual, Demand, Lease, Money
from gateway.state.rows import UsageCounts, UsageKey, UsageRow
from gateway.state.sqlite import FILE, SqliteBackend

__all__ = ["Kept", "expected", "kept"]

_KEYS = "keys.sqlite3"
_KINDS = 3
_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_BUDGET = Money(budget=10**9, period=0, keep=0, amount=5)
_LONG = "p" * 50_000
"""So long that there is time to be killed in the midst of writing it."""
_FOR_EVER = 1_000_000
"""Days for which the ledger keeps its rows."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is in the files: requests of the ledger, money spent, and keys."""

    usage: int
    money: int
    keys: int


def expected(done: int) -> Kept:
    """Return what is there after so many steps."""
    return Kept(*((done + _KINDS - 1 - kind) // _KINDS for kind in range(_KINDS)))


async def kept(home: Path) -> Kept:
    """Return what is there."""
    async with aclosing(SqliteBackend(home / FILE, keep=_FOR_EVER)) as backend:
        rows = await backend.usage(0, 3600)
        money = await backend.spent("alice", _BUDGET.period)
    keys = {key.name for key in KeyFile(home / _KEYS).stored()}
    assert keys == {f"key-{number}" for number in range(len(keys))}
    return Kept(sum(row.counts.requests for row in rows), money, len(keys))


async def _do(backend: SqliteBackend, keys: KeyFile, step: int) -> None:
    turn, kind = divmod(step, _KINDS)
    match kind:
        case 0:
            row = UsageRow(
                UsageKey(0, "alice", "p", f"m{turn % 5}", "chat", _LONG), UsageCounts(requests=1)
            )
            await backend.add_usage([row], f"usage-{turn}")
        case 1:
            lease = Lease(f"me:{turn}", (Demand("alice", money=_BUDGET),))
            settlement = Settlement(Kind.OWN, lease, Actual(cost=1))
            await backend.settle([settlement], f"money-{turn}")
        case _:
            made = NewKey(f"key-{turn}", f"id-{turn}", f"hash-{turn}")
            keys.add(f"key-{turn}", made, KeySettings(hash=made.hash), now=_NOW)


async def _main(home: Path) -> None:
    keys = KeyFile(home / _KEYS)
    async with aclosing(SqliteBackend(home / FILE, keep=_FOR_EVER)) as backend:
        for step in count():
            await _do(backend, keys, step)
            print(step, flush=True)  # noqa: T201 - to the process that kills this one


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1])))
