"""Idle timeouts: one timer for all streams of a service, however many there are.

A timer of its own costs a stream more than half a kilobyte while it waits, and more time than most
steps of a request. Nearly all of them would be cancelled.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

__all__ = ["IdleTimer", "Timeouts"]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Time limits in seconds; nothing limits how long a healthy answer takes.

    ``connect`` covers name lookup, TCP and TLS, ``head`` the wait for the status line of a stream,
    and the whole of an answer that is not streamed, ``idle`` the wait for the next bytes of a
    stream, and ``usage`` that for the token counts once all else of an answer is known.
    """

    connect: float = 10.0
    head: float = 300.0
    idle: float = 300.0
    usage: float = 3.0


class _Stream(Protocol):
    """A stream with an idle timeout."""

    @property
    def deadline(self) -> float:
        """The time of the event loop at which the idle timeout is over."""

    def expire(self) -> None:
        """Fail, since the deadline has passed."""


class IdleTimer:
    """Expire streams, once each, when their deadlines have passed.

    All that a stream receives moves its deadline away, which needs no call here: the timer is set
    for the first deadline that was known, and set again when it fires. A deadline that comes nearer
    needs a call of `reschedule`. A timer that no stream needs any more is left to fire.
    """

    def __init__(self) -> None:
        self._streams: set[_Stream] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0

    def add(self, stream: _Stream) -> None:
        """Expire *stream* at its deadline from now on."""
        self._streams.add(stream)
        self.reschedule(stream)

    def reschedule(self, stream: _Stream) -> None:
        """Take note of the deadline of *stream*, if it was added."""
        if stream in self._streams and (self._timer is None or stream.deadline < self._due):
            self._set_timer(stream.deadline)

    def remove(self, stream: _Stream) -> None:
        """Never expire *stream*, whether it was added or not."""
        self._streams.discard(stream)

    def _tick(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        for stream in [one for one in self._streams if one.deadline <= now]:
            self._streams.discard(stream)
            stream.expire()
        if self._streams:
            self._set_timer(min(one.deadline for one in self._streams))

    def _set_timer(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due = due
        self._timer = asyncio.get_running_loop().call_at(due, self._tick)
