"""Second attempts: where they are safe, and how often."""

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
from gateway.routing import retry as attempts
from gateway.routing.retry import in_turn
from gateway.routing.targets import Target
from scripted import ScriptedProvider

BUSY = UpstreamRateLimited("busy")


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    taken: list[float] = []

    async def sleep(seconds: float) -> None:
        taken.append(seconds)

    monkeypatch.setattr(attempts.asyncio, "sleep", sleep)
    monkeypatch.setattr(attempts.random, "uniform", lambda low, high: low)
    return taken


def target(provider: str, key: int = 0) -> Target:
    return Target(ListedModel("tiny:latest", provider, ModelInfo("tiny")), ScriptedProvider(), key)


A, B, C = target("a"), target("b"), target("c")


async def insist(attempt: Callable[[], Awaitable[str]]) -> str:
    return await in_turn([A], lambda _: attempt(), passed_over=lambda *_: None)


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
    "rate limit with a short wait": UpstreamRateLimited("b", headers={"Retry-After": "0.2"}),
}


@pytest.mark.parametrize("failure", SAFE.values(), ids=SAFE)
async def test_what_was_not_taken_up_is_asked_again(
    pauses: list[float], failure: GatewayError
) -> None:
    script = Script(failure, failure)
    assert await insist(script) == "done"
    assert script.calls == 3
    asked = failure.headers.get("Retry-After")
    assert pauses == ([0.2, 0.2] if asked else [0.5, 0.75])


async def test_two_more_attempts_are_all(pauses: list[float]) -> None:
    script = Script(BUSY, BUSY, UpstreamRateLimited("still busy"))
    with pytest.raises(UpstreamRateLimited, match="still busy"):
        await insist(script)
    assert script.calls == 3


PARTLY_DONE = UpstreamRateLimited("busy")
PARTLY_DONE.repeatable = False

FINAL = {
    "a part of it was done": PARTLY_DONE,
    "no number": UpstreamRateLimited("b", headers={"Retry-After": "nan"}),
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
async def test_everything_else_is_final(pauses: list[float], failure: Exception) -> None:
    script = Script(failure)
    with pytest.raises(type(failure)):
        await insist(script)
    assert (script.calls, pauses) == (1, [])


async def test_pauses_are_spread() -> None:
    spread = {attempts._asked_pause(BUSY, 1.0) for _ in range(50)}
    assert len(spread) > 1
    assert all(1.0 <= pause <= 1.25 for pause in spread)


async def test_waiting_ends_with_the_client() -> None:
    waiting = asyncio.ensure_future(insist(Script(BUSY, BUSY, BUSY)))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


class Choir:
    """Let each target fail as told, or answer with its name; note who was asked."""

    def __init__(self, **failures: Exception) -> None:
        self.failures = failures
        self.asked: list[str] = []
        self.passed_over: list[str] = []

    async def __call__(self, one: Target) -> str:
        name = f"{one.model.provider}{one.key or ''}"
        self.asked.append(name)
        if name in self.failures:
            raise self.failures[name]
        return name

    def note(self, one: Target, error: GatewayError) -> None:
        self.passed_over.append(f"{one.model.provider}{one.key or ''}: {error}")


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
async def test_the_next_target_is_asked_at_once(pauses: list[float], failure: Exception) -> None:
    choir = Choir(a=failure, b=failure)
    assert await in_turn([A, B, C], choir, passed_over=choir.note) == "c"
    assert (choir.asked, pauses) == (["a", "b", "c"], [])
    assert choir.passed_over == [f"a: {failure}", f"b: {failure}"]


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
        await in_turn([A, B], choir, passed_over=choir.note)
    assert (choir.asked, choir.passed_over) == (["a"], [])


async def test_only_the_last_target_is_asked_again(pauses: list[float]) -> None:
    choir = Choir(a=BUSY, b=UpstreamRateLimited("b is busy"))
    with pytest.raises(UpstreamRateLimited, match="b is busy"):
        await in_turn([A, B], choir, passed_over=choir.note)
    assert (choir.asked, pauses) == (["a", "b", "b", "b"], [0.5, 0.75])
    assert choir.passed_over == ["a: busy", "b: b is busy"]


async def test_another_key_is_asked_when_one_is_refused() -> None:
    choir = Choir(a1=UpstreamDenied("no"))
    keys = [target("a", 1), target("a", 2)]
    assert await in_turn(keys, choir, passed_over=choir.note) == "a2"


async def test_a_refused_key_asks_no_other_provider() -> None:
    choir = Choir(a1=UpstreamDenied("no"), a2=UpstreamDenied("no"))
    keys = [target("a", 1), B, target("a", 2), C]
    with pytest.raises(UpstreamDenied):
        await in_turn(keys, choir, passed_over=choir.note)
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
    await in_turn(targets, choir, passed_over=choir.note)
    assert choir.asked == asked
