"""What the parts of a state do when nobody else looks: forget, close, and wait."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.state.backend import StateFailure
from gateway.state.base import Actual, Demand, Granted, Money
from gateway.state.breaker import Breaker
from gateway.state.guard import Guard
from gateway.state.memory import MemoryState
from gateway.state.redis_scripts import ACQUIRE, Script
from states import granted


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_breaker_waits_longer_from_failure_to_failure() -> None:
    clock = Clock()
    breaker = Breaker(clock=clock)
    assert (breaker.is_open, breaker.seconds_to_probe) == (False, 0.0)
    pauses = []
    for number in range(7):
        assert breaker.fail() is (number == 0)
        assert breaker.fail() is False  # of a request that was under way
        pauses.append(breaker.seconds_to_probe)
        clock.now += pauses[-1]
        assert breaker.seconds_to_probe == 0.0
    assert pauses == [1, 2, 4, 8, 16, 30, 30]
    assert breaker.succeed() is True
    assert breaker.succeed() is False
    assert breaker.fail() is True
    assert breaker.seconds_to_probe == 1


async def test_memory_forgets_what_says_nothing() -> None:
    now = [0]
    state = MemoryState(clock=lambda: now[0], now=lambda: now[0] / 1000, sweep=10)
    for number in range(9):
        money = Money(budget=10, period=number * 60, keep=120, amount=1)
        demand = Demand(f"user {number}", rpm=60, tpm=60, tokens=1, concurrency=1, money=money)
        answer = await granted(state, demand)
        if number:
            state.settle(answer.lease, Actual(tokens=1, cost=1))
        now[0] += 60_000
    await granted(state, Demand("last"))
    assert set(state._accounts) == {"user 0", "last"}
    # The first request still runs, and two periods are remembered.
    assert set(state._spent) == {("user 7", 420), ("user 8", 480)}
    assert set(state._held) == {("user 0", 0)}
    await state.free("me")


async def test_memory_keeps_a_bucket_that_is_not_full() -> None:
    state = MemoryState(clock=lambda: 0, sweep=2)
    for _ in range(3):
        await granted(state, Demand("alice", rpm=3))
    assert not isinstance(await state.acquire([Demand("alice", rpm=3)]), Granted)


async def test_answers_make_room_for_each_other() -> None:
    state = MemoryState(size=100)
    for key in "abc":
        state.keep(key, b"x" * 30, 60)
    assert await state.cached("a") is not None  # now the one that was used last
    state.keep("d", b"x" * 30, 60)
    assert [key for key in "abcd" if await state.cached(key)] == ["a", "c", "d"]
    state.keep("e", b"x" * 100, 60)
    assert [key for key in "abcde" if await state.cached(key)] == []
    assert state._bytes == 0


async def test_a_guard_waits_for_calls_that_nobody_waits_for() -> None:
    release = asyncio.Event()
    closed: list[str] = []

    class Slow:
        async def ping(self) -> None:
            await release.wait()
            closed.append("answered")
            raise StateFailure("nobody sees it")

        async def aclose(self) -> None:
            closed.append("closed")

    backend: Any = Slow()
    guard = Guard(backend, timeout=10)
    asking = asyncio.ensure_future(guard.ask(lambda one: one.ping()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    closing = asyncio.ensure_future(guard.aclose())
    await asyncio.sleep(0)
    release.set()
    await closing
    assert closed == ["answered", "closed"]


async def test_probes_go_on_until_one_succeeds() -> None:
    answers = iter([False, False, True])

    class Fickle:
        async def ping(self) -> None:
            if not next(answers):
                raise StateFailure("not yet")

        async def spent(self, *_: object) -> int:
            raise StateFailure("down")

        async def aclose(self) -> None:
            pass

    backend: Any = Fickle()
    guard = Guard(backend, timeout=10, breaker=Breaker(first=0.001))
    with pytest.raises(StateFailure, match="down"):
        await guard.ask(lambda one: one.spent("a", 0))
    with pytest.raises(StateFailure, match="cannot be reached"):
        await guard.ask(lambda one: one.spent("a", 0))
    async with asyncio.timeout(10):
        await guard.wait()
    assert guard.is_up
    await guard.aclose()
    assert [*answers] == []


async def test_a_mistake_of_a_library_is_a_failure_like_any_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Mistaken:
        async def ping(self) -> None:
            raise ValueError("what is this")

        async def aclose(self) -> None:
            pass

    backend: Any = Mistaken()
    guard = Guard(backend, timeout=10)
    with pytest.raises(StateFailure, match="what is this"):
        await guard.ask(lambda one: one.ping())
    assert not guard.is_up
    await guard.aclose()
    assert "ValueError: what is this" in caplog.text


def test_a_script_is_known_by_the_digest_of_its_text() -> None:
    assert Script("return 1").digest == "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"
    assert len({ACQUIRE.digest, Script(ACQUIRE.text + " ").digest}) == 2
