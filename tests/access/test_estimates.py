"""What a request may take, before anybody has counted."""

from __future__ import annotations

import pytest

from gateway.access.estimates import Estimate, ModelRequest, estimate
from gateway.core.chat import ChatRequest, FillRequest, Media, Message, Role, Sampling, Tool
from gateway.core.embeddings import EmbedRequest
from gateway.core.events import ToolCall
from gateway.core.transcriptions import TranscribeRequest

HELLO = Message(Role.USER, "12345")
CALL = ToolCall("f", {"a": 1})  # 1 and {"a":1}
TOOL = Tool("f", "says", {"type": "object"})  # 1, 4 and {"type":"object"}


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (ChatRequest("m", ()), Estimate(0)),
        (ChatRequest("m", (HELLO,)), Estimate(2)),
        (ChatRequest("m", (HELLO, HELLO, HELLO)), Estimate(4)),
        (ChatRequest("m", (HELLO,), sampling=Sampling(max_tokens=7)), Estimate(2, 7)),
        (
            ChatRequest("m", (Message(Role.ASSISTANT, "1", thinking="234", tool_calls=(CALL,)),)),
            Estimate(3),
        ),
        (ChatRequest("m", (HELLO,), tools=(TOOL,)), Estimate(7)),
        (
            ChatRequest("m", (Message(Role.USER, ("1234", Media(), Media("image/png"))),)),
            Estimate(2001),
        ),
        (FillRequest("m", "12345", "6", Sampling(max_tokens=3)), Estimate(2, 3)),
        (EmbedRequest("m", ("1234", "5")), Estimate(2, 0)),
        (TranscribeRequest("m", b"x" * 10**6, "f", "audio/mpeg"), Estimate(1000)),
    ],
)
def test_the_tokens_of_a_request_are_guessed_by_its_length(
    request_: ModelRequest, expected: Estimate
) -> None:
    assert estimate(request_) == expected


@pytest.mark.parametrize(
    ("guess", "held", "longest"),
    [
        (Estimate(10), 110, 100),
        (Estimate(10, 7), 17, 7),
        (Estimate(10, 100_000), 110, 100_000),
        (Estimate(10, 0), 10, 0),
    ],
)
def test_rates_hold_a_reserve_and_budgets_the_whole_answer(
    guess: Estimate, held: int, longest: int
) -> None:
    assert (guess.held(100), guess.longest_answer(100)) == (held, longest)
