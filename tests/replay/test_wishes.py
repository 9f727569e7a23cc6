"""``Cache-Control`` of a request."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.replay.wishes import Wishes, read_wishes


@pytest.mark.parametrize(
    ("headers", "wishes"),
    [
        ([], Wishes()),
        ([""], Wishes()),
        (["no-cache"], Wishes(no_cache=True)),
        (["No-Store , foo=1"], Wishes(no_store=True)),
        (["only-if-cached", "max-age=5"], Wishes(only_if_cached=True, max_age=5)),
        (['max-age="7"'], Wishes(max_age=7)),
        (["max-age=7, max-age=9"], Wishes(max_age=7)),
        (["max-age=0"], Wishes(no_cache=True, max_age=0)),
        (["max-age"], Wishes(no_cache=True, max_age=0)),
        (["max-age=-1"], Wishes(no_cache=True, max_age=0)),
        (["max-age=" + "9" * 5000], Wishes(max_age=10**10)),
        (["max-stale=5, min-fresh=1"], Wishes()),
    ],
)
def test_what_a_client_wants(headers: list[str], wishes: Wishes) -> None:
    assert read_wishes(headers) == wishes


@given(st.lists(st.text()))
def test_no_text_is_too_odd(headers: list[str]) -> None:
    read_wishes(headers)
