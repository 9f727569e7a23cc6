"""The contract of the state: what a request demands of a name, what it gets, and who keeps it.

Amounts of money are integers of 10⁻¹² units, times are integers of milliseconds unless they say
seconds. A name is that of a client key, or `EVERYBODY` for the limits of the whole gateway.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from gateway.state.rows import UsageRow

__all__ = [
    "EVERYBODY",
    "Actual",
    "Demand",
    "Granted",
    "Lease",
    "Level",
    "Limit",
    "Money",
    "Refused",
    "Remaining",
    "State",
    "Unmet",
]

EVERYBODY = "*"
"""The name of the gateway's own limits; no key can have it."""


class Limit(StrEnum):
    """What may be in the way of a request."""

    RPM = "rpm"
    TPM = "tpm"
    CONCURRENCY = "concurrency"
    SPENT = "spent"
    """The budget of the period is spent."""
    TOO_LITTLE = "too_little"
    """What is left of the budget is less than the request may cost."""
    HELD = "held"
    """What running requests hold would have to be given back first."""


class Money(msgspec.Struct, frozen=True, gc=False):
    """What a request may cost, and the budget that this counts against.

    ``period`` is when the budget's period began, in seconds since 1970, and 0 for a budget without
    periods. What was spent in it may be forgotten ``keep`` seconds after it began; 0 is never.
    """

    budget: int
    period: int
    keep: int
    amount: int


class Demand(msgspec.Struct, frozen=True):
    """What one request demands of one name; a limit that is ``None`` does not exist.

    ``tokens`` is the estimate that is set aside, and more than ``tpm`` counts as ``tpm``.
    """

    name: str
    rpm: int | None = None
    tpm: int | None = None
    concurrency: int | None = None
    tokens: int = 0
    money: Money | None = None

    @property
    def taken(self) -> int:
        """The tokens that are taken from the bucket."""
        if self.tpm is None:
            return 0
        return self.tokens if self.tokens < self.tpm else self.tpm


class Lease(msgspec.Struct, frozen=True):
    """What a request holds until it is settled."""

    id: str
    demands: tuple[Demand, ...]


class Actual(msgspec.Struct, frozen=True, gc=False):
    """What a request has used in the end: tokens, and money in 10⁻¹² units."""

    tokens: int = 0
    cost: int = 0


class Remaining(msgspec.Struct, frozen=True, gc=False):
    """What is left of a rate limit, in whole units and never negative.

    The bucket is full again ``full_in`` milliseconds later if nothing more is taken.
    """

    limit: int
    left: int
    full_in: int


class Level(msgspec.Struct, frozen=True):
    """Where one name stands; the two rates are ``None`` without such a limit.

    ``running`` counts requests. ``spent`` and ``held`` are money of the period that was asked for.
    """

    name: str
    requests: Remaining | None = None
    tokens: Remaining | None = None
    running: int = 0
    spent: int = 0
    held: int = 0


class Unmet(msgspec.Struct, frozen=True):
    """One limit that is in the way; ``wait`` is when it may no longer be, ``None`` is not soon."""

    demand: Demand
    limit: Limit
    wait: int | None


class Granted(msgspec.Struct, frozen=True):
    """The request may go on; the levels are those after it has taken what it demands."""

    lease: Lease
    levels: tuple[Level, ...]


class Refused(msgspec.Struct, frozen=True):
    """Nothing was taken; ``unmet`` is never empty."""

    unmet: tuple[Unmet, ...]
    levels: tuple[Level, ...]


class State(Protocol):
    """Where limits, spent money, usage and kept answers are counted, by whomever it is shared.

    No method waits for longer than the state's timeout, nor raises for a state that cannot be
    reached, unless it says so.
    """

    @property
    def is_up(self) -> bool:
        """Tell whether what is shared with others could be reached when that was last tried."""

    async def reach(self) -> bool:
        """Try to reach what is shared with others, and tell whether that succeeds."""

    async def acquire(self, demands: Sequence[Demand]) -> Granted | Refused:
        """Take all that *demands* ask for, or nothing.

        Raise `StateUnavailable` if it cannot be decided.
        """

    def settle(self, lease: Lease, actual: Actual) -> None:
        """Replace what *lease* holds by what was used; once for each lease, and without waiting."""

    async def levels(self, demands: Sequence[Demand]) -> tuple[Level, ...]:
        """Return where the names of *demands* stand, and take nothing."""

    async def spent(self, name: str, period: int) -> int:
        """Return what *name* has spent in the period that began at *period*.

        Raise `StateUnavailable` if nobody knows.
        """

    async def cached(self, key: str) -> bytes | None:
        """Return what was kept under *key*, or ``None``."""

    def keep(self, key: str, value: bytes, ttl: float) -> None:
        """Keep *value* for at most *ttl* seconds, soon and without waiting.

        It may be forgotten sooner.
        """

    async def add_usage(self, rows: Sequence[UsageRow], batch: str) -> bool:
        """Add *rows* to the ledger; tell whether that is done.

        If it is not, try again with the same *batch*, so that nothing is added twice.
        """

    async def usage(self, since: int, until: int) -> Sequence[UsageRow]:
        """Return the ledger's rows of the hours from *since* until before *until* (seconds).

        Raise `StateUnavailable` if they cannot be read.
        """

    async def free(self, owner: str) -> None:
        """Free what the requests of a process that died still hold."""
