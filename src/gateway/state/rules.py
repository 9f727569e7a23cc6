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
    "settle",
    "take",
    "undo",
    "unmet",
]

SCALE = 60_000
"""Parts of one unit in a level: the milliseconds of a minute."""

_SOON = 1000
"""Milliseconds after which to ask again where only other requests are in the way."""


class Standing(msgspec.Struct, gc=False):
    """Where a name stands now: two levels, running requests, and money in 10⁻¹² units.

    A level says nothing where there is no such limit.
    """

    requests: int = 0
    tokens: int = 0
    running: int = 0
    spent: int = 0
    held: int = 0


def full(limit: int | None) -> int:
    """Return the level of a full bucket; 0 without a limit."""
    return (limit or 0) * SCALE


def refilled(level: int, limit: int, elapsed: int) -> int:
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


def take(demand: Demand, standing: Standing) -> None:
    """Change *standing* as granting *demand* does."""
    if demand.rpm is not None:
        standing.requests -= SCALE
    if demand.tpm is not None:
        standing.tokens -= demand.taken * SCALE
    standing.running += 1
    if demand.money is not None:
        standing.held += demand.money.amount


def settle(demand: Demand, standing: Standing, actual: Actual) -> None:
    """Change *standing* as a request does that was granted *demand* and has used *actual*."""
    tpm, money = demand.tpm, demand.money
    if tpm is not None:
        standing.tokens = _returned(standing.tokens, demand.taken - actual.tokens, tpm)
    standing.running -= 1
    if money is not None:
        standing.spent += actual.cost
        standing.held -= money.amount


def undo(demand: Demand, standing: Standing) -> None:
    """Let *standing* be as if *demand* had never been granted."""
    settle(demand, standing, Actual())
    if demand.rpm is not None:
        standing.requests = _returned(standing.requests, 1, demand.rpm)


def level_of(demand: Demand, standing: Standing) -> Level:
    """Return *standing* in the units that people know."""
    rpm, tpm = demand.rpm, demand.tpm
    return Level(
        demand.name,
        None if rpm is None else _remaining(standing.requests, rpm),
        None if tpm is None else _remaining(standing.tokens, tpm),
        standing.running,
        standing.spent,
        standing.held,
    )


def _wait(level: int, units: int, limit: int) -> int:
    """Return the milliseconds until the bucket holds that many units."""
    return max(0, -((level - units * SCALE) // limit))


def _returned(level: int, units: int, limit: int) -> int:
    level, most = level + units * SCALE, limit * SCALE
    return level if level < most else most


def _remaining(level: int, limit: int) -> Remaining:
    return Remaining(limit, level // SCALE if level > 0 else 0, -((level - limit * SCALE) // limit))
