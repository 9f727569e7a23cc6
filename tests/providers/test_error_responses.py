"""A service's statuses as our errors."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.core.errors import (
    GatewayError,
    ModelNotFound,
    UpstreamDenied,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
)
from gateway.providers.error_responses import error_for_status

STATUSES: dict[str, Any] = {
    "a bad request": (400, "no", UpstreamRejected, 400, "no"),
    "a bad request of ours": (422, "no", UpstreamRejected, 400, "no"),
    "a refused key": (
        401,
        "bad key sk-1",
        UpstreamDenied,
        502,
        "acme rejected the API key: set ACME_KEY, or api_key of the provider acme",
    ),
    "no money": (402, "pay", UpstreamRejected, 402, "pay"),
    "a model": (404, "no model", ModelNotFound, 404, "no model"),
    "a path": (
        404,
        "",
        UpstreamError,
        502,
        "HTTP 404 from acme: check base_url of the provider acme",
    ),
    "a method": (405, "no", UpstreamError, 502, "no: check base_url of the provider acme"),
    "a redirect": (
        307,
        "",
        UpstreamError,
        502,
        "HTTP 307 from acme: check base_url of the provider acme",
    ),
    "a timeout": (408, "", UpstreamTimeout, 504, "HTTP 408 from acme"),
    "a rate": (429, "slow", UpstreamRateLimited, 429, "slow"),
    "a failure": (500, "", UpstreamRejected, 500, "HTTP 500 from acme"),
    "a status of its own": (599, "odd", UpstreamRejected, 599, "odd"),
    "success that is none": (204, "", UpstreamError, 502, "HTTP 204 from acme"),
    "no status": (0, "", UpstreamError, 502, "acme reports an error"),
}


@pytest.mark.parametrize(
    ("status", "said", "kind", "shown", "text"), STATUSES.values(), ids=STATUSES
)
def test_statuses(status: int, said: str, kind: type[GatewayError], shown: int, text: str) -> None:
    error = error_for_status(status, said, provider="acme", key_variable="ACME_KEY", request_id="r")
    assert (type(error), error.status, error.message) == (kind, shown, text)
    if isinstance(error, UpstreamError):
        assert (error.provider, error.request_id) == ("acme", "r")


def test_a_delay_is_kept_and_nothing_else() -> None:
    headers = {"Retry-After": "7", "Set-Cookie": "x"}
    error = error_for_status(429, "slow", provider="acme", key_variable="ACME_KEY", headers=headers)
    assert error.headers == {"Retry-After": "7"}
