"""What a service wants back is found again for the caller who got it, for a while."""

from __future__ import annotations

import pytest

from gateway.core.chat import Message, Role
from gateway.core.events import Keepsake, ToolCall
from gateway.providers.keepsakes import Keepsakes, Owner

ANN = Owner("ann", "acme", "m")
SIGNED: Keepsake = {"acme": {"signature": "s"}}
TURN: Keepsake = {"acme": {"thinking": "t"}}
FIRST = ToolCall("f", {"a": 1, "b": 2}, "call_1", SIGNED)
SECOND = ToolCall("g", {}, "call_2")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def turn(*calls: ToolCall, keepsake: Keepsake | None = None) -> tuple[Message, ...]:
    return (Message(Role.ASSISTANT, tool_calls=calls, keepsake=keepsake or {}),)


def bare(call: ToolCall, **changes: object) -> ToolCall:
    fields = {"name": call.name, "arguments": call.arguments, "id": call.id} | changes
    return ToolCall(**fields)  # type: ignore[arg-type]


def filled() -> Keepsakes:
    keepsakes = Keepsakes()
    keepsakes.keep(ANN, [FIRST, SECOND], TURN)
    return keepsakes


KNOWN = {
    "with its ids": (bare(FIRST), bare(SECOND)),
    "without ids": (bare(FIRST, id=""), bare(SECOND, id="null")),
    "with other ids": (bare(FIRST, id="x"), bare(SECOND, id="y")),
    "with arguments in another order": (
        bare(FIRST, id="", arguments={"b": 2, "a": 1}),
        bare(SECOND),
    ),
    "with other arguments, since ids are enough": (bare(FIRST, arguments={}), bare(SECOND)),
}


@pytest.mark.parametrize("calls", KNOWN.values(), ids=KNOWN)
def test_a_turn_is_found_by_its_calls(calls: tuple[ToolCall, ToolCall]) -> None:
    (message,) = filled().recall(ANN, turn(*calls))
    assert message.keepsake == TURN
    assert [call.keepsake for call in message.tool_calls] == [SIGNED, {}]
    assert [call.id for call in message.tool_calls] == [call.id for call in calls]


def test_a_turn_is_found_by_any_of_its_calls() -> None:
    known, unknown = bare(SECOND), bare(FIRST, id="x", arguments={})
    (message,) = filled().recall(ANN, turn(unknown, known))
    assert (message.keepsake, message.tool_calls) == (TURN, (unknown, known))


@pytest.mark.parametrize(
    "owner",
    [ANN._replace(caller="bob"), ANN._replace(provider="other"), ANN._replace(model="n")],
    ids=["caller", "provider", "model"],
)
def test_nobody_else_finds_it(owner: Owner) -> None:
    messages = turn(bare(FIRST))
    assert filled().recall(owner, messages) == messages


def test_what_the_client_has_kept_wins() -> None:
    own: Keepsake = {"acme": {"signature": "mine"}}
    (message,) = filled().recall(
        ANN, turn(ToolCall("f", {}, "call_1", own), keepsake={"acme": {"thinking": "mine"}})
    )
    assert message.keepsake == {"acme": {"thinking": "mine"}}
    assert message.tool_calls[0].keepsake == own


def test_messages_without_calls_are_left_alone() -> None:
    messages = (Message(Role.USER, "a"), Message(Role.ASSISTANT, "b"))
    assert filled().recall(ANN, messages) == messages
    assert Keepsakes().recall(ANN, messages) is messages


def test_half_a_surrogate_pair_in_arguments_does_no_harm() -> None:
    messages = turn(ToolCall("f", {"a": "\ud83d"}))
    assert filled().recall(ANN, messages) == messages


@pytest.mark.parametrize(
    ("calls", "keepsake"),
    [([], TURN), ([SECOND], {}), ([SECOND], {"acme": {"thinking": "x" * (64 << 10)}})],
    ids=["no calls", "nothing to keep", "too large"],
)
def test_what_cannot_be_kept_is_not(calls: list[ToolCall], keepsake: Keepsake) -> None:
    keepsakes = Keepsakes()
    keepsakes.keep(ANN, calls, keepsake)
    messages = turn(bare(SECOND))
    assert keepsakes.recall(ANN, messages) is messages


def test_nothing_is_kept_when_it_is_switched_off() -> None:
    keepsakes = Keepsakes(0)
    keepsakes.keep(ANN, [FIRST], TURN)
    assert keepsakes.recall(ANN, messages := turn(bare(FIRST))) is messages


def test_a_day_later_it_is_gone() -> None:
    clock = Clock()
    keepsakes = Keepsakes(clock=clock)
    keepsakes.keep(ANN, [FIRST], TURN)
    clock.now = 24 * 60 * 60 - 1
    assert keepsakes.recall(ANN, turn(bare(FIRST)))[0].keepsake == TURN
    clock.now += 1
    assert keepsakes.recall(ANN, turn(bare(FIRST)))[0].keepsake == {}
    assert keepsakes.recall(ANN, messages := turn(bare(FIRST))) is messages


def test_the_turn_that_was_not_used_for_longest_goes_first() -> None:
    keepsakes = Keepsakes(70)  # there is room for two
    calls = [ToolCall("f", {"n": n}, f"call_{n}") for n in range(3)]
    for call in calls[:2]:
        keepsakes.keep(ANN, [call], TURN)
    keepsakes.recall(ANN, turn(calls[0]))
    keepsakes.keep(ANN, [calls[2]], TURN)
    found = [keepsakes.recall(ANN, turn(call))[0].keepsake for call in calls]
    assert found == [TURN, {}, TURN]


def test_the_same_call_again_has_the_later_turn() -> None:
    later: Keepsake = {"acme": {"thinking": "later"}}
    keepsakes = Keepsakes(70)
    keepsakes.keep(ANN, [bare(FIRST, id="a")], TURN)
    keepsakes.keep(ANN, [bare(FIRST, id="b")], later)
    found = [keepsakes.recall(ANN, turn(bare(FIRST, id=one)))[0].keepsake for one in ("a", "b", "")]
    assert found == [TURN, later, later]
    keepsakes.keep(ANN, [SECOND], TURN)  # which drops the first of them
    assert keepsakes.recall(ANN, turn(bare(FIRST, id="")))[0].keepsake == later
