"""Histories of agents: nothing readable is lost, and no unknown member ends a session."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import codec
from gateway.core.chat import ChatRequest, Media, Message, Role, Tool, content_of
from gateway.core.errors import InvalidRequest
from gateway.core.events import ToolCall
from gateway.core.model_info import Capability, ModelInfo
from gateway.dialects.openai.custom_tools import custom_tool
from gateway.dialects.openai.parts import NO_FILE, NO_IMAGE
from gateway.dialects.openai.requests import chat_request, response_request, with_items
from gateway.dialects.openai.schemas import load_chat, load_response
from gateway.dialects.openai.thinking import seal_thinking
from gateway.dialects.tool_names import join_name, rename_tools
from gateway.providers.history.repair import repair_history
from gateway.providers.history.results import name_results
from gateway.providers.mistral.encode import chat_body
from gateway.sandbox.rules import CHAT_PATH, refuse
from openai_wire import PNG, WAV

PDF = "JVBERi0xLjQK"
DOCUMENT = Media("application/pdf", PDF)
PICTURE = Media("image/png", PNG)
RECORDING = Media("audio/wav", WAV)
A = Message(Role.USER, "a")
B = Message(Role.USER, "b")
FIRST, LAST = {"role": "user", "content": "a"}, {"role": "user", "content": "b"}


def asked_chat(*messages: object, **more: object) -> ChatRequest:
    body = {"model": "m", "messages": list(messages), **more}
    return chat_request(load_chat(json.dumps(body).encode()))


def asked_response(*items: object, **more: object) -> ChatRequest:
    call = load_response(json.dumps({"model": "m", "input": list(items), **more}).encode())
    return response_request(with_items(call, call.items))


def text_file(text: bytes) -> str:
    return f"data:text/plain;base64,{base64.b64encode(text).decode()}"


# What a part says at both endpoints.
PARTS: dict[str, tuple[object, str, tuple[Media, ...]]] = {
    "a text": ("Hi", "Hi", ()),
    "a text of a chat": ({"type": "text", "text": "Hi"}, "Hi", ()),
    "a text of a response": ({"type": "input_text", "text": "Hi"}, "Hi", ()),
    "a text of an answer": ({"type": "output_text", "text": "Hi"}, "Hi", ()),
    "no text": ({"type": "text"}, "", ()),
    "a refusal": ({"type": "refusal", "refusal": "I won't."}, "I won't.", ()),
    "a file of a chat": (
        {
            "type": "file",
            "file": {"filename": "t.pdf", "file_data": f"data:application/pdf;base64,{PDF}"},
        },
        "",
        (DOCUMENT,),
    ),
    "a file of a response": (
        {
            "type": "input_file",
            "filename": "t.pdf",
            "file_data": f"data:application/pdf;base64,{PDF}",
        },
        "",
        (DOCUMENT,),
    ),
    "a file in bare base64": ({"type": "input_file", "file_data": PDF}, "", (DOCUMENT,)),
    "a file of text": (
        {"type": "input_file", "filename": "t.txt", "file_data": text_file(b"one\ntwo")},
        "t.txt\n\none\ntwo",
        (),
    ),
    "a file of text without a name": (
        {"type": "file", "file": {"file_data": text_file(b"one")}},
        "one",
        (),
    ),
    "a file elsewhere": (
        {"type": "input_file", "file_url": "https://example.org/a.pdf"},
        "",
        (Media("application/pdf", url="https://example.org/a.pdf"),),
    ),
    "a file of another service": ({"type": "input_file", "file_id": "file-1"}, NO_FILE, ()),
    "a file of another service, in a chat": (
        {"type": "file", "file": {"file_id": "file-1"}},
        NO_FILE,
        (),
    ),
    "a document at an address": (
        {"type": "document_url", "document_url": "https://example.org/a.pdf"},
        "",
        (Media("application/pdf", url="https://example.org/a.pdf"),),
    ),
    "a document in a data URL": (
        {"type": "document_url", "document_url": {"url": f"data:application/pdf;base64,{PDF}"}},
        "",
        (DOCUMENT,),
    ),
    "an image of a chat": (
        {"type": "image_url", "image_url": {"url": f"data:image/JPEG;base64,{PNG}"}},
        "",
        (PICTURE,),
    ),
    "an image without padding": (
        {"type": "input_image", "image_url": f"data:application/octet-stream;base64,{PNG}"},
        "",
        (PICTURE,),
    ),
    "an image with parameters": (
        {"type": "image_url", "image_url": f"data:image/png;charset=utf-8;base64,{PNG}"},
        "",
        (PICTURE,),
    ),
    "an image of another service": ({"type": "input_image", "file_id": "file-1"}, NO_IMAGE, ()),
    "an image that is none": ({"type": "input_image"}, "", ()),
    "a picture of a screen": (
        {"type": "computer_screenshot", "image_url": f"data:image/png;base64,{PNG}"},
        "",
        (PICTURE,),
    ),
    "a recording": (
        {"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}},
        "",
        (RECORDING,),
    ),
    "a recording in a data URL": (
        {"type": "input_audio", "input_audio": {"data": f"data:audio/wav;base64,{WAV}"}},
        "",
        (RECORDING,),
    ),
    "an unknown part with a text": ({"type": "x", "text": "Hi"}, "Hi", ()),
    "an unknown part": ({"type": "x", "y": [1]}, "", ()),
    "a part without a type": ({"text": "Hi"}, "Hi", ()),
    "a recording without data": ({"type": "input_audio"}, "", ()),
}


@pytest.mark.parametrize(("part", "text", "media"), PARTS.values(), ids=PARTS)
def test_a_part_says_the_same_at_both_endpoints(
    part: object, text: str, media: tuple[Media, ...]
) -> None:
    message = {"role": "user", "content": [part, {"type": "text", "text": "what?"}]}
    expected = (Message(Role.USER, content_of([text, *media, "what?"])),)
    assert asked_chat(message).messages == expected
    assert asked_response(message).messages == expected


@pytest.mark.parametrize("asked", [asked_chat, asked_response])
@pytest.mark.parametrize(
    "part",
    [
        {"type": "text", "text": 5},
        {"type": "image_url", "image_url": {}},
        {"type": "document_url", "document_url": 5},
        {"type": "file", "file": {"file_data": "!"}},
        {"type": "input_audio", "input_audio": {"data": "data:audio/wav;base64,!"}},
        5,
    ],
)
def test_data_that_cannot_be_read_is_refused_in_words(
    asked: Callable[..., ChatRequest], part: object
) -> None:
    with pytest.raises(InvalidRequest):
        asked({"role": "user", "content": [part]})


@pytest.mark.parametrize(
    "content",
    [
        [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "x"}],
        [
            {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
            {"type": "text", "text": "x"},
        ],
        [{"type": "reasoning", "text": "hm"}, {"type": "output_text", "text": "x"}],
    ],
)
@pytest.mark.parametrize("asked", [asked_chat, asked_response])
def test_a_part_may_be_thinking(asked: Callable[..., ChatRequest], content: object) -> None:
    request = asked({"role": "assistant", "content": content})
    assert request.messages == (Message(Role.ASSISTANT, "x", thinking="hm"),)


CHATS: dict[str, tuple[dict[str, Any], Message]] = {
    "the name of others for thinking": (
        {"role": "assistant", "content": "x", "reasoning_content": "hm"},
        Message(Role.ASSISTANT, "x", thinking="hm"),
    ),
    "both names for thinking": (
        {"role": "assistant", "content": "x", "reasoning": "hm", "reasoning_content": "no"},
        Message(Role.ASSISTANT, "x", thinking="hm"),
    ),
    "thinking of another type": (
        {"role": "assistant", "content": "x", "reasoning_content": [1]},
        Message(Role.ASSISTANT, "x"),
    ),
    "no content": ({"role": "assistant", "content": None}, Message(Role.ASSISTANT)),
    "no content and no calls": (
        {"role": "assistant", "content": None, "tool_calls": None},
        Message(Role.ASSISTANT),
    ),
    "a result without content": ({"role": "tool", "content": None}, Message(Role.TOOL)),
    "a question without content": ({"role": "user"}, Message(Role.USER)),
    "a refusal beside the content": (
        {"role": "assistant", "content": None, "refusal": "I won't."},
        Message(Role.ASSISTANT, "I won't."),
    ),
    "one part that is no list": (
        {"role": "user", "content": {"type": "text", "text": "Hi"}},
        Message(Role.USER, "Hi"),
    ),
    "a call of a custom tool": (
        {
            "role": "assistant",
            "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "run", "input": "ls"}}],
        },
        Message(Role.ASSISTANT, tool_calls=(ToolCall("run", {"input": "ls"}, "c"),)),
    ),
    "a call of an unknown type, and nothing": (
        {"role": "assistant", "content": "x", "tool_calls": [{"id": "c", "type": "x"}, None]},
        Message(Role.ASSISTANT, "x"),
    ),
    "broken arguments": (
        {
            "role": "assistant",
            "tool_calls": [
                {"id": "c", "function": {"name": "get", "arguments": '{"q": "Par'}},
            ],
        },
        Message(Role.ASSISTANT, tool_calls=(ToolCall("get", {"arguments": '{"q": "Par'}, "c"),)),
    ),
}


@pytest.mark.parametrize(("said", "message"), CHATS.values(), ids=CHATS)
def test_a_message_of_a_chat_is_kept(said: dict[str, Any], message: Message) -> None:
    assert asked_chat(FIRST, said, LAST).messages == (A, message, B)


def calls(name: str, arguments: dict[str, object], identity: str) -> Message:
    return Message(Role.ASSISTANT, tool_calls=(ToolCall(name, arguments, identity),))


def result(text: str, name: str, identity: str) -> Message:
    return Message(Role.TOOL, text, tool_name=name, tool_call_id=identity)


PATCH = "*** Begin Patch"
ITEMS: dict[str, tuple[list[dict[str, Any]], list[Message]]] = {
    "a custom tool and its result": (
        [
            {
                "type": "custom_tool_call",
                "call_id": "c",
                "name": "apply_patch",
                "input": PATCH,
            },
            {"type": "custom_tool_call_output", "call_id": "c", "output": "Done"},
        ],
        [calls("apply_patch", {"input": PATCH}, "c"), result("Done", "apply_patch", "c")],
    ),
    "a custom tool without input": (
        [{"type": "custom_tool_call", "call_id": "c", "name": "run"}],
        [calls("run", {"input": ""}, "c")],
    ),
    "a call at a server": (
        [
            {
                "type": "mcp_call",
                "id": "x",
                "server_label": "s",
                "name": "n",
                "arguments": '{"a":1}',
                "output": "o",
            }
        ],
        [calls(join_name("s", "n"), {"a": 1}, "x"), result("o", join_name("s", "n"), "x")],
    ),
    "a call at a server that failed": (
        [{"type": "mcp_call", "id": "x", "name": "n", "arguments": "{}", "error": "down"}],
        [calls("n", {}, "x"), result("down", "n", "x")],
    ),
    "a search in files": (
        [
            {
                "type": "file_search_call",
                "id": "x",
                "queries": ["q"],
                "results": [{"text": "found", "filename": "f"}],
            }
        ],
        [calls("file_search", {"queries": ["q"]}, "x"), result("found", "file_search", "x")],
    ),
    "a program": (
        [
            {
                "type": "code_interpreter_call",
                "id": "x",
                "code": "1+1",
                "outputs": [{"type": "logs", "logs": "2"}],
            }
        ],
        [
            calls("code_interpreter", {"code": "1+1"}, "x"),
            result("2", "code_interpreter", "x"),
        ],
    ),
    "a shell of the client": (
        [
            {
                "type": "local_shell_call",
                "id": "y",
                "call_id": "x",
                "action": {"type": "exec", "command": ["ls"]},
            },
            {"type": "local_shell_call_output", "id": "x", "output": "a.txt"},
        ],
        [
            calls("local_shell", {"type": "exec", "command": ["ls"]}, "x"),
            result("a.txt", "local_shell", "x"),
        ],
    ),
    "a shell with several commands": (
        [
            {"type": "shell_call", "call_id": "x", "action": {"commands": ["ls"]}},
            {
                "type": "shell_call_output",
                "call_id": "x",
                "output": [{"stdout": "a.txt", "stderr": "", "outcome": {"type": "exit"}}],
            },
        ],
        [calls("shell", {"commands": ["ls"]}, "x"), result("a.txt", "shell", "x")],
    ),
    "a computer": (
        [
            {"type": "computer_call", "call_id": "x", "action": {"type": "screenshot"}},
            {
                "type": "computer_call_output",
                "call_id": "x",
                "output": {
                    "type": "computer_screenshot",
                    "image_url": f"data:image/png;base64,{PNG}",
                },
            },
        ],
        [
            calls("computer", {"type": "screenshot"}, "x"),
            Message(Role.TOOL, (PICTURE,), tool_name="computer", tool_call_id="x"),
        ],
    ),
    "a patch with two members": (
        [{"type": "apply_patch_call", "call_id": "x", "operation": {"a": 1}, "input": "b"}],
        [calls("apply_patch", {"operation": {"a": 1}, "input": "b"}, "x")],
    ),
    "a hosted call without a trace": (
        [
            {"type": "image_generation_call", "id": "x", "result": "iVBORw0KGgo="},
            {"type": "file_search_call", "id": "x", "queries": ["q"], "results": None},
            {"type": "web_search_call", "id": "x", "action": {"query": "q"}},
        ],
        [],
    ),
    "a result that is no text": (
        [
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": {"a": 1}},
        ],
        [calls("f", {}, "c"), result('{"a":1}', "f", "c")],
    ),
    "a result that is a list of no parts": (
        [
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": [1, [2], "x"]},
        ],
        [calls("f", {}, "c"), result('[1,[2],"x"]', "f", "c")],
    ),
    "a message of another agent": (
        [{"type": "agent_message", "content": [{"type": "x", "text": "found it"}]}],
        [Message(Role.ASSISTANT, "found it")],
    ),
    "an unknown item with a role": (
        [{"type": "x", "role": "developer", "content": "Be kind."}],
        [Message(Role.SYSTEM, "Be kind.")],
    ),
    "what cannot be read": (
        [
            {"type": "compaction", "encrypted_content": "gAAAA"},
            {"type": "mcp_list_tools", "server_label": "s", "tools": [{"name": "n"}]},
            {"type": "x", "name": 5, "content": {"a": [1]}, "role": 7},
        ],
        [],
    ),
    "thinking that another service has sealed": (
        [
            {"type": "reasoning", "summary": [], "encrypted_content": "gAAAABo_opaque=="},
            {"role": "assistant", "content": "x"},
        ],
        [Message(Role.ASSISTANT, "x")],
    ),
    "thinking of our own": (
        [
            {"type": "reasoning", "encrypted_content": seal_thinking("hm", {}), "summary": []},
            {"role": "assistant", "content": "x"},
        ],
        [Message(Role.ASSISTANT, "x", thinking="hm")],
    ),
    "thinking in its content": (
        [
            {
                "type": "reasoning",
                "encrypted_content": None,
                "content": [{"type": "reasoning_text", "text": "hm"}],
                "summary": [{"type": "summary_text", "text": "h"}],
            },
            {"role": "assistant", "content": "x"},
        ],
        [Message(Role.ASSISTANT, "x", thinking="hm")],
    ),
    "a summary of thinking": (
        [
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
            {"role": "assistant", "content": "x"},
        ],
        [Message(Role.ASSISTANT, "x", thinking="hm")],
    ),
    "thinking twice": (
        [
            {"type": "reasoning", "encrypted_content": seal_thinking("hm", {})},
            {"type": "reasoning", "encrypted_content": seal_thinking("so", {})},
            {"role": "assistant", "content": "x"},
        ],
        [Message(Role.ASSISTANT, "x", thinking="hm\n\nso")],
    ),
    "thinking that the user has ended": (
        [
            {"type": "reasoning", "encrypted_content": seal_thinking("hm", {})},
            {"role": "user", "content": "stop"},
            {"role": "assistant", "content": "x"},
        ],
        [
            Message(Role.ASSISTANT, thinking="hm"),
            Message(Role.USER, "stop"),
            Message(Role.ASSISTANT, "x"),
        ],
    ),
    "thinking before a text and before its call": (
        [
            {"type": "reasoning", "encrypted_content": seal_thinking("hm", {})},
            {"role": "assistant", "content": "x"},
            {"type": "reasoning", "encrypted_content": seal_thinking("so", {})},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": ""},
        ],
        [
            Message(
                Role.ASSISTANT,
                "x",
                thinking="hm\n\nso",
                tool_calls=(ToolCall("f", {}, "c"),),
            )
        ],
    ),
    "broken arguments": (
        [{"type": "function_call", "call_id": "c", "name": "get", "arguments": '{"q": "Par'}],
        [calls("get", {"arguments": '{"q": "Par'}, "c")],
    ),
    "names of other types": (
        [{"type": "function_call", "call_id": 5, "name": [], "namespace": {}, "arguments": None}],
        [calls("", {}, "")],
    ),
}


@pytest.mark.parametrize(("items", "messages"), ITEMS.values(), ids=ITEMS)
def test_items_are_kept(items: list[dict[str, Any]], messages: list[Message]) -> None:
    assert asked_response(FIRST, *items, LAST).messages == (A, *messages, B)


def test_an_item_may_bring_tools() -> None:
    group = {
        "type": "namespace",
        "name": "functions",
        "tools": [
            {"type": "custom", "name": "exec", "description": "Run JavaScript"},
            {"type": "function", "name": "wait", "parameters": {}},
        ],
    }
    item = {"type": "additional_tools", "role": "developer", "tools": [group]}
    found = {
        "type": "tool_search_output",
        "call_id": "c",
        "tools": [{"type": "function", "name": "look"}],
    }
    empty = {"type": "additional_tools", "tools": []}
    request = asked_response(
        FIRST, item, found, empty, LAST, tools=[{"type": "function", "name": "go"}]
    )
    execute = custom_tool({"name": join_name("functions", "exec"), "description": "Run JavaScript"})
    wait = Tool(join_name("functions", "wait"))
    assert request.tools == (Tool("go"), execute, wait, Tool("look"))
    assert request.messages == (A, result("", "", "c"), B)


ABLE = ModelInfo(
    "able",
    frozenset(
        {
            Capability.COMPLETION,
            Capability.TOOLS,
            Capability.THINKING,
            Capability.VISION,
        }
    ),
)
words = st.sampled_from(["a", "b", "", "Größe", "\ud83d"])
kinds = st.sampled_from(
    [
        *("x", "x_call", "x_call_output", "mcp_call", "custom_tool_call", "function_call"),
        *("function_call_output", "custom_tool_call_output", "reasoning", "additional_tools"),
        *("tool_search_output", "compaction", "message", "local_shell_call"),
    ]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=5,
)
texts = st.none() | words | st.lists(st.builds(dict, type=words, text=words), max_size=2)
unknown = st.fixed_dictionaries(
    {"type": kinds},
    optional={
        "id": values,
        "call_id": st.sampled_from(["c1", "c2"]),
        "name": values,
        "namespace": values,
        "arguments": values,
        "action": values,
        "output": texts | values,
        "outputs": values,
        "results": values,
        "content": texts,
        "summary": values,
        "encrypted_content": values,
        "tools": st.lists(
            st.fixed_dictionaries({"type": words | st.just("custom")}, optional={"name": words}),
            max_size=2,
        ),
    },
)
parts = st.fixed_dictionaries({"type": words}, optional={"text": words, "x": values})
turns = st.builds(
    lambda role, content: {"role": role, "content": content},
    st.sampled_from(["user", "assistant", "system"]),
    words | st.lists(parts, max_size=3),
)


@given(st.lists(unknown | turns, max_size=8))
def test_no_history_of_items_is_refused_for_a_type(history: list[dict[str, Any]]) -> None:
    marks = [{"role": "user", "content": f"mark {number}"} for number in range(len(history) + 1)]
    items: list[dict[str, Any]] = [marks[0]]
    for item, mark in zip(history, marks[1:], strict=True):
        items += [item, mark]
    request, _ = rename_tools(asked_response(*items))
    body = codec.decode(codec.encode(chat_body(request, ABLE)))
    assert refuse(CHAT_PATH, {**body, "model": "mistral-medium-latest"}) is None
    told = [message["content"] for message in body["messages"] if message["role"] == "user"]
    joined = json.dumps(told)
    places = [joined.index(f"mark {number}") for number in range(len(marks))]
    assert places == sorted(places)
    ids = [call["id"] for message in body["messages"] for call in message.get("tool_calls", ())]
    answers = [m["tool_call_id"] for m in body["messages"] if m["role"] == "tool"]
    assert ids == answers
    names = [tool["function"]["name"] for tool in body.get("tools", ())]
    assert len({*names}) == len(names)


chat_calls = st.fixed_dictionaries(
    {"id": st.sampled_from(["c1", "c2"])},
    optional={
        "type": words,
        "function": st.fixed_dictionaries({"name": words, "arguments": values}),
        "custom": st.fixed_dictionaries({"name": words, "input": values}),
    },
)
chat_turns = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["user", "assistant", "tool", "system"]),
        "content": st.none() | words | st.lists(parts, max_size=3),
    },
    optional={
        "reasoning_content": values,
        "refusal": values,
        "tool_calls": st.none() | st.lists(chat_calls, max_size=2),
        "tool_call_id": st.sampled_from(["c1", "c2"]),
        "x": values,
    },
)


@given(st.lists(chat_turns, max_size=6))
def test_no_history_of_messages_is_refused_for_a_type(history: list[dict[str, Any]]) -> None:
    messages: list[dict[str, Any]] = [{"role": "user", "content": "mark 0"}]
    for number, turn in enumerate(history, 1):
        messages += [turn, {"role": "user", "content": f"mark {number}"}]
    request, _ = rename_tools(asked_chat(*messages))
    sent = codec.decode(codec.encode(chat_body(request, ABLE)))
    assert refuse(CHAT_PATH, {**sent, "model": "mistral-medium-latest"}) is None
    body = json.dumps(sent["messages"])
    places = [body.index(f"mark {number}") for number in range(len(history) + 1)]
    assert places == sorted(places)


ORPHANS = {
    "local_shell_call_output": "local_shell",
    "shell_call_output": "shell",
    "apply_patch_call_output": "apply_patch",
    "tool_search_output": "tool_search",
    "new_output": "new",
    "function_call_output": "unknown_tool",
    "custom_tool_call_output": "unknown_tool",
}


@pytest.mark.parametrize("offered", [0, 1, 2])
@pytest.mark.parametrize(("kind", "name"), ORPHANS.items(), ids=ORPHANS)
def test_a_result_without_its_call_has_the_name_that_is_known(
    kind: str, name: str, offered: int
) -> None:
    tools = [{"type": "function", "name": one, "parameters": {}} for one in ("look", "see")]
    lost = {"type": kind, "call_id": "lost", "output": "found"}
    request = asked_response({"role": "user", "content": "a"}, lost, tools=tools[:offered])
    repaired = repair_history(name_results(request.messages, request.tools))
    (called,) = [call.name for message in repaired for call in message.tool_calls]
    assert called == ("look" if offered == 1 else name)


def test_the_limit_on_tools_counts_those_in_items() -> None:
    item = {"type": "additional_tools", "tools": [{"type": "x"}] * 600}
    with pytest.raises(InvalidRequest, match="too many tools: 1200, at most 1000 are allowed"):
        asked_response(item, item)
