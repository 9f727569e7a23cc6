from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.call_ids import new_id
from gateway.core.events import ToolCall
from gateway.providers.history.ids import call_ids, is_name, safe_name
from gateway.providers.mistral.ids import is_id
from mistral_histories import CALLS, call


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        pytest.param("D3kPq81Za", True, id="nine-alphanumerics"),
        pytest.param("D3kPq81Z", False, id="eight"),
        pytest.param("D3kPq81Zab", False, id="ten"),
        pytest.param("D3kPq81Z\n", False, id="line-end"),
        pytest.param("D3kPq81Z-", False, id="dash"),
        pytest.param("D3kPq81Z\u0663", False, id="arabic-digit"),
        pytest.param("", False, id="empty"),
    ],
)
def test_an_id_is_nine_letters_or_digits(text: str, fits: bool) -> None:
    assert is_id(text) is fits


@pytest.mark.parametrize(
    ("name", "fits", "safe"),
    [
        pytest.param("get_weather-2", True, "get_weather-2", id="fitting"),
        pytest.param("x" * 64, True, "x" * 64, id="longest"),
        pytest.param("x" * 65, False, "x" * 64, id="too-long"),
        pytest.param("mcp.get weather", False, "mcp_get_weather", id="other-characters"),
        pytest.param("name\n", False, "name_", id="line-end"),
        pytest.param("", False, "unknown_tool", id="none"),
    ],
)
def test_a_name_in_the_history_is_made_to_fit(name: str, fits: bool, safe: str) -> None:
    assert (is_name(name), safe_name(name)) == (fits, safe)


def test_a_new_id_is_the_same_in_every_process() -> None:
    assert [new_id("call_k3v9q0ab"), new_id("toolu_\udfff")] == ["q9SC4ewxM", "3kshNlmDy"]


def test_a_taken_id_is_hashed_on_until_it_is_free() -> None:
    first = new_id("call_1")
    second = new_id("call_1", {first})
    assert new_id("call_1", {first, second}) == new_id("call_1#2")
    assert second == new_id("call_1#1")


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        pytest.param([], [], id="no-calls"),
        pytest.param(
            [call("a", "D3kPq81Za"), call("b", "abcdefghi")],
            ["D3kPq81Za", "abcdefghi"],
            id="fitting-ids-stay",
        ),
        pytest.param([call("a", "call_1")], [new_id("call_1")], id="odd-ids-are-hashed"),
        pytest.param(
            [call("a", ""), call("a", "null")],
            [new_id("3.0.a"), new_id("3.1.a")],
            id="missing-ids-come-from-the-place",
        ),
        pytest.param(
            [call("a", "call_1"), call("b", "call_1")],
            [new_id("call_1"), new_id("3.1.b")],
            id="a-repeated-id-is-a-missing-one",
        ),
        pytest.param(
            [call("a", "abcdefghi"), call("b", "abcdefghi")],
            ["abcdefghi", new_id("3.1.b")],
            id="a-repeated-fitting-id-is-a-missing-one",
        ),
        pytest.param(
            [call("a", "call_1"), call("b", new_id("call_1"))],
            [new_id("call_1#1"), new_id("call_1")],
            id="a-genuine-id-wins-over-a-hashed-one",
        ),
    ],
)
def test_every_call_gets_its_id(calls: list[ToolCall], expected: list[str]) -> None:
    assert call_ids(calls, 3, is_id=is_id) == expected


@given(st.lists(CALLS, max_size=8), st.integers(0, 50))
def test_ids_fit_and_differ_and_are_always_the_same(calls: list[ToolCall], place: int) -> None:
    ids = call_ids(calls, place, is_id=is_id)
    assert all(map(is_id, ids))
    assert len(set(ids)) == len(calls)
    assert call_ids(calls, place, is_id=is_id) == ids
    assert {one.id for one in calls if is_id(one.id)} <= set(ids)
