"""One timer for all streams: each expires once, when its own time is over, on a clock of ours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from gateway.providers.upstream.idle_timeouts import IdleTimer


@dataclass(eq=False)
class Timer:
    """A callback that waits for its time."""

    when: float
    callback: Callable[[], None]
    is_cancelled: bool = False

    def cancel(self) -> None:
        self.is_cancelled = True


@dataclass
class Clock:
    """As much of an event loop as there is to know about time."""

    now: float = 0.0
    timers: list[Timer] = field(default_factory=list)
    made: int = 0

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        self.made += 1
        self.timers.append(Timer(when, callback))
        return self.timers[-1]

    @property
    def waiting(self) -> list[float]:
        return [timer.when for timer in self.timers if not timer.is_cancelled]

    def advance(self, seconds: float) -> None:
        until = self.now + seconds
        while due := [timer for timer in self.timers if timer.when <= until]:
            first = min(due, key=lambda timer: timer.when)
            self.timers.remove(first)
            if not first.is_cancelled:
                self.now = max(self.now, first.when)
                first.callback()
        self.now = until


@dataclass(eq=False)
class Stream:
    """What may be idle until *deadline*; it records when it was expired."""

    clock: Clock
    deadline: float
    expired: list[float] = field(default_factory=list)

    def expire(self) -> None:
        self.expired.append(self.clock.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: clock)
    return clock


def added(clock: Clock, *deadlines: float) -> tuple[IdleTimer, list[Stream]]:
    timer, streams = IdleTimer(), [Stream(clock, deadline) for deadline in deadlines]
    for stream in streams:
        timer.add(stream)
    return timer, streams


def test_each_stream_expires_once_at_its_own_time(clock: Clock) -> None:
    _, streams = added(clock, 3, 1, 2)
    clock.advance(10)
    assert [stream.expired for stream in streams] == [[3], [1], [2]]
    assert clock.waiting == []


def test_what_is_received_in_time_gives_more_time_and_sets_no_timer(clock: Clock) -> None:
    _, [stream] = added(clock, 300)
    for now in range(0, 250, 10):
        clock.advance(10)
        stream.deadline = now + 300
    assert clock.made == 1
    clock.advance(1000)
    assert stream.expired == [stream.deadline]


def test_a_deadline_that_comes_nearer_is_met(clock: Clock) -> None:
    timer, [early, late] = added(clock, 5, 300)
    late.deadline = 3
    timer.reschedule(late)
    assert clock.waiting == [3]
    clock.advance(4)
    assert (late.expired, early.expired, clock.waiting) == ([3], [], [5])


def test_many_streams_share_a_timer(clock: Clock) -> None:
    added(clock, *range(300, 400))
    assert (clock.made, clock.waiting) == (1, [300])


def test_one_that_has_ended_never_expires(clock: Clock) -> None:
    timer, [ended, open_] = added(clock, 1, 2)
    timer.remove(ended)
    timer.reschedule(ended)
    clock.advance(3)
    assert (ended.expired, open_.expired) == ([], [2])
    timer.remove(ended)


def test_a_timer_serves_the_streams_that_follow_and_ends_with_the_last(clock: Clock) -> None:
    timer, [first, second] = added(clock, 3, 5)
    timer.remove(first)
    clock.advance(1)
    timer.remove(second)
    second.deadline = 9
    timer.add(second)
    assert (clock.made, clock.waiting) == (1, [3])
    clock.advance(3)
    assert clock.waiting == [9]
    timer.remove(second)
    clock.advance(9)
    assert (first.expired, second.expired, clock.waiting) == ([], [], [])
