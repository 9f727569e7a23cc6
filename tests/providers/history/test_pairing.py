from __future__ import annotations

import pytest

from gateway.core.call_ids import new_id
from gateway.core.chat import Message
from gateway.providers.history.pairing import pair_results
from gateway.providers.mistral.ids import is_id
from mistral_histories import assistant, call, result, system, user

A, B, C = "aaaaaaaaa", "bbbbbbbbb", "ccccccccc"


def calls(*pairs: tuple[str, str]) -> Message:
    return assistant("", *(call(name, call_id) for name, call_id in pairs))


@pytest.mark.parametrize(
    ("history", "paired"),
    [
        pytest.param(
            [calls(("x", A), ("y", B)), result("2", "y", B), result("1", "x", A)],
            [calls(("x", A), ("y", B)), result("2", "y", B), result("1", "x", A)],
            id="by-id-in-the-order-they-came",
        ),
        pytest.param(
            [calls(("x", "call_1")), result("1", "x", "call_1")],
            [calls(("x", new_id("call_1"))), result("1", "x", new_id("call_1"))],
            id="by-the-id-that-the-client-wrote",
        ),
        pytest.param(
            [calls(("x", A), ("y", B)), result("2", "y"), result("1", "x")],
            [calls(("x", A), ("y", B)), result("2", "y", B), result("1", "x", A)],
            id="by-name",
        ),
        pytest.param(
            [calls(("x", A), ("x", B)), result("1", "x"), result("2", "x")],
            [calls(("x", A), ("x", B)), result("1", "x", A), result("2", "x", B)],
            id="by-name-first-unanswered",
        ),
        pytest.param(
            [calls(("x", A), ("y", B)), result("1"), result("2")],
            [calls(("x", A), ("y", B)), result("1", "", A), result("2", "", B)],
            id="by-place",
        ),
        pytest.param(
            [calls(("x", A)), result("1", "other", "other_id")],
            [calls(("x", A)), result("1", "other", A)],
            id="by-place-though-id-and-name-are-strange",
        ),
        pytest.param(
            [calls(("x", A), ("y", B)), result("?"), result("2", "y"), result("1", "", A)],
            [calls(("x", A), ("y", B)), result("2", "y", B), result("1", "", A), result("?")],
            id="the-vague-do-not-take-calls-of-the-precise",
        ),
        pytest.param(
            [calls(("x", A)), user(), result("1", "x", A)],
            [calls(("x", A)), result("1", "x", A), user()],
            id="moved-up-to-the-call",
        ),
        pytest.param(
            [calls(("x", A)), calls(("y", B)), result("1", "x", A), result("2", "y", B)],
            [calls(("x", A)), result("1", "x", A), calls(("y", B)), result("2", "y", B)],
            id="by-id-in-an-earlier-turn",
        ),
        pytest.param(
            [calls(("x", A)), result("1", "x", A), calls(("x", A)), result("2", "x", A)],
            [calls(("x", A)), result("1", "x", A), calls(("x", A)), result("2", "x", A)],
            id="one-id-in-two-turns-means-the-later",
        ),
        pytest.param(
            [calls(("x", A)), result("1", "x", A), result("again", "x", A)],
            [calls(("x", A)), result("1", "x", A), result("again", "x", A)],
            id="repeated-results-stay-with-their-call",
        ),
        pytest.param(
            [calls(("x", C), ("y", C)), result("1", "", C), result("2", "", C)],
            [
                calls(("x", C), ("y", new_id("0.1.y"))),
                result("1", "", C),
                result("2", "", new_id("0.1.y")),
            ],
            id="repeated-ids-in-one-message-are-answered-in-turn",
        ),
        pytest.param(
            [result("1", "x", A), calls(("x", A))],
            [result("1", "x"), calls(("x", A))],
            id="a-result-before-its-call-has-none",
        ),
        pytest.param(
            [calls(("x", A)), result("1"), result("2", "x", B)],
            [calls(("x", A)), result("2", "x", A), result("1")],
            id="a-name-goes-before-a-place",
        ),
        pytest.param(
            [assistant("", call("bad name", A)), result("1", "bad name")],
            [assistant("", call("bad_name", A)), result("1", "bad name", A)],
            id="names-are-made-to-fit-after-pairing",
        ),
        pytest.param(
            [system(), user(), assistant("Hello.")],
            [system(), user(), assistant("Hello.")],
            id="no-calls",
        ),
    ],
)
def test_results_find_their_calls(history: list[Message], paired: list[Message]) -> None:
    assert pair_results(history, is_id=is_id) == paired
