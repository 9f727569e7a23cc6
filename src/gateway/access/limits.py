"""Limits of a request: acquired before it is dispatched, and settled when it is over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType
from typing import Protocol

import msgspec

from gateway.access.budgets import money_for
from gateway.access.estimates import Estimate, ModelRequest, estimate
from gateway.access.prices import Price, Prices
from gateway.access.rate_headers import rate_headers
from gateway.access.refusals import refusal
from gateway.core import codec
from gateway.core.errors import Unpriced
from gateway.core.events import Usage
from gateway.core.token_estimates import answer_tokens
from gateway.settings import LimitsSettings, Plan
from gateway.state.base import (
    EVERYBODY,
    Actual,
    Demand,
    Lease,
    Level,
    Refused,
    State,
)
from gateway.state.rows import HOUR, UsageCounts, UsageKey

__all__ = ["Asked", "Limiter", "Outcome", "Permit", "Settled", "UsageLog"]

_NO_PLAN = Plan()
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_NOTHING = Estimate(0, 0)
_NO_TOKENS = Usage(0, 0)


class Asked(msgspec.Struct, frozen=True):
    """A model that may be asked: the canonical id in the list of a provider.

    ``service`` and ``listed`` are those of `gateway.access.prices.Prices.find`.
    """

    provider: str
    model: str
    service: str = ""
    listed: Price | None = None


class UsageLog(Protocol):
    """Where what requests have used is added up."""

    def add(self, key: UsageKey, counts: UsageCounts) -> None:
        """Add *counts* to the row of *key*."""


class Outcome(msgspec.Struct, frozen=True):
    """How a request ended.

    ``asked`` is who was asked last, ``None`` if nobody was. ``usage`` is what the provider has
    counted. Where it has not, ``has_begun`` tells whether any event had come, and ``characters``
    how many were passed on. ``from_cache`` says that no provider was needed. ``attribution`` is
    that of the record.
    """

    asked: Asked | None = None
    usage: Usage | None = None
    has_begun: bool = False
    characters: int = 0
    failed: bool = False
    cancelled: bool = False
    from_cache: bool = False
    attribution: Mapping[str, str] = {}


class Settled(msgspec.Struct, frozen=True):
    """What a request has used; ``cost`` is ``None`` if nobody knows the price of what it used."""

    usage: Usage
    cost: int | None
    estimated: bool = False


class Permit:
    """What a request may do that has acquired what it demands.

    ``able`` are those that may be asked, ``headers`` what the client is told of its rates.
    """

    def __init__(
        self,
        able: Sequence[Asked],
        headers: Mapping[str, str],
        settle: Callable[[Outcome], Settled],
    ) -> None:
        self.able = able
        self.headers = headers
        self._settle = settle
        self._settled: Settled | None = None

    def settle(self, outcome: Outcome) -> Settled:
        """Replace what is held by what was used; only the first call counts."""
        if self._settled is None:
            self._settled = self._settle(outcome)
        return self._settled


class Limiter:
    """The limits of all callers, and of the whole gateway, counted in *state*.

    What requests have used goes to ``ledger``, if there is one. *now* is the time in UTC.
    """

    def __init__(
        self,
        state: State,
        limits: LimitsSettings,
        prices: Prices,
        *,
        ledger: UsageLog | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._state = state
        self._limits = limits
        self._prices = prices
        self.ledger = ledger
        self._now = now

    async def acquire(
        self,
        request: ModelRequest,
        asked: Sequence[Asked],
        *,
        name: str,
        operation: str,
        dialect: str,
        caller: str = "",
        plan: Plan = _NO_PLAN,
        from_cache: bool = False,
    ) -> Permit:
        """Acquire all that *request* demands, or nothing, for a model that is called *name*.

        *caller* and its *plan* are those of nobody by default. *asked* are those who may be asked,
        at least one; without those whose price nobody knows, if there is a budget. *from_cache*
        says that the answer is there already. Raise `RateLimited`, `BudgetSpent`, `Unpriced` or
        `StateUnavailable`.
        """
        now = self._now()
        begun = _Begun(caller, plan, operation, now, self._find_prices(asked, plan))
        able = tuple(asked)
        if plan.budget is not None and not from_cache:
            able = tuple(one for one in asked if begun.prices[one] is not None)
            if not able:
                raise Unpriced(f"model {name!r} has no price here, and this API key has a budget")
        if not from_cache and (plan.tpm or self._limits.tpm or begun.prices):
            begun.guess = estimate(request)
        demands = self._demands(begun, able, from_cache=from_cache)
        if not demands:
            return Permit(able, _NO_HEADERS, partial(self._settle, begun, None))
        answer = await self._state.acquire(demands)
        headers = rate_headers(dialect, answer.levels, now=now)
        if isinstance(answer, Refused):
            raise refusal(answer, plan, now=now, headers=headers)
        return Permit(able, headers, partial(self._settle, begun, answer.lease))

    async def level(self, caller: str, plan: Plan) -> Level:
        """Return where *caller* stands, or for nobody the whole gateway."""
        begun = _Begun(caller, plan, "", self._now(), {})
        demand = self._of_caller(begun, ()) if caller else self._of_everybody(begun)
        (level,) = await self._state.levels([demand])
        return level

    def _find_prices(self, asked: Sequence[Asked], plan: Plan) -> Mapping[Asked, Price | None]:
        if plan.budget is None and self.ledger is None:
            return {}
        return {
            one: self._prices.find(one.provider, one.model, service=one.service, listed=one.listed)
            for one in asked
        }

    def _demands(self, begun: _Begun, able: Sequence[Asked], *, from_cache: bool) -> list[Demand]:
        demands: list[Demand] = []
        if begun.caller and (begun.plan.budget is not None or _has_rates(begun.plan)):
            demands.append(self._of_caller(begun, able))
        if _has_rates(self._limits):
            demands.append(self._of_everybody(begun))
        if from_cache:
            demands = [_without_tokens(one) for one in demands]
            return [one for one in demands if _has_rates(one)]
        return demands

    def _of_caller(self, begun: _Begun, able: Sequence[Asked]) -> Demand:
        plan, money = begun.plan, None
        if plan.budget is not None:
            counts = Usage(begun.guess.input, begun.guess.longest_answer(self._limits.reserve))
            costs = [price.cost(counts) for one in able if (price := begun.prices.get(one))]
            # Whoever of them answers in the end.
            money = money_for(plan, max(costs, default=0), begun.at)
        tokens = begun.guess.held(self._limits.reserve)
        return Demand(begun.caller, plan.rpm, plan.tpm, plan.concurrency, tokens, money)

    def _of_everybody(self, begun: _Begun) -> Demand:
        limits = self._limits
        tokens = begun.guess.held(limits.reserve)
        return Demand(EVERYBODY, limits.rpm, limits.tpm, limits.concurrency, tokens)

    def _settle(self, begun: _Begun, lease: Lease | None, outcome: Outcome) -> Settled:
        settled = _settled(begun, outcome)
        usage = settled.usage
        if lease is not None:
            tokens = usage.input_tokens + usage.output_tokens
            self._state.settle(lease, Actual(tokens, settled.cost or 0))
        if self.ledger is not None and outcome.asked is not None:
            key = _row_of(begun, outcome.asked, outcome.attribution)
            self.ledger.add(key, _counts(settled, outcome))
        return settled


class _Begun(msgspec.Struct):
    """What is remembered of a request from its beginning to its end."""

    caller: str
    plan: Plan
    operation: str
    at: datetime
    prices: Mapping[Asked, Price | None]
    guess: Estimate = _NOTHING


def _settled(begun: _Begun, outcome: Outcome) -> Settled:
    """Return what a request is charged with: counts if there are any, else what is known."""
    estimated = False
    if outcome.from_cache:
        return Settled(_NO_TOKENS, 0)
    if outcome.usage is not None:
        usage, estimated = outcome.usage, outcome.usage.estimated
    elif outcome.has_begun:
        guess, estimated = begun.guess, True
        has_answer = guess.answer != 0
        usage = Usage(guess.input, answer_tokens(outcome.characters) if has_answer else 0)
    else:
        return Settled(_NO_TOKENS, 0)  # nobody was reached, or everybody refused
    price = None if outcome.asked is None else begun.prices.get(outcome.asked)
    return Settled(usage, None if price is None else price.cost(usage), estimated)


def _row_of(begun: _Begun, asked: Asked, attribution: Mapping[str, str]) -> UsageKey:
    hour = int(begun.at.timestamp()) // HOUR * HOUR
    texts = codec.encode(dict(sorted(attribution.items()))).decode() if attribution else ""
    return UsageKey(hour, begun.caller, asked.provider, asked.model, begun.operation, texts)


def _counts(settled: Settled, outcome: Outcome) -> UsageCounts:
    usage = settled.usage
    tokens = usage.input_tokens + usage.output_tokens
    return UsageCounts(
        requests=1,
        errors=int(outcome.failed),
        cancelled=int(outcome.cancelled),
        cache_hits=int(outcome.from_cache),
        input_tokens=usage.input_tokens,
        cached_tokens=usage.cached_tokens,
        output_tokens=usage.output_tokens,
        estimated_tokens=tokens if settled.estimated else 0,
        cost=settled.cost or 0,
        unpriced=int(settled.cost is None),
    )


def _has_rates(limits: Demand | LimitsSettings | Plan) -> bool:
    return limits.rpm is not None or limits.tpm is not None or limits.concurrency is not None


def _without_tokens(demand: Demand) -> Demand:
    return Demand(demand.name, demand.rpm, concurrency=demand.concurrency)
