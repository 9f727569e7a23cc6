"""How the errors of keys and limits look in each dialect."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.core.errors import (
    BudgetSpent,
    Forbidden,
    GatewayError,
    NotCached,
    NotPermitted,
    NotRecorded,
    RateLimited,
    StateUnavailable,
    Unauthorized,
    Unpriced,
    UpstreamRateLimited,
    UpstreamRejected,
)
from gateway.dialects.anthropic import ANTHROPIC
from gateway.dialects.ollama import OLLAMA
from gateway.dialects.openai import OPENAI

# Error, status, type and code of OpenAI's dialect, type of Anthropic's.
TABLE: list[tuple[GatewayError, int, str, str | None, str]] = [
    (Unauthorized("x"), 401, "invalid_request_error", "invalid_api_key", "authentication_error"),
    (NotPermitted("x"), 403, "permission_error", "insufficient_permissions", "permission_error"),
    (RateLimited("x"), 429, "requests", "rate_limit_exceeded", "rate_limit_error"),
    (RateLimited("x", unit="tokens"), 429, "tokens", "rate_limit_exceeded", "rate_limit_error"),
    (BudgetSpent("x"), 402, "insufficient_quota", "insufficient_quota", "billing_error"),
    (Unpriced("x"), 402, "insufficient_quota", "model_not_priced", "billing_error"),
    (StateUnavailable("x"), 503, "api_error", None, "overloaded_error"),
    (NotRecorded("x"), 502, "api_error", "not_recorded", "api_error"),
    (NotCached("x"), 504, "api_error", "not_cached", "api_error"),
    # As they were before there were keys.
    (Forbidden("x"), 403, "api_error", None, "permission_error"),
    (UpstreamRateLimited("x"), 429, "api_error", None, "rate_limit_error"),
    (UpstreamRejected("x", status=402), 402, "api_error", None, "api_error"),
]


def names(error: GatewayError) -> str:
    return f"{type(error).__name__} {getattr(error, 'unit', '')}"


@pytest.mark.parametrize("row", TABLE, ids=lambda row: names(row[0]))
def test_an_error_has_its_status_and_its_words_in_each_dialect(row: tuple[Any, ...]) -> None:
    error, status, kind, code, anthropic = row
    assert error.status == status
    assert json.loads(OLLAMA.error_document(error, "1")) == {"error": "x"}
    assert json.loads(OPENAI.error_document(error, "1")) == {
        "error": {"message": "x", "type": kind, "param": None, "code": code}
    }
    assert json.loads(ANTHROPIC.error_document(error, "1"))["error"] == {
        "type": anthropic,
        "message": "x",
    }


def test_who_gives_no_key_is_told_how_to_give_one() -> None:
    assert Unauthorized("x").headers == {"WWW-Authenticate": "Bearer"}


@pytest.mark.parametrize("error", [BudgetSpent("x"), Unpriced("x")], ids=names)
def test_nobody_is_to_repeat_a_request_that_lacks_money(error: GatewayError) -> None:
    assert error.headers == {"x-should-retry": "false"}


@pytest.mark.parametrize(
    ("wait", "seconds"), [(0, "1"), (1, "1"), (1000, "1"), (1001, "2"), (60_000, "60")]
)
def test_a_wait_is_told_exactly_and_in_whole_seconds(wait: int, seconds: str) -> None:
    headers = {"Retry-After": seconds, "retry-after-ms": str(wait)}
    assert RateLimited("x", wait=wait).headers == headers


def test_who_would_wait_for_more_than_a_minute_is_told_not_to() -> None:
    headers = RateLimited("x", wait=60_001).headers
    assert headers == {
        "Retry-After": "61",
        "retry-after-ms": "60001",
        "x-should-retry": "false",
    }
