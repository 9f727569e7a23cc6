"""The cache of answers, and requests that wait for the answer to an equal one."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from gateway.replay.entries import Answer, decode, encode
from gateway.replay.memory import Memory
from gateway.settings import CacheSettings
from gateway.state.base import State

__all__ = ["Cache", "Flight", "Found"]

_SLOWEST: Final = 1.0
"""Seconds that those who wait give a client to take what has come for it."""
_STAMP: Final = struct.Struct("!Q")
"""The milliseconds since 1970 at which an answer came, before the answer where it is shared."""


class Found(NamedTuple):
    """A kept answer, and how many seconds ago it came."""

    answer: Answer
    age: float


class Flight:
    """An answer on its way, for which equal requests wait.

    ``handed_at`` is since when its own client has what came last, and has not asked for more;
    ``None`` while the provider is waited for. A client that takes longer than *slowest* seconds for
    what came last is too slow.
    """

    __slots__ = ("_landing", "_slowest", "handed_at")

    def __init__(self, *, slowest: float = _SLOWEST) -> None:
        self._slowest = slowest
        self._landing: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        self.handed_at: float | None = None

    def land(self, answer: Answer | None) -> None:
        """Give *answer* to those who wait, or tell them that there is none; once."""
        if not self._landing.done():
            self._landing.set_result(answer)

    async def wait(self) -> Answer | None:
        """Return the answer, or ``None`` if it failed, or its client takes it too slowly."""
        while True:
            done, _ = await asyncio.wait([self._landing], timeout=self._slowest)
            if done:
                return self._landing.result()
            if self.handed_at is not None and time.monotonic() - self.handed_at > self._slowest:
                return None


class Cache:
    """Kept answers under the keys of their requests; *clock* tells seconds since 1970.

    The *settings* may be changed.
    """

    def __init__(self, settings: CacheSettings, *, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self._clock = clock
        self._memory = Memory(settings.size)
        self._flights: dict[str, Flight] = {}

    @property
    def size(self) -> int:
        """The bytes that all answers take."""
        return self._memory.size

    @property
    def most(self) -> int:
        """The bytes of the longest answer that is kept."""
        return self._memory.most

    def change(self, settings: CacheSettings) -> None:
        """Let other *settings* hold from now on."""
        self.settings = settings
        self._memory.resize(settings.size)

    def find(self, key: str, *, max_age: float | None = None) -> Found | None:
        """Return the answer of *key*, unless it is older than *max_age* or than any may be."""
        kept = self._memory.get(key)
        if kept is None:
            return None
        found = self._found(*kept, max_age)
        if found is None and max_age is None:
            self._memory.drop(key)
        return found

    async def fetch(self, key: str, shared: State, *, max_age: float | None = None) -> Found | None:
        """Return the answer of *key* that any process has kept in *shared*, as `find` does.

        It is then kept here as well. What cannot be read, or reached in time, is not found.
        """
        value = await shared.cached(key)
        if value is None or len(value) < _STAMP.size:
            return None
        (stamp,), encoded = _STAMP.unpack_from(value), value[_STAMP.size :]
        at = stamp / 1000
        found = self._found(at, encoded, max_age)
        if found is not None:
            self._memory.put(key, at, encoded)
        return found

    def keep(self, key: str, answer: Answer, shared: State | None = None) -> None:
        """Keep *answer*, in *shared* as well; raise what `gateway.replay.entries.encode` does."""
        at, encoded = self._clock(), encode(answer)
        if self._memory.put(key, at, encoded) and shared is not None:
            shared.keep(key, _STAMP.pack(int(at * 1000)) + encoded, self.settings.ttl)

    def _found(self, at: float, encoded: bytes, max_age: float | None) -> Found | None:
        age = max(self._clock() - at, 0.0)
        if age > self.settings.ttl or (max_age is not None and age > max_age):
            return None
        try:
            return Found(decode(encoded), age)
        except ValueError:  # such as one with a number that JSON does not know
            return None

    def flight(self, key: str) -> Flight | None:
        """Return the answer of *key* that is on its way, if there is one."""
        return self._flights.get(key)

    def begin(self, key: str) -> Flight:
        """Return the flight of whoever asks now, for which all others wait."""
        flight = self._flights[key] = Flight()
        return flight

    def forget(self, key: str, flight: Flight) -> None:
        """Have nobody else wait for *flight*."""
        if self._flights.get(key) is flight:
            del self._flights[key]
