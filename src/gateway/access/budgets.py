"""Budgets: when their periods begin and end, in UTC; pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import assert_never

from gateway.core.money import to_units
from gateway.settings import Period, Plan
from gateway.state.base import Money

__all__ = ["money_for", "period_end", "period_start"]

_LONGEST = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "month": timedelta(days=31),
}


def period_start(period: Period, moment: datetime) -> datetime | None:
    """Return when the period began that *moment* is in; ``None`` for one without end."""
    hour = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    day = hour.replace(hour=0)
    match period:
        case "hour":
            return hour
        case "day":
            return day
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case "total":
            return None
        case _:
            assert_never(period)


def period_end(period: Period, moment: datetime) -> datetime | None:
    """Return when the period ends that *moment* is in; ``None`` for one without end."""
    start = period_start(period, moment)
    # What is longest lasts into the next period, wherever that begins.
    return start and period_start(period, start + _LONGEST[period])


def money_for(plan: Plan, amount: int, moment: datetime) -> Money | None:
    """Return what a request that begins at *moment* demands; ``None`` without a budget.

    *amount* is what it may cost, in 10⁻¹² units.
    """
    if plan.budget is None:
        return None
    budget = to_units(plan.budget)
    # More than the budget is too much, however much more: servers calculate with 64 bits.
    amount = min(amount, budget + 1)
    start = period_start(plan.budget_period, moment)
    if start is None:
        return Money(budget=budget, period=0, keep=0, amount=amount)
    keep = 2 * _LONGEST[plan.budget_period]
    return Money(
        budget=budget,
        period=int(start.timestamp()),
        keep=int(keep.total_seconds()),
        amount=amount,
    )
