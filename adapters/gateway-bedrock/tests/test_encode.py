"""The body of a chat, field by field."""

from __future__ import annotations

import json
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
    Think,
    Tool,
    ToolCall,
)

from fake_bedrock import CLAUDE, NEWEST, NOVA, check_shape, shapes
from gateway_bedrock.encode import chat_body
from gateway_bedrock.ids import base_id
from gateway_bedrock.options import BedrockOptions, BedrockOptionsSchema
from gateway_bedrock.traits import traits_of

OTHER = "ai21.jamba-1-5-large-v1:0"
MISTRAL = "mistral.mistral-large-2407-v1:0"
GPT = "openai.gpt-oss-120b-1:0"
QWEN = "qwen.qwen3-32b-v1:0"
USER = Message(Role.USER, "Hi")
SYSTEM = Message(Role.SYSTEM, "Be brief.")
CALL = ToolCall("add", {"n": 1}, "c1")
ASKED = Message(Role.ASSISTANT, tool_calls=(CALL,))
RESULT = Message(Role.TOOL, "2", tool_call_id="c1")
TOOL = Tool("add", "Adds.", {"properties": {"n": {"type": "integer"}}})
SPEC = {
    "name": "add",
    "description": "Adds.",
    "inputSchema": {"json": {"type": "object", "properties": {"n": {"type": "integer"}}}},
}
PNG = Media("image/png", "iVBORw0KGgo=")
PDF = Media("application/pdf", "JVBERi0=")
WAV = Media("audio/wav", "UklGRg==")
HI, DOT = {"text": "Hi"}, {"text": "."}
SIGNED = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
SECRET = {"type": "redacted_thinking", "data": "rsn"}
THOUGHT = {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "c2ln"}}}
HIDDEN = {"reasoningContent": {"redactedContent": "cnNu"}}
USE = {"toolUse": {"toolUseId": "c1", "name": "add", "input": {"n": 1}}}
POINT = {"cachePoint": {"type": "default"}}


def body(*messages: Message, model: str = NEWEST, **more: Any) -> dict[str, Any]:
    """Return the body for a chat, which is one that the service takes by its own description."""
    refused = frozenset(more.pop("refused", ()))
    options: Any = BedrockOptionsSchema().load(more.pop("options", {}))
    request = ChatRequest(model, messages or (USER,), **more)
    made = chat_body(request, traits_of(base_id(model)), options, refused=refused)
    shape = shapes("bedrock-runtime").operation_model("ConverseStream").input_shape
    check_shape({"modelId": model, **json.loads(json.dumps(made))}, shape, "body")
    return made


def said(*messages: Message, **more: Any) -> Any:
    return body(*messages, **more)["messages"]


def extra(*messages: Message, **more: Any) -> Any:
    return body(*messages, **more).get("additionalModelRequestFields")


def user(*blocks: object) -> dict[str, object]:
    return {"role": "user", "content": [*blocks]}


def assistant(*blocks: object) -> dict[str, object]:
    return {"role": "assistant", "content": [*blocks]}


def document(number: int) -> dict[str, object]:
    name = f"Document {number}"
    return {"document": {"format": "pdf", "name": name, "source": {"bytes": "JVBERi0="}}}


def image() -> dict[str, object]:
    return {"image": {"format": "png", "source": {"bytes": "iVBORw0KGgo="}}}


def answered(*content: object, identity: str = "c1", **more: object) -> dict[str, object]:
    return {"toolResult": {"toolUseId": identity, "content": [*content], **more}}


CONVERSATIONS: dict[str, tuple[str, list[Message], list[dict[str, object]]]] = {
    "turns of one author are joined": (
        NEWEST,
        [USER, Message(Role.USER, "Ho"), Message(Role.ASSISTANT, "Yes")],
        [user(HI, {"text": "Ho"}), assistant({"text": "Yes"})],
    ),
    "a conversation starts with the user": (
        NEWEST,
        [Message(Role.ASSISTANT, "Yes ")],
        [user(DOT), assistant({"text": "Yes"})],
    ),
    "blank texts are left out": (NEWEST, [USER, Message(Role.ASSISTANT, " ")], [user(HI)]),
    "nothing is said": (NEWEST, [Message(Role.USER, " ")], [user(DOT)]),
    "a late instruction stays in its place": (
        NEWEST,
        [USER, SYSTEM],
        [user({"text": "Hi\n\n[System instruction]\nBe brief."})],
    ),
    "a result comes right behind its call": (
        NEWEST,
        [USER, Message(Role.ASSISTANT, "So.", tool_calls=(CALL,)), USER, RESULT],
        [user(HI), assistant({"text": "So."}, USE), user(answered({"text": "2"}), HI)],
    ),
    "an empty result": (
        NEWEST,
        [USER, ASKED, Message(Role.TOOL, "", tool_call_id="c1")],
        [user(HI), assistant(USE), user(answered({"text": "[empty result]"}))],
    ),
    "some models take results alone": (
        "meta.llama4-scout-17b-instruct-v1:0",
        [USER, ASKED, RESULT, USER],
        [user(HI), assistant(USE), user(answered({"text": "2"})), assistant(DOT), user(HI)],
    ),
    "Claude takes no documents beside results": (
        NEWEST,
        [USER, ASKED, RESULT, Message(Role.USER, (PDF,))],
        [
            user(HI),
            assistant(USE),
            user(answered({"text": "2"})),
            assistant(DOT),
            user(document(1), DOT),
        ],
    ),
    "a result has its pictures": (
        NEWEST,
        [USER, ASKED, Message(Role.TOOL, ("2", PNG, PDF), tool_call_id="c1")],
        [user(HI), assistant(USE), user(answered({"text": "2"}, image(), document(1)))],
    ),
    "or they stand behind it": (
        OTHER,
        [USER, ASKED, Message(Role.TOOL, ("2", PNG), tool_call_id="c1")],
        [user(HI), assistant(USE), user(answered({"text": "2"}), image())],
    ),
    "documents have names": (
        NEWEST,
        [Message(Role.USER, ("See", PDF, PDF)), Message(Role.ASSISTANT, "Yes"), USER],
        [user({"text": "See"}, document(1), document(2)), assistant({"text": "Yes"}), user(HI)],
    ),
    "recordings, and what is in S3": (
        OTHER,
        [Message(Role.USER, (WAV, Media("image/png", url="s3://bucket/key")))],
        [
            user(
                {"audio": {"format": "wav", "source": {"bytes": "UklGRg=="}}},
                {"image": {"format": "png", "source": {"s3Location": {"uri": "s3://bucket/key"}}}},
            )
        ],
    ),
    "ids are those of Mistral": (
        MISTRAL,
        [USER, ASKED, RESULT],
        [
            user(HI),
            assistant({"toolUse": {"toolUseId": "ex25pqAaj", "name": "add", "input": {"n": 1}}}),
            user(answered({"text": "2"}, identity="ex25pqAaj")),
        ],
    ),
}


@pytest.mark.parametrize(("model", "messages", "turns"), CONVERSATIONS.values(), ids=CONVERSATIONS)
def test_conversations(model: str, messages: list[Message], turns: list[dict[str, object]]) -> None:
    assert said(*messages, model=model, tools=(TOOL,)) == turns


@pytest.mark.parametrize(
    "media", [Media("", "AAAA"), Media("image/bmp", "AAAA"), Media("image/png", url="https://a.b")]
)
def test_media_that_the_service_has_no_form_for(media: Media) -> None:
    with pytest.raises(InvalidRequest):
        body(Message(Role.USER, (media,)))


def test_a_history_of_calls_is_told_in_words_where_no_tools_are_offered() -> None:
    turns = [
        user(HI),
        assistant({"text": 'So.\n\n[Called add with {"n":1}]'}),
        user({"text": "[Result of add]\n\n2"}),
    ]
    history = [USER, Message(Role.ASSISTANT, "So.", tool_calls=(CALL,)), RESULT]
    for more in ({}, {"tools": (TOOL,), "tool_choice": "none", "model": NOVA}):
        made = body(*history, **more)  # type: ignore[arg-type]
        assert made["messages"] == turns
        assert "toolConfig" not in made
    claude = body(*history, tools=(TOOL,), tool_choice="none")
    assert claude["messages"][1]["content"][1] == USE
    assert claude["additionalModelRequestFields"] == {"tool_choice": {"type": "none"}}
    assert "toolConfig" not in body(
        *history, tools=(TOOL,), tool_choice="none", refused=["toolChoice", "tool_choice"]
    )


def test_results_that_failed_are_marked() -> None:
    native = {"anthropic": {"errors": ["c1"]}}
    marked = answered({"text": "2"}, status="error")
    plain = answered({"text": "2"})
    for more, wanted in (
        ({}, marked),
        ({"refused": ["status"]}, plain),
        ({"model": OTHER}, plain),
    ):
        turns = said(USER, ASKED, RESULT, tools=(TOOL,), native=native, **more)  # type: ignore[arg-type]
        assert turns[-1] == user(wanted)


def test_thinking_comes_back_while_the_model_thinks() -> None:
    keepsake = {"anthropic": {"blocks": [SIGNED, SECRET, {"type": "other"}, 7]}}
    turn = Message(Role.ASSISTANT, tool_calls=(CALL,), keepsake=keepsake)

    def first(**more: Any) -> Any:
        return said(USER, turn, RESULT, tools=(TOOL,), **more)[1]["content"]

    assert first(think=True) == [THOUGHT, HIDDEN, USE]
    assert first(think=False) == [USE]
    assert first() == [USE]
    assert first(model=CLAUDE, think=True) == [THOUGHT, HIDDEN, USE]
    assert first(model=NOVA) == [THOUGHT, HIDDEN, USE]


def claude_thinks(budget: int) -> dict[str, object]:
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}


OFF = {"thinking": {"type": "disabled"}}
ADAPTS = {"thinking": {"type": "adaptive", "display": "summarized"}}


@pytest.mark.parametrize(
    ("model", "think", "fields"),
    [
        (NEWEST, None, None),
        (NEWEST, False, OFF),
        (NEWEST, True, ADAPTS),
        (NEWEST, "low", ADAPTS | {"output_config": {"effort": "low"}}),
        (NEWEST, "max", ADAPTS | {"output_config": {"effort": "max"}}),
        ("us.anthropic.claude-sonnet-5", True, ADAPTS),
        ("anthropic.claude-something-new", True, ADAPTS),
        (CLAUDE, None, None),
        (CLAUDE, False, OFF),
        (CLAUDE, True, claude_thinks(8192)),
        (CLAUDE, "low", claude_thinks(2048)),
        (CLAUDE, "high", claude_thinks(16384)),
        (CLAUDE, "max", claude_thinks(32000)),
        ("anthropic.claude-opus-4-20250514-v1:0", "max", claude_thinks(16000)),
        ("anthropic.claude-3-7-sonnet-20250219-v1:0", "low", claude_thinks(2048)),
        ("anthropic.claude-3-haiku-20240307-v1:0", True, None),
        ("anthropic.claude-v2:1", True, None),
        (GPT, None, None),
        (GPT, False, {"reasoning_effort": "low"}),
        (GPT, True, {"reasoning_effort": "medium"}),
        (GPT, "max", {"reasoning_effort": "high"}),
        (QWEN, "low", {"reasoning_config": "low"}),
        (QWEN, True, {"reasoning_config": "high"}),
        ("deepseek.r1-v1:0", True, None),
        (NOVA, False, {"reasoningConfig": {"type": "disabled"}}),
        (NOVA, "low", {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}),
        (NOVA, "max", {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}}),
        (OTHER, True, None),
    ],
)
def test_each_family_is_told_of_thinking_in_its_own_way(
    model: str, think: Think | None, fields: object
) -> None:
    assert extra(model=model, think=think) == fields
    assert extra(model=model, think=think, refused=["thinking"]) is None


FORCED = {"tools": (TOOL,), "tool_choice": "required"}


@pytest.mark.parametrize(
    ("more", "fields", "limit"),
    [
        ({}, claude_thinks(8192), 8192 + 16384),
        ({"sampling": Sampling(max_tokens=3000)}, claude_thinks(1500), 3000),
        ({"sampling": Sampling(max_tokens=1500)}, claude_thinks(1024), 1500),
        ({"sampling": Sampling(max_tokens=1000)}, OFF, 1000),
        ({"native": {"anthropic": {"budget": 1100}}}, claude_thinks(1100), 1100 + 16384),
        ({"think": "max"}, claude_thinks(32000), 32000 + 16384),
        (FORCED, OFF, None),
        ({"tools": (TOOL,), "tool_choice": NamedTool("add")}, OFF, None),
    ],
)
def test_a_budget_leaves_room_for_the_answer(
    more: dict[str, Any], fields: object, limit: int | None
) -> None:
    made = body(model=CLAUDE, **{"think": True, **more})
    assert made["additionalModelRequestFields"] == fields
    assert made.get("inferenceConfig", {}).get("maxTokens") == limit


def test_a_turn_whose_thinking_is_lost_is_answered_without() -> None:
    tools = (TOOL,)
    lost = [[USER, ASKED, RESULT], [RESULT], [USER, RESULT]]
    assert [extra(*history, model=CLAUDE, think=True, tools=tools) for history in lost] == [OFF] * 3
    begun = (USER, Message(Role.ASSISTANT, "It is"))
    assert extra(*begun, model=CLAUDE, think=True) == OFF
    fine = (USER, ASKED, RESULT, Message(Role.ASSISTANT, "2"), USER)
    assert extra(*fine, model=CLAUDE, think=True, tools=tools) == claude_thinks(8192)
    assert extra(*lost[0], think=True, tools=tools) == ADAPTS


FULL = Sampling(0.5, 0.4, 5, 0.1, 5, 50, ("x", "x", " ", "y"), 0.5, 0.5)
COMMON = {"maxTokens": 50, "temperature": 0.5, "stopSequences": ["x", "y"]}


@pytest.mark.parametrize(
    ("model", "more", "config", "fields"),
    [
        (NEWEST, {}, COMMON, {"top_k": 5}),
        (NEWEST, {"think": True}, {"maxTokens": 50, "stopSequences": ["x", "y"]}, ADAPTS),
        (NEWEST, {"refused": ["temperature", "topK", "stopSequences"]}, {"maxTokens": 50}, None),
        (OTHER, {}, COMMON | {"topP": 0.4}, None),
        (OTHER, {"refused": ["topP"]}, COMMON, None),
        (NOVA, {}, COMMON | {"topP": 0.4}, {"inferenceConfig": {"topK": 5}}),
        (
            NOVA,
            {"think": "high"},  # with a limit not at the highest
            COMMON | {"topP": 0.4},
            {
                "reasoningConfig": {"type": "enabled", "maxReasoningEffort": "medium"},
                "inferenceConfig": {"topK": 5},
            },
        ),
        (
            NOVA,
            {"think": "high", "sampling": Sampling(temperature=0.5, stop=("x",))},
            {"stopSequences": ["x"]},
            {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}},
        ),
        (
            OTHER,
            {"sampling": Sampling(temperature=1.7, top_p=-1)},
            {"temperature": 1.0, "topP": 0.0},
            None,
        ),
        (
            OTHER,
            {"sampling": Sampling(temperature=0, top_k=0, stop=(" ",))},
            {"temperature": 0},
            None,
        ),
        (OTHER, {"sampling": Sampling()}, None, None),
    ],
)
def test_options(model: str, more: dict[str, Any], config: object, fields: object) -> None:
    made = body(model=model, **{"sampling": FULL, **more})
    assert made.get("inferenceConfig") == config
    assert made.get("additionalModelRequestFields") == fields


@pytest.mark.parametrize(
    ("model", "more", "choice", "fields"),
    [
        (NEWEST, {}, None, None),
        (NEWEST, {"tool_choice": "auto"}, None, None),
        (NEWEST, {"tool_choice": "required"}, {"any": {}}, None),
        (NEWEST, {"tool_choice": NamedTool("add")}, {"tool": {"name": "add"}}, None),
        (NEWEST, {"tool_choice": "required", "refused": ["toolChoice"]}, None, None),
        (NEWEST, {"parallel_tool_calls": True}, None, None),
        (
            NEWEST,
            {"parallel_tool_calls": False},
            None,
            {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
        ),
        (
            NEWEST,
            {"parallel_tool_calls": False, "tool_choice": NamedTool("add")},
            None,
            {"tool_choice": {"type": "tool", "name": "add", "disable_parallel_tool_use": True}},
        ),
        (
            NEWEST,
            {"parallel_tool_calls": False, "tool_choice": "none"},
            None,
            {"tool_choice": {"type": "none"}},
        ),
        (NOVA, {"parallel_tool_calls": False}, None, None),
        (NOVA, {"tool_choice": "required"}, {"any": {}}, None),
    ],
)
def test_choices(model: str, more: dict[str, Any], choice: object, fields: object) -> None:
    made = body(model=model, tools=(TOOL,), **more)
    assert made["toolConfig"] == {
        "tools": [{"toolSpec": SPEC}],
        **({"toolChoice": choice} if choice else {}),
    }
    assert made.get("additionalModelRequestFields") == fields


def test_tools_without_words_and_strict_ones() -> None:
    tools = (Tool("bare", " "), Tool("strict", strict=True), Tool("lax", strict=False))
    schema = {"json": {"type": "object"}}

    def specs(**more: Any) -> list[Any]:
        return [one["toolSpec"] for one in body(tools=tools, **more)["toolConfig"]["tools"]]

    plain = [{"name": name, "inputSchema": schema} for name in ("bare", "strict", "lax")]
    assert specs() == [plain[0], plain[1] | {"strict": True}, plain[2]]
    assert specs(refused=["strict"]) == plain


SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "array", "items": {"type": "object", "properties": {}}}},
    "anyOf": [{"type": "string"}],
}
CLOSED = {
    "type": "object",
    "properties": {
        "a": {
            "type": "array",
            "items": {"type": "object", "properties": {}, "additionalProperties": False},
        }
    },
    "anyOf": [{"type": "string"}],
    "additionalProperties": False,
}
HINT = "Answer with one JSON object and nothing else."


def test_a_schema_is_sent_closed_or_in_words() -> None:
    form = JsonFormat(SCHEMA, "thing", "A thing.")
    made = body(model=CLAUDE, response_format=form)["outputConfig"]["textFormat"]
    definition = made["structure"]["jsonSchema"]
    assert made["type"] == "json_schema"
    assert json.loads(definition["schema"]) == CLOSED
    assert (definition["name"], definition["description"]) == ("thing", "A thing.")
    words = f"{HINT} It must match this JSON schema:\n{json.dumps(SCHEMA, separators=(',', ':'))}"
    for more in ({"model": NOVA}, {"model": CLAUDE, "refused": ["format"]}):
        other = body(SYSTEM, USER, response_format=form, **more)
        assert "outputConfig" not in other
        assert other["system"] == [{"text": "Be brief."}, {"text": words}]
    assert body(model=CLAUDE, response_format=JsonFormat())["system"] == [{"text": HINT}]
    bare = body(model=CLAUDE, response_format=JsonFormat({}))["outputConfig"]["textFormat"]
    assert bare["structure"]["jsonSchema"] == {"schema": "{}", "name": "response"}


@pytest.mark.parametrize(
    ("model", "takes"),
    [
        (CLAUDE, True),
        (NEWEST, True),
        ("anthropic.claude-opus-4-7", False),
        ("anthropic.claude-sonnet-5", False),
        ("anthropic.claude-3-7-sonnet-20250219-v1:0", False),
        (QWEN, True),
        (NOVA, False),
        (MISTRAL, False),
        ("mistral.mistral-large-3-675b-instruct", True),
    ],
)
def test_which_models_take_a_schema(model: str, takes: bool) -> None:
    assert ("outputConfig" in body(model=model, response_format=JsonFormat(SCHEMA))) is takes


def test_a_model_without_instructions_gets_them_from_the_user() -> None:
    made = body(SYSTEM, Message(Role.SYSTEM, "Be kind."), USER, refused=["system"])
    assert "system" not in made
    assert made["messages"] == [user({"text": "Be brief.\n\nBe kind."}, HI)]


MARK: dict[str, object] = {"type": "ephemeral"}


def test_cache_points_are_where_a_client_marks_them() -> None:
    native = {
        "anthropic": {
            "system": [("Be brief.", MARK), ("Be", None)],
            "tools": {"add": {"type": "ephemeral", "ttl": "1h"}},
            "turns": {0: MARK, 1: MARK, 2: MARK, 9: MARK},
        }
    }
    more = Tool("more")
    made = body(
        *(Message(Role.SYSTEM, "Be brief.\n\nBe\n\nMore."), USER),
        *(Message(Role.ASSISTANT, "Yes"), Message(Role.USER, (PDF, "See"))),
        tools=(TOOL, more),
        native=native,
    )
    assert made["system"] == [{"text": "Be brief."}, POINT, {"text": "Be"}, {"text": "More."}]
    assert made["toolConfig"]["tools"] == [
        {"toolSpec": SPEC},
        {"cachePoint": {"type": "default", "ttl": "1h"}},
        {"toolSpec": {"name": "more", "inputSchema": {"json": {"type": "object"}}}},
    ]
    # Four in all, and of the turns those that come last.
    assert made["messages"] == [
        user(HI),
        assistant({"text": "Yes"}, POINT),
        user(document(1), {"text": "See"}, POINT),
    ]


def test_instructions_that_are_not_the_clients_are_not_marked() -> None:
    native = {"anthropic": {"system": [("Be loud.", MARK)]}}
    assert body(SYSTEM, USER, native=native)["system"] == [{"text": "Be brief."}]
    all_of_it = {"anthropic": {"system": [("Be brief.", MARK)]}}
    assert body(SYSTEM, USER, native=all_of_it)["system"] == [{"text": "Be brief."}, POINT]


def test_no_cache_point_stands_behind_a_document_or_thinking() -> None:
    native = {"anthropic": {"turns": {0: MARK}}}
    both = Message(Role.USER, ("See", PDF))
    assert said(both, native=native) == [user({"text": "See"}, POINT, document(1))]
    heard = Message(Role.USER, (WAV,))
    assert "cachePoint" not in json.dumps(said(heard, native=native))
    alone = Message(Role.USER, (PDF,))
    assert said(alone, native=native) == [user(document(1), DOT, POINT)]
    result = Message(Role.TOOL, "2", tool_call_id="c1")
    turns = said(USER, ASKED, result, alone, native=native, tools=(TOOL,))
    assert turns[-1] == user(document(1), DOT, POINT)


def test_cache_points_for_all_clients_are_a_setting() -> None:
    history = (SYSTEM, USER, Message(Role.ASSISTANT, "Yes"))
    made = body(*history, tools=(TOOL,), options={"cache_points": True})
    assert made["system"] == [{"text": "Be brief."}, POINT]
    assert made["toolConfig"]["tools"] == [{"toolSpec": SPEC}, POINT]
    assert made["messages"] == [user(HI, POINT), assistant({"text": "Yes"})]
    nova = body(*history, model=NOVA, tools=(TOOL,), options={"cache_points": True})
    assert nova["toolConfig"]["tools"] == [{"toolSpec": SPEC}]
    assert nova["system"][-1] == POINT
    for more in ({"model": OTHER}, {"refused": ["cachePoint"]}, {"options": {}}):
        options = {"options": {"cache_points": True}, **more}
        assert "cachePoint" not in json.dumps(body(*history, tools=(TOOL,), **options))


def test_a_client_may_leave_the_place_to_the_service() -> None:
    native = {"anthropic": {"fields": {"cache_control": {"type": "ephemeral", "ttl": "5m"}}}}
    point = {"cachePoint": {"type": "default", "ttl": "5m"}}
    assert said(USER, native=native) == [user(HI, point)]


def test_the_account() -> None:
    more: dict[str, Any] = {
        "extra": {"service_tier": "flex", "metadata": {"team": "a", "odd!": "b", "n": 1}},
        "user": "u-1",
        "options": {"guardrail": "abc123", "guardrail_version": "2"},
    }
    made = body(**more)
    assert made["guardrailConfig"] == {"guardrailIdentifier": "abc123", "guardrailVersion": "2"}
    assert made["serviceTier"] == {"type": "flex"}
    assert made["requestMetadata"] == {"user": "u-1", "team": "a"}
    plain = body(extra={"service_tier": "auto", "metadata": [1]}, user="\u00e4")
    assert plain.keys() == {"messages"}
    refused = body(**more, refused=["serviceTier", "requestMetadata"])
    assert refused.keys() == {"messages", "guardrailConfig"}


def test_fields_of_the_settings() -> None:
    rules = {
        "*": {"fields": {"anthropic_beta": ["a"], "x": 1}},
        "*opus*": {"fields": {"anthropic_beta": ["b"], "y": 2}},
    }
    fields = extra(options={"models": rules}, think=True)
    assert fields == {"anthropic_beta": ["a"], "x": 1, "y": 2, **ADAPTS}


def test_a_schema_that_nests_too_deep_is_an_error_of_the_client() -> None:
    deep: dict[str, object] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    with pytest.raises(InvalidRequest, match="nested too deeply"):
        chat_body(
            ChatRequest(CLAUDE, (USER,), response_format=JsonFormat(deep)),
            traits_of(CLAUDE),
            BedrockOptions(),
        )
    del deep
