"""Limits on silence: one timer for all streams of a service, however many there are.

A timer of its own costs a stream more than half a kilobyte while it waits, and more time than most
steps of a request. Nearly all of them would be cancelled.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

__all__ = ["SilenceWatch", "Timeouts"]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits on silence, in seconds; nothing limits how long a healthy answer takes.

    ``connect`` covers name lookup, TCP and TLS, ``head`` the wait for the status line, ``silence``
    the wait for the next bytes of a stream, ``reply`` the whole of an answer that is not streamed.
    """

    connect: float = 10.0
    head: float = 300.0
    silence: float = 300.0
    reply: float = 120.0


class _Stream(Protocol):
    """What may fall silent."""

    @property
    def deadline(self) -> float:
        """The time of the event loop at which it has been silent for too long."""

    def give_up(self) -> None:
        """Fail, since the deadline has passed."""


class SilenceWatch:
    """Tell streams to give up, once each, when their deadlines have passed.

    Deadlines move away with everything that is heard, which nobody need say here: the timer is set
    for the first of them that was known, and set anew when it is due. One that comes nearer is told
    by `hasten`. When the last stream has ended the timer waits for the next one, or for its time.
    """

    def __init__(self) -> None:
        self._streams: set[_Stream] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0

    def begin(self, stream: _Stream) -> None:
        """Watch *stream* from now on."""
        self._streams.add(stream)
        self.hasten(stream)

    def hasten(self, stream: _Stream) -> None:
        """Take note of the deadline of *stream*, unless it is not watched."""
        if stream in self._streams and (self._timer is None or stream.deadline < self._due):
            self._set_timer(stream.deadline)

    def end(self, stream: _Stream) -> None:
        """Watch *stream* no longer, if it was watched at all."""
        self._streams.discard(stream)

    def _look(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        for stream in [one for one in self._streams if one.deadline <= now]:
            self._streams.discard(stream)
            stream.give_up()
        if self._streams:
            self._set_timer(min(one.deadline for one in self._streams))

    def _set_timer(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due = due
        self._timer = asyncio.get_running_loop().call_at(due, self._look)
