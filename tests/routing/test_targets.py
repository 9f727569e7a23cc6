"""Targets: the order of models, keys that take turns, cool-downs."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from gateway.core.errors import (
    GatewayError,
    UpstreamDenied,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamUnavailable,
)
from gateway.core.model_info import ListedModel, ModelInfo
from gateway.routing.targets import Targets, retry_after
from gateway.settings import CoolDownSettings
from scripted import ScriptedProvider


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def targets(clock: Clock) -> Targets:
    """One provider with one key, one with three."""
    providers = {"one": [ScriptedProvider()], "many": [ScriptedProvider() for _ in range(3)]}
    return Targets(providers, CoolDownSettings(), clock=clock)


ONE = ListedModel("a:latest", "one", ModelInfo("a"))
MANY = ListedModel("b:latest", "many", ModelInfo("b"))


def order(targets: Targets, *models: ListedModel) -> list[str]:
    """Return the targets in short, once each provider is seen to be the one of its number."""
    found = targets.of(models)
    for target in found:
        instances = targets._providers[target.model.provider]
        assert target.provider is instances[max(target.key - 1, 0)]
    return [f"{target.model.info.id}{target.key}" for target in found]


def test_models_are_asked_in_their_order(targets: Targets) -> None:
    other = ListedModel("c:latest", "one", ModelInfo("c"))
    assert order(targets, other, ONE) == ["c0", "a0"]
    assert order(targets, other, ONE) == ["c0", "a0"]


def test_keys_take_turns(targets: Targets) -> None:
    turns = [order(targets, MANY) for _ in range(4)]
    assert turns == [
        ["b1", "b2", "b3"],
        ["b2", "b3", "b1"],
        ["b3", "b1", "b2"],
        ["b1", "b2", "b3"],
    ]
    assert order(targets, ONE, MANY) == ["a0", "b2", "b3", "b1"]


LONG_AGO = "Wed, 25 Nov 2020 12:00:00 GMT"
COOL_DOWNS: dict[str, tuple[GatewayError, float]] = {
    "as long as it asks": (UpstreamRateLimited("b", headers={"Retry-After": "7.5"}), 7.5),
    "whatever the failure": (UpstreamRejected("b", status=503, headers={"Retry-After": "9"}), 9),
    "not for ever": (UpstreamRateLimited("b", headers={"Retry-After": "1000000000"}), 3600),
    "a rate limit": (UpstreamRateLimited("b"), 5),
    "what is no time": (UpstreamRateLimited("b", headers={"Retry-After": "soon"}), 5),
    "a negative time": (UpstreamRateLimited("b", headers={"Retry-After": "-3"}), 5),
    "no time at all": (UpstreamRateLimited("b", headers={"Retry-After": "0"}), 5),
    "a time that is over": (UpstreamRateLimited("b", headers={"Retry-After": LONG_AGO}), 5),
    "no connection": (UpstreamUnavailable("b"), 5),
    "a refused key": (UpstreamDenied("b"), 60),
}


@pytest.mark.parametrize(("error", "seconds"), COOL_DOWNS.values(), ids=COOL_DOWNS)
def test_a_target_that_failed_is_skipped_for_a_while(
    targets: Targets, clock: Clock, error: GatewayError, seconds: float
) -> None:
    first, _ = targets.of([ONE, ListedModel("c:latest", "one", ModelInfo("c"))])
    targets.cool_down(first, error)

    def now() -> list[str]:
        return order(targets, ONE, ListedModel("c:latest", "one", ModelInfo("c")))

    assert now() == ["c0"]
    clock.now += seconds - 0.01
    assert now() == ["c0"]
    clock.now += 0.02
    assert now() == ["a0", "c0"]


def test_a_failure_of_one_request_is_no_reason_for_a_cool_down(targets: Targets) -> None:
    first, *_ = targets.of([MANY])
    targets.cool_down(first, UpstreamRejected("oops", status=500))
    assert order(targets, MANY) == ["b2", "b3", "b1"]


def test_only_the_key_cools_down_that_was_asked(targets: Targets) -> None:
    first, *_ = targets.of([MANY])
    targets.cool_down(first, UpstreamRateLimited("busy"))
    assert order(targets, MANY) == ["b2", "b3"]
    other = ListedModel("c:latest", "many", ModelInfo("c"))
    assert order(targets, other) == ["c3", "c1", "c2"]


def test_a_cool_down_is_not_cut_short_by_another_failure(targets: Targets, clock: Clock) -> None:
    first, *_ = targets.of([MANY])
    targets.cool_down(first, UpstreamRateLimited("busy", headers={"Retry-After": "30"}))
    targets.cool_down(first, UpstreamUnavailable("gone"))
    clock.now += 29
    assert order(targets, MANY) == ["b2", "b3"]


def test_if_all_cool_down_the_one_that_is_back_first_is_asked_first(targets: Targets) -> None:
    waits = ["30", "20", "40"]
    for target, wait in zip(targets.of([MANY]), waits, strict=True):
        targets.cool_down(target, UpstreamRateLimited("busy", headers={"Retry-After": wait}))
    assert order(targets, MANY) == ["b2", "b1", "b3"]


def test_a_target_without_an_alternative_is_never_skipped(targets: Targets) -> None:
    (alone,) = targets.of([ONE])
    targets.cool_down(alone, UpstreamRateLimited("busy"))
    assert order(targets, ONE) == ["a0"]


POLICY = CoolDownSettings(unavailable=1, rate_limited=2, denied=3, longest=10)
SECONDS: dict[str, tuple[GatewayError, float]] = {
    "no connection": (UpstreamUnavailable("b"), 1),
    "a rate limit": (UpstreamRateLimited("b"), 2),
    "a refused key": (UpstreamDenied("b"), 3),
    "more than the limit": (UpstreamRateLimited("b", headers={"Retry-After": "11"}), 10),
}


@pytest.mark.parametrize(("error", "seconds"), SECONDS.values(), ids=SECONDS)
def test_the_policy_says_how_long_a_cool_down_is(
    clock: Clock, error: GatewayError, seconds: float
) -> None:
    targets = Targets({"many": [ScriptedProvider(), ScriptedProvider()]}, POLICY, clock=clock)
    first, _ = targets.of([MANY])
    targets.cool_down(first, error)
    clock.now += seconds - 0.5
    assert order(targets, MANY) == ["b2"]
    clock.now += 0.5
    assert order(targets, MANY) == ["b1", "b2"]


def test_a_date_is_a_time_to_wait_too() -> None:
    soon = datetime.now(UTC) + timedelta(seconds=90)
    date = format_datetime(soon, usegmt=True)
    wait = retry_after(UpstreamRateLimited("busy", headers={"Retry-After": date}))
    assert wait is not None
    assert 85 < wait <= 90


@pytest.mark.parametrize(
    "text",
    ["soon", "Wed, 25 Nov 2099 12:00:00", "nan", "", "-3", "+3", "1_0", "1e1", "٣", " ", ".5"],
)
def test_what_is_no_time_is_not_a_number(text: str) -> None:
    wait = retry_after(UpstreamRateLimited("busy", headers={"Retry-After": text}))
    assert wait is not None
    assert math.isnan(wait)


@pytest.mark.parametrize("headers", [{}, {"Retry-After": LONG_AGO}], ids=["none", "over"])
def test_without_a_time_to_come_there_is_no_wait(headers: dict[str, str]) -> None:
    assert retry_after(UpstreamRateLimited("busy", headers=headers)) is None
