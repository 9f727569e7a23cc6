"""The switches of the adapter for OpenAI's dialect: the body before and after each."""

from __future__ import annotations

import json
from typing import Any

import marshmallow as ma
import pytest

from gateway.core.chat import (
    ChatRequest,
    FillRequest,
    JsonFormat,
    Media,
    Message,
    NamedTool,
    Role,
    Sampling,
    Tool,
)
from gateway.core.errors import InvalidRequest
from gateway.core.events import ToolCall
from gateway.core.model_info import Capability, ModelInfo
from gateway.providers.openai import ModelRule, OpenAIOptions, OpenAIOptionsSchema
from gateway.providers.openai.encode import chat_body, completion_body, embed_body

THINKER = ModelInfo("m", capabilities=frozenset({Capability.COMPLETION, Capability.THINKING}))
USER = Message(Role.USER, "Hi")
TOOL = Tool("f", parameters={"type": "object"}, strict=True)
CALL = ToolCall("f", {}, id="call_1")
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


def options(**given: Any) -> OpenAIOptions:
    """Return options as the settings would give them."""
    loaded: OpenAIOptions = OpenAIOptionsSchema().load(
        {"base_url": "http://127.0.0.1:1/v1", **given}
    )
    return loaded


def sent(given: dict[str, Any], *messages: Message, **more: Any) -> dict[str, Any]:
    """Return what is sent with the options *given*."""
    request = ChatRequest(more.pop("model", "m"), messages or (USER,), **more)
    return chat_body(request, THINKER, options(**given))


LEVELS = {"thinking_levels": {"max": "max", "false": "", "true": "high"}}
THINKING: list[tuple[dict[str, Any], Any, dict[str, Any]]] = [
    ({}, None, {}),
    ({}, True, {"reasoning_effort": "medium"}),
    ({}, False, {"reasoning_effort": "none"}),
    (LEVELS, True, {"reasoning_effort": "high"}),
    (LEVELS, "max", {"reasoning_effort": "max"}),
    (LEVELS, "low", {"reasoning_effort": "low"}),
    (LEVELS, False, {}),
    ({"thinking_by": "nothing"}, True, {}),
    ({"thinking_by": "reasoning"}, True, {"reasoning": {"effort": "medium"}}),
    ({"thinking_by": "reasoning"}, False, {"reasoning": {"enabled": False}}),
    ({"thinking_by": "reasoning", "thinking_levels": {"low": ""}}, "low", {}),
    ({"thinking_by": "thinking"}, True, {"thinking": {"type": "enabled"}}),
    ({"thinking_by": "thinking"}, False, {"thinking": {"type": "disabled"}}),
    (
        {"thinking_by": "thinking", "thinking_levels": {"high": "max"}},
        "high",
        {"thinking": {"type": "enabled"}, "reasoning_effort": "max"},
    ),
    (
        {"thinking_by": "enable_thinking"},
        "low",
        {"chat_template_kwargs": {"enable_thinking": True}},
    ),
    ({"thinking_by": "template_thinking"}, False, {"chat_template_kwargs": {"thinking": False}}),
    ({"thinking_by": "enable_thinking_member"}, True, {"enable_thinking": True}),
]


@pytest.mark.parametrize(("given", "think", "expected"), THINKING)
def test_thinking_is_switched_in_the_way_of_the_service(
    given: dict[str, Any], think: Any, expected: dict[str, Any]
) -> None:
    body = sent(given, think=think)
    for name in ("model", "messages", "stream", "stream_options"):
        del body[name]
    assert body == expected


TURN = Message(Role.ASSISTANT, "text", thinking="so")
CALLS = Message(Role.ASSISTANT, "", thinking="so", tool_calls=(CALL,))
QUIET = Message(Role.ASSISTANT, "", tool_calls=(CALL,))
RESULT = Message(Role.TOOL, "1", tool_call_id="call_1", tool_name="f")
FIELD = "reasoning_content"
BACK: list[tuple[str, Message, str | None]] = [
    ("given", TURN, "so"),
    ("given", CALLS, "so"),
    ("given", QUIET, None),
    ("never", TURN, None),
    ("never", CALLS, None),
    ("calls", TURN, None),
    ("calls", CALLS, "so"),
    ("calls", QUIET, ""),
    ("always", TURN, "so"),
    ("always", QUIET, ""),
]


def test_a_signature_that_nobody_knows_has_a_word() -> None:
    signed = ToolCall("g", {}, id="call_2", keepsake={"openai": {"extra_content": {"a": 1}}})
    turns = (
        Message(Role.ASSISTANT, "", tool_calls=(CALL, signed)),
        RESULT,
        Message(Role.TOOL, "2", tool_call_id="call_2", tool_name="g"),
    )

    def extras(back: str, *history: Message) -> list[object]:
        given = {"thinking_field": "extra_content", "thinking_back": back}
        calls = sent(given, USER, *history)["messages"][1]["tool_calls"]
        return [call.get("extra_content") for call in calls]

    word = {"google": {"thought_signature": "skip_thought_signature_validator"}}
    assert extras("calls", *turns) == [word, {"a": 1}]
    assert extras("given", *turns) == [None, {"a": 1}]
    assert extras("never", *turns) == [None, {"a": 1}]
    first = Message(Role.ASSISTANT, "", tool_calls=(signed, CALL))
    assert extras("calls", first, *turns[1:]) == [{"a": 1}, None]


@pytest.mark.parametrize(("back", "turn", "expected"), BACK)
def test_earlier_thinking_goes_back_where_the_service_wants_it(
    back: str, turn: Message, expected: str | None
) -> None:
    after = (RESULT,) if turn.tool_calls else ()
    body = sent({"thinking_back": back, "thinking_field": FIELD}, USER, turn, *after, USER)
    (wire,) = [one for one in body["messages"] if one["role"] == "assistant"]
    assert wire.get(FIELD) == expected


def test_what_the_service_wants_back_stays_away_from_one_that_refuses_it() -> None:
    kept = Message(
        Role.ASSISTANT, "", tool_calls=(CALL,), keepsake={"openai": {FIELD: "remembered"}}
    )
    for back, expected in (("given", "remembered"), ("calls", "remembered"), ("never", None)):
        body = sent({"thinking_back": back, "thinking_field": FIELD}, USER, kept, RESULT)
        assert body["messages"][1].get(FIELD) == expected


@pytest.mark.parametrize(
    ("back", "expected"), [("given", "<think>so</think>text"), ("never", "text")]
)
def test_thinking_can_go_back_as_tags(back: str, expected: str) -> None:
    body = sent({"thinking_field": "tags", "thinking_back": back}, USER, TURN, USER)
    assert body["messages"][1] == {"role": "assistant", "content": expected}


SAMPLING = Sampling(temperature=0.5, seed=7, max_tokens=9, stop=("x",))


def test_members_are_dropped_and_added() -> None:
    given = {"drop_options": ["seed", "stop"], "body": {"tool_stream": True}}
    body = sent(given, sampling=SAMPLING)
    assert body["tool_stream"] is True
    assert (body["temperature"], body["max_tokens"]) == (0.5, 9)
    assert not {"seed", "stop"} & body.keys()
    filled = completion_body(FillRequest("m", "a", sampling=SAMPLING), options(**given))
    assert not {"seed", "stop"} & filled.keys()


def test_fixed_sampling_and_the_name_of_the_limit() -> None:
    given = {"fixed_sampling": True, "max_tokens_field": "max_completion_tokens"}
    body = sent(given, sampling=SAMPLING)
    assert body["max_completion_tokens"] == 9
    assert not {"temperature", "max_tokens"} & body.keys()


@pytest.mark.parametrize(
    ("fixed", "thinks"),
    [
        (False, [None, True, False, "low"]),
        (True, []),
        ("thinking", [False]),
        ("asked", [None, False]),
    ],
    ids=["never", "always", "while it thinks", "if it is asked to think"],
)
@pytest.mark.parametrize("think", [None, True, False, "low"])
def test_sampling_may_depend_on_whether_the_model_thinks(
    fixed: object, thinks: list[object], think: Any
) -> None:
    body = sent({"fixed_sampling": fixed}, sampling=SAMPLING, think=think)
    assert ("temperature" in body) == (think in thinks)
    assert body["max_tokens"] == 9


@pytest.mark.parametrize("value", [1, 0, "yes", None, ["thinking"]], ids=repr)
def test_sampling_is_fixed_in_no_other_way(value: object) -> None:
    with pytest.raises(ma.ValidationError):
        options(fixed_sampling=value)


OPENAI = [
    ("gpt-5.4", None, True, None),
    ("gpt-5.4", False, True, "none"),
    ("gpt-5.4", "max", False, "xhigh"),
    ("gpt-5.1", "max", False, "high"),
    ("gpt-5.6", None, False, None),
    ("gpt-5.6", False, True, "none"),
    ("gpt-5", False, False, None),
    ("gpt-5-mini-2025-08-07", "max", False, "high"),
    ("gpt-5.2-chat-latest", False, False, None),
    ("gpt-5.2-pro", None, False, None),
    ("gpt-5.1-codex-mini", False, False, None),
    ("o4-mini", "max", False, "high"),
    ("o3", False, False, None),
    ("gpt-5-chat-latest", None, True, None),
    ("gpt-4.1", None, True, None),
]


@pytest.mark.parametrize(("model", "think", "sampled", "effort"), OPENAI)
def test_models_of_openai_get_what_they_accept(
    model: str, think: Any, sampled: bool, effort: str | None
) -> None:
    request = ChatRequest(model, (USER,), sampling=SAMPLING, think=think)
    body = chat_body(request, THINKER, OpenAIOptions())
    assert ("temperature" in body, body.get("reasoning_effort")) == (sampled, effort)
    field = "max_tokens" if model.startswith("gpt-4") else "max_completion_tokens"
    assert body[field] == 9


def test_members_of_an_object_are_joined_and_the_clients_come_first() -> None:
    given = {
        "thinking_by": "thinking",
        "body": {"thinking": {"type": "enabled", "keep": "all"}, "stream": {"odd": 1}},
    }
    assert sent(given)["thinking"] == {"type": "enabled", "keep": "all"}
    assert sent(given, think=False)["thinking"] == {"type": "disabled", "keep": "all"}
    assert sent(given)["stream"] == {"odd": 1}


def test_the_dialect_of_a_schema_is_not_sent() -> None:
    parameters = {"$schema": "https://json-schema.org/draft/2020-12/schema", **SCHEMA}
    body = sent({}, tools=(Tool("f", parameters=parameters),))
    assert body["tools"][0]["function"]["parameters"] == SCHEMA


CHOICES: list[tuple[Any, Any]] = [
    ("required", "auto"),
    (NamedTool("f"), "auto"),
    ("none", "none"),
    ("auto", "auto"),
]


@pytest.mark.parametrize(("choice", "expected"), CHOICES)
def test_choices_that_a_service_lacks_become_auto(choice: Any, expected: Any) -> None:
    body = sent({"tool_choices": ["auto", "none"]}, tools=(TOOL,), tool_choice=choice)
    assert body["tool_choice"] == expected


def test_who_forbids_calls_offers_no_tools_where_the_service_cannot_be_told() -> None:
    body = sent({"tool_choices": ["auto"]}, tools=(TOOL,), tool_choice="none")
    assert not {"tools", "tool_choice"} & body.keys()
    assert sent({}, tools=(TOOL,), tool_choice="none")["tool_choice"] == "none"


@pytest.mark.parametrize("strict", [True, False])
def test_strict_is_sent_where_the_service_takes_it(strict: bool) -> None:
    form = JsonFormat(SCHEMA, strict=True)
    body = sent({"strict_tools": strict}, tools=(TOOL,), response_format=form)
    assert ("strict" in body["tools"][0]["function"]) == strict
    assert ("strict" in body["response_format"]["json_schema"]) == strict


@pytest.mark.parametrize("way", ["json_schema", "json_object", "words"])
def test_a_schema_is_sent_in_the_way_of_the_service(way: str) -> None:
    body = sent({"format_by": way}, response_format=JsonFormat(SCHEMA))
    form = body.get("response_format")
    assert (form and form["type"]) == (None if way == "words" else way)
    hint = body["messages"][0]
    if way == "json_schema":
        assert hint["role"] == "user"
    else:
        assert hint["role"] == "system"
        assert json.loads(hint["content"].partition("\n")[2]) == SCHEMA


def test_a_form_without_a_schema_is_asked_for_in_words_too() -> None:
    body = sent({"format_by": "words"}, response_format=JsonFormat())
    assert "response_format" not in body
    assert body["messages"][0]["content"] == "Answer in JSON."


SYSTEM = (Message(Role.SYSTEM, "a"), Message(Role.SYSTEM, "b"), USER, Message(Role.SYSTEM, "c"))
ROLES = {
    "many": [("system", "a"), ("system", "b"), ("user", "Hi"), ("system", "c")],
    "first": [("system", "a\n\nb"), ("user", "Hi"), ("system", "c")],
    "developer": [("developer", "a"), ("developer", "b"), ("user", "Hi"), ("developer", "c")],
}


@pytest.mark.parametrize(("way", "expected"), ROLES.items())
def test_system_messages_are_as_the_template_wants_them(
    way: str, expected: list[tuple[str, str]]
) -> None:
    body = sent({"system_messages": way}, *SYSTEM)
    assert [(one["role"], one["content"]) for one in body["messages"]] == expected


def test_a_history_of_system_messages_alone_stays_one() -> None:
    body = sent({"system_messages": "first"}, *SYSTEM[:2])
    assert [one["content"] for one in body["messages"]] == ["a\n\nb"]


def test_a_history_without_system_messages_gets_none() -> None:
    body = sent({"system_messages": "first"}, USER)
    assert [one["role"] for one in body["messages"]] == ["user"]


def test_names_of_tools_go_with_results_only_if_wanted() -> None:
    history = (USER, QUIET, RESULT)
    assert "name" not in sent({}, *history)["messages"][2]
    assert sent({"tool_names": True}, *history)["messages"][2]["name"] == "f"


def test_documents_are_refused_where_the_service_takes_none() -> None:
    message = Message(Role.USER, ("look", Media("application/pdf", "JVBERg==")))
    assert sent({}, message)["messages"][0]["content"][1]["type"] == "file"
    with pytest.raises(InvalidRequest, match="no PDF"):
        sent({"documents": False}, message)


def test_embeddings_have_members_of_their_own() -> None:
    assert embed_body("m", ["a"], members={"input_type": "query"})["input_type"] == "query"


def test_for_each_member_the_first_rule_that_has_it_counts() -> None:
    rules = {
        "a-1": {"thinking_by": "thinking"},
        "a-*": {"thinking_by": "nothing", "thinking_back": "never", "body": {"x": 1}},
        "*": {"body": {"y": 2}, "fixed_sampling": True},
    }
    given = options(models=rules, drop_options=["seed"])
    traits = given.traits_for("a-1")
    assert (traits.thinking_by, traits.thinking_back) == ("thinking", "never")
    assert (traits.body, traits.fixed_sampling) == ({"x": 1}, True)
    assert traits.drop_options == ("seed",)
    assert given.traits_for("b").thinking_back == "given"


def test_a_name_that_tells_nothing_has_the_rules_of_its_base() -> None:
    given = options(models={"mine": {"base": "gpt-5.4"}, "chat": {"base": "gpt-5-chat"}})
    mine, chat = given.traits_for("mine"), given.traits_for("chat")
    assert (mine.max_tokens_field, mine.fixed_sampling) == ("max_completion_tokens", "asked")
    assert (chat.max_tokens_field, chat.fixed_sampling) == ("max_completion_tokens", False)
    assert given.traits_for("gpt-5.4").max_tokens_field == "max_tokens"
    official = OpenAIOptions()
    assert official.traits_for("gpt-5.4").fixed_sampling
    assert official.traits_for("o4-mini").max_tokens_field == "max_completion_tokens"
    named = OpenAIOptions(models={"gpt-5*": ModelRule(fixed_sampling=False)})
    assert not named.traits_for("gpt-5.4").fixed_sampling
    assert named.traits_for("gpt-5.4").max_tokens_field == "max_completion_tokens"


KEY_HEADERS = [
    ("Authorization: Bearer {key}", {"Authorization": "Bearer k"}),
    ("api-key", {"api-key": "k"}),
    ("Authorization:Api-Key {key}", {"Authorization": "Api-Key k"}),
]


@pytest.mark.parametrize(("header", "expected"), KEY_HEADERS)
def test_the_key_travels_in_the_header_of_the_service(
    header: str, expected: dict[str, str]
) -> None:
    assert options(key_header=header, api_key="k").credentials == expected
    assert options(key_header=header).credentials == {}


WRONG: list[dict[str, Any]] = [
    {"thinking_by": "magic"},
    {"thinking_back": "sometimes"},
    {"thinking_levels": {"much": "high"}},
    {"thinking_field": "thoughts"},
    {"format_by": "xml"},
    {"system_messages": "none"},
    {"tool_choices": ["any"]},
    {"key_header": "no template: at all"},
    {"headers": {"a b": "c"}},
    {"headers": {"a": "b\nc"}},
    {"embed_batch": -1},
    {"models": {"*": {"magic": True}}},
    {"magic": True},
]


@pytest.mark.parametrize("given", WRONG, ids=str)
def test_words_that_are_not_known_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ma.ValidationError):
        options(**given)
