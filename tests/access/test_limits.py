"""Acquire before a model is asked, settle when the request is over."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.key_report import key_report
from gateway.access.limits import Asked, Limiter, Outcome, Permit, Settled
from gateway.access.prices import Price, Prices
from gateway.core.chat import ChatRequest, Message, Role, Sampling
from gateway.core.embeddings import EmbedRequest
from gateway.core.errors import BudgetSpent, GatewayError, RateLimited, Unpriced
from gateway.core.events import Usage
from gateway.core.money import UNIT
from gateway.settings import LimitsSettings, Plan, PriceSettings
from gateway.state.memory import MemoryState
from gateway.state.rows import UsageCounts, UsageKey
from gateway.usage.ledger import Ledger

START = datetime(2026, 11, 30, 12, tzinfo=UTC)
NOON = int(START.timestamp())
SMALL = Asked("mistral", "small")
DEAR = Asked("mistral", "dear")
FREE = Asked("local", "free")
ODD = Asked("odd", "odd")
PRICES = {
    "mistral/small": PriceSettings(Decimal(1), Decimal(2), Decimal("0.5")),
    "mistral/dear": PriceSettings(Decimal(100), Decimal(200)),
    "local/*": PriceSettings(Decimal(0), Decimal(0)),
}


class Bench:
    """A limiter with a clock that only the test moves."""

    def __init__(self, *, ledger: bool = False, **limits: Any) -> None:
        self.at = START
        self.state = MemoryState(clock=self._milliseconds)
        self.ledger = Ledger(self.state)
        self.limits = LimitsSettings(**limits)
        self.limiter = Limiter(
            self.state,
            self.limits,
            Prices(PRICES),
            ledger=self.ledger if ledger else None,
            now=lambda: self.at,
        )

    def _milliseconds(self) -> int:
        return (self.at - START) // timedelta(milliseconds=1)

    def advance(self, **span: float) -> None:
        self.at += timedelta(**span)

    async def acquire(
        self,
        plan: Plan,
        *asked: Asked,
        request: Any = None,
        caller: str = "alice",
        dialect: str = "openai",
        **options: Any,
    ) -> Permit:
        return await self.limiter.acquire(
            request or chat(),
            asked or (SMALL,),
            name="the-model",
            operation="chat",
            dialect=dialect,
            caller=caller,
            plan=plan,
            **options,
        )

    async def refused(self, plan: Plan, *asked: Asked, **options: Any) -> GatewayError:
        with pytest.raises(GatewayError) as caught:
            await self.acquire(plan, *asked, **options)
        return caught.value

    async def rows(self) -> dict[UsageKey, UsageCounts]:
        await self.ledger.write()
        return dict(await self.state.usage(0, NOON * 2))

    async def report(self, caller: str, plan: Plan) -> Any:
        level = await self.limiter.level(caller, plan)
        return key_report(caller, plan, level, self.limits, now=self.at)


def chat(characters: int = 40, max_tokens: int | None = None) -> ChatRequest:
    text = Message(Role.USER, "x" * characters)
    return ChatRequest("m", (text,), sampling=Sampling(max_tokens=max_tokens))


def done(tokens: int, output: int = 0, *, asked: Asked = SMALL, cached: int = 0) -> Outcome:
    return Outcome(asked, Usage(tokens, output, cached), has_begun=True)


async def test_without_limits_nothing_is_asked_and_nothing_told() -> None:
    permit = await Bench().acquire(Plan())
    assert (permit.able, permit.headers) == ((SMALL,), {})
    assert permit.settle(done(10)) == Settled(Usage(10, 0), None)


async def test_rates_are_refused_in_words_with_their_wait() -> None:
    bench = Bench()
    permit = await bench.acquire(Plan(rpm=60, tpm=100_000, concurrency=4))
    assert permit.headers == {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-limit-tokens": "100000",
        "x-ratelimit-remaining-tokens": str(100_000 - 10 - 1024),
        "x-ratelimit-reset-tokens": "621ms",
    }
    one = Plan(rpm=1)
    await bench.acquire(one, caller="bob")
    bench.advance(milliseconds=100)
    error = await bench.refused(one, caller="bob")
    assert isinstance(error, RateLimited)
    assert str(error) == "rate limit reached: 1 requests per minute"
    assert error.unit == "requests"
    assert error.headers == {
        "Retry-After": "60",
        "retry-after-ms": "59900",
        "x-ratelimit-limit-requests": "1",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "59.9s",
    }


async def test_tokens_and_places_have_their_own_words() -> None:
    bench = Bench()
    await bench.acquire(Plan(tpm=1100))
    error = await bench.refused(Plan(tpm=1100))
    assert (str(error), getattr(error, "unit", "")) == (
        "rate limit reached: 1100 tokens per minute",
        "tokens",
    )
    places = Plan(concurrency=2)
    for _ in range(2):
        await bench.acquire(places, caller="bob")
    error = await bench.refused(places, caller="bob")
    assert str(error) == "2 requests are running already, which is the limit"
    assert error.headers == {"Retry-After": "1", "retry-after-ms": "1000"}


async def test_the_gateways_own_limits_hold_for_all_together() -> None:
    bench = Bench(rpm=3, concurrency=10)
    for caller in ("alice", "bob", ""):
        await bench.acquire(Plan(), caller=caller)
    error = await bench.refused(Plan(rpm=100), caller="carol", dialect="anthropic")
    assert str(error) == "rate limit reached: 3 requests per minute"
    assert error.headers["anthropic-ratelimit-requests-limit"] == "3"
    assert "x-ratelimit-limit-requests" not in error.headers


async def test_of_several_limits_the_longest_wait_is_named() -> None:
    bench = Bench(concurrency=1)
    plan = Plan(rpm=30, tpm=2000)
    await bench.acquire(plan)
    # 2 seconds for a request, some 3 for its tokens, 1 for the place.
    assert str(await bench.refused(plan)) == "rate limit reached: 2000 tokens per minute"
    bench.advance(seconds=60)
    assert str(await bench.refused(plan)) == "1 requests are running already, which is the limit"


async def test_money_that_is_spent_is_named_before_any_wait() -> None:
    bench = Bench()
    plan = Plan(rpm=1, budget=Decimal("0.000001"))
    error = await bench.refused(plan)
    assert isinstance(error, BudgetSpent)
    assert str(error) == (
        "what is left of the budget of this API key is too little for this request"
    )
    assert error.headers["x-should-retry"] == "false"


@pytest.mark.parametrize(
    ("period", "words"),
    [
        ("hour", " until 2026-11-30 13:00 UTC"),
        ("day", " until 2026-12-01 00:00 UTC"),
        ("week", " until 2026-12-07 00:00 UTC"),
        ("month", " until 2026-12-01 00:00 UTC"),
        ("total", ""),
    ],
)
async def test_a_spent_budget_says_until_when_and_no_amount(period: Any, words: str) -> None:
    bench = Bench()
    plan = Plan(budget=7, budget_period=period)
    (await bench.acquire(plan)).settle(done(7_000_000))
    text = str(await bench.refused(plan))
    assert text == f"the budget of this API key is spent{words}"
    assert not re.search(r"\d", text.removesuffix(words))


async def test_requests_that_run_may_be_in_the_way_of_others() -> None:
    bench = Bench()
    plan = Plan(budget=Decimal("0.003"))
    running = await bench.acquire(plan)  # may cost 10 + 2 * 1024 millionths
    error = await bench.refused(plan)
    assert isinstance(error, RateLimited)
    assert str(error) == "requests that are running may use up the budget of this API key"
    assert error.headers == {"Retry-After": "1", "retry-after-ms": "1000"}
    running.settle(done(10, 100))
    await bench.acquire(plan)


async def test_a_budget_holds_the_whole_answer_and_rates_a_reserve() -> None:
    bench = Bench(reserve=100)
    plan = Plan(tpm=1000, budget=1)
    request = chat(40, max_tokens=400_000)
    permit = await bench.acquire(plan, request=request)
    assert permit.headers["x-ratelimit-remaining-tokens"] == "890"
    report = await bench.report("alice", plan)
    assert report["budget"]["held"] == "0.800010"
    # The second one might cost more than what is left of it.
    await bench.refused(plan, request=request)


async def test_free_models_go_on_when_the_budget_is_spent() -> None:
    bench = Bench()
    plan = Plan(budget=1)
    (await bench.acquire(plan)).settle(done(2_000_000))
    await bench.refused(plan)
    permit = await bench.acquire(plan, FREE)
    assert permit.settle(done(10, 10, asked=FREE)).cost == 0


async def test_what_has_no_price_is_not_asked_for_a_caller_with_a_budget() -> None:
    bench = Bench()
    error = await bench.refused(Plan(budget=1), ODD)
    assert isinstance(error, Unpriced)
    assert str(error) == "model 'the-model' has no price here, and this API key has a budget"
    permit = await bench.acquire(Plan(budget=1), ODD, SMALL, ODD)
    assert permit.able == (SMALL,)
    assert (await bench.acquire(Plan(), ODD, SMALL)).able == (ODD, SMALL)


async def test_the_dearest_of_those_that_may_be_asked_is_held() -> None:
    bench = Bench(reserve=100)
    plan = Plan(budget=1)
    permit = await bench.acquire(plan, SMALL, DEAR, FREE)
    assert (await bench.report("alice", plan))["budget"]["held"] == "0.021000"
    assert permit.settle(done(10, 5)).cost == 20_000_000
    assert (await bench.report("alice", plan))["budget"] == {
        "limit": "1.000000",
        "period": "month",
        "spent": "0.000020",
        "held": "0.000000",
        "remaining": "0.999980",
        "resets": "2026-12-01T00:00:00Z",
    }


async def test_a_price_of_the_providers_list_is_a_price() -> None:
    listed = Asked("odd", "odd", listed=Price(1, 2, 1))
    permit = await Bench().acquire(Plan(budget=1), listed)
    assert permit.settle(done(3, 4, asked=listed)).cost == 11


OUTCOMES = [
    (Outcome(SMALL, Usage(7, 5, 3)), Settled(Usage(7, 5, 3), 4_000_000 + 1_500_000 + 10_000_000)),
    (Outcome(SMALL, Usage(0, 0), has_begun=True), Settled(Usage(0, 0), 0)),  # zero is a value
    (Outcome(SMALL, failed=True), Settled(Usage(0, 0), 0)),  # refused, or not reached
    (Outcome(None), Settled(Usage(0, 0), 0)),
    (
        Outcome(SMALL, has_begun=True, characters=9, cancelled=True),
        Settled(Usage(10, 3), 16_000_000, estimated=True),
    ),
    (
        Outcome(SMALL, has_begun=True, failed=True),
        Settled(Usage(10, 1), 12_000_000, estimated=True),
    ),
    (Outcome(SMALL, Usage(5, 5), from_cache=True), Settled(Usage(0, 0), 0)),
    (Outcome(ODD, Usage(5, 5)), Settled(Usage(5, 5), None)),
]


@pytest.mark.parametrize(("outcome", "expected"), OUTCOMES)
async def test_a_request_is_charged_with_what_is_known_of_it(
    outcome: Outcome, expected: Settled
) -> None:
    bench = Bench(ledger=True)
    permit = await bench.acquire(Plan(tpm=10_000), SMALL, ODD)
    assert permit.settle(outcome) == expected
    tokens = expected.usage.input_tokens + expected.usage.output_tokens
    report = await bench.report("alice", Plan(tpm=10_000))
    assert report["limits"]["tpm"]["remaining"] == 10_000 - tokens


async def test_only_the_first_settlement_counts() -> None:
    bench = Bench(ledger=True)
    plan = Plan(tpm=10_000, concurrency=1, budget=1)
    permit = await bench.acquire(plan)
    first = permit.settle(done(100))
    assert permit.settle(done(5000)) is first
    report = await bench.report("alice", plan)
    assert report["limits"]["tpm"]["remaining"] == 9_900
    assert report["limits"]["concurrency"] == {"limit": 1, "running": 0}
    assert report["budget"]["spent"] == "0.000100"
    assert [counts.requests for counts in (await bench.rows()).values()] == [1]


async def test_embeddings_reserve_nothing_for_an_answer() -> None:
    bench = Bench(ledger=True)
    permit = await bench.acquire(Plan(tpm=1000), request=EmbedRequest("m", ("x" * 40,)))
    assert permit.headers["x-ratelimit-remaining-tokens"] == "990"
    assert permit.settle(Outcome(SMALL, has_begun=True)) == Settled(
        Usage(10, 0), 10_000_000, estimated=True
    )


async def test_what_comes_from_the_cache_needs_no_tokens_and_no_money() -> None:
    bench = Bench(ledger=True)
    plan = Plan(rpm=2, tpm=1, concurrency=1, budget=0)
    permit = await bench.acquire(plan, ODD, from_cache=True)
    assert "x-ratelimit-remaining-tokens" not in permit.headers
    assert str(await bench.refused(plan, ODD, from_cache=True)) == (
        "1 requests are running already, which is the limit"
    )
    assert permit.settle(Outcome(ODD, from_cache=True)) == Settled(Usage(0, 0), 0)
    await bench.acquire(plan, ODD, from_cache=True)
    assert (await bench.rows())[UsageKey(NOON, "alice", "odd", "odd", "chat")] == UsageCounts(
        requests=1, cache_hits=1
    )


async def test_an_estimate_is_made_only_where_it_is_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def never(_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("gateway.access.limits.estimate", never)
    await Bench(rpm=5).acquire(Plan(rpm=5, concurrency=5))
    for bench, plan in (
        (Bench(tpm=5), Plan()),
        (Bench(), Plan(tpm=5)),
        (Bench(), Plan(budget=1)),
        (Bench(ledger=True), Plan()),
    ):
        with pytest.raises(AssertionError):
            await bench.acquire(plan)


async def test_a_month_that_ends_in_mid_answer_charges_the_month_of_its_start() -> None:
    bench = Bench(ledger=True)
    plan = Plan(budget=1)
    bench.at = datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC)
    permit = await bench.acquire(plan)
    bench.advance(seconds=2)
    assert (await bench.report("alice", plan))["budget"]["held"] == "0.000000"
    permit.settle(done(900_000))
    report = await bench.report("alice", plan)
    assert (report["budget"]["spent"], report["budget"]["resets"]) == (
        "0.000000",
        "2027-01-01T00:00:00Z",
    )
    november = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp())
    assert await bench.state.spent("alice", november) == 900_000 * 10**6
    assert [key.hour for key in await bench.rows()] == [NOON + 11 * 3600]


async def test_the_ledger_has_what_was_asked_and_no_refusal_of_ours() -> None:
    bench = Bench(ledger=True)
    plan = Plan(rpm=4)
    (await bench.acquire(plan)).settle(done(10, 5, cached=4))
    (await bench.acquire(plan, ODD)).settle(done(1, 1, asked=ODD))
    (await bench.acquire(plan)).settle(Outcome(SMALL, failed=True))
    (await bench.acquire(plan)).settle(Outcome(SMALL, has_begun=True, characters=4, cancelled=True))
    await bench.refused(plan)
    (await bench.acquire(Plan(), caller="")).settle(done(1))
    assert await bench.rows() == {
        UsageKey(NOON, "alice", "mistral", "small", "chat"): UsageCounts(
            requests=3,
            errors=1,
            cancelled=1,
            input_tokens=20,
            cached_tokens=4,
            output_tokens=6,
            estimated_tokens=11,
            cost=6_000_000 + 2_000_000 + 10_000_000 + 12_000_000,
        ),
        UsageKey(NOON, "alice", "odd", "odd", "chat"): UsageCounts(
            requests=1, input_tokens=1, output_tokens=1, unpriced=1
        ),
        UsageKey(NOON, "", "mistral", "small", "chat"): UsageCounts(
            requests=1, input_tokens=1, cost=1_000_000
        ),
    }


async def test_a_key_is_told_of_itself_and_nobody_of_the_gateway() -> None:
    bench = Bench(rpm=600, concurrency=9)
    plan = Plan("team", ("m*", "!ml"), rpm=60, tpm=3000, concurrency=2, budget=0)
    await bench.acquire(plan, FREE)
    assert await bench.report("alice", plan) == {
        "name": "alice",
        "plan": "team",
        "models": ["m*", "!ml"],
        "limits": {
            "rpm": {"limit": 60, "remaining": 59, "reset_seconds": 1.0},
            "tpm": {"limit": 3000, "remaining": 3000 - 1034, "reset_seconds": 20.68},
            "concurrency": {"limit": 2, "running": 1},
        },
        "budget": {
            "limit": "0.000000",
            "period": "month",
            "spent": "0.000000",
            "held": "0.000000",
            "remaining": "0.000000",
            "resets": "2026-12-01T00:00:00Z",
        },
    }
    assert await bench.report("", Plan()) == {
        "name": "",
        "plan": "",
        "models": [],
        "limits": {
            "rpm": {"limit": 600, "remaining": 599, "reset_seconds": 0.1},
            "tpm": None,
            "concurrency": {"limit": 9, "running": 1},
        },
        "budget": None,
    }
    total = Plan(budget=2, budget_period="total")
    assert (await bench.report("bob", total))["budget"]["resets"] is None
    assert (await bench.report("bob", total))["limits"]["concurrency"] is None


async def test_fifty_at_once_pass_as_the_limit_says() -> None:
    bench = Bench(tpm=3 * 1034)

    async def one() -> bool:
        try:
            await bench.acquire(Plan())
        except RateLimited:
            return False
        return True

    assert sum(await asyncio.gather(*(one() for _ in range(50)))) == 3


ENDS = st.tuples(
    st.sampled_from([SMALL, DEAR, FREE, ODD]),
    st.one_of(
        st.none(),
        st.builds(Usage, st.integers(0, 10**5), st.integers(0, 10**5), st.integers(0, 10**5)),
    ),
    st.booleans(),
    st.integers(0, 10**4),
)


@given(st.lists(ENDS, max_size=100))
def test_the_ledger_and_the_budget_are_exact_sums_of_what_was_charged(ends: Any) -> None:
    async def run() -> None:
        bench = Bench(ledger=True)
        plan = Plan(budget=2_000_000, budget_period="total")
        exact, requests = Fraction(0), 0
        for asked, usage, has_begun, characters in ends:
            if asked is ODD:
                await bench.refused(plan, asked)
                continue
            permit = await bench.acquire(plan, asked)
            outcome = Outcome(asked, usage, has_begun=has_begun, characters=characters)
            settled = permit.settle(outcome)
            permit.settle(Outcome(asked, Usage(10**9, 10**9)))
            price = PRICES["local/*" if asked is FREE else f"mistral/{asked.model}"]
            cached = min(settled.usage.cached_tokens, settled.usage.input_tokens)
            from_cache = price.input if price.cached is None else price.cached
            exact += Fraction(price.input) * (settled.usage.input_tokens - cached) / 10**6
            exact += Fraction(from_cache) * cached / 10**6
            exact += Fraction(price.output) * settled.usage.output_tokens / 10**6
            requests += 1
        rows = (await bench.rows()).values()
        assert sum(counts.requests for counts in rows) == requests
        assert Fraction(sum(counts.cost for counts in rows), UNIT) == exact
        assert Fraction(await bench.state.spent("alice", 0), UNIT) == exact
        assert (await bench.limiter.level("alice", plan)).held == 0

    asyncio.run(run())
