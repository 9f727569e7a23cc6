"""What the bodies of each endpoint mean; ids name the section of Ollama's wire rules."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.chat import Media, Message, Role, Tool
from gateway.core.durations import FOREVER
from gateway.core.errors import InvalidRequest
from gateway.core.events import ToolCall
from gateway.dialects.ollama.bodies import (
    ChatBody,
    EmbedBody,
    EmbeddingsBody,
    GenerateBody,
    ShowBody,
)
from gateway.dialects.ollama.schemas import (
    load_chat,
    load_embed,
    load_embeddings,
    load_generate,
    load_show,
)
from gateway.settings import LimitsSettings

PNG = "iVBORw0KGgo="
BESIDE: dict[str, object] = {
    "format": "json",
    "options": {"Temperature": 1},
    "think": "max",
    "keep_alive": "1h30m",
    "truncate": False,
    "shift": False,
    "logprobs": True,
    "top_logprobs": 20,
    "system": "ignored",
    "raw": 7,
}


def body(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def refusal(load: Callable[[bytes], object], **fields: object) -> str:
    with pytest.raises(InvalidRequest) as caught:
        load(body(**fields))
    assert caught.value.status == 400
    return caught.value.message


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, ChatBody(), id="5.1-defaults"),
        pytest.param(
            dict.fromkeys(ChatBody.__struct_fields__),
            ChatBody(),
            id="1.3-null-is-absent",
        ),
        pytest.param(
            {
                "model": " M ",
                "messages": [{"role": "user", "content": "hi"}],
                "tools": [],
                "stream": False,
                "prompt": "ignored",
                **BESIDE,
            },
            ChatBody(
                model=" M ",
                messages=(Message(Role.USER, "hi"),),
                stream=False,
                format="json",
                options={"Temperature": 1},
                think="max",
                keep_alive=5400.0,
                truncate=False,
                shift=False,
                logprobs=True,
                top_logprobs=20,
                passthrough=BESIDE,
            ),
            id="5.1-every-field",
        ),
        pytest.param(
            {"Model": "m", "STREAM": False, "Messages": [{"Role": "user", "CONTENT": "hi"}]},
            ChatBody(model="m", stream=False, messages=(Message(Role.USER, "hi"),)),
            id="1.3-field-names-in-other-letter-case",
        ),
    ],
)
def test_a_body_of_chat(fields: dict[str, object], expected: ChatBody) -> None:
    assert load_chat(body(**fields)) == expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        pytest.param({}, Message(Role.USER), id="3.1-nothing"),
        pytest.param(None, Message(Role.USER), id="1.3-null"),
        pytest.param({"role": "SYSTEM", "content": "x"}, Message(Role.SYSTEM, "x"), id="3.1-case"),
        pytest.param({"role": "developer"}, Message(Role.SYSTEM), id="3.1-developer"),
        pytest.param({"role": "function"}, Message(Role.USER), id="3.1-unknown-role"),
        pytest.param(
            {"role": "assistant", "content": None, "thinking": "so"},
            Message(Role.ASSISTANT, thinking="so"),
            id="3.1-thinking",
        ),
        pytest.param(
            {"role": "tool", "content": "9 C", "tool_name": "weather", "tool_call_id": "call_1"},
            Message(Role.TOOL, "9 C", tool_name="weather", tool_call_id="call_1"),
            id="3.1-tool-result",
        ),
        pytest.param(
            {"role": "user", "name": "x", "images": [PNG, None]},
            Message(Role.USER, (Media("image/png", PNG), Media())),
            id="3.4-images",
        ),
        pytest.param(
            {
                "role": "assistant",
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"index": 0, "name": "f", "arguments": {"Name": None}},
                    },
                    {"Function": {"NAME": "g", "arguments": None}},
                    None,
                ],
            },
            Message(
                Role.ASSISTANT,
                tool_calls=(
                    ToolCall("f", {"Name": None}, "call_1"),
                    ToolCall("g", {}),
                    ToolCall("", {}),
                ),
            ),
            id="3.2-tool-calls",
        ),
    ],
)
def test_a_message(message: object, expected: Message) -> None:
    assert load_chat(body(messages=[message])).messages == (expected,)


SCHEMA = {
    "type": "object",
    "$defs": {"x": 1},
    "required": ["a"],
    "additionalProperties": False,
    "properties": {
        "a": {"type": ["string", "null"], "description": "A", "enum": [1, None]},
        "b": {"anyOf": [{"type": "string"}, None], "items": True},
        "c": {"properties": {"d": {"type": "object", "required": []}}},
        "e": None,
    },
}


@pytest.mark.parametrize(
    ("tool", "expected"),
    [
        pytest.param(
            {
                "type": "function",
                "function": {
                    "name": "f",
                    "description": "D",
                    "parameters": SCHEMA,
                    "strict": True,
                },
            },
            Tool("f", "D", SCHEMA, strict=True),
            id="3.3-the-schema-stays-whole",
        ),
        pytest.param({"function": {"name": "f"}}, Tool("f"), id="3.3-no-parameters"),
        pytest.param(
            {"function": {"name": "f", "parameters": {"properties": None}, "strict": "yes"}},
            Tool("f", parameters={"properties": None}),
            id="3.3-null-properties",
        ),
        pytest.param(None, Tool(""), id="1.3-null"),
    ],
)
def test_a_tool(tool: object, expected: Tool) -> None:
    assert load_chat(body(tools=[tool])).tools == (expected,)


def test_a_schema_may_nest_as_deep_as_a_body() -> None:
    opening = '{"properties":{"a":'
    depth = (LimitsSettings().depth - 5) // 2
    schema = opening * depth + "{}" + "}}" * depth
    text = f'{{"tools":[{{"function":{{"name":"f","parameters":{schema}}}}}]}}'
    assert [tool.name for tool in load_chat(text.encode()).tools] == ["f"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, GenerateBody(), id="4.1-defaults"),
        pytest.param(
            {
                "model": "m",
                "prompt": "p",
                "suffix": "s",
                "system": "y",
                "template": "t",
                "context": [5, 9, None],
                "raw": True,
                "images": [PNG],
                "stream": False,
                "format": {"type": "object"},
                "options": {},
                "think": False,
                "keep_alive": -1,
                "logprobs": False,
                "top_logprobs": 0,
                "messages": "ignored",
            },
            GenerateBody(
                model="m",
                prompt="p",
                suffix="s",
                system="y",
                template="t",
                context=(5, 9, 0),
                raw=True,
                media=(Media("image/png", PNG),),
                stream=False,
                format={"type": "object"},
                options={},
                think=False,
                keep_alive=FOREVER,
                passthrough={
                    "template": "t",
                    "context": [5, 9, None],
                    "raw": True,
                    "format": {"type": "object"},
                    "options": {},
                    "think": False,
                    "keep_alive": -1,
                    "logprobs": False,
                    "top_logprobs": 0,
                    "messages": "ignored",
                },
            ),
            id="4.1-every-field",
        ),
    ],
)
def test_a_body_of_generate(fields: dict[str, object], expected: GenerateBody) -> None:
    assert load_generate(body(**fields)) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, EmbedBody(), id="6.1-defaults"),
        pytest.param(
            {
                "model": "m",
                "input": ["a", 7],
                "truncate": False,
                "dimensions": 256,
                "keep_alive": 0,
                "options": {"num_ctx": 1},
            },
            EmbedBody(
                "m",
                ["a", 7],
                False,
                256,
                {"num_ctx": 1},
                0.0,
                {"truncate": False, "dimensions": 256, "keep_alive": 0, "options": {"num_ctx": 1}},
            ),
            id="6.1-every-field",
        ),
    ],
)
def test_a_body_of_embed(fields: dict[str, object], expected: EmbedBody) -> None:
    assert load_embed(body(**fields)) == expected


def test_a_body_of_embeddings() -> None:
    beside = {"input": 7, "options": {}, "keep_alive": "2s"}
    call = load_embeddings(body(model="m", prompt="p", **beside))
    assert call == EmbeddingsBody("m", "p", {}, 2.0, beside)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"model": "m"}, ShowBody("m"), id="7.4-model"),
        pytest.param({"model": "", "name": "n"}, ShowBody("n"), id="7.4-old-name"),
        pytest.param({"model": "m", "name": "n"}, ShowBody("m"), id="7.4-model-before-name"),
        pytest.param(
            {"model": "m", "verbose": True, "system": "s", "options": {"a": 1}, "template": 7},
            ShowBody("m", "s", True, {"a": 1}),
            id="7.4-every-field",
        ),
        pytest.param({}, ShowBody(), id="7.4-nothing"),
    ],
)
def test_a_body_of_show(fields: dict[str, object], expected: ShowBody) -> None:
    assert load_show(body(**fields)) == expected


@pytest.mark.parametrize(
    ("keep_alive", "load", "unload"),
    [
        pytest.param(None, True, False, id="4.4-absent"),
        pytest.param("5m", True, False, id="4.4-duration"),
        pytest.param(-1, True, False, id="4.4-forever"),
        pytest.param(0, False, True, id="4.4-zero"),
        pytest.param(0.0, False, True, id="4.4-zero-as-a-fraction"),
        pytest.param("0", False, True, id="4.4-zero-as-text"),
        pytest.param("0s", False, True, id="4.4-zero-seconds"),
    ],
)
def test_an_empty_request_loads_or_unloads(keep_alive: object, load: bool, unload: bool) -> None:
    fields = {"keep_alive": keep_alive}
    for call in (
        load_chat(body(messages=[], **fields)),
        load_generate(body(prompt="", images=[PNG], suffix="s", **fields)),
    ):
        assert (call.is_load, call.is_unload) == (load, unload)


@pytest.mark.parametrize("keep_alive", [None, 0, 300])
def test_a_request_with_content_does_neither(keep_alive: object) -> None:
    for call in (
        load_chat(body(messages=[{}], keep_alive=keep_alive)),
        load_generate(body(prompt="p", keep_alive=keep_alive)),
    ):
        assert (call.is_load, call.is_unload) == (False, False)


@pytest.mark.parametrize("load", [load_chat, load_generate])
@pytest.mark.parametrize("value", [True, False, "low", "medium", "high", "max"])
def test_think_is_a_truth_value_or_a_level(
    load: Callable[[bytes], ChatBody | GenerateBody], value: object
) -> None:
    assert load(body(think=value)).think == value


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="3.7-empty"),
        pytest.param("true", id="3.7-text-true"),
        pytest.param("High", id="3.7-capital"),
        pytest.param('a"b', id="3.7-quote"),
    ],
)
def test_an_unknown_level_is_refused(value: str) -> None:
    assert refusal(load_chat, think=value) == (
        f"invalid think value: {json.dumps(value)}"
        ' (must be "high", "medium", "low", "max", true, or false)'
    )


@pytest.mark.parametrize("value", [0, 1.5, [], {}], ids="3.7-{}".format)
def test_think_of_another_type_is_refused(value: object) -> None:
    assert refusal(load_generate, think=value) == (
        'think must be a boolean or string ("high", "medium", "low", "max", true, or false)'
    )


@pytest.mark.parametrize("load", [load_chat, load_generate])
@pytest.mark.parametrize("value", [-1, 21, 2**62], ids="3.9-{}".format)
def test_top_logprobs_has_a_range(load: Callable[[bytes], object], value: int) -> None:
    assert refusal(load, model="", top_logprobs=value) == "top_logprobs must be between 0 and 20"


KEYS = (
    "role Content images tool_calls function arguments properties type anyOf required"
    " parameters name index id enum"
)
FIELDS = (
    "model messages tools stream format options think keep_alive images context top_logprobs input"
    " dimensions prompt name Messages x"
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text("ab5m=")
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS.split()), inner, max_size=3)
    ),
    max_leaves=6,
)


def is_read_or_refused(data: bytes) -> bool:
    for load in (load_chat, load_generate, load_embed, load_embeddings, load_show):
        try:
            load(data)
        except InvalidRequest as error:
            if error.status != 400 or not error.message:
                return False
    return True


@given(fields=st.dictionaries(st.sampled_from(FIELDS.split()), VALUES, max_size=4) | VALUES)
def test_any_json_is_read_or_refused(fields: object) -> None:
    assert is_read_or_refused(json.dumps(fields).encode())


@given(data=st.binary())
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    assert is_read_or_refused(data)


@pytest.mark.parametrize("role", ["user", "System", "developer", "nobody", ""])
@pytest.mark.parametrize("content", ["", "hi", "\u00e9"])
def test_a_message_of_two_members_is_read_like_any_other(role: str, content: str) -> None:
    said = {"role": role, "content": content}
    (plain,) = load_chat(body(messages=[said])).messages
    (other,) = load_chat(body(messages=[{**said, "beside": 1}])).messages
    (spelt,) = load_chat(body(messages=[{"ROLE": role, "Content": content}])).messages
    assert plain == other == spelt
