"""The error messages for limits that are reached; pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import assert_never

from gateway.access.budgets import period_end
from gateway.core.errors import BudgetSpent, GatewayError, RateLimited
from gateway.settings import Plan
from gateway.state.base import Limit, Refused, Unmet

__all__ = ["refusal"]


def refusal(
    refused: Refused, plan: Plan, *, now: datetime, headers: Mapping[str, str]
) -> GatewayError:
    """Return what is told of the limit with the longest wait, with *headers* besides its own."""
    longest = max(refused.unmet, key=lambda one: math.inf if one.wait is None else one.wait)
    error = _error(longest, plan, now)
    error.headers = {**error.headers, **headers}
    return error


def _error(unmet: Unmet, plan: Plan, now: datetime) -> GatewayError:
    demand, wait = unmet.demand, unmet.wait or 0
    match unmet.limit:
        case Limit.RPM:
            return RateLimited(f"rate limit reached: {demand.rpm} requests per minute", wait=wait)
        case Limit.TPM:
            text = f"rate limit reached: {demand.tpm} tokens per minute"
            return RateLimited(text, unit="tokens", limit="tpm", wait=wait)
        case Limit.CONCURRENCY:
            text = f"{demand.concurrency} requests are running already, which is the limit"
            return RateLimited(text, limit="concurrency", wait=wait)
        case Limit.HELD:
            text = "requests that are running may use up the budget of this API key"
            return RateLimited(text, limit="budget", wait=wait)
        case Limit.TOO_LITTLE:
            return BudgetSpent(
                "what is left of the budget of this API key is too little for this request"
            )
        case Limit.SPENT:
            end = period_end(plan.budget_period, now)
            until = f" until {end:%Y-%m-%d %H:%M} UTC" if end else ""
            return BudgetSpent(f"the budget of this API key is spent{until}")
        case _:
            assert_never(unmet.limit)
