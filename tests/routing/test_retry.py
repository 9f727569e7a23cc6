"""Retry and fallback: where they are safe, how often and how soon."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest

from gateway.core.errors import (
    GatewayError,
    ModelNotFound,
    UpstreamDenied,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.core.model_info import ListedModel, ModelInfo
from gateway.routing.retry import delay_before, retry
from gateway.routing.targets import Target
from gateway.settings import RetrySettings
from scripted import ScriptedProvider

BUSY = UpstreamRateLimited("busy")


AT_ONCE = RetrySettings(delay=0)


def target(provider: str, key: int = 0) -> Target:
    return Target(ListedModel("tiny:latest", provider, ModelInfo("tiny")), ScriptedProvider(), key)


A, B, C = target("a"), target("b"), target("c")


async def insist(attempt: Callable[[], Awaitable[str]], policy: RetrySettings = AT_ONCE) -> str:
    return await retry([A], lambda _: attempt(), policy=policy, skipped=lambda *_: None)


class Script:
    """Fail as told, then succeed."""

    def __init__(self, *failures: Exception) -> None:
        self.failures: Iterator[Exception] = iter(failures)
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        for failure in self.failures:
            raise failure
        return "done"


SAFE = {
    "no connection": UpstreamUnavailable("no way"),
    "rate limit": BUSY,
    "capacity": UpstreamRejected("busy", status=503),
    "rate limit with a short wait": UpstreamRateLimited("b", headers={"Retry-After": "0.01"}),
}


@pytest.mark.parametrize("failure", SAFE.values(), ids=SAFE)
async def test_what_was_not_taken_up_is_asked_again(failure: GatewayError) -> None:
    script = Script(failure, failure)
    assert await insist(script) == "done"
    assert script.calls == 3


@pytest.mark.parametrize("count", [0, 1, 2, 5])
async def test_the_policy_says_how_many_retries_there_are(count: int) -> None:
    script = Script(*[BUSY] * count, UpstreamRateLimited("still busy"), BUSY)
    with pytest.raises(UpstreamRateLimited, match="still busy"):
        await insist(script, RetrySettings(count=count, delay=0))
    assert script.calls == count + 1


async def test_retries_that_take_too_long_in_all_are_not_made() -> None:
    script = Script(BUSY)
    with pytest.raises(UpstreamRateLimited):
        await insist(script, RetrySettings(within=0.9, delay=1))
    assert script.calls == 1


PARTLY_DONE = UpstreamRateLimited("busy")
PARTLY_DONE.repeatable = False

FINAL = {
    "a part of it was done": PARTLY_DONE,
    "no number": UpstreamRateLimited("b", headers={"Retry-After": "nan"}),
    "a negative number": UpstreamRateLimited("b", headers={"Retry-After": "-3"}),
    "lost connection": UpstreamProtocolError("cut"),
    "silence": UpstreamTimeout("quiet"),
    "internal error": UpstreamRejected("oops", status=500),
    "bad gateway": UpstreamRejected("oops", status=502),
    "no quota": UpstreamRejected("no access", status=429),
    "a long wait": UpstreamRateLimited("b", headers={"Retry-After": "6"}),
    "a date": UpstreamRateLimited("b", headers={"Retry-After": "Wed, 25 Nov 2099 12:00:00 GMT"}),
    "a bug": ZeroDivisionError(),
}


@pytest.mark.parametrize("failure", FINAL.values(), ids=FINAL)
async def test_everything_else_is_final(failure: Exception) -> None:
    script = Script(failure)
    with pytest.raises(type(failure)):
        await insist(script)
    assert script.calls == 1


STEADY = RetrySettings(count=3, delay=2, growth=3, jitter=0)
SOON = UpstreamRateLimited("busy", headers={"Retry-After": "0.2"})

DELAYS: dict[str, tuple[int, GatewayError, float | None]] = {
    "the first one": (1, BUSY, 2),
    "one that grows": (2, BUSY, 6),
    "one that grows further": (3, UpstreamUnavailable("no way"), 18),
    "none after the last retry": (4, BUSY, None),
    "what is asked for": (1, SOON, 0.2),
    "what is asked for, without growth": (3, SOON, 0.2),
    "none after the last retry, whatever is asked for": (4, SOON, None),
    "none where it is not safe": (1, UpstreamTimeout("quiet"), None),
}


@pytest.mark.parametrize(("number", "error", "delay"), DELAYS.values(), ids=DELAYS)
def test_a_delay_comes_before_each_retry(
    number: int, error: GatewayError, delay: float | None
) -> None:
    assert delay_before(number, error, STEADY) == delay


@pytest.mark.parametrize("error", [BUSY, UpstreamRateLimited("b", headers={"Retry-After": "1"})])
def test_delays_are_spread(error: GatewayError) -> None:
    policy = RetrySettings(delay=1, jitter=0.25)
    delays = {delay_before(1, error, policy) for _ in range(50)}
    assert len(delays) > 1
    assert all(delay is not None and 1.0 <= delay <= 1.25 for delay in delays)


async def test_waiting_ends_with_the_client() -> None:
    script = Script(BUSY)
    waiting = asyncio.ensure_future(insist(script, RetrySettings(within=60, delay=30)))
    for _ in range(5):
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert script.calls == 1


class Choir:
    """Let each target fail as told, or answer with its name; note who was asked."""

    def __init__(self, **failures: Exception) -> None:
        self.failures = failures
        self.asked: list[str] = []
        self.skipped: list[str] = []

    async def __call__(self, one: Target) -> str:
        name = f"{one.model.provider}{one.key or ''}"
        self.asked.append(name)
        if name in self.failures:
            raise self.failures[name]
        return name

    def note(self, one: Target, error: GatewayError) -> None:
        self.skipped.append(f"{one.model.provider}{one.key or ''}: {error}")


ELSEWHERE = {
    "no connection": UpstreamUnavailable("no way"),
    "rate limit": BUSY,
    "a long wait": UpstreamRateLimited("b", headers={"Retry-After": "60"}),
    "no access with this plan": UpstreamRejected("no access", status=429),
    "internal error": UpstreamRejected("oops", status=500),
    "capacity": UpstreamRejected("oops", status=503),
    "any other 5xx": UpstreamError("HTTP 520"),
}


@pytest.mark.parametrize("failure", ELSEWHERE.values(), ids=ELSEWHERE)
async def test_the_next_target_is_asked_at_once(failure: Exception) -> None:
    choir = Choir(a=failure, b=failure)
    slow = RetrySettings(within=60, delay=30)
    async with asyncio.timeout(5):
        assert await retry([A, B, C], choir, policy=slow, skipped=choir.note) == "c"
    assert choir.asked == ["a", "b", "c"]
    assert choir.skipped == [f"a: {failure}", f"b: {failure}"]


NOWHERE = {
    "a part of it was done": PARTLY_DONE,
    "lost connection": UpstreamProtocolError("cut"),
    "silence": UpstreamTimeout("quiet"),
    "a wrong request": UpstreamRejected("no", status=400),
    "an unknown model": ModelNotFound("no"),
    "a wrong key": UpstreamDenied("no"),
    "a bug": ZeroDivisionError(),
}


@pytest.mark.parametrize("failure", NOWHERE.values(), ids=NOWHERE)
async def test_no_other_target_is_asked_for_what_may_be_done_or_is_wrong(
    failure: Exception,
) -> None:
    choir = Choir(a=failure)
    with pytest.raises(type(failure)):
        await retry([A, B], choir, policy=AT_ONCE, skipped=choir.note)
    assert (choir.asked, choir.skipped) == (["a"], [])


async def test_only_the_last_target_is_asked_again() -> None:
    choir = Choir(a=BUSY, b=UpstreamRateLimited("b is busy"))
    with pytest.raises(UpstreamRateLimited, match="b is busy"):
        await retry([A, B], choir, policy=AT_ONCE, skipped=choir.note)
    assert choir.asked == ["a", "b", "b", "b"]
    assert choir.skipped == ["a: busy", "b: b is busy"]


async def test_another_key_is_asked_when_one_is_refused() -> None:
    choir = Choir(a1=UpstreamDenied("no"))
    keys = [target("a", 1), target("a", 2)]
    assert await retry(keys, choir, policy=AT_ONCE, skipped=choir.note) == "a2"


async def test_a_refused_key_asks_no_other_provider() -> None:
    choir = Choir(a1=UpstreamDenied("no"), a2=UpstreamDenied("no"))
    keys = [target("a", 1), B, target("a", 2), C]
    with pytest.raises(UpstreamDenied):
        await retry(keys, choir, policy=AT_ONCE, skipped=choir.note)
    assert choir.asked == ["a1", "a2"]


@pytest.mark.parametrize(
    ("targets", "asked"),
    [
        pytest.param([target("a", 1), target("a", 2), B], ["a1", "b"], id="the next provider"),
        pytest.param([target("a", 1), B, target("a", 2)], ["a1", "b"], id="wherever it stands"),
        pytest.param([target("a", 1), target("a", 3), target("a", 2)], ["a1", "a2"], id="no other"),
    ],
)
async def test_a_provider_that_cannot_be_reached_is_not_tried_with_each_key(
    targets: list[Target], asked: list[str]
) -> None:
    choir = Choir(a1=UpstreamUnavailable("no way"))
    await retry(targets, choir, policy=AT_ONCE, skipped=choir.note)
    assert choir.asked == asked
