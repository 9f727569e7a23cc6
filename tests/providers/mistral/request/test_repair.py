from __future__ import annotations

import logging

import pytest
from hypothesis import given

from gateway.core import codec
from gateway.core.call_ids import new_id
from gateway.core.chat import ChatRequest, Media, Message, Role
from gateway.core.errors import InvalidRequest
from gateway.providers.mistral.encode import chat_body
from gateway.providers.mistral.repair import REPAIRS, instruct_by_user, repair
from mistral_histories import (
    PDF,
    PLAIN,
    PNG,
    assistant,
    call,
    clean_histories,
    messy_histories,
    result,
    system,
    user,
)

A, B = "aaaaaaaaa", "bbbbbbbbb"
OK = assistant("OK.")


@pytest.mark.parametrize(
    ("history", "repaired", "made"),
    [
        pytest.param(
            [user("a\ud83d"), assistant("b\udc00", thinking="\ud800c"), user()],
            [user("a\ufffd"), assistant("b\ufffd", thinking="\ufffdc"), user()],
            ["replaced lone surrogates"],
            id="surrogates",
        ),
        pytest.param(
            [
                Message(Role.SYSTEM, ("s", PNG), tool_calls=(call(),)),
                user("", PNG),
                Message(Role.ASSISTANT, ("a", PNG)),
                Message(Role.USER, "b", tool_calls=(call(),)),
            ],
            [system("s"), user("", PNG), assistant("a"), user("b")],
            ["dropped misplaced images or calls"],
            id="images-of-system-and-assistant-calls-of-others",
        ),
        pytest.param(
            [user(), assistant(""), assistant(" \n", thinking="hm"), user("b")],
            [user(), user("b")],
            ["dropped empty answers"],
            id="empty-answers",
        ),
        pytest.param(
            [
                user(),
                assistant("", call("x", A), call("y", B)),
                *(result("1", "x", A), user(""), result("2", "y", B), user(" \n")),
            ],
            [
                user(),
                assistant("", call("x", A), call("y", B)),
                *(result("1", "x", A), result("2", "y", B)),
            ],
            ["paired results with calls", "dropped empty user messages after results"],
            id="empty-users-after-results",
        ),
        pytest.param(
            [
                user(),
                assistant("", call("x", A), call("y", B)),
                *(result("1", "", ""), user(""), result("2", "", ""), user(""), user("b")),
            ],
            [
                user(),
                assistant("", call("x", A), call("y", B)),
                *(result("1", "", A), result("2", "", B), OK, user("b")),
            ],
            [
                "paired results with calls",
                "dropped empty user messages after results",
                "bridged results and user",
            ],
            id="empty-users-after-results-without-names",
        ),
        pytest.param(
            [user(), assistant("", call("x", A)), result("1", "x", A), user("", PNG), user("")],
            [user(), assistant("", call("x", A)), result("1", "x", A), OK, user("", PNG), user("")],
            ["bridged results and user"],
            id="a-picture-after-a-result-and-an-empty-user-elsewhere",
        ),
        pytest.param(
            [user(), assistant("", call("x", "call_1")), result("1", "x", "call_1")],
            [
                user(),
                assistant("", call("x", new_id("call_1"))),
                result("1", "x", new_id("call_1")),
            ],
            ["paired results with calls"],
            id="ids",
        ),
        pytest.param(
            [system("a"), user(), assistant("x"), system("b"), user(), assistant("y"), system("c")],
            [
                system("a"),
                user(),
                assistant("x"),
                user("[System instruction]\nb"),
                user(),
                assistant("y"),
                user("[System instruction]\nc"),
            ],
            ["moved system messages"],
            id="system-after-assistant",
        ),
        pytest.param(
            [user(), system("a")],
            [user("Hi.\n\n[System instruction]\na")],
            ["moved system messages"],
            id="system-last",
        ),
        pytest.param(
            [system("a"), system("b"), user(), system("c"), system("d"), user(), system("e")],
            [
                system("a"),
                system("b"),
                user("Hi.\n\n[System instruction]\nc\n\n[System instruction]\nd"),
                user("Hi.\n\n[System instruction]\ne"),
            ],
            ["moved system messages"],
            id="system-between-user-messages",
        ),
        pytest.param(
            [system(""), user(), assistant("x"), system("b"), user()],
            [system(""), user(), assistant("x"), user("[System instruction]\nb"), user()],
            ["moved system messages"],
            id="no-blank-line-after-nothing",
        ),
        pytest.param(
            [user(), assistant("x"), system(" "), user()],
            [user(), assistant("x"), user()],
            ["moved system messages"],
            id="blank-system-is-not-moved-but-gone",
        ),
        pytest.param(
            [system("a"), system("b")],
            [system("a"), user("b")],
            ["moved system messages"],
            id="system-alone-asks",
        ),
        pytest.param(
            [user(), assistant("", call("x", A)), user("stop")],
            [user(), assistant("", call("x", A)), result("[no result]", "x", A), OK, user("stop")],
            ["answered open calls", "bridged results and user"],
            id="interrupted-turn",
        ),
        pytest.param(
            [user(), assistant("", call("x", A), call("y", B)), result("2", "y", B)],
            [
                user(),
                assistant("", call("x", A), call("y", B)),
                result("2", "y", B),
                result("[no result]", "x", A),
            ],
            ["answered open calls"],
            id="half-a-turn",
        ),
        pytest.param(
            [result("1", "x", "call_9"), user()],
            [
                assistant("", call("x", new_id("0.x"))),
                result("1", "x", new_id("0.x")),
                OK,
                user(),
            ],
            [
                "paired results with calls",
                "invented calls for orphaned results",
                "bridged results and user",
            ],
            id="orphan-in-front",
        ),
        pytest.param(
            [user(), assistant("x"), result("1", "bad name"), result("2")],
            [
                user(),
                assistant("x"),
                assistant("", call("unknown_tool", new_id("2.unknown_tool"))),
                result("1", "bad name", new_id("2.unknown_tool")),
                assistant("", call("unknown_tool", new_id("3.unknown_tool"))),
                result("2", "", new_id("3.unknown_tool")),
            ],
            ["invented calls for orphaned results"],
            id="orphans-without-a-name",
        ),
        pytest.param(
            [user(), assistant("", call("x", A)), user("and?"), result("1", "x", A)],
            [user(), assistant("", call("x", A)), result("1", "x", A), OK, user("and?")],
            ["paired results with calls", "bridged results and user"],
            id="result-behind-a-user-message",
        ),
        pytest.param(
            [
                user(),
                assistant("", call("x", A), call("y", B)),
                result("1", "x", A),
                result("2", "y", B),
                result("3", "x", A, PNG),
            ],
            [
                user(),
                assistant("", call("x", A), call("y", B)),
                result("1\n\n3", "x", A),
                result("2", "y", B),
                OK,
                user("", PNG),
            ],
            ["joined repeated results", "moved images out of results", "bridged results and user"],
            id="repeated-results",
        ),
        pytest.param(
            [
                user(),
                assistant("", call("x", A), call("y", B)),
                result("1", "x", A, PNG),
                result("2", "y", B, PDF),
                assistant("I see."),
            ],
            [
                user(),
                assistant("", call("x", A), call("y", B)),
                result("1", "x", A),
                result("2", "y", B),
                OK,
                user("", PNG, PDF),
                assistant("I see."),
            ],
            ["moved images out of results", "bridged results and user"],
            id="screenshots",
        ),
        pytest.param(
            [assistant("Once upon")],
            [user(""), assistant("Once upon")],
            ["opened with an empty question"],
            id="answer-alone",
        ),
        pytest.param(
            [assistant(""), assistant("", thinking="hm")],
            [],
            ["dropped empty answers"],
            id="nothing-left",
        ),
        pytest.param([], [], [], id="nothing-to-begin-with"),
    ],
)
def test_what_ollama_tolerates_is_repaired(
    history: list[Message], repaired: list[Message], made: list[str]
) -> None:
    assert repair(history) == (tuple(repaired), made)


@given(clean_histories())
def test_a_clean_history_passes_every_repair_unchanged(history: tuple[Message, ...]) -> None:
    repaired, made = repair(history)
    assert (repaired is history, made) == (True, [])
    for name, step in REPAIRS.items():
        assert tuple(step(history)) == history, name


@given(messy_histories(PNG))
def test_a_repaired_history_needs_no_repair(history: tuple[Message, ...]) -> None:
    repaired, _ = repair(history)
    assert repair(repaired) == (repaired, [])


@given(messy_histories(PNG))
def test_a_repair_that_is_skipped_would_have_changed_nothing(history: tuple[Message, ...]) -> None:
    mended: tuple[Message, ...] = history
    for step in REPAIRS.values():
        mended = tuple(step(mended))
    assert repair(history)[0] == mended


@given(messy_histories(PNG, PDF))
def test_repairs_lose_nothing_that_was_said_or_shown(history: tuple[Message, ...]) -> None:
    repaired, _ = repair(history)
    said = "\n".join(message.text for message in repaired)
    for message in history:
        assert message.text.strip().replace("\ud83d", "\ufffd").replace("\udc00", "\ufffd") in said
    shown = [media for message in repaired for media in message.media]
    given_to_see = [
        media
        for message in history
        if message.role in {Role.USER, Role.TOOL}
        for media in message.media
    ]
    assert sorted(shown, key=hash) == sorted(given_to_see, key=hash)


def test_instructions_beside_a_recording_come_from_the_user() -> None:
    history = [system("a"), system("b"), assistant("c"), user("d"), assistant("e"), user("f")]
    assert instruct_by_user(history) == [
        assistant("c"),
        user("a\n\nb\n\nd"),
        assistant("e"),
        user("f"),
    ]


def test_without_instructions_the_user_says_what_the_user_said() -> None:
    history = [user(" "), assistant("d")]
    assert instruct_by_user(history) is history


def test_the_worked_example() -> None:
    history = (
        user("Weather in Lyon and Oslo?"),
        assistant("", call("weather", city="Lyon"), call("weather", city="Oslo")),
        result("21 C", "weather"),
        result("9 C", "weather"),
        system("Be brief."),
        user("Which is warmer?"),
    )
    lyon, oslo = new_id("1.0.weather"), new_id("1.1.weather")

    def wire_call(one: str, arguments: str) -> dict[str, object]:
        function = {"name": "weather", "arguments": arguments}
        return {"id": one, "type": "function", "function": function}

    assert chat_body(ChatRequest("mistral-large-latest", history), PLAIN) == {
        "model": "mistral-large-latest",
        "messages": [
            {"role": "user", "content": "Weather in Lyon and Oslo?"},
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [
                    wire_call(lyon, '{"city":"Lyon"}'),
                    wire_call(oslo, '{"city":"Oslo"}'),
                ],
            },
            {"role": "tool", "tool_call_id": lyon, "name": "weather", "content": "21 C"},
            {
                "role": "tool",
                "tool_call_id": oslo,
                "name": "weather",
                "content": "9 C\n\n[System instruction]\nBe brief.",
            },
            {"role": "assistant", "content": "OK."},
            {"role": "user", "content": "Which is warmer?"},
        ],
        "stream": True,
    }


@pytest.mark.parametrize(
    "history",
    [pytest.param((), id="none"), pytest.param((assistant(" "),), id="only-empty-answers")],
)
def test_a_request_with_nothing_left_to_say_is_refused(history: tuple[Message, ...]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        chat_body(ChatRequest("m", history), PLAIN)
    assert (caught.value.status, caught.value.message) == (400, "messages must not be empty")


def test_the_log_names_the_repairs_and_none_of_the_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "gateway.providers.mistral")
    secret = Media("image/png", "c2VjcmV0")
    chat_body(ChatRequest("m\n", (user("secret"), result("secret", "", "", secret))), PLAIN)
    assert caplog.messages == [
        "messages for 'm\\n': invented calls for orphaned results, "
        "moved images out of results, bridged results and user"
    ]


def test_the_log_is_silent_about_a_clean_history(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "gateway.providers.mistral")
    body = chat_body(ChatRequest("m", (user("a"),)), PLAIN)
    assert caplog.messages == []
    assert codec.encode(body) == (
        b'{"model":"m","messages":[{"role":"user","content":"a"}],"stream":true}'
    )
