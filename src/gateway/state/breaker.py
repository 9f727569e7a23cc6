"""A circuit breaker: when to skip a server that has failed, and when to try it again."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Breaker"]


class Breaker:
    """Closed while all is well, open from the first failure until a probe succeeds.

    *first* is in seconds until the first probe, which doubles for each one that fails, up to
    *longest*.
    """

    def __init__(
        self,
        *,
        first: float = 1.0,
        longest: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._first = first
        self._longest = longest
        self._pause = first
        self._probe_at: float | None = None

    @property
    def is_open(self) -> bool:
        """Tell whether the service is to be left alone."""
        return self._probe_at is not None

    @property
    def seconds_to_probe(self) -> float:
        """The seconds until the next probe is due; 0 while closed."""
        return 0.0 if self._probe_at is None else max(0.0, self._probe_at - self._clock())

    def fail(self) -> bool:
        """Note a failure; tell whether it is the one that opens."""
        opens = self._probe_at is None
        # Requests that were under way when it opened say nothing new.
        if opens or self._clock() >= (self._probe_at or 0.0):
            self._probe_at = self._clock() + self._pause
            self._pause = min(self._pause * 2, self._longest)
        return opens

    def succeed(self) -> bool:
        """Note that a probe has succeeded; tell whether that closes it."""
        closes = self._probe_at is not None
        self._probe_at = None
        self._pause = self._first
        return closes
