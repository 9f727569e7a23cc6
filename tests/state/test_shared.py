"""What several processes share, and what becomes of it when one of them dies or is cancelled."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.core.errors import SettingsError, StateUnavailable
from gateway.state.backend import LEASE, Backend, Kind, Settlement, StateFailure
from gateway.state.base import Actual, Demand, Granted, Lease, Level, Limit, Money, Refused
from gateway.state.breaker import Breaker
from gateway.state.rows import UsageRow
from gateway.state.shared import open_shared
from gateway.state.sqlite import SqliteBackend
from states import (
    DAY,
    HOUR,
    START,
    TIMEOUT,
    TODAY,
    Bench,
    granted,
    money,
    reasons,
    refused,
    row,
    settled,
)

ONE_PLACE = Demand("alice", rpm=60, tpm=1000, concurrency=1, tokens=10, money=money(5))


async def test_processes_share_buckets_places_and_budgets(shared: Bench) -> None:
    async with shared.open() as one, shared.open() as other:
        first = await granted(one, Demand("alice", rpm=2, concurrency=2, money=money(40)))
        await granted(other, Demand("alice", rpm=2, concurrency=2, money=money(40)))
        limits = Demand("alice", rpm=2, concurrency=2, money=money(40))
        assert [limit for _, limit, _ in reasons(await refused(one, limits))] == [
            Limit.RPM,
            Limit.CONCURRENCY,
            Limit.HELD,
        ]
        one.settle(first.lease, Actual(cost=70))
        await one.settlements.flush()  # type: ignore[attr-defined]
        shared.advance(30_000)
        assert reasons(await refused(other, limits)) == [("alice", Limit.TOO_LITTLE, None)]


async def test_of_many_at_once_in_several_processes_only_so_many_pass(shared: Bench) -> None:
    demand = Demand("alice", tpm=3000, tokens=1000)
    async with shared.open() as a, shared.open() as b, shared.open() as c, shared.open() as d:
        answers = await asyncio.gather(
            *(state.acquire([demand]) for _ in range(13) for state in (a, b, c, d))
        )
    assert sum(isinstance(one, Granted) for one in answers) == 3


async def test_settlements_are_exact_when_many_processes_settle(shared: Bench) -> None:
    demand = Demand("alice", tpm=1_000_000, tokens=100, money=money(1, budget=10**12))

    async def work(state: Any, costs: Sequence[int]) -> None:
        for cost in costs:
            answer = await granted(state, demand)
            state.settle(answer.lease, Actual(tokens=cost, cost=cost))

    costs = range(1, 61)
    async with shared.open() as one, shared.open() as other:
        await asyncio.gather(work(one, costs), work(other, costs), work(one, costs))
        await one.settlements.flush()  # type: ignore[attr-defined]
        await other.settlements.flush()  # type: ignore[attr-defined]
        (level,) = await other.levels([demand])
    assert level.tokens is not None
    assert (level.spent, level.held, level.running) == (3 * sum(costs), 0, 0)
    assert level.tokens.left == 1_000_000 - 3 * sum(costs)


async def test_what_is_settled_is_written_before_the_state_closes(shared: Bench) -> None:
    async with shared.open() as state:
        answer = await granted(state, ONE_PLACE)
        state.settle(answer.lease, Actual(cost=3))
    async with shared.open() as state:
        assert await state.spent("alice", TODAY) == 3
        await granted(state, ONE_PLACE)


async def test_what_is_in_no_hurry_is_written_soon(shared: Bench) -> None:
    async with shared.open() as state, shared.open() as other:
        for budget in (100, 99):
            demand = Demand("alice", money=money(1, budget=budget))
            answer = await granted(state, demand)
            state.settle(answer.lease, Actual(cost=1))
        async with asyncio.timeout(TIMEOUT):
            while await other.spent("alice", TODAY) != 2:
                await asyncio.sleep(0.005)


async def test_a_dead_process_is_freed_by_name(shared: Bench) -> None:
    async with shared.open("worker-1") as dying, shared.open("worker-11") as other:
        await granted(dying, ONE_PLACE)
        assert [limit for _, limit, _ in reasons(await refused(other, ONE_PLACE))] == [
            Limit.CONCURRENCY
        ]
        await other.free("worker")
        await other.free("worker-11")
        await refused(other, ONE_PLACE)
        await other.free("worker-1")
        answer = await granted(other, ONE_PLACE)
        assert (answer.levels[0].running, answer.levels[0].held) == (1, 5)
        # Another process of that name may die as well.
        await other.free("worker-11")
        assert (await other.levels([ONE_PLACE]))[0].running == 0


async def test_a_dead_process_that_nobody_frees_loses_its_places_in_time(shared: Bench) -> None:
    async with shared.open() as dying, shared.open() as other:
        await granted(dying, ONE_PLACE)
        shared.advance(LEASE - 1)
        await refused(other, ONE_PLACE)
        shared.advance(1)
        answer = await granted(other, ONE_PLACE)
        assert (answer.levels[0].running, answer.levels[0].held) == (1, 5)


async def test_a_lease_that_is_renewed_lasts_and_one_that_has_ended_stays_so(
    shared: Bench,
) -> None:
    backend = shared.backend()
    lease = Lease("living:1", (ONE_PLACE,))
    other = Lease("other:1", (ONE_PLACE,))
    assert isinstance(await backend.acquire(lease), Granted)
    for _ in range(5):
        shared.advance(LEASE // 4 * 3)
        await backend.renew([lease])
    assert isinstance(await backend.acquire(other), Refused)
    shared.advance(LEASE)
    assert isinstance(await backend.acquire(other), Granted)
    await backend.renew([lease])
    assert (await backend.levels([ONE_PLACE]))[0].running == 1
    await backend.aclose()


async def test_leases_are_renewed_while_their_requests_run(
    shared: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewed: asyncio.Queue[list[str]] = asyncio.Queue()
    backend = shared.backend()

    async def renew(leases: Sequence[Lease]) -> None:
        renewed.put_nowait([one.id for one in leases])
        raise StateFailure("not this time")

    monkeypatch.setattr(backend, "renew", renew)
    async with open_shared(backend, timeout=TIMEOUT, owner="me", renew_every=0.01) as state:
        answer = await granted(state, ONE_PLACE)
        async with asyncio.timeout(TIMEOUT):
            assert await renewed.get() == [answer.lease.id]
        assert answer.lease.id.startswith("me:")
        while state.is_up:
            await asyncio.sleep(0)


async def test_a_batch_that_is_sent_twice_counts_once(shared: Bench) -> None:
    backend = shared.backend()
    lease = Lease("me:1", (ONE_PLACE,))
    assert isinstance(await backend.acquire(lease), Granted)
    done = [Settlement(Kind.GRANTED, lease, Actual(tokens=30, cost=7))]
    for _ in range(2):
        await backend.settle(done, "batch")
    assert await backend.spent("alice", TODAY) == 7
    assert (await backend.levels([ONE_PLACE]))[0].tokens.left == 970  # type: ignore[union-attr]
    for _ in range(2):
        await backend.add_usage([row(HOUR, requests=1)], "rows")
    assert await backend.usage(HOUR, HOUR + 1) == [row(HOUR, requests=1)]
    await backend.aclose()


async def test_a_doubtful_lease_is_given_back_if_it_was_granted_and_else_nothing(
    shared: Bench,
) -> None:
    backend = shared.backend()
    lease = Lease("me:1", (ONE_PLACE,))
    untouched = await backend.levels([ONE_PLACE])
    await backend.settle([Settlement(Kind.DOUBTFUL, lease, Actual())], "a")
    assert await backend.levels([ONE_PLACE]) == untouched
    await backend.acquire(Lease("me:2", (ONE_PLACE,)))
    taken = await backend.levels([ONE_PLACE])
    await backend.settle([Settlement(Kind.DOUBTFUL, lease, Actual())], "b")
    assert await backend.levels([ONE_PLACE]) == taken
    await backend.settle([Settlement(Kind.DOUBTFUL, Lease("me:2", (ONE_PLACE,)), Actual())], "c")
    assert await backend.levels([ONE_PLACE]) == untouched
    await backend.aclose()


async def test_a_request_that_is_cancelled_while_it_asks_holds_nothing(shared: Bench) -> None:
    async with shared.open() as state:
        untouched = await state.levels([ONE_PLACE])
        for turns in range(12):
            asking = asyncio.ensure_future(state.acquire([ONE_PLACE]))
            for _ in range(turns):
                await asyncio.sleep(0)
            asking.cancel()
            await asyncio.wait([asking])
            # Unless it came too late, or what the one before holds was not given back yet.
            if not asking.cancelled() and isinstance(answer := asking.result(), Granted):
                state.settle(answer.lease, Actual())
        await state.finish()  # type: ignore[attr-defined]
        found = await state.levels([ONE_PLACE])
        assert [one.running for one in found] == [0]
        assert found[0].held == 0
        assert found[0].tokens == untouched[0].tokens


async def test_what_was_asked_for_a_request_that_left_is_known_before_the_state_closes(
    failing: Any,
) -> None:
    release = asyncio.Event()

    async def acquire(lease: Lease) -> Granted:
        await release.wait()
        return Granted(lease, ())

    failing.acquire = acquire
    async with open_shared(failing, timeout=TIMEOUT) as state:
        await state.renew()  # nothing runs, so nothing is asked
        asking = asyncio.ensure_future(state.acquire([Demand("alice", concurrency=1)]))
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait([asking])
        assert (await state._local.levels([Demand("alice")]))[0].running == 0
        asyncio.get_running_loop().call_soon(release.set)
    assert failing.calls == ["settle", "aclose"]


async def test_the_ledger_is_forgotten_after_its_days(shared: Bench) -> None:
    backend = shared.backend()
    old = START // 1000 // 3600 * 3600 - 1000 * DAY
    await backend.add_usage([row(old, requests=1), row(HOUR, requests=1)], "a")
    await backend.add_usage([row(HOUR, requests=1)], "b")
    assert await backend.usage(old, HOUR + 1) == [row(HOUR, requests=2)]
    await backend.aclose()


async def test_spent_money_is_forgotten_after_two_periods(tmp_path: Path) -> None:
    bench = Bench("sqlite", tmp_path, None)
    backend = bench.backend()
    later = Money(budget=100, period=TODAY + 3 * DAY, keep=2 * DAY, amount=1)
    for number, one in enumerate((money(1), later)):
        demand = Demand("alice", money=one)
        await backend.settle(
            [Settlement(Kind.OWN, Lease(f"me:{number}", (demand,)), Actual(cost=4))], f"{number}"
        )
        bench.advance(3 * DAY * 1000)
    assert await backend.spent("alice", TODAY) == 0
    assert await backend.spent("alice", TODAY + 3 * DAY) == 4
    await backend.aclose()


class Failing:
    """A backend that does as it is told: answer, fail, or wait."""

    def __init__(self) -> None:
        self.fails = False
        self.hangs = False
        self.calls: list[str] = []
        self.batches: list[str] = []
        self.granted: Granted | Refused | None = None

    def __getattr__(self, name: str) -> Any:
        async def call(*arguments: Any) -> Any:
            self.calls.append(name)
            if name == "settle":
                self.batches.append(arguments[1])
            if self.hangs:
                await asyncio.Event().wait()
            if self.fails:
                raise StateFailure("told to")
            match name:
                case "acquire":
                    lease = arguments[0]
                    levels = tuple(Level(one.name, spent=60) for one in lease.demands)
                    return self.granted or Granted(lease, levels)
                case "spent":
                    return 60
                case "usage":
                    return [row(HOUR, requests=1)]
                case "levels":
                    return (Level("there"),)
                case "cached":
                    return b"there"

        return call

    async def aclose(self) -> None:
        self.calls.append("aclose")


@pytest.fixture
def failing() -> Any:
    return Failing()


class Never(Breaker):
    """A breaker that is not probed while a test looks."""

    @property
    def seconds_to_probe(self) -> float:
        return 3600.0


BUDGETED = Demand("alice", concurrency=3, money=money(30))


@pytest.mark.parametrize("fault", ["fails", "hangs"])
async def test_a_backend_that_is_away_is_replaced_by_limits_of_the_same_size(
    failing: Any, fault: str
) -> None:
    async with open_shared(failing, timeout=0.05, breaker=Never()) as state:
        before = await granted(state, Demand("alice", concurrency=3))
        setattr(failing, fault, True)
        answers = [await state.acquire([Demand("alice", concurrency=3)]) for _ in range(5)]
        assert [type(one) for one in answers] == [Granted] * 2 + [Refused] * 3
        assert failing.calls.count("acquire") == 2
        assert not state.is_up
        state.settle(before.lease, Actual())
        await granted(state, Demand("alice", concurrency=3))


async def test_who_wants_no_limits_of_a_process_is_refused_while_the_backend_is_away(
    failing: Any,
) -> None:
    failing.fails = True
    async with open_shared(failing, timeout=1, on_failure="refuse", breaker=Never()) as state:
        for _ in range(3):
            with pytest.raises(StateUnavailable, match=r"^limits cannot be checked now$"):
                await state.acquire([Demand("alice", concurrency=1)])
        assert failing.calls.count("acquire") == 1


async def test_a_budget_goes_on_from_what_was_known(failing: Any) -> None:
    async with open_shared(failing, timeout=1, breaker=Never()) as state:
        first = await granted(state, BUDGETED)
        state.settle(first.lease, Actual(cost=5))
        await state.settlements.flush()
        failing.fails = True
        second = await granted(state, BUDGETED)  # 65 of 100 are spent
        assert reasons(await refused(state, BUDGETED)) == [("alice", Limit.HELD, 1000)]
        state.settle(second.lease, Actual(cost=10))
        assert await state.spent("alice", TODAY) == 75
        assert reasons(await refused(state, BUDGETED)) == [("alice", Limit.TOO_LITTLE, None)]


async def test_a_budget_of_which_nothing_is_known_is_refused(failing: Any) -> None:
    failing.fails = True
    async with open_shared(failing, timeout=1, breaker=Never()) as state:
        with pytest.raises(StateUnavailable):
            await state.acquire([BUDGETED])
        with pytest.raises(StateUnavailable):
            await state.spent("alice", TODAY)
        # What is free needs no knowledge of money, and the other limits hold.
        await granted(state, Demand("alice", concurrency=1, money=money(0)))
        await refused(state, Demand("alice", concurrency=1, money=money(0)))


async def test_nothing_but_limits_fails_loudly_while_the_backend_is_away(failing: Any) -> None:
    async with open_shared(failing, timeout=1, breaker=Never()) as state:
        assert await state.cached("k") == b"there"
        assert await state.levels([BUDGETED]) == (Level("there"),)
        assert await state.usage(0, 1) == [row(HOUR, requests=1)]
        failing.fails = True
        state.keep("k", b"v", 1)
        await settled(state)
        assert await state.cached("k") is None
        await state.free("me")
        assert await state.add_usage([], "a") is False
        assert await state.levels([Demand("bob")]) == (Level("bob"),)
        with pytest.raises(StateUnavailable, match="usage cannot be read"):
            await state.usage(0, 1)


async def test_what_was_settled_meanwhile_is_written_once_the_backend_is_back(
    failing: Any,
) -> None:
    async with open_shared(failing, timeout=1, breaker=Breaker(first=0.01)) as state:
        demand = Demand("alice", money=money(10))
        shared = await granted(state, demand)
        failing.fails = True
        await granted(state, Demand("bob"))
        own = await granted(state, demand)
        state.settle(shared.lease, Actual(cost=1))
        state.settle(own.lease, Actual(cost=2))
        failing.fails = False
        async with asyncio.timeout(TIMEOUT):
            while state.settlements:
                await asyncio.sleep(0.005)
        assert state.is_up
        assert len(set(failing.batches)) <= 2


async def test_a_batch_that_is_never_taken_is_given_up(
    failing: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def settle(*_: object) -> None:
        failing.batches.append("tried")
        raise StateFailure("an integer is out of range")

    failing.settle = settle
    async with open_shared(failing, timeout=1, breaker=Breaker(first=0.0)) as state:
        answer = await granted(state, BUDGETED)
        state.settle(answer.lease, Actual(cost=1))
        async with asyncio.timeout(TIMEOUT):
            while state.settlements:
                await asyncio.sleep(0.005)
    assert failing.batches == ["tried"] * 5
    assert "1 settlements are lost: an integer is out of range" in caplog.text


async def test_the_oldest_settlements_are_lost_if_there_are_too_many(
    failing: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_shared(failing, timeout=1, breaker=Never()) as state:
        state.settlements.most = 2
        leases = [(await granted(state, BUDGETED)).lease for _ in range(3)]
        failing.fails = True
        for number, lease in enumerate(leases):
            state.settle(lease, Actual(cost=10**number))
        assert len(state.settlements) == 2
        assert state.settlements.unsent("alice", TODAY) == 110
    assert "the oldest is lost" in caplog.text


async def test_one_process_keeps_its_limits_itself_and_its_money_in_the_file(
    tmp_path: Path,
) -> None:
    bench = Bench("sqlite", tmp_path, None)
    async with bench.open(shares_limits=False) as state:
        answers = await asyncio.gather(*(state.acquire([BUDGETED]) for _ in range(5)))
        leases = [one.lease for one in answers if isinstance(one, Granted)]
        assert len(leases) == 3
        assert (await state.levels([BUDGETED]))[0].running == 3
        for lease in leases:
            state.settle(lease, Actual(cost=25))
        assert await state.spent("alice", TODAY) == 75
        assert (await state.levels([BUDGETED]))[0].running == 0
        await state.add_usage([row(HOUR, requests=1)], "a")
    async with bench.open(shares_limits=False) as state:
        assert (await state.levels([BUDGETED]))[0].spent == 75
        assert reasons(await refused(state, BUDGETED)) == [("alice", Limit.TOO_LITTLE, None)]
        assert await state.usage(HOUR, HOUR + 1) == [row(HOUR, requests=1)]


async def test_one_process_whose_file_cannot_be_read_does_not_guess_what_is_spent(
    failing: Any,
) -> None:
    failing.fails = True
    async with open_shared(failing, timeout=1, breaker=Never(), shares_limits=False) as state:
        await granted(state, Demand("alice", concurrency=1))
        with pytest.raises(StateUnavailable):
            await state.acquire([BUDGETED])


async def test_what_others_spent_meanwhile_is_not_overwritten_by_an_older_answer(
    failing: Any,
) -> None:
    release = asyncio.Event()
    asked = iter([True, False])

    async def spent(*_: object) -> int:
        if next(asked):
            await release.wait()
        return 60

    failing.spent = spent
    async with open_shared(failing, timeout=TIMEOUT, shares_limits=False) as state:
        slow = asyncio.ensure_future(state.acquire([BUDGETED]))
        await asyncio.sleep(0)
        quick = await granted(state, BUDGETED)
        state.settle(quick.lease, Actual(cost=20))
        await state.settlements.flush()
        release.set()
        assert isinstance(await slow, Refused)


async def test_a_file_of_a_later_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "usage.sqlite3"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 2")
    connection.close()
    with pytest.raises(SettingsError, match="usage.sqlite3: its schema version 2 is newer than 1"):
        SqliteBackend(path, keep=400)


async def test_a_file_that_others_hold_for_too_long_is_a_state_that_is_away(
    tmp_path: Path,
) -> None:
    path = tmp_path / "usage.sqlite3"
    backend: Backend = SqliteBackend(path, keep=400, lock_timeout=0.05)
    holder = sqlite3.connect(tmp_path / "usage.sqlite3", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StateFailure, match="locked"):
        await backend.ping()
    holder.execute("COMMIT")
    holder.close()
    await backend.ping()
    await backend.aclose()


def test_a_file_is_readable_for_nobody_else(tmp_path: Path) -> None:
    backend = SqliteBackend(tmp_path / "usage.sqlite3", keep=400)
    modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600}
    asyncio.run(backend.aclose())


async def test_rows_that_are_empty_are_fine(shared: Bench) -> None:
    backend = shared.backend()
    rows: list[UsageRow] = []
    await backend.add_usage(rows, "a")
    assert await backend.usage(0, 1) == []
    await backend.aclose()


async def test_a_transaction_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "usage.sqlite3"
    backend = SqliteBackend(path, keep=400)
    with sqlite3.connect(path) as vandal:
        vandal.execute("ALTER TABLE leases RENAME TO away")
    with pytest.raises(StateFailure, match="no such table: leases"):
        await backend.acquire(Lease("me:1", (ONE_PLACE,)))
    vandal.execute("ALTER TABLE away RENAME TO leases")
    vandal.close()
    answer = await backend.acquire(Lease("me:1", (ONE_PLACE,)))
    assert answer.levels[0].requests.left == 59  # type: ignore[union-attr]
    await backend.aclose()
    with pytest.raises(StateFailure, match="after shutdown"):
        await backend.ping()


async def test_few_answers_wait_to_be_written_and_none_while_the_backend_is_away(
    failing: Any,
) -> None:
    async with open_shared(failing, timeout=1) as state:
        for number in range(50):
            state.keep(str(number), b"v", 1)
        await settled(state)
        assert failing.calls.count("keep") == 16
        failing.fails = True
        assert await state.cached("k") is None
        state.keep("k", b"v", 1)
        await settled(state)
        assert failing.calls.count("keep") == 16
