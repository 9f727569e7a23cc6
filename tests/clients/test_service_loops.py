"""Three turns of calls with thinking, through each official client, against each strict service."""

from __future__ import annotations

import pytest

from strict_services import ANSWER, NUMBERS, SERVICES, WORD, Playing, playing, thought
from tool_loops import LOOPS

EACH_WAY = [(True, True), (False, False), (True, False), (False, True)]
"""Whether the client streams, and whether it drops what it can."""


@pytest.mark.parametrize("memory", [1 << 20, 0], ids=["memory", "no memory"])
@pytest.mark.parametrize("client", LOOPS)
@pytest.mark.parametrize("name", SERVICES)
async def test_a_loop_of_tools_goes_through(name: str, client: str, memory: int) -> None:
    connect, loop = LOOPS[client]
    async with playing(name, memory=memory) as played, connect(played.url) as connected:
        ways = EACH_WAY if memory else EACH_WAY[:2]
        for number, (stream, drops) in enumerate(ways):
            question = f"question {number}, please."
            model = played.service.model
            answer, thoughts = await loop(connected, model, question, stream=stream, drops=drops)
            assert played.refused == []
            assert answer == ANSWER
            assert_thoughts(played, thoughts, question)
            if memory:
                assert_returned(played)
        assert len(played.asked) == len(ways) * (len(NUMBERS) + 1)


def assert_thoughts(played: Playing, thoughts: str, question: str) -> None:
    """Check that the client has seen what was thought, at least before the first call."""
    if played.service.thinks_aloud:
        assert thoughts.startswith(f"Step 0 of {question}")


def assert_returned(played: Playing) -> None:
    """Check that the service got all that it wants back, unmodified."""
    last = played.asked[-1]
    assert len(last.current) == len(NUMBERS)
    for step, turn in enumerate(last.current):
        told = thought(last, step)
        match played.service.preset:
            case "groq":
                assert turn.own == {}
            case "openrouter":
                assert turn.own == {
                    "reasoning_details": played.service.given(told)["reasoning_details"]
                }
            case "gemini":
                assert turn.calls[0].own == played.service.signed(told)
            case "anthropic":
                assert turn.own["blocks"][0]["thinking"] == told
            case _:
                assert turn.own == {"reasoning_content": told}


@pytest.mark.parametrize("client", LOOPS)
async def test_a_lost_signature_has_a_word(client: str) -> None:
    connect, loop = LOOPS[client]
    async with playing("Gemini", memory=0) as played, connect(played.url) as connected:
        await loop(connected, played.service.model, "Go.", stream=True, drops=True)
    signatures = [
        turn.calls[0].own["extra_content"]["google"]["thought_signature"]
        for turn in played.asked[-1].current
    ]
    assert signatures == [WORD] * len(NUMBERS)
