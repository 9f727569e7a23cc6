"""Record the requests to the sandbox, for tests."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

__all__ = ["Journal", "Received"]

_MOST: Final = 1000
"""A sandbox that runs as a demonstration all day must not grow."""


@dataclass(slots=True, eq=False)
class Received:
    """Hold one request and what became of it.

    `body` is the decoded JSON or form, or None if there was neither.  `headers` have lower-case
    names.  `closed_early` is true once the client has left before its answer was complete.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    raw: bytes = field(default=b"", repr=False)
    body: object = None
    status: int | None = None
    closed_early: bool = False
    _over: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    async def finished(self, *, within: float = 5.0) -> Received:
        """Wait until the answer is over, by whichever side; raise `TimeoutError` if it is not."""
        async with asyncio.timeout(within):
            await self._over.wait()
        return self

    @property
    def is_finished(self) -> bool:
        """Tell whether the answer is over."""
        return self._over.is_set()

    def finish(self) -> None:
        """Note that the answer is over."""
        self._over.set()


class Journal:
    """Keep the latest requests and wake those who wait for the next."""

    def __init__(self) -> None:
        self.requests: deque[Received] = deque(maxlen=_MOST)
        self._count = 0
        self._changed = asyncio.Event()

    def add(self, received: Received) -> None:
        """Take in a request as soon as its head is there."""
        self.requests.append(received)
        self._count += 1
        self._changed.set()

    async def arrived(self, count: int, *, within: float = 5.0) -> None:
        """Wait until that many requests have come; raise `TimeoutError` if they do not."""
        async with asyncio.timeout(within):
            while self._count < count:
                self._changed.clear()
                await self._changed.wait()
