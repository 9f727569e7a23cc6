"""Every state against a model that is slow, and exact because it calculates with fractions."""

from __future__ import annotations

import asyncio
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.state.base import Actual, Demand, Granted, Lease, Limit, Money
from redis_server import RedisServer
from states import DAY, TODAY, Bench, settled

LIMITS = st.one_of(st.none(), st.integers(1, 50))
NAMES = ("alice", "bob", "*")

# Round, so that what is left is often just enough.
ROUND = st.integers(0, 8).map(lambda number: number * 500)


@st.composite
def limits(draw: st.DrawFn) -> dict[str, tuple[int | None, int | None, int | None, int | None]]:
    """Return rpm, tpm, concurrency and budget of each name."""
    tpm = st.one_of(st.none(), st.integers(1, 5000))
    budget = st.one_of(st.none(), ROUND)
    return {
        name: (draw(LIMITS), draw(tpm), draw(st.one_of(st.none(), st.integers(1, 4))), draw(budget))
        for name in NAMES
    }


ACQUIRE = st.tuples(
    st.just("acquire"),
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=2, unique=True),
    ROUND,
    ROUND,
)
SETTLE = st.tuples(st.just("settle"), st.integers(0, 9), st.integers(0, 8000), ROUND)
ADVANCE = st.tuples(st.just("advance"), st.integers(0, 30_000))
STEPS = st.lists(st.one_of(ACQUIRE, SETTLE, ADVANCE), max_size=40)


class Model:
    """One state, by the words of the reference and nothing cleverer."""

    def __init__(self) -> None:
        self.now = 0
        self.levels: dict[tuple[str, str], tuple[Fraction, int]] = {}
        self.running: dict[str, int] = {}
        self.held: dict[str, int] = {}
        self.spent: dict[str, int] = {}

    def level(self, name: str, kind: str, limit: int) -> Fraction:
        level, at = self.levels.get((name, kind), (Fraction(limit), self.now))
        return min(Fraction(limit), level + Fraction(limit * (self.now - at), 60_000))

    def unmet(self, demand: Demand) -> set[tuple[str, Limit, int | None]]:
        found: set[tuple[str, Limit, int | None]] = set()
        for kind, limit, need in (
            (Limit.RPM, demand.rpm, 1),
            (Limit.TPM, demand.tpm, min(demand.tokens, demand.tpm or 0)),
        ):
            if limit is None:
                continue
            lacking = need - self.level(demand.name, kind, limit)
            if lacking > 0:
                found.add((demand.name, kind, math.ceil(lacking * 60_000 / limit)))
        running = self.running.get(demand.name, 0)
        if demand.concurrency is not None and running >= demand.concurrency:
            found.add((demand.name, Limit.CONCURRENCY, 1000))
        if demand.money is not None and demand.money.amount:
            spent, held = self.spent.get(demand.name, 0), self.held.get(demand.name, 0)
            budget, amount = demand.money.budget, demand.money.amount
            if spent >= budget:
                found.add((demand.name, Limit.SPENT, None))
            elif spent + amount > budget:
                found.add((demand.name, Limit.TOO_LITTLE, None))
            elif spent + held + amount > budget:
                found.add((demand.name, Limit.HELD, 1000))
        return found

    def change(self, demand: Demand, sign: int, tokens: Fraction, cost: int) -> None:
        name = demand.name
        if demand.rpm is not None and sign > 0:
            self.levels[name, "rpm"] = (self.level(name, "rpm", demand.rpm) - 1, self.now)
        if demand.tpm is not None:
            level = min(Fraction(demand.tpm), self.level(name, "tpm", demand.tpm) - tokens)
            self.levels[name, "tpm"] = (level, self.now)
        self.running[name] = self.running.get(name, 0) + sign
        if demand.money is not None:
            self.held[name] = self.held.get(name, 0) + sign * demand.money.amount
            self.spent[name] = self.spent.get(name, 0) + cost

    def take(self, demand: Demand) -> None:
        self.change(demand, 1, Fraction(min(demand.tokens, demand.tpm or 0)), 0)

    def settle(self, demand: Demand, tokens: int, cost: int) -> None:
        taken = min(demand.tokens, demand.tpm or 0)
        self.change(demand, -1, Fraction(tokens - taken), cost)


async def compare(bench: Bench, chosen: Any, steps: Any) -> None:
    model, leases = Model(), list[Lease]()
    async with bench.open() as state:
        for step in steps:
            match step:
                case "advance", milliseconds:
                    bench.advance(milliseconds)
                    model.now += milliseconds
                case "settle", index, tokens, cost:
                    if leases:
                        lease = leases.pop(index % len(leases))
                        state.settle(lease, Actual(tokens, cost))
                        await settled(state)
                        for demand in lease.demands:
                            model.settle(demand, tokens, cost)
                case "acquire", names, tokens, amount:
                    demands = [demand_of(name, chosen[name], tokens, amount) for name in names]
                    answer = await state.acquire(demands)
                    expected = set().union(*map(model.unmet, demands))
                    if isinstance(answer, Granted):
                        assert expected == set()
                        leases.append(answer.lease)
                        for demand in demands:
                            model.take(demand)
                    else:
                        found = {(one.demand.name, one.limit, one.wait) for one in answer.unmet}
                        # A process that knows of one limit in the way does not ask for others.
                        assert found == expected if bench.kind == "memory" else found <= expected
            check(model, await state.levels(every := demands_of(chosen)), every)


def demand_of(name: str, limits: Any, tokens: int, amount: int) -> Demand:
    rpm, tpm, concurrency, budget = limits
    money = None if budget is None else Money(budget, TODAY, 2 * DAY, amount)
    return Demand(name, rpm, tpm, concurrency, tokens, money)


def demands_of(chosen: Any) -> list[Demand]:
    return [demand_of(name, chosen[name], 0, 0) for name in NAMES]


def check(model: Model, levels: Any, demands: list[Demand]) -> None:
    for demand, level in zip(demands, levels, strict=True):
        name = demand.name
        for kind, limit, found in (
            ("rpm", demand.rpm, level.requests),
            ("tpm", demand.tpm, level.tokens),
        ):
            if limit is None:
                assert found is None
            else:
                exact = model.level(name, kind, limit)
                assert found.left == max(0, math.floor(exact))
                assert found.full_in == math.ceil((limit - exact) * 60_000 / limit)
        assert level.running == model.running.get(name, 0)
        if demand.money is not None:
            assert level.spent == model.spent.get(name, 0)
            assert level.held == model.held.get(name, 0)


BOUNDED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@BOUNDED
@given(limits(), STEPS)
def test_memory_is_exact(tmp_path: Path, chosen: Any, steps: Any) -> None:
    asyncio.run(compare(Bench("memory", tmp_path, None), chosen, steps))


@BOUNDED
@given(limits(), STEPS)
def test_sqlite_is_exact(tmp_path: Path, chosen: Any, steps: Any) -> None:
    bench = Bench("sqlite", tmp_path, None)
    for file in tmp_path.iterdir():
        file.unlink()
    asyncio.run(compare(bench, chosen, steps))


@pytest.mark.usefixtures("fake_time")
@BOUNDED
@given(limits(), STEPS)
def test_redis_is_exact(tmp_path: Path, server: RedisServer, chosen: Any, steps: Any) -> None:
    bench = Bench("redis", tmp_path, server)
    try:
        asyncio.run(compare(bench, chosen, steps))
    finally:
        bench.close()
