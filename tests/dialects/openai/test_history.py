"""Answers that later requests refer to."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import InvalidRequest
from gateway.dialects.bodies.budget import LIMITS
from gateway.dialects.openai.documents import error_fields
from gateway.dialects.openai.history import KeptAnswers, PreviousResponseNotFound, expand
from gateway.dialects.openai.schemas import load_response
from gateway.settings import LimitsSettings


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def message(number: int, text: str = "x") -> dict[str, object]:
    return {"id": f"msg_{number}", "type": "message", "role": "assistant", "content": text}


def answers(most: int = 10, most_bytes: int = 10_000) -> KeptAnswers:
    return KeptAnswers(most, most_bytes=most_bytes)


def keep(kept: KeptAnswers, number: int, caller: str = "", text: str = "x") -> None:
    """Keep an answer that continues the one before it."""
    kept.keep(
        f"resp_{number}",
        [message(number, text)],
        caller=caller,
        previous=f"resp_{number - 1}" if number else "",
        items=[user(f"question {number}")],
    )


def test_a_request_continues_all_answers_up_to_the_one_that_it_names() -> None:
    kept = answers()
    for number in range(3):
        keep(kept, number)
    call = load_response(json.dumps({"input": "on", "previous_response_id": "resp_1"}).encode())
    before, items = expand(call, kept, caller="")
    assert before == [user("question 0"), message(0), user("question 1"), message(1)]
    assert items == [user("on")]


def test_two_requests_may_continue_the_same_answer() -> None:
    kept = answers()
    keep(kept, 0)
    keep(kept, 1)
    assert kept.history("resp_0", caller="") == kept.history("resp_1", caller="")[:2]


@pytest.mark.parametrize("identity", ["resp_0", "resp_9", "", "msg_0"])
def test_only_the_caller_of_an_answer_finds_it(identity: str) -> None:
    kept = answers()
    keep(kept, 0, caller="alice")
    assert kept.history("resp_0", caller="alice")
    assert kept.item("msg_0", caller="alice") == message(0)
    assert kept.item("msg_0", caller="bob") is None
    assert kept.item("msg_0", caller="") is None
    if identity:
        with pytest.raises(PreviousResponseNotFound) as caught:
            kept.history(identity, caller="bob")
        assert caught.value.message == f"previous response with id '{identity}' not found"
        assert error_fields(caught.value)["code"] == "previous_response_not_found"


def test_a_request_cannot_continue_the_answer_of_another_caller_within_its_own() -> None:
    kept = answers()
    keep(kept, 0, caller="alice")
    keep(kept, 1, caller="bob")
    with pytest.raises(PreviousResponseNotFound):
        kept.history("resp_1", caller="bob")


def test_the_oldest_answers_go_first_and_take_what_continues_them_along() -> None:
    kept = answers(most=2)
    for number in range(3):
        keep(kept, number)
    assert kept.item("msg_0", caller="") is None
    assert kept.item("msg_2", caller="") == message(2)
    with pytest.raises(PreviousResponseNotFound, match="resp_2"):
        kept.history("resp_2", caller="")


def test_an_answer_that_is_continued_is_not_old() -> None:
    kept = answers(most=2)
    keep(kept, 0)
    kept.keep("other", [], caller="", previous="", items=[])
    kept.history("resp_0", caller="")
    kept.keep("another", [], caller="", previous="", items=[])
    assert kept.history("resp_0", caller="")
    with pytest.raises(PreviousResponseNotFound):
        kept.history("other", caller="")


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 300)), max_size=30))
def test_the_answers_take_no_more_bytes_than_allowed(turns: list[tuple[bool, int]]) -> None:
    kept = answers(most=5, most_bytes=500)
    sizes: dict[str, int] = {}
    for number, (goes_on, size) in enumerate(turns):
        identity, previous = f"r{number}", f"r{number - 1}" if goes_on and number else ""
        item = message(number, "y" * size)
        kept.keep(identity, [item], caller="", previous=previous, items=[])
        sizes[identity] = len(json.dumps(item, separators=(",", ":"))) + 2
    found = [
        name
        for name, place in zip(sizes, range(99), strict=False)
        if kept.item(f"msg_{place}", caller="")
    ]
    assert len(found) <= 5
    assert sum(sizes[name] for name in found) <= 500
    assert found == [*sizes][len(sizes) - len(found) :]


def test_what_no_json_can_hold_is_not_kept() -> None:
    kept = answers()
    kept.keep("r", [message(0, "\ud83d")], caller="", previous="", items=[])
    with pytest.raises(PreviousResponseNotFound):
        kept.history("r", caller="")


@pytest.mark.parametrize(
    "reference",
    [
        {"type": "item_reference", "id": "msg_0"},
        {"id": "msg_0"},
        {"id": "msg_0", "type": None},
    ],
)
def test_a_reference_becomes_the_item(reference: dict[str, Any]) -> None:
    kept = answers()
    keep(kept, 0)
    body = {"input": [user("a"), reference, user("b")]}
    before, items = expand(load_response(json.dumps(body).encode()), kept, caller="")
    assert before == []
    assert items == [user("a"), message(0), user("b")]


def test_a_reference_that_finds_nothing_is_an_error_that_names_the_reason() -> None:
    body = {"input": [user("a"), {"type": "item_reference", "id": "msg_1"}]}
    call = load_response(json.dumps(body).encode())
    with pytest.raises(InvalidRequest) as caught:
        expand(call, answers(0), caller="")
    assert caught.value.message == (
        "item with id 'msg_1' not found: items are kept for a while only, and not at all with"
        " store: false; send the item itself"
    )


@pytest.mark.parametrize(
    "item", [{"id": "msg_0", "role": "user"}, {"id": 5}, {"type": "item_reference"}, "text", None]
)
def test_what_is_no_reference_stays(item: object) -> None:
    kept = answers()
    keep(kept, 0)
    call = load_response(json.dumps({"input": [item]}).encode())
    assert expand(call, kept, caller="") == ([], [item])


def test_the_limit_on_items_counts_those_before() -> None:
    kept = answers()
    keep(kept, 0)
    body = {"input": [user("a")], "previous_response_id": "resp_0"}
    call = load_response(json.dumps(body).encode())
    token = LIMITS.set(LimitsSettings(messages=2))
    try:
        with pytest.raises(InvalidRequest, match="too many input: 3, at most 2 are allowed"):
            expand(call, kept, caller="")
    finally:
        LIMITS.reset(token)


def test_a_conversation_that_only_openai_has_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="conversations are not kept here"):
        load_response(b'{"input":"a","conversation":"conv_1"}')
