"""The report about a caller: its limits, and what is left of them; pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from gateway.access.budgets import period_end
from gateway.core.money import show, to_units
from gateway.settings import LimitsSettings, Plan
from gateway.state.base import Level, Remaining

__all__ = ["key_report"]


def key_report(
    caller: str, plan: Plan, level: Level, limits: LimitsSettings, *, now: datetime
) -> Mapping[str, object]:
    """Return the document of ``/gateway/key``; that of nobody tells of the gateway's own *limits*.

    What is not limited is ``null``. Amounts of money are decimal text.
    """
    concurrency = plan.concurrency if caller else limits.concurrency
    return {
        "name": caller,
        "plan": plan.name,
        "models": list(plan.models),
        "limits": {
            "rpm": _rate(level.requests),
            "tpm": _rate(level.tokens),
            "concurrency": None
            if concurrency is None
            else {"limit": concurrency, "running": level.running},
        },
        "budget": _budget(plan, level, now),
    }


def _rate(rate: Remaining | None) -> Mapping[str, object] | None:
    if rate is None:
        return None
    return {"limit": rate.limit, "remaining": rate.left, "reset_seconds": rate.full_in / 1000}


def _budget(plan: Plan, level: Level, now: datetime) -> Mapping[str, object] | None:
    if plan.budget is None:
        return None
    limit = to_units(plan.budget)
    end = period_end(plan.budget_period, now)
    return {
        "limit": show(limit),
        "period": plan.budget_period,
        "spent": show(level.spent),
        "held": show(level.held),
        "remaining": show(max(0, limit - level.spent - level.held)),
        "resets": f"{end:%Y-%m-%dT%H:%M:%SZ}" if end else None,
    }
