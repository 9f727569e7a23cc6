"""What is kept of the head of an answer."""

from __future__ import annotations

import copy
import pickle
from dataclasses import asdict

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from gateway.core.upstream_replies import RateLimits, Reply

HEADERS = {
    "Content-Type": "application/json",
    "X-RateLimit-Limit": "60",
    "ratelimit-remaining": "7",
    "Retry-After": "3",
}
FOUND = {"x-ratelimit-limit": "60", "ratelimit-remaining": "7"}


@pytest.fixture
def limits() -> RateLimits:
    return RateLimits(CIMultiDictProxy(CIMultiDict(HEADERS)))


def test_rate_limits_are_a_mapping_of_what_was_said(limits: RateLimits) -> None:
    assert (limits, dict(limits), len(limits), repr(limits)) == (FOUND, FOUND, 2, repr(FOUND))
    assert limits["x-ratelimit-limit"] == "60"
    assert "retry-after" not in limits


def test_without_rate_limits_the_mapping_is_empty() -> None:
    assert RateLimits({"Content-Type": "text/plain"}) == {}


def test_a_reply_can_be_copied_and_sent_elsewhere(limits: RateLimits) -> None:
    reply = Reply("acme", 200, "r1", limits, "api.acme.example")
    plain = {
        "provider": "acme",
        "status": 200,
        "request_id": "r1",
        "limits": FOUND,
        "host": "api.acme.example",
    }
    assert copy.deepcopy(reply) == pickle.loads(pickle.dumps(reply)) == reply
    assert asdict(reply) == plain
