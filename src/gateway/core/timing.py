"""A stopwatch for one request, in integer nanoseconds of a monotonic clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

__all__ = ["Durations", "Timing"]


class Durations(NamedTuple):
    """Where the time of a request went; each part is at least 1 and no part exceeds ``total``."""

    total: int
    load: int
    prompt: int
    answer: int


class Timing:
    """Note when a request was accepted, sent upstream, and answered for the first and last time.

    ``accepted``, ``sent``, ``first`` and ``last`` are nanoseconds of *clock*; 0 is "not yet".
    """

    __slots__ = ("accepted", "clock", "first", "last", "sent")

    def __init__(self, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self.clock = clock
        self.accepted = clock()
        self.sent = 0
        self.first = 0
        self.last = 0

    def mark_sent(self) -> None:
        """Note that the request goes upstream now."""
        self.sent = self.clock()

    def mark_delta(self) -> None:
        """Note that a batch with text, thinking or calls has come."""
        self.last = self.clock()
        self.first = self.first or self.last

    def durations(self) -> Durations:
        """Return the parts that Ollama reports (`docs/reference/api.md`, metrics).

        Load is from acceptance to sending, prompt from sending to the first delta, answer from the
        first delta to the last; with a single delta the answer gets all that is left. A kept answer
        was never sent for, so all the time until it was found is load.
        """
        now = self.clock()
        first = self.first or now
        sent = self.sent or first
        total = max(now - self.accepted, 3)
        load = sent - self.accepted or 1
        prompt = first - sent or 1
        answer = self.last - self.first or total - load - prompt
        return Durations(total, load, prompt, max(answer, 1))
