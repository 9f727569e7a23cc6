"""What each request of a conversation causes is logged once."""

from __future__ import annotations

import logging

import pytest

from gateway.core.log_once import LogOnce

LOG = logging.getLogger("gateway.dialects")
WORDS = "left out of requests: %s of the type %r"


def test_each_kind_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "gateway.dialects")
    left_out = LogOnce(LOG, WORDS)
    for kind in ("a", "b", "a", None, 5, "x" * 500):
        left_out("a part", kind)
    left_out("an item", "a")
    assert caplog.messages == [
        "left out of requests: a part of the type 'a'",
        "left out of requests: a part of the type 'b'",
        "left out of requests: a part of the type ''",
        f"left out of requests: a part of the type '{'x' * 79}…'",
        "left out of requests: an item of the type 'a'",
    ]


def test_clients_cannot_fill_the_log_with_names_of_their_own(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "gateway.dialects")
    left_out = LogOnce(LOG, WORDS, most=2)
    for number in range(5):
        left_out("a part", f"kind {number}\n\ud83d")
    assert len(caplog.messages) == 2
    assert "\n" not in "".join(caplog.messages)
