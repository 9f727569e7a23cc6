"""Additions are gathered, written in one piece, never twice, and not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.money import UNIT
from gateway.state.memory import MemoryState
from gateway.state.rows import UsageCounts, UsageKey, UsageRow
from gateway.state.shared import open_shared
from gateway.state.sqlite import SqliteBackend
from gateway.usage.ledger import Ledger, open_ledger
from states import DAY, HOUR, TIMEOUT

ALICE = UsageKey(HOUR, "alice", "mistral", "m", "chat")


class Flaky(MemoryState):
    """A state that takes rows only when it is told to, and notes what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.is_there = True
        self.loses_answers = False
        self.batches: list[tuple[str, int]] = []
        self._seen: set[str] = set()

    async def add_usage(self, rows: Sequence[UsageRow], batch: str) -> bool:
        self.batches.append((batch, len(rows)))
        if not self.is_there:
            return False
        if batch not in self._seen:
            await super().add_usage(rows, batch)
        self._seen.add(batch)
        return not self.loses_answers


async def sums(state: Any) -> dict[UsageKey, UsageCounts]:
    return dict(await state.usage(0, HOUR + 1000 * DAY))


async def test_what_is_added_is_one_row_and_written_in_the_end() -> None:
    state = Flaky()
    async with open_ledger(state, flush=3600) as ledger:
        for _ in range(100):
            ledger.add(ALICE, UsageCounts(requests=1, cost=3))
        assert state.batches == []
    assert await sums(state) == {ALICE: UsageCounts(requests=100, cost=300)}
    assert [count for _, count in state.batches] == [1]


async def test_what_is_added_is_written_now_and_then() -> None:
    state = Flaky()
    async with open_ledger(state, flush=0.005) as ledger, asyncio.timeout(TIMEOUT):
        for number in (1, 2):
            ledger.add(ALICE, UsageCounts(requests=1))
            while (await sums(state)).get(ALICE) != UsageCounts(requests=number):
                await asyncio.sleep(0.001)


async def test_what_was_not_written_is_written_later_once() -> None:
    state = Flaky()
    ledger = Ledger(state, batch=2)
    keys = [ALICE._replace(model=str(number)) for number in range(5)]
    for key in keys:
        ledger.add(key, UsageCounts(requests=1))
    state.is_there = False
    await ledger.write()
    state.is_there, state.loses_answers = True, True
    await ledger.write()
    ledger.add(keys[0], UsageCounts(requests=10))
    state.loses_answers = False
    await ledger.write()
    expected = dict.fromkeys(keys, UsageCounts(requests=1))
    assert await sums(state) == {**expected, keys[0]: UsageCounts(requests=11)}
    assert [count for _, count in state.batches] == [2, 2, 2, 2, 2]
    assert len({batch for batch, _ in state.batches}) == 3


async def test_rows_that_wait_have_a_limit(caplog: pytest.LogCaptureFixture) -> None:
    state = Flaky()
    ledger = Ledger(state, most=3)
    for number in range(6):
        ledger.add(ALICE._replace(model=str(number)), UsageCounts(requests=1))
    ledger.add(ALICE._replace(model="0"), UsageCounts(requests=1))
    assert caplog.text.count("usage is lost") == 1
    await ledger.write()
    assert sum(counts.requests for counts in (await sums(state)).values()) == 4
    ledger.add(ALICE._replace(model="5"), UsageCounts(requests=1))
    await ledger.write()
    assert len(await sums(state)) == 4


ROWS = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 2]),
        st.sampled_from(["", "alice"]),
        st.integers(0, 10**9),
        st.integers(0, 10**9),
        st.integers(0, 10**15),
    ),
    max_size=200,
)


@given(ROWS, ROWS)
def test_sums_are_exact_also_of_two_processes_in_one_hour(one: Any, other: Any) -> None:
    async def run() -> dict[UsageKey, UsageCounts]:
        state = MemoryState()
        async with open_ledger(state, flush=3600) as a, open_ledger(state, flush=3600) as b:
            for ledger, rows in ((a, one), (b, other)):
                for hour, caller, tokens, output, cost in rows:
                    counts = UsageCounts(
                        requests=1, input_tokens=tokens, output_tokens=output, cost=cost
                    )
                    ledger.add(UsageKey(HOUR + hour * 3600, caller, "p", "m", "chat"), counts)
        return await sums(state)

    found = asyncio.run(run())
    exact = sum((Fraction(row[4], UNIT) for row in [*one, *other]), Fraction(0))
    assert sum((Fraction(counts.cost, UNIT) for counts in found.values()), Fraction(0)) == exact
    assert sum(counts.requests for counts in found.values()) == len(one) + len(other)
    assert len(found) <= 6


async def test_two_workers_add_to_one_hour(tmp_path: Path) -> None:
    async def work(number: int) -> None:
        backend = SqliteBackend(tmp_path / "usage.sqlite3", keep=400_000)
        async with (
            open_shared(backend, timeout=TIMEOUT) as state,
            open_ledger(state, flush=0.005) as ledger,
        ):
            for cost in range(300):
                ledger.add(ALICE, UsageCounts(requests=1, cost=cost * number))
                await asyncio.sleep(0)

    await asyncio.gather(work(1), work(2))
    backend = SqliteBackend(tmp_path / "usage.sqlite3", keep=400_000)
    (row,) = await backend.usage(HOUR, HOUR + 1)
    await backend.aclose()
    assert row.counts == UsageCounts(requests=600, cost=3 * sum(range(300)))
