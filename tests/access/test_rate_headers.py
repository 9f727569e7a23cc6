"""What clients are told of their rates, in each dialect."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateway.access.rate_headers import rate_headers
from gateway.core.durations import format_duration, parse_duration
from gateway.state.base import Level, Remaining

NOW = datetime(2026, 11, 30, 12, 0, 0, 500_000, tzinfo=UTC)
KEY = Level("alice", Remaining(60, 7, 53_000), Remaining(1000, 0, 90_500))
ALL = Level("*", Remaining(600, 3, 59_700), None)


@pytest.mark.parametrize("dialect", ["openai", "ollama"])
def test_openai_and_ollama_have_those_of_openai(dialect: str) -> None:
    assert rate_headers(dialect, [KEY], now=NOW) == {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "7",
        "x-ratelimit-reset-requests": "53s",
        "x-ratelimit-limit-tokens": "1000",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "1m30.5s",
    }


def test_anthropic_has_its_own_with_whole_seconds_of_utc() -> None:
    assert rate_headers("anthropic", [KEY], now=NOW) == {
        "anthropic-ratelimit-requests-limit": "60",
        "anthropic-ratelimit-requests-remaining": "7",
        "anthropic-ratelimit-requests-reset": "2026-11-30T12:00:54Z",
        "anthropic-ratelimit-tokens-limit": "1000",
        "anthropic-ratelimit-tokens-remaining": "0",
        "anthropic-ratelimit-tokens-reset": "2026-11-30T12:01:31Z",
    }


def test_of_two_limits_that_with_less_left_is_told() -> None:
    found = rate_headers("openai", [KEY, ALL], now=NOW)
    assert found["x-ratelimit-limit-requests"] == "600"
    assert found["x-ratelimit-remaining-requests"] == "3"
    assert found["x-ratelimit-limit-tokens"] == "1000"


def test_of_two_limits_with_as_much_left_the_later_reset_is_told() -> None:
    levels = [Level("a", Remaining(5, 3, 10)), Level("*", Remaining(6, 3, 20))]
    assert rate_headers("openai", levels, now=NOW)["x-ratelimit-limit-requests"] == "6"


def test_without_such_a_limit_there_are_no_headers() -> None:
    assert rate_headers("openai", [Level("alice", running=3)], now=NOW) == {}
    assert rate_headers("anthropic", [], now=NOW) == {}


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "0s"),
        (1, "1ms"),
        (120, "120ms"),
        (999, "999ms"),
        (1000, "1s"),
        (1001, "1.001s"),
        (1500, "1.5s"),
        (59_999, "59.999s"),
        (60_000, "1m0s"),
        (360_000, "6m0s"),
        (3_600_000, "1h0m0s"),
        (90_061_010, "25h1m1.01s"),
    ],
)
def test_a_reset_is_written_as_go_writes_durations(milliseconds: int, text: str) -> None:
    assert format_duration(milliseconds) == text
    assert parse_duration(text) == milliseconds * 1_000_000
