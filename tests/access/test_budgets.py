"""Periods of budgets, in UTC and at their seams."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.budgets import money_for, period_end, period_start
from gateway.core.money import UNIT
from gateway.settings import Period, Plan
from gateway.state.base import Money


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("period", "moment", "start", "end"),
    [
        ("hour", "2026-11-30T23:59:59.999999", "2026-11-30T23:00", "2026-12-01T00:00"),
        ("day", "2026-11-30T23:59:59", "2026-11-30", "2026-12-01"),
        ("week", "2026-11-30T00:00", "2026-11-30", "2026-12-07"),  # a Monday
        ("week", "2026-12-06T23:59:59", "2026-11-30", "2026-12-07"),
        ("week", "2026-01-01T12:00", "2025-12-29", "2026-01-05"),
        ("month", "2026-11-30T23:59:59", "2026-11-01", "2026-12-01"),
        ("month", "2026-12-01T00:00", "2026-12-01", "2027-01-01"),
        ("month", "2028-02-29T12:00", "2028-02-01", "2028-03-01"),
        ("month", "2026-01-31T12:00", "2026-01-01", "2026-02-01"),
    ],
)
def test_a_period_begins_and_ends_at_fixed_times(
    period: Period, moment: str, start: str, end: str
) -> None:
    assert period_start(period, at(moment)) == at(start)
    assert period_end(period, at(moment)) == at(end)


def test_a_total_has_neither_beginning_nor_end() -> None:
    assert period_start("total", at("2026-11-30")) is None
    assert period_end("total", at("2026-11-30")) is None


def test_other_time_zones_change_nothing() -> None:
    moment = datetime(2026, 12, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    assert period_start("month", moment) == at("2026-11-01")


@given(
    st.sampled_from(["hour", "day", "week", "month"]),
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
)
def test_periods_follow_each_other_without_gaps(period: Period, moment: datetime) -> None:
    start, end = period_start(period, moment), period_end(period, moment)
    assert start is not None
    assert end is not None
    assert start <= moment < end
    assert period_start(period, end) == end
    assert period_start(period, end - timedelta(microseconds=1)) == start


def test_a_request_demands_money_of_the_period_it_begins_in() -> None:
    plan = Plan(budget=Decimal("2.5"), budget_period="day")
    start = int(at("2026-11-30").timestamp())
    assert money_for(plan, 7, at("2026-11-30T12:00")) == Money(
        budget=5 * UNIT // 2, period=start, keep=2 * 86400, amount=7
    )


def test_a_total_is_kept_for_ever() -> None:
    plan = Plan(budget=1, budget_period="total")
    assert money_for(plan, 7, at("2026-11-30")) == Money(UNIT, 0, 0, 7)


def test_more_than_the_budget_is_one_more_than_the_budget() -> None:
    money = money_for(Plan(budget=1), 10**40, at("2026-11-30"))
    assert money is not None
    assert money.amount == UNIT + 1


def test_without_a_budget_no_money_is_demanded() -> None:
    assert money_for(Plan(), 7, at("2026-11-30")) is None
