"""What is found in the cache."""

from __future__ import annotations

import math

from gateway.core.events import Finish, FinishReason, Logprobs, TextDelta, TokenLogprob
from gateway.replay.cache import Cache
from gateway.settings import CacheSettings

DONE = Finish(FinishReason.STOP)


def test_an_answer_that_json_has_changed_is_not_found() -> None:
    cache = Cache(CacheSettings(enabled=True))
    cache.keep("a", [Logprobs((TokenLogprob("x", -math.inf),)), DONE])
    assert cache.size > 0
    assert cache.find("a") is None
    assert cache.size == 0


def test_a_clock_that_was_set_back_makes_no_answer_younger_than_new() -> None:
    now = 100.0
    cache = Cache(CacheSettings(enabled=True), clock=lambda: now)
    cache.keep("a", [TextDelta("x"), DONE])
    now = 50.0
    found = cache.find("a", max_age=1)
    assert found is not None
    assert found == ([TextDelta("x"), DONE], 0.0)


async def test_a_flight_that_another_one_has_followed_does_not_end_that() -> None:
    cache = Cache(CacheSettings(enabled=True))
    first = cache.begin("a")
    second = cache.begin("a")
    cache.forget("a", first)
    assert cache.flight("a") is second
    first.land(None)
    first.land([DONE])
    assert await first.wait() is None
