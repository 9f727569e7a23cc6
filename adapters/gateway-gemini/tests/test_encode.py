"""The body of a chat, field by field."""

from __future__ import annotations

from typing import Any

import pytest
from gateway.providers import (
    ChatRequest,
    InvalidRequest,
    JsonFormat,
    Media,
    Message,
    NamedTool,
    Role,
    Sampling,
    Tool,
    ToolCall,
)

from fake_gemini import WORD
from gateway_gemini.encode import chat_body
from gateway_gemini.traits import learn, traits_of

NEW, OLD = "gemini-3.5-flash", "gemini-2.5-flash"
USER = Message(Role.USER, "Hi")
SYSTEM = Message(Role.SYSTEM, "Be brief.")
CALL = ToolCall("add", {"n": 1}, "c1")
RESULT = Message(Role.TOOL, "2", tool_call_id="c1")
TOOL = Tool("add", "Adds.", {"properties": {"n": {"type": "integer"}}})
FORM = JsonFormat({"type": "object"})


def body(*messages: Message, model: str = NEW, **more: Any) -> dict[str, Any]:
    of_request = {name: more.pop(name) for name in ("refused", "trusted", "ids") if name in more}
    request = ChatRequest(model, messages or (USER,), **more)
    return chat_body(request, traits_of(model), **of_request)


def config(**more: Any) -> Any:
    return body(**more).get("generationConfig")


def user(*parts: object) -> dict[str, object]:
    return {"role": "user", "parts": [*parts]}


def model(*parts: object) -> dict[str, object]:
    return {"role": "model", "parts": [*parts]}


def called(signature: str = WORD) -> dict[str, object]:
    call = {"functionCall": {"name": "add", "args": {"n": 1}, "id": "c1"}}
    return call | ({"thoughtSignature": signature} if signature else {})


def answered(response: object) -> dict[str, object]:
    return {"functionResponse": {"name": "add", "response": response, "id": "c1"}}


HI = {"text": "Hi"}
PNG = Media("image/png", "iVBORw0KGgo=")
CONVERSATIONS: dict[str, tuple[list[Message], list[dict[str, object]]]] = {
    "turns of one author are joined": (
        [USER, Message(Role.USER, "Ho"), Message(Role.ASSISTANT, "Yes")],
        [user(HI, {"text": "Ho"}), model({"text": "Yes"})],
    ),
    "a conversation starts with the user": (
        [Message(Role.ASSISTANT, "Yes")],
        [user({"text": "."}), model({"text": "Yes"})],
    ),
    "blank texts are left out": ([USER, Message(Role.ASSISTANT, " ")], [user(HI)]),
    "a late instruction stays in its place": (
        [USER, SYSTEM],
        [user({"text": "Hi\n\n[System instruction]\nBe brief."})],
    ),
    "a result comes right behind its call": (
        [USER, Message(Role.ASSISTANT, "So.", tool_calls=(CALL,)), USER, RESULT],
        [user(HI), model({"text": "So."}, called()), user(answered({"result": "2"}), HI)],
    ),
    "a result that is an object is sent as one": (
        [USER, Message(Role.ASSISTANT, tool_calls=(CALL,)), Message(Role.TOOL, '{"n": 2}')],
        [user(HI), model(called()), user(answered({"n": 2}))],
    ),
    "a result that is a list is wrapped": (
        [USER, Message(Role.ASSISTANT, tool_calls=(CALL,)), Message(Role.TOOL, "[2]")],
        [user(HI), model(called()), user(answered({"result": "[2]"}))],
    ),
    "a call without a result gets one": (
        [USER, Message(Role.ASSISTANT, tool_calls=(CALL,))],
        [user(HI), model(called()), user(answered({"result": "[no result]"}))],
    ),
    "pictures": (
        [Message(Role.USER, ("Hi", PNG, Media("application/pdf", url="https://a.example/b")))],
        [
            user(
                HI,
                {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}},
                {"fileData": {"mimeType": "application/pdf", "fileUri": "https://a.example/b"}},
            )
        ],
    ),
    "a picture in a result follows it": (
        [
            USER,
            Message(Role.ASSISTANT, tool_calls=(CALL,)),
            Message(Role.TOOL, ("2", PNG), tool_call_id="c1"),
        ],
        [
            user(HI),
            model(called()),
            user(
                answered({"result": "2"}),
                {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}},
            ),
        ],
    ),
}


@pytest.mark.parametrize(("messages", "turns"), CONVERSATIONS.values(), ids=CONVERSATIONS)
def test_a_conversation(messages: list[Message], turns: list[dict[str, object]]) -> None:
    assert body(*messages)["contents"] == turns


def kept(signature: object) -> dict[str, Any]:
    return {"openai": {"extra_content": {"google": {"thought_signature": signature}}}}


def turn(*parts: object) -> dict[str, Any]:
    return {"gemini": {"parts": [*parts]}}


OTHER = ToolCall("add", {"n": 2}, "c2")
SIGNED: dict[str, tuple[Message, dict[str, Any], list[str]]] = {
    "nobody knows one": (Message(Role.ASSISTANT, tool_calls=(CALL, OTHER)), {}, [WORD, ""]),
    "an older model wants none": (
        Message(Role.ASSISTANT, tool_calls=(CALL, OTHER)),
        {"model": OLD},
        ["", ""],
    ),
    "that of a call": (
        Message(Role.ASSISTANT, tool_calls=(ToolCall("add", {"n": 1}, "c1", kept("sig")), OTHER)),
        {},
        ["sig", ""],
    ),
    "those of a turn": (
        Message(
            Role.ASSISTANT,
            "So.",
            tool_calls=(CALL, OTHER),
            keepsake=turn(
                {"thoughtSignature": "text"},
                {"call": 0, "thoughtSignature": "one"},
                {"call": 1, "thoughtSignature": "two"},
            ),
        ),
        {},
        ["text", "one", "two"],
    ),
    "that of a turn without text": (
        Message(Role.ASSISTANT, tool_calls=(CALL,), keepsake=turn({"thoughtSignature": "text"})),
        {},
        ["text", WORD],
    ),
    "what the service has refused": (
        Message(
            Role.ASSISTANT,
            "So.",
            tool_calls=(CALL, OTHER),
            keepsake=turn({"thoughtSignature": "text"}, {"call": 1, "thoughtSignature": "two"}),
        ),
        {"trusted": False},
        ["", WORD, WORD],
    ),
    "an older model that wants one after all": (
        Message(Role.ASSISTANT, tool_calls=(CALL,)),
        {"trusted": False, "model": OLD},
        [WORD],
    ),
    "what a client has made up": (
        Message(
            Role.ASSISTANT,
            tool_calls=(ToolCall("add", {"n": 1}, "c1", kept(7)),),
            keepsake=turn(7, {"call": "x", "thoughtSignature": "y"}, {"thoughtSignature": 1}),
        ),
        {},
        [WORD],
    ),
}


@pytest.mark.parametrize(("message", "more", "signatures"), SIGNED.values(), ids=SIGNED)
def test_signatures(message: Message, more: dict[str, Any], signatures: list[str]) -> None:
    parts = body(USER, message, **more)["contents"][1]["parts"]
    assert [part.get("thoughtSignature", "") for part in parts] == signatures


def test_without_ids_neither_calls_nor_results_have_one() -> None:
    turns = body(USER, Message(Role.ASSISTANT, tool_calls=(CALL,)), RESULT, ids=False)["contents"]
    assert "id" not in turns[1]["parts"][0]["functionCall"]
    assert "id" not in turns[2]["parts"][0]["functionResponse"]


def test_instructions_stand_apart_but_for_models_that_have_no_place_for_them() -> None:
    assert body(SYSTEM, USER) == {
        "contents": [user(HI)],
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
    }
    assert body(SYSTEM, USER, model="gemma-3-27b-it") == {
        "contents": [user({"text": "Be brief."}, HI)]
    }


SAMPLING: dict[str, tuple[dict[str, Any], object]] = {
    "nothing": ({}, None),
    "zeros": (
        {"sampling": Sampling(temperature=0.0, top_p=0.0, top_k=0, seed=0)},
        {"temperature": 0.0, "topP": 0.0, "seed": 0},
    ),
    "all": (
        {
            "sampling": Sampling(3.0, 1.5, 5, 0.1, 2**31 + 5, 9, ("a", "a", "b"), 2.0, -3.0),
            "logprobs": 30,
        },
        {
            "temperature": 2.0,
            "topP": 1.0,
            "topK": 5,
            "maxOutputTokens": 9,
            "stopSequences": ["a", "b"],
            "seed": 5,
            "presencePenalty": 1.999,
            "frequencyPenalty": -2.0,
            "responseLogprobs": True,
            "logprobs": 20,
        },
    ),
    "log probabilities without alternatives": ({"logprobs": 0}, {"responseLogprobs": True}),
    "JSON": ({"response_format": JsonFormat()}, {"responseMimeType": "application/json"}),
    "a schema": (
        {"response_format": FORM, "tools": (TOOL,)},
        {"responseMimeType": "application/json", "responseJsonSchema": {"type": "object"}},
    ),
    "a schema beside tools, for an older model": (
        {"response_format": FORM, "tools": (TOOL,), "model": OLD},
        None,
    ),
    "what the model has refused": (
        {"sampling": Sampling(seed=1), "think": "low", "refused": {"seed", "thinkingLevel"}},
        {"thinkingConfig": {"includeThoughts": True}},
    ),
    "all thinking refused": ({"think": False, "refused": {"thinkingLevel"}}, None),
}


@pytest.mark.parametrize(("more", "expected"), SAMPLING.values(), ids=SAMPLING)
def test_options(more: dict[str, Any], expected: object) -> None:
    assert config(**more) == expected


@pytest.mark.parametrize(
    ("form", "words"),
    [
        (JsonFormat(), "Answer with one JSON object and nothing else."),
        (FORM, 'schema:\n{"type":"object"}'),
    ],
)
def test_a_format_beside_tools_is_words_for_an_older_model(form: JsonFormat, words: str) -> None:
    sent = body(SYSTEM, USER, model=OLD, tools=(TOOL,), response_format=form)
    text = sent["systemInstruction"]["parts"][0]["text"]
    assert text.startswith("Be brief.\n\nAnswer with one JSON object")
    assert text.endswith(words)


LEVELS: dict[str, dict[object, object]] = {
    "gemini-3-flash-preview": {
        None: None,
        False: {"thinkingLevel": "minimal"},
        True: {"includeThoughts": True},
        "low": {"includeThoughts": True, "thinkingLevel": "low"},
        "max": {"includeThoughts": True, "thinkingLevel": "high"},
    },
    "gemini-3-pro-preview": {False: {"thinkingLevel": "low"}},
    "gemini-3.7-flash": {False: {"thinkingLevel": "low"}},
    "gemini-flash-latest": {False: {"thinkingLevel": "low"}},
    "gemini-2.5-flash": {
        False: {"thinkingBudget": 0},
        True: {"includeThoughts": True},
        "medium": {"includeThoughts": True, "thinkingBudget": 8192},
        "max": {"includeThoughts": True, "thinkingBudget": 24576},
    },
    "gemini-2.5-flash-lite": {
        False: {"thinkingBudget": 0},
        "low": {"includeThoughts": True, "thinkingBudget": 1024},
    },
    "gemini-2.5-pro": {
        False: {"thinkingBudget": 128},
        "max": {"includeThoughts": True, "thinkingBudget": 32768},
    },
}


@pytest.mark.parametrize(
    ("name", "think", "expected"),
    [(name, think, one) for name, row in LEVELS.items() for think, one in row.items()],
)
def test_thinking(name: str, think: Any, expected: object) -> None:
    sent = config(model=name, think=think)
    assert (sent and sent["thinkingConfig"]) == expected


CHOICES: dict[str, tuple[Any, object]] = {
    "not set": (None, None),
    "auto": ("auto", {"mode": "AUTO"}),
    "none": ("none", {"mode": "NONE"}),
    "required": ("required", {"mode": "ANY"}),
    "one": (NamedTool("add"), {"mode": "ANY", "allowedFunctionNames": ["add"]}),
}


@pytest.mark.parametrize(("choice", "calling"), CHOICES.values(), ids=CHOICES)
def test_tools(choice: Any, calling: object) -> None:
    sent = body(tools=(TOOL, Tool("bare")), tool_choice=choice)
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    assert sent["tools"] == [
        {
            "functionDeclarations": [
                {"name": "add", "description": "Adds.", "parametersJsonSchema": schema},
                {"name": "bare"},
            ]
        }
    ]
    assert sent.get("toolConfig") == (calling and {"functionCallingConfig": calling})


def test_a_name_begins_as_the_service_wants_it_wherever_it_stands() -> None:
    call = ToolCall("3d", {}, "c1")
    turn = Message(Role.ASSISTANT, tool_calls=(call,))
    sent = body(
        USER,
        turn,
        RESULT,
        tools=(Tool("3d"), Tool("-" * 64), Tool("_a"), Tool("B")),
        tool_choice=NamedTool("3d"),
    )
    declared = [one["name"] for one in sent["tools"][0]["functionDeclarations"]]
    assert declared == ["_3d", "_" + "-" * 63, "_a", "B"]
    assert sent["toolConfig"]["functionCallingConfig"]["allowedFunctionNames"] == ["_3d"]
    assert sent["contents"][1]["parts"][0]["functionCall"]["name"] == "_3d"
    assert sent["contents"][2]["parts"][0]["functionResponse"]["name"] == "_3d"


@pytest.mark.parametrize(
    "request_of",
    [
        {"sampling": Sampling(stop=tuple("abcdef"))},
        {"messages": (Message(Role.USER, (Media("", "AAAA"),)),)},
    ],
)
def test_what_the_api_has_no_form_for_is_refused(request_of: dict[str, Any]) -> None:
    request = ChatRequest(**{"model": NEW, "messages": (USER,), **request_of})
    with pytest.raises(InvalidRequest):
        chat_body(request, traits_of(NEW))


REFUSALS = {
    "Thinking level MINIMAL is not supported for this model.": {"thinkingLevel"},
    "Budget 0 is invalid. This model only works in thinking mode.": {"thinkingConfig"},
    "Thinking is not enabled for models/gemini-x.": {"thinkingConfig"},
    "Penalty is not enabled for models/gemini-x.": {"presencePenalty", "frequencyPenalty"},
    "Logprobs is not enabled for this model.": set(),
    "The moon is in the wrong house.": set(),
}


@pytest.mark.parametrize(("words", "members"), REFUSALS.items())
def test_a_refusal_names_what_was_sent(words: str, members: set[str]) -> None:
    sent = {"thinkingConfig": {"thinkingLevel": "minimal"}, "presencePenalty": 1.0}
    assert learn(sent, words) == members
    assert learn(None, words) == set()
