"""One row of the ledger: usage of one hour by caller, model and operation."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["HOUR", "UsageCounts", "UsageKey", "UsageRow"]

HOUR = 3600


class UsageKey(NamedTuple):
    """What the additions of a row have in common.

    ``hour`` is its beginning in seconds since 1970. ``caller`` is empty for requests without a key.
    ``model`` is the canonical id. ``attribution`` is that of a host application as a JSON object
    with its names in order, empty without one.
    """

    hour: int
    caller: str
    provider: str
    model: str
    operation: str
    attribution: str = ""


class UsageCounts(NamedTuple):
    """What is added up; ``cost`` is in 10⁻¹² units and lacks what the ``unpriced`` requests cost.

    ``input_tokens`` includes ``cached_tokens``; ``estimated_tokens`` says how many of all tokens
    were estimated, because no counts came.
    """

    requests: int = 0
    errors: int = 0
    cancelled: int = 0
    cache_hits: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    estimated_tokens: int = 0
    cost: int = 0
    unpriced: int = 0

    def plus(self, other: UsageCounts) -> UsageCounts:
        """Return the sums of both."""
        return UsageCounts(*map(int.__add__, self, other))


class UsageRow(NamedTuple):
    """One row, or what is to be added to it."""

    key: UsageKey
    counts: UsageCounts
