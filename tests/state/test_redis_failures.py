"""A real server that is killed, frozen, slow, emptied, restarted, or forbids a command."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.core.errors import SettingsError
from gateway.state.backend import StateFailure
from gateway.state.base import Actual, Demand, Granted, Money, Refused
from gateway.state.redis import RedisBackend
from gateway.state.rows import UsageCounts, UsageKey, UsageRow
from gateway.state.shared import SharedState, open_shared
from redis_server import RedisServer, SlowProxy, redis_server
from states import granted

TIMEOUT = 0.25
"""Seconds; what the settings have by default."""
BOUND = 0.3 + 1.0
"""Seconds in which a request goes on, and one more for a machine with better things to do."""
HOUR = 3600

PLACES = Demand("alice", rpm=10_000, concurrency=4)


@pytest.fixture
def own() -> Iterator[RedisServer]:
    """Run a server that a test may break."""
    with redis_server() as server:
        yield server


@asynccontextmanager
async def replica(url: str, **options: Any) -> AsyncIterator[SharedState]:
    backend = RedisBackend(url, prefix="test", timeout=TIMEOUT, keep=400)
    async with open_shared(backend, timeout=TIMEOUT, **options) as state:
        yield state


async def ask(states: Sequence[SharedState], times: int) -> list[Granted | Refused]:
    """Ask all at once; nobody waits longer than the bound."""
    begun = time.monotonic()
    answers = await asyncio.gather(
        *(state.acquire([PLACES]) for _ in range(times) for state in states)
    )
    assert time.monotonic() - begun < BOUND
    return answers


def passed(answers: Sequence[Granted | Refused]) -> list[Granted]:
    return [one for one in answers if isinstance(one, Granted)]


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


FAULTS = {
    "killed": lambda server: server.kill(),
    "frozen": lambda server: server.freeze(),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_requests_go_on_and_never_pass_twice_the_limit(
    own: RedisServer, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with replica(own.url) as one, replica(own.url) as other:
        before = passed(await ask([one, other], 20))
        assert len(before) == 4
        FAULTS[fault](own)
        during = passed(await ask([one, other], 20))
        assert len(before) + len(during) == 8
        assert not one.is_up
        assert not other.is_up
        again = passed(await ask([one, other], 20))
        assert again == []
        for state, answer in holders([one, other], [*before, *during]):
            state.settle(answer.lease, Actual())
        if fault == "killed":
            own.start()
        else:
            own.thaw()
        await until(lambda: one.is_up and other.is_up)
        await until(lambda: not one.settlements and not other.settlements)
        # Nothing is left of what was held, and the limit is one again.
        assert len(passed(await ask([one, other], 20))) == 4
    assert caplog.text.count("the state cannot be reached") == 2
    assert caplog.text.count("the state can be reached again") == 2


def holders(
    states: Sequence[SharedState], answers: Sequence[Granted]
) -> Iterator[tuple[SharedState, Granted]]:
    owners = {state.owner: state for state in states}
    for answer in answers:
        yield owners[answer.lease.id.partition(":")[0]], answer


async def test_the_limit_holds_when_the_server_comes_back_empty(own: RedisServer) -> None:
    async with replica(own.url) as one, replica(own.url) as other:
        before = passed(await ask([one, other], 20))
        own.kill()
        during = passed(await ask([one, other], 20))
        own.start()
        await until(lambda: one.is_up and other.is_up)
        after = passed(await ask([one, other], 20))
        assert len(before) + len(during) + len(after) == 8


async def test_an_emptied_server_begins_anew_and_takes_what_is_settled(own: RedisServer) -> None:
    money = Money(budget=100, period=0, keep=0, amount=10)
    demand = Demand("alice", tpm=1000, tokens=900, concurrency=1, money=money)
    with own.client() as client:
        async with replica(own.url) as one, replica(own.url) as other:
            answer = await granted(one, demand)
            client.flushall()
            second = await granted(other, demand)
            assert isinstance(await one.acquire([demand]), Refused)
            one.settle(answer.lease, Actual(tokens=1, cost=7))
            other.settle(second.lease, Actual(tokens=1, cost=8))
            await one.settlements.flush()
            await other.settlements.flush()
            (level,) = await one.levels([demand])
            assert (level.running, level.spent, level.held) == (0, 15, 0)
            assert one.is_up


async def test_a_server_that_is_too_slow_is_left_alone(own: RedisServer, tmp_path: Path) -> None:
    async with SlowProxy(own, tmp_path / "slow.sock") as proxy, replica(proxy.url) as state:
        answer = await granted(state, PLACES)
        proxy.delay = 2.0
        assert len(passed(await ask([state], 20))) == 3
        assert not state.is_up
        state.settle(answer.lease, Actual())
        proxy.delay = 0.0
        await until(lambda: state.is_up and not state.settlements)
        (level,) = await state.levels([PLACES])
        assert level.running == 0


async def test_a_server_that_is_a_little_slow_is_waited_for(
    own: RedisServer, tmp_path: Path
) -> None:
    async with SlowProxy(own, tmp_path / "slow.sock") as proxy, replica(proxy.url) as state:
        proxy.delay = 0.02
        await granted(state, PLACES)
        assert state.is_up


async def test_a_server_that_forbids_to_load_scripts_is_enough() -> None:
    with redis_server("--rename-command", "SCRIPT", "") as server:
        async with replica(server.url) as one, replica(server.url) as other:
            assert len(passed(await ask([one, other], 5))) == 4
            assert one.is_up
            assert other.is_up


async def test_a_server_that_takes_no_writes_is_away(own: RedisServer) -> None:
    with own.client() as client:
        client.replicaof("127.0.0.1", "1")
        backend = RedisBackend(own.url, prefix="test", timeout=TIMEOUT, keep=400)
        with pytest.raises(StateFailure):
            await backend.ping()
        await backend.aclose()


async def test_a_server_may_be_away_at_the_start(tmp_path: Path) -> None:
    async with replica(f"unix://{tmp_path}/nobody.sock") as state:
        assert len(passed(await ask([state], 6))) == 4
        assert not state.is_up


async def test_the_ledger_is_written_once_although_the_answer_was_lost(own: RedisServer) -> None:
    now = int(time.time()) // HOUR * HOUR
    row = UsageRow(UsageKey(now, "alice", "p", "m", "chat"), UsageCounts(requests=1))
    async with replica(own.url) as state:
        assert await state.cached("warm") is None
        own.freeze()
        assert not await state.add_usage([row], "batch")
        own.thaw()
        await until(lambda: state.is_up)
        assert await state.add_usage([row], "batch")
        assert await state.usage(now, now + 1) == [row]
        own.freeze()
        backend = RedisBackend(own.url, prefix="test", timeout=0.05, keep=400)
        with pytest.raises(StateFailure):
            await backend.usage(now, now + 1)
        own.thaw()
        await backend.aclose()


async def test_every_key_expires_but_what_is_spent_of_a_budget_without_periods(
    own: RedisServer,
) -> None:
    now = int(time.time())
    day = Money(budget=10**15, period=now // 86400 * 86400, keep=2 * 86400, amount=5)
    total = Money(budget=10**15, period=0, keep=0, amount=5)
    demands = [
        Demand("alice", rpm=60, tpm=1000, concurrency=2, tokens=10, money=day),
        Demand("bob", rpm=60, tpm=1000, concurrency=2, tokens=10, money=total),
    ]
    row = UsageRow(UsageKey(now // HOUR * HOUR, "", "p", "m", "chat"), UsageCounts(requests=1))
    with own.client() as client:
        async with replica(own.url) as state:
            running = await granted(state, *demands)
            state.keep("k", b"v", 60)
            await state.finish()
            await state.add_usage([row], "batch")
            await state.renew()
            held = lasting(client)
            state.settle(running.lease, Actual(tokens=3, cost=4))
            await state.settlements.flush()
            settled = lasting(client)
        assert held == []
        assert settled == ["{test}:s:bob:0"]
        limits = ["b:alice:rpm", "b:alice:tpm", "b:bob:rpm", "b:bob:tpm"]
        names = {key for key in client.scan_iter() if ":x:" not in key}
        assert names == {
            *(f"{{test}}:{name}" for name in limits),
            f"{{test}}:s:alice:{day.period}",
            "{test}:s:bob:0",
            f"{{test}}:u:{row.key.hour}",
            "{test}:a:k",
        }
        assert client.ttl(f"{{test}}:s:alice:{day.period}") > 86400 - 60
        assert 60 < client.ttl(f"{{test}}:u:{row.key.hour}") <= 400 * 86400 + HOUR


def lasting(client: Any) -> list[str]:
    return [key for key in client.scan_iter() if client.ttl(key) == -1]


@pytest.mark.parametrize("url", ["http://secret@x", "redis://secret@x:port", "secret"])
def test_a_url_that_is_none_is_refused_without_its_secrets(url: str) -> None:
    with pytest.raises(SettingsError, match=r"^state\.url: must begin with redis://") as caught:
        RedisBackend(url, prefix="g", timeout=1, keep=1)
    assert "secret" not in str(caught.value)
    assert caught.value.__context__ is None


async def test_names_with_characters_of_patterns_are_only_names(own: RedisServer) -> None:
    backend = RedisBackend(own.url, prefix="a*[b]?\\", timeout=5, keep=1)
    other = RedisBackend(own.url, prefix="a_b]_", timeout=5, keep=1)
    for one in (backend, other):
        async with open_shared(one, timeout=5, owner="me") as state:
            answer = await state.acquire([PLACES])
            assert isinstance(answer, Granted)
            fresh = RedisBackend(own.url, prefix=one._group[1:-1], timeout=5, keep=1)
            await fresh.free("me")
            assert (await fresh.levels([PLACES]))[0].running == 0
            await fresh.aclose()
