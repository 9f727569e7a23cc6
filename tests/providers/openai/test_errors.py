"""Errors of compatible services: their shapes, waits, and accounts without money."""

from __future__ import annotations

import json
from typing import Any

import pytest
from multidict import CIMultiDict

from gateway.core.errors import UpstreamError, UpstreamRateLimited, UpstreamRejected
from gateway.providers.openai.errors import error_for
from gateway.providers.upstream import ErrorResponse


def error_of(status: int, body: object, **headers: str) -> Any:
    """Return the error for an answer."""
    response = ErrorResponse(status, CIMultiDict(headers), json.dumps(body).encode())
    return error_for(response, "acme", key_variable="ACME_KEY")


SHAPES: dict[str, object] = {
    "OpenAI": {"error": {"message": "no", "type": "t", "code": None, "param": None}},
    "xAI": {"error": "no", "code": "bad"},
    "Cohere, Bedrock": {"message": "no"},
    "vLLM, NIM": {"detail": "no"},
    "Gemini": [{"error": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT"}}],
    "older vLLM": {"object": "error", "message": "no"},
}


@pytest.mark.parametrize("body", SHAPES.values(), ids=SHAPES)
def test_the_words_of_all_shapes_are_found(body: object) -> None:
    error = error_of(400, body)
    assert (type(error), error.message) == (UpstreamRejected, "no")


def test_the_reason_behind_a_router_is_told() -> None:
    inner = {"message": "Provider returned error", "metadata": {"raw": "too many images"}}
    assert error_of(400, {"error": inner}).message == "Provider returned error: too many images"


def test_what_a_service_names_is_kept() -> None:
    body = {"error": {"message": "no", "param": "messages[1].name"}}
    assert error_of(400, body).param == "messages[1].name"


NO_MONEY = [
    (402, {"message": "pay"}),
    (429, {"message": "pay", "code": "insufficient_quota"}),
    (429, {"message": "pay", "type": "exceeded_current_quota_error"}),
    (429, {"message": "pay", "code": "1113"}),
    (429, {"message": "pay", "code": 1113}),
    (400, {"message": "pay", "code": "Arrearage"}),
]


@pytest.mark.parametrize(("status", "inner"), NO_MONEY)
def test_no_money_is_no_rate_limit(status: int, inner: dict[str, object]) -> None:
    error = error_of(status, {"error": inner})
    assert (type(error), error.status) == (UpstreamRejected, status)


def test_the_wait_may_stand_in_the_body() -> None:
    details = [
        {"@type": "type.googleapis.com/google.rpc.Help"},
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.2s"},
    ]
    body = [{"error": {"code": 429, "message": "slow", "details": details}}]
    error = error_of(429, body)
    assert isinstance(error, UpstreamRateLimited)
    assert error.headers == {"Retry-After": "35"}
    assert error_of(429, body, **{"Retry-After": "1"}).headers == {"Retry-After": "1"}
    assert error_of(429, {"error": {"message": "slow", "details": "odd"}}).headers == {}


def test_the_variable_of_the_provider_is_named() -> None:
    error = error_of(401, {"error": {"message": "bad key"}})
    assert isinstance(error, UpstreamError)
    assert "set ACME_KEY, or api_key of the provider acme" in error.message
