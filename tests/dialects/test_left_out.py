"""What is left out of requests is logged, once for each kind."""

from __future__ import annotations

import logging

import pytest

from gateway.dialects.left_out import LeftOut


def test_each_kind_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "gateway.dialects")
    left_out = LeftOut()
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
    left_out = LeftOut(most=2)
    for number in range(5):
        left_out("a part", f"kind {number}\n\ud83d")
    assert len(caplog.messages) == 2
    assert "\n" not in "".join(caplog.messages)
