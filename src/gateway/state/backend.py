"""The contract of a backend: a database or server that several processes share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from gateway.state.base import Actual, Demand, Granted, Lease, Level, Refused
from gateway.state.rows import UsageRow

__all__ = ["LEASE", "Backend", "Kind", "Settlement", "StateFailure"]

LEASE = 120_000
"""Milliseconds that a lease holds without being renewed, as that of a process that was killed."""


class StateFailure(Exception):
    """The backend cannot be reached, or does not do what it is for."""


class Kind(StrEnum):
    """What is known of a lease that is settled."""

    GRANTED = "granted"
    """The backend has granted it: all of it is replaced by what was used."""
    OWN = "own"
    """A process has granted it by itself: what it has cost is added, and nothing else."""
    DOUBTFUL = "doubtful"
    """Nobody knows whether the backend has granted it: if so, all of it is given back."""
    DEAD = "dead"
    """Its process has died: what it holds is given back, what it took from buckets is not."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """One lease, and what becomes of it."""

    kind: Kind
    lease: Lease
    actual: Actual


class Backend(Protocol):
    """One database or server; every method is bounded in time and raises `StateFailure`.

    A method that was called is done as a whole or not at all, but after a failure nobody knows
    which; what has a *batch* can then be done again, and happens once.
    """

    async def ping(self) -> None:
        """Find out whether it can be reached."""

    async def acquire(self, lease: Lease) -> Granted | Refused:
        """Take all that *lease* demands, or nothing."""

    async def settle(self, settlements: Sequence[Settlement], batch: str) -> None:
        """Do all of *settlements*, in their order."""

    async def renew(self, leases: Sequence[Lease]) -> None:
        """Let *leases* hold for another `LEASE`; those that have ended stay so."""

    async def free(self, owner: str) -> None:
        """Give back what leases hold whose id begins with *owner* and a colon."""

    async def levels(self, demands: Sequence[Demand]) -> tuple[Level, ...]:
        """Return where the names of *demands* stand."""

    async def spent(self, name: str, period: int) -> int:
        """Return what *name* has spent in a period."""

    async def cached(self, key: str) -> bytes | None:
        """Return what was kept under *key*, or ``None``."""

    async def keep(self, key: str, value: bytes, ttl: float) -> None:
        """Keep *value* for *ttl* seconds."""

    async def add_usage(self, rows: Sequence[UsageRow], batch: str) -> None:
        """Add *rows* to the ledger."""

    async def usage(self, since: int, until: int) -> Sequence[UsageRow]:
        """Return the ledger's rows of some hours."""

    async def aclose(self) -> None:
        """Close what is open."""
