"""Second attempts: where they are safe, and how often."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from gateway import attempts
from gateway.attempts import first_batch, insist
from gateway.errors import (
    GatewayError,
    UpstreamProtocolError,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.events import ChatStream, TextDelta

BUSY = UpstreamRateLimited("busy")


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    taken: list[float] = []

    async def sleep(seconds: float) -> None:
        taken.append(seconds)

    monkeypatch.setattr(attempts.asyncio, "sleep", sleep)
    monkeypatch.setattr(attempts.random, "uniform", lambda low, high: low)
    return taken


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
    "a date": UpstreamRateLimited("b", headers={"Retry-After": "Wed, 25 Nov 2026 12:00:00 GMT"}),
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


async def test_a_stream_is_opened_anew_for_each_attempt(pauses: list[float]) -> None:
    closed = []

    async def stream(number: int) -> ChatStream:
        try:
            if number == 1:
                raise BUSY
            yield [TextDelta("a")]
        finally:
            closed.append(number)

    numbers = iter((1, 2))
    opened, batch = await first_batch(lambda: stream(next(numbers)))
    assert (batch, closed) == ([TextDelta("a")], [1])
    await opened.aclose()
    assert closed == [1, 2]


async def test_a_stream_without_anything_is_a_protocol_error() -> None:
    async def nothing() -> ChatStream:
        return
        yield

    with pytest.raises(UpstreamProtocolError, match="stream ended unexpectedly"):
        await first_batch(nothing)
