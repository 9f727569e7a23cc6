"""What every state does, whatever it is made of."""

from __future__ import annotations

import asyncio

import pytest

from gateway.state.base import Actual, Demand, Granted, Level, Limit, Money
from states import DAY, HOUR, TODAY, Bench, granted, money, reasons, refused, row, settled


async def test_of_many_at_once_only_so_many_pass_as_the_tokens_allow(bench: Bench) -> None:
    async with bench.open() as state:
        demand = Demand("alice", tpm=3000, tokens=1000)
        answers = await asyncio.gather(*(state.acquire([demand]) for _ in range(50)))
        assert sum(isinstance(one, Granted) for one in answers) == 3


async def test_of_many_at_once_only_so_many_pass_as_there_are_places(bench: Bench) -> None:
    async with bench.open() as state:
        demand = Demand("alice", concurrency=3)
        answers = await asyncio.gather(*(state.acquire([demand]) for _ in range(50)))
        assert sum(isinstance(one, Granted) for one in answers) == 3


async def test_of_many_at_once_only_so_many_pass_as_the_budget_allows(bench: Bench) -> None:
    async with bench.open() as state:
        demand = Demand("alice", money=money(30))
        answers = await asyncio.gather(*(state.acquire([demand]) for _ in range(50)))
        assert sum(isinstance(one, Granted) for one in answers) == 3


async def test_a_state_that_is_there_can_be_reached(bench: Bench) -> None:
    async with bench.open() as state:
        assert await state.reach()


async def test_a_bucket_is_refilled_continuously(bench: Bench) -> None:
    async with bench.open() as state:
        demand = Demand("alice", rpm=60)
        for left in range(59, -1, -1):
            level = (await granted(state, demand)).levels[0]
            assert level.requests is not None
            assert level.requests.left == left
        assert reasons(await refused(state, demand)) == [("alice", Limit.RPM, 1000)]
        bench.advance(999)
        assert reasons(await refused(state, demand)) == [("alice", Limit.RPM, 1)]
        bench.advance(1)
        await granted(state, demand)
        bench.advance(600_000)
        (level,) = await state.levels([demand])
        assert level.requests is not None
        assert (level.requests.left, level.requests.full_in) == (60, 0)


async def test_a_clock_that_is_set_back_neither_fills_nor_blocks_a_bucket(shared: Bench) -> None:
    async with shared.open() as state, shared.open() as other:
        demand = Demand("alice", rpm=60)
        for _ in range(60):
            await granted(state, demand)
        shared.set_back(3_600_000)
        assert reasons(await refused(other, demand)) == [("alice", Limit.RPM, 1000)]
        shared.advance(1000)
        await granted(other, demand)


async def test_a_refused_request_takes_nothing(bench: Bench) -> None:
    async with bench.open() as state:
        key = Demand("alice", rpm=10, tpm=10, concurrency=10, tokens=1, money=money(1))
        everybody = Demand("*", concurrency=1)
        holding = await granted(state, everybody)
        for _ in range(20):
            assert reasons(await refused(state, key, everybody)) == [("*", Limit.CONCURRENCY, 1000)]
        assert reasons(await refused(state, everybody, key)) == [("*", Limit.CONCURRENCY, 1000)]
        state.settle(holding.lease, Actual())
        answer = await granted(state, key, everybody)
        level = answer.levels[0]
        assert level.requests is not None
        assert level.tokens is not None
        assert (level.requests.left, level.tokens.left, level.running) == (9, 9, 1)
        assert (level.spent, level.held) == (0, 1)


async def test_what_is_settled_frees_its_place(bench: Bench) -> None:
    async with bench.open() as state:
        demand = Demand("alice", concurrency=1)
        for _ in range(5):
            answer = await granted(state, demand)
            await refused(state, demand)
            state.settle(answer.lease, Actual())


async def test_settling_replaces_the_estimate_by_what_was_used(bench: Bench) -> None:
    async with bench.open() as state:
        demand = Demand("alice", tpm=1000, tokens=400)
        cheap = await granted(state, demand)
        dear = await granted(state, demand)
        assert reasons(await refused(state, demand)) == [("alice", Limit.TPM, 12_000)]
        state.settle(cheap.lease, Actual(tokens=100))
        await settled(state)
        assert (await state.levels([demand]))[0].tokens.left == 500  # type: ignore[union-attr]
        state.settle(dear.lease, Actual(tokens=1400))
        await settled(state)
        # 500 tokens of debt are waited off at 1000 a minute, and 400 more are wanted.
        assert reasons(await refused(state, demand)) == [("alice", Limit.TPM, 54_000)]
        (level,) = await state.levels([demand])
        assert level.tokens is not None
        assert (level.tokens.left, level.tokens.full_in) == (0, 90_000)


async def test_what_is_given_back_never_fills_a_bucket_beyond_its_limit(bench: Bench) -> None:
    async with bench.open() as state:
        demand = Demand("alice", tpm=1000, tokens=400)
        answer = await granted(state, demand)
        bench.advance(60_000)
        state.settle(answer.lease, Actual(tokens=1))
        await settled(state)
        assert (await state.levels([demand]))[0].tokens.left == 1000  # type: ignore[union-attr]


async def test_an_estimate_above_the_limit_waits_for_a_full_bucket(bench: Bench) -> None:
    async with bench.open() as state:
        small, large = Demand("alice", tpm=1000, tokens=1), Demand("alice", tpm=1000, tokens=5000)
        await granted(state, small)
        assert reasons(await refused(state, large)) == [("alice", Limit.TPM, 60)]
        bench.advance(60)
        answer = await granted(state, large)
        state.settle(answer.lease, Actual(tokens=3000))
        await settled(state)
        assert reasons(await refused(state, small)) == [("alice", Limit.TPM, 120_060)]


async def test_names_have_nothing_in_common(bench: Bench) -> None:
    async with bench.open() as state:
        await granted(state, Demand("alice", rpm=1))
        await granted(state, Demand("bob", rpm=1))
        await granted(state, Demand("*", rpm=1))
        await refused(state, Demand("alice", rpm=1))


async def test_a_budget_is_held_spent_and_refused_in_words_that_differ(bench: Bench) -> None:
    async with bench.open() as state:
        first = await granted(state, Demand("alice", money=money(60)))
        held = await refused(state, Demand("alice", money=money(50)))
        assert reasons(held) == [("alice", Limit.HELD, 1000)]
        assert await state.spent("alice", TODAY) == 0
        state.settle(first.lease, Actual(cost=70))
        await settled(state)
        assert await state.spent("alice", TODAY) == 70
        little = await refused(state, Demand("alice", money=money(31)))
        assert reasons(little) == [("alice", Limit.TOO_LITTLE, None)]
        last = await granted(state, Demand("alice", money=money(30)))
        state.settle(last.lease, Actual(cost=30))
        await settled(state)
        spent = await refused(state, Demand("alice", money=money(1)))
        assert reasons(spent) == [("alice", Limit.SPENT, None)]
        assert spent.levels == (Level("alice", spent=100),)


async def test_what_costs_nothing_passes_although_all_is_spent(bench: Bench) -> None:
    async with bench.open() as state:
        answer = await granted(state, Demand("alice", money=money(100)))
        state.settle(answer.lease, Actual(cost=250))
        await settled(state)
        await refused(state, Demand("alice", money=money(1)))
        await granted(state, Demand("alice", money=money(0)))


async def test_a_raised_budget_holds_at_once(bench: Bench) -> None:
    async with bench.open() as state:
        await granted(state, Demand("alice", money=money(100)))
        await refused(state, Demand("alice", money=money(1)))
        await granted(state, Demand("alice", money=money(1, budget=101)))


async def test_a_request_is_charged_to_the_period_of_its_start(bench: Bench) -> None:
    tomorrow = TODAY + DAY
    async with bench.open() as state:
        answer = await granted(state, Demand("alice", money=money(100)))
        bench.advance(DAY * 1000)
        # What yesterday's request holds is not in the way today.
        await granted(state, Demand("alice", money=money(100, period=tomorrow)))
        state.settle(answer.lease, Actual(cost=99))
        await settled(state)
        assert await state.spent("alice", TODAY) == 99
        assert await state.spent("alice", tomorrow) == 0


async def test_money_is_exact_far_beyond_what_a_float_holds(bench: Bench) -> None:
    large = 9_007_199_254_740_993  # 2**53 + 1
    async with bench.open() as state:
        for _ in range(3):
            demand = Demand("alice", money=money(large, budget=3 * large))
            answer = await granted(state, demand)
            state.settle(answer.lease, Actual(cost=large))
            await settled(state)
        assert await state.spent("alice", TODAY) == 3 * large
        over = Demand("alice", money=money(1, budget=3 * large))
        assert reasons(await refused(state, over)) == [("alice", Limit.SPENT, None)]
        await granted(state, Demand("alice", money=money(1, budget=3 * large + 1)))


async def test_a_budget_without_periods_is_never_forgotten(bench: Bench) -> None:
    endless = Money(budget=100, period=0, keep=0, amount=60)
    async with bench.open() as state:
        answer = await granted(state, Demand("alice", money=endless))
        state.settle(answer.lease, Actual(cost=60))
        bench.advance(1000 * DAY * 1000)
        other = await granted(state, Demand("alice", money=money(1, period=TODAY + 1000 * DAY)))
        state.settle(other.lease, Actual(cost=1))
        await settled(state)
        assert await state.spent("alice", 0) == 60


async def test_levels_take_nothing(bench: Bench) -> None:
    async with bench.open() as state:
        demand = Demand("alice", rpm=60, tpm=1000, concurrency=2, tokens=10, money=money(5))
        before = await state.levels([demand, Demand("*")])
        assert before == await state.levels([demand, Demand("*")])
        await granted(state, demand)
        (after,) = await state.levels([demand])
        assert after.requests is not None
        assert after.tokens is not None
        assert (after.requests.left, after.requests.full_in) == (59, 1000)
        assert (after.tokens.left, after.tokens.full_in) == (990, 600)
        assert (after.running, after.spent, after.held) == (1, 0, 5)


async def test_answers_are_kept_for_their_time(bench: Bench) -> None:
    async with bench.open() as state:
        assert await state.cached("k") is None
        state.keep("k", b"\x00one", 3600)
        await settled(state)
        state.keep("other", b"", 3600)
        await settled(state)
        assert await state.cached("k") == b"\x00one"
        assert await state.cached("other") == b""
        state.keep("k", b"two", 3600)
        await settled(state)
        assert await state.cached("k") == b"two"


@pytest.mark.parametrize("bench", ["memory", "sqlite"], indirect=True)
async def test_answers_are_forgotten_in_time(bench: Bench) -> None:
    async with bench.open() as state:
        state.keep("k", b"one", 60)
        await settled(state)
        bench.advance(59_999)
        assert await state.cached("k") == b"one"
        bench.advance(1)
        assert await state.cached("k") is None
        state.keep("other", b"two", 60)
        await settled(state)
        assert await state.cached("k") is None


async def test_usage_adds_up_by_hour_and_key(bench: Bench) -> None:
    async with bench.open() as state:
        assert await state.add_usage([row(HOUR, requests=1, cost=2**60)], "a")
        assert await state.add_usage(
            [row(HOUR, requests=2, input_tokens=5, cost=1), row(HOUR + 3600, "", errors=1)], "b"
        )
        blue = '{"team":"blue"}'
        for batch in ("c", "d"):
            assert await state.add_usage([row(HOUR, attribution=blue, requests=1)], batch)
        assert await state.usage(HOUR, HOUR + 7200) == [
            row(HOUR, requests=3, input_tokens=5, cost=2**60 + 1),
            row(HOUR, attribution=blue, requests=2),
            row(HOUR + 3600, "", errors=1),
        ]
        assert await state.usage(HOUR + 1, HOUR + 3601) == [row(HOUR + 3600, "", errors=1)]
        assert await state.usage(HOUR + 3601, HOUR + 3602) == []


async def test_nothing_that_is_free_needs_a_state_that_is_up(bench: Bench) -> None:
    async with bench.open() as state:
        assert state.is_up
        await state.free("nobody")
        assert isinstance(await state.acquire([]), Granted)
