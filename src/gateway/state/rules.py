"""The arithmetic of limits, in integers; pure.

A bucket holds as many units as its limit allows in a minute and is refilled continuously. Levels
are integers of 1/60,000 unit, so that a millisecond adds exactly as many as the limit says. A level
may become negative by settling; later requests wait that off. No bucket is ever replaced by a
window, whose seam would let a burst through twice.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from gateway.state.base import Actual, Demand, Level, Limit, Remaining, Unmet

__all__ = [
    "SCALE",
    "Standing",
    "full",
    "is_met",
    "level_of",
    "refilled",
    "settled",
    "taken",
    "undone",
    "unmet",
]

SCALE = 60_000
"""Parts of one unit in a level: the milliseconds of a minute."""

_SOON = 1000
"""Milliseconds after which to ask again where only other requests are in the way."""


class Standing(msgspec.Struct, frozen=True, gc=False):
    """Where a name stands now: two levels, running requests, and money in 10⁻¹² units."""

    requests: int = 0
    tokens: int = 0
    running: int = 0
    spent: int = 0
    held: int = 0


def full(limit: int | None) -> int:
    """Return the level of a full bucket; 0 without a limit."""
    return (limit or 0) * SCALE


def refilled(level: int, *, limit: int, elapsed: int) -> int:
    """Return *level* after that many milliseconds; a clock that was set back adds nothing."""
    most = limit * SCALE
    if elapsed > 0:
        level += elapsed * limit
    return level if level < most else most


def is_met(demand: Demand, standing: Standing) -> bool:
    """Tell whether nothing keeps *demand* from being granted, as for nearly every request."""
    return (
        demand.money is None
        and (demand.rpm is None or standing.requests >= SCALE)
        and (demand.tpm is None or standing.tokens >= demand.taken * SCALE)
        and (demand.concurrency is None or standing.running < demand.concurrency)
    ) or not any(unmet(demand, standing))


def unmet(demand: Demand, standing: Standing) -> Iterator[Unmet]:
    """Yield what keeps *demand* from being granted."""
    if demand.rpm is not None and (wait := _wait(standing.requests, 1, demand.rpm)):
        yield Unmet(demand, Limit.RPM, wait)
    if demand.tpm is not None and (wait := _wait(standing.tokens, demand.taken, demand.tpm)):
        yield Unmet(demand, Limit.TPM, wait)
    if demand.concurrency is not None and standing.running >= demand.concurrency:
        yield Unmet(demand, Limit.CONCURRENCY, _SOON)
    money = demand.money
    # What costs nothing always passes, whatever is spent.
    if money is not None and money.amount > 0:
        if standing.spent >= money.budget:
            yield Unmet(demand, Limit.SPENT, None)
        elif standing.spent + money.amount > money.budget:
            yield Unmet(demand, Limit.TOO_LITTLE, None)
        elif standing.spent + standing.held + money.amount > money.budget:
            yield Unmet(demand, Limit.HELD, _SOON)


def taken(demand: Demand, standing: Standing) -> Standing:
    """Return *standing* after *demand* was granted."""
    return Standing(
        standing.requests - SCALE if demand.rpm is not None else 0,
        standing.tokens - demand.taken * SCALE,
        standing.running + 1,
        standing.spent,
        standing.held + (demand.money.amount if demand.money else 0),
    )


def settled(demand: Demand, standing: Standing, actual: Actual) -> Standing:
    """Return *standing* after a request that was granted *demand* has used *actual*."""
    money = demand.money
    return Standing(
        standing.requests,
        _returned(standing.tokens, demand.taken - actual.tokens, demand.tpm),
        standing.running - 1,
        standing.spent + (actual.cost if money else 0),
        standing.held - (money.amount if money else 0),
    )


def undone(demand: Demand, standing: Standing) -> Standing:
    """Return *standing* as if *demand* had never been granted."""
    after = settled(demand, standing, Actual())
    return msgspec.structs.replace(after, requests=_returned(standing.requests, 1, demand.rpm))


def level_of(demand: Demand, standing: Standing) -> Level:
    """Return *standing* in the units that people know."""
    return Level(
        demand.name,
        _remaining(standing.requests, demand.rpm),
        _remaining(standing.tokens, demand.tpm),
        standing.running,
        standing.spent,
        standing.held,
    )


def _wait(level: int, units: int, limit: int) -> int:
    """Return the milliseconds until the bucket holds that many units."""
    return max(0, -((level - units * SCALE) // limit))


def _returned(level: int, units: int, limit: int | None) -> int:
    if limit is None:
        return 0
    level, most = level + units * SCALE, limit * SCALE
    return level if level < most else most


def _remaining(level: int, limit: int | None) -> Remaining | None:
    if limit is None:
        return None
    return Remaining(limit, level // SCALE if level > 0 else 0, -((level - limit * SCALE) // limit))
