"""The three states, each with a clock that only the test moves, and words to ask them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from gateway.state.backend import Backend
from gateway.state.base import Demand, Granted, Limit, Money, Refused, State
from gateway.state.memory import MemoryState
from gateway.state.redis import RedisBackend
from gateway.state.rows import UsageCounts, UsageKey, UsageRow
from gateway.state.shared import SharedState, open_shared
from gateway.state.sqlite import SqliteBackend
from redis_server import RedisServer

__all__ = [
    "DAY",
    "HOUR",
    "START",
    "TIMEOUT",
    "TODAY",
    "Bench",
    "granted",
    "money",
    "reasons",
    "refused",
    "row",
    "settled",
]

START = 1_800_000_000_000
"""Milliseconds since 1970 at which every test begins."""
TIMEOUT = 10.0
"""Seconds that a busy machine may take; tests of failures have their own."""


class Bench:
    """Makes states of one kind that share what states of this kind can share."""

    def __init__(self, kind: str, directory: Path, server: RedisServer | None) -> None:
        self.kind = kind
        self.now = START
        self._path = directory / "usage.sqlite3"
        self._server = server
        if server is not None:
            self._client: Any = server.client()
            self._client.flushall()
            self.advance(0)

    def advance(self, milliseconds: int) -> None:
        self.now += milliseconds
        if self._server is not None:
            self._client.hset("clock", mapping={"s": self.now // 1000, "u": self.now % 1000 * 1000})

    def set_back(self, milliseconds: int) -> None:
        self.advance(-milliseconds)

    def backend(self) -> Backend:
        if self.kind == "sqlite":
            return SqliteBackend(self._path, keep=400, clock=lambda: self.now)
        assert self._server is not None
        return RedisBackend(self._server.url, prefix="test", timeout=TIMEOUT, keep=400)

    @asynccontextmanager
    async def open(self, owner: str = "", **options: Any) -> AsyncIterator[State]:
        """Open one more state, as another process would."""
        local = MemoryState(clock=lambda: self.now, now=lambda: self.now / 1000)
        if self.kind == "memory":
            yield local
            return
        async with open_shared(
            self.backend(), timeout=TIMEOUT, owner=owner, local=local, **options
        ) as state:
            yield state

    def close(self) -> None:
        if self._server is not None:
            self._client.close()


async def settled(state: State) -> None:
    """Wait until what was settled or kept has arrived where it is shared."""
    if isinstance(state, SharedState):
        await state.finish()


DAY = 86400
TODAY = START // 1000 // DAY * DAY


def money(amount: int, *, budget: int = 100, period: int = TODAY) -> Money:
    return Money(budget=budget, period=period, keep=2 * DAY, amount=amount)


async def granted(state: State, *demands: Demand) -> Granted:
    answer = await state.acquire(demands)
    assert isinstance(answer, Granted), answer
    return answer


async def refused(state: State, *demands: Demand) -> Refused:
    answer = await state.acquire(demands)
    assert isinstance(answer, Refused), answer
    return answer


def reasons(answer: Refused) -> list[tuple[str, Limit, int | None]]:
    return [(one.demand.name, one.limit, one.wait) for one in answer.unmet]


HOUR = START // 1000 // 3600 * 3600


def row(hour: int, caller: str = "alice", attribution: str = "", **counts: int) -> UsageRow:
    key = UsageKey(hour, caller, "mistral", "m", "chat", attribution)
    return UsageRow(key, UsageCounts(**counts))
