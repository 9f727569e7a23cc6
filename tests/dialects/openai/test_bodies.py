"""What the bodies of each endpoint mean, and which ones are refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from gateway.core.chat import JsonFormat, Media, Message, NamedTool, Role, Tool, replace
from gateway.core.errors import InvalidRequest
from gateway.core.events import ToolCall
from gateway.dialects.openai.bodies import (
    ChatBody,
    CompletionBody,
    EmbeddingBody,
    ResponseBody,
)
from gateway.dialects.openai.requests import with_items
from gateway.dialects.openai.schemas import (
    load_chat,
    load_completion,
    load_embedding,
    load_response,
)
from gateway.dialects.openai.thinking import seal_thinking
from gateway.dialects.openai.tools import OfferedTools
from gateway.dialects.tool_names import join_name
from openai_wire import PNG, WAV

Load = Callable[[bytes], Any]

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
LOOK = {"name": "look", "description": "Look.", "parameters": SCHEMA, "strict": True}
PICTURE = Media("image/png", PNG)
HELLO = Message(Role.USER, "Hi")
DATA_URL = f"data:image/png;base64,{PNG}"


def offered(*tools: Tool, custom: Iterable[str] = (), left_out: Iterable[str] = ()) -> OfferedTools:
    return OfferedTools({tool.name: tool for tool in tools}, frozenset(custom), tuple(left_out))


def read_response(data: bytes) -> ResponseBody:
    """Return a body with its input read."""
    call = load_response(data)
    return with_items(call, call.items)


def body(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def user(*parts: object) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(parts)}]}


def image(url: object) -> dict[str, Any]:
    return {"type": "image_url", "image_url": url}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def function(arguments: object, **more: object) -> dict[str, Any]:
    return {
        "id": "a",
        "type": "function",
        "function": {"name": "look", "arguments": arguments},
        **more,
    }


CHATS: dict[str, tuple[dict[str, Any], ChatBody]] = {
    "nothing": ({}, ChatBody()),
    "everything null": (
        dict.fromkeys(["model", "messages", "stream", "stop", "tools", "response_format"]),
        ChatBody(),
    ),
    "other letter case": ({"Model": "m", "STREAM": True}, ChatBody("m", stream=True)),
    "numbers": (
        {
            "temperature": 0,
            "top_p": 0.5,
            "seed": 7,
            "max_tokens": 9,
            "max_completion_tokens": 8,
            "presence_penalty": -1,
            "frequency_penalty": 1.5,
        },
        ChatBody(
            temperature=0.0,
            top_p=0.5,
            seed=7,
            max_tokens=9,
            max_completion_tokens=8,
            presence_penalty=-1.0,
            frequency_penalty=1.5,
        ),
    ),
    "log probabilities": (
        {"logprobs": True, "top_logprobs": 5},
        ChatBody(logprobs=True, top_logprobs=5),
    ),
    "usage": ({"stream_options": {"include_usage": True}}, ChatBody(include_usage=True)),
    "no usage": ({"stream_options": {}}, ChatBody()),
    "a stop": ({"stop": "END"}, ChatBody(stop=("END",))),
    "stops, other things dropped": ({"stop": ["a", 1, None, "b"]}, ChatBody(stop=("a", "b"))),
    "a stop of another type": ({"stop": 5}, ChatBody()),
    "what only providers know": (
        {"parallel_tool_calls": False, "prompt_cache_key": "k"},
        ChatBody(parallel_tool_calls=False, prompt_cache_key="k"),
    ),
    "what only providers know, of other types": (
        {"parallel_tool_calls": "no", "prompt_cache_key": 5, "tool_choice": 5},
        ChatBody(),
    ),
    "what nobody knows": (
        {"n": 3, "user": "u", "logit_bias": {"1": 2}, "store": True, "metadata": {}},
        ChatBody(),
    ),
    "an effort": ({"reasoning_effort": "minimal"}, ChatBody(reasoning_effort="low")),
    "no effort": ({"reasoning_effort": "none"}, ChatBody(reasoning_effort=False)),
    "an empty effort": ({"reasoning_effort": ""}, ChatBody()),
    "reasoning": ({"reasoning": {"effort": "xhigh"}}, ChatBody(reasoning="max")),
    "reasoning without effort": ({"reasoning": {}}, ChatBody()),
    "tools": (
        {"tools": [{"type": "function", "function": LOOK}]},
        ChatBody(tools=offered(Tool("look", "Look.", SCHEMA, strict=True))),
    ),
    "choice auto": ({"tool_choice": "auto"}, ChatBody(tool_choice="auto")),
    "choice none": ({"tool_choice": "none"}, ChatBody(tool_choice="none")),
    "choice required": ({"tool_choice": "required"}, ChatBody(tool_choice="required")),
    "choice any": ({"tool_choice": "any"}, ChatBody(tool_choice="required")),
    "choice of a function": (
        {"tool_choice": {"type": "function", "function": {"name": "look"}}},
        ChatBody(tool_choice=NamedTool("look")),
    ),
    "any JSON": (
        {"response_format": {"type": "json_object"}},
        ChatBody(response_format=JsonFormat()),
    ),
    "a schema": (
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {
                    "name": "place",
                    "description": "A place.",
                    "strict": True,
                    "schema": SCHEMA,
                },
            }
        },
        ChatBody(response_format=JsonFormat(SCHEMA, "place", "A place.", strict=True)),
    ),
    "a schema described in other types": (
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": 1, "description": [], "strict": "yes", "schema": SCHEMA},
            }
        },
        ChatBody(response_format=JsonFormat(SCHEMA)),
    ),
    "no schema": ({"response_format": {"type": "json_schema"}}, ChatBody()),
    "text": ({"response_format": {"type": "text"}}, ChatBody()),
    "roles": (
        {
            "messages": [
                {"role": "developer", "content": "Be kind."},
                {"role": "USER", "content": "Hi", "name": "Ann"},
                {"content": "Hi"},
                {"role": "assistant", "content": "Ho", "reasoning": "hm"},
            ]
        },
        ChatBody(
            messages=(
                Message(Role.SYSTEM, "Be kind."),
                HELLO,
                HELLO,
                Message(Role.ASSISTANT, "Ho", thinking="hm"),
            )
        ),
    ),
    "calls and results": (
        {
            "messages": [
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [function('{"city": "Paris"}')],
                },
                {"role": "tool", "tool_call_id": "a", "content": [text("21"), text("C")]},
                {"role": "tool", "tool_call_id": "a", "name": "see", "content": ""},
                {"role": "tool", "tool_call_id": "b", "content": "?"},
                {"role": "assistant", "tool_calls": []},
            ]
        },
        ChatBody(
            messages=(
                Message(Role.ASSISTANT, tool_calls=(ToolCall("look", {"city": "Paris"}, "a"),)),
                Message(Role.TOOL, "21\n\nC", tool_name="look", tool_call_id="a"),
                Message(Role.TOOL, "", tool_name="see", tool_call_id="a"),
                Message(Role.TOOL, "?", tool_call_id="b"),
                Message(Role.ASSISTANT),
            )
        ),
    ),
    "images": (
        user(
            text("What"),
            image({"url": DATA_URL, "detail": "low"}),
            image(f"data:;base64,{PNG}"),
            image(f"data:image/gif;base64,{PNG}"),
            image("https://example.org/cat"),
            text("is it?"),
        ),
        ChatBody(
            messages=(
                Message(
                    Role.USER,
                    (
                        "What",
                        PICTURE,
                        PICTURE,
                        PICTURE,
                        Media(url="https://example.org/cat"),
                        "is it?",
                    ),
                ),
            )
        ),
    ),
    "a recording": (
        user({"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}}),
        ChatBody(messages=(Message(Role.USER, (Media("audio/wav", WAV),)),)),
    ),
}


@pytest.mark.parametrize(("fields", "call"), CHATS.values(), ids=CHATS)
def test_a_chat_means(fields: dict[str, Any], call: ChatBody) -> None:
    assert load_chat(body(**fields)) == call


@pytest.mark.parametrize(
    ("effort", "think"),
    [
        ("none", False),
        ("minimal", "low"),
        ("low", "low"),
        ("medium", "medium"),
        ("high", "high"),
        ("xhigh", "max"),
        ("ultra", "max"),
        ("max", "max"),
    ],
)
def test_each_effort_means(effort: str, think: object) -> None:
    assert load_chat(body(reasoning_effort=effort)) == ChatBody(
        reasoning_effort=think  # type: ignore[arg-type] # a table of literals
    )
    assert load_response(body(reasoning={"effort": effort})).reasoning == think


COMPLETIONS: dict[str, tuple[dict[str, Any], CompletionBody]] = {
    "nothing": ({}, CompletionBody()),
    "everything": (
        {
            "model": "m",
            "prompt": "a",
            "suffix": "b",
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": 9,
            "temperature": 0.5,
            "top_p": 1,
            "presence_penalty": 1,
            "frequency_penalty": 2,
            "seed": 3,
            "stop": ["END"],
            "prompt_cache_key": "k",
        },
        CompletionBody(
            "m",
            "a",
            "b",
            stream=True,
            include_usage=True,
            max_tokens=9,
            temperature=0.5,
            top_p=1.0,
            presence_penalty=1.0,
            frequency_penalty=2.0,
            seed=3,
            stop=("END",),
            prompt_cache_key="k",
        ),
    ),
    "a stop": ({"stop": "END"}, CompletionBody(stop=("END",))),
    "what Ollama ignores": ({"echo": True, "best_of": 3, "logprobs": 5}, CompletionBody()),
}


@pytest.mark.parametrize(("fields", "call"), COMPLETIONS.values(), ids=COMPLETIONS)
def test_a_completion_means(fields: dict[str, Any], call: CompletionBody) -> None:
    assert load_completion(body(**fields)) == call


EMBEDDINGS: dict[str, tuple[dict[str, Any], EmbeddingBody]] = {
    "a text": ({"model": "m", "input": "a"}, EmbeddingBody("m", ("a",))),
    "an empty text": ({"input": ""}, EmbeddingBody(input=("",))),
    "texts": (
        {"input": ["a", "b"], "dimensions": 5, "encoding_format": "BASE64"},
        EmbeddingBody(input=("a", "b"), dimensions=5, encoding_format="base64"),
    ),
    "no format": ({"input": "a", "encoding_format": ""}, EmbeddingBody(input=("a",))),
}


@pytest.mark.parametrize(("fields", "call"), EMBEDDINGS.values(), ids=EMBEDDINGS)
def test_an_embedding_means(fields: dict[str, Any], call: EmbeddingBody) -> None:
    assert load_embedding(body(**fields)) == call


MEMBER = {"type": "function", "name": "find", "parameters": SCHEMA}
FIND = join_name("maps", "find")
RESPONSES: dict[str, tuple[dict[str, Any], ResponseBody]] = {
    "nothing": ({}, ResponseBody()),
    "an empty text": ({"input": ""}, ResponseBody()),
    "a text": (
        {"model": "m", "input": "Hi", "instructions": "Be kind.", "stream": True},
        ResponseBody("m", messages=(HELLO,), instructions="Be kind.", stream=True),
    ),
    "numbers": (
        {"temperature": 0, "top_p": 0.5, "max_output_tokens": 9, "prompt_cache_key": "k"},
        ResponseBody(
            temperature=0.0,
            top_p=0.5,
            max_output_tokens=9,
            prompt_cache_key="k",
            echo={
                "temperature": 0,
                "top_p": 0.5,
                "max_output_tokens": 9,
                "prompt_cache_key": "k",
            },
        ),
    ),
    "reasoning": (
        {"reasoning": {"effort": "low", "summary": "auto"}, "truncation": "auto"},
        ResponseBody(
            reasoning="low",
            echo={"reasoning": {"effort": "low", "summary": "auto"}, "truncation": "auto"},
        ),
    ),
    "a summary alone": (
        {"reasoning": {"summary": "auto"}},
        ResponseBody(echo={"reasoning": {"effort": None, "summary": "auto"}}),
    ),
    "empty settings": ({"reasoning": {}, "text": {"verbosity": "low"}}, ResponseBody()),
    "a schema": (
        {"text": {"format": {"type": "json_schema", "name": "place", "schema": SCHEMA}}},
        ResponseBody(
            response_format=JsonFormat(SCHEMA, "place"),
            echo={"text": {"format": {"type": "json_schema", "name": "place", "schema": SCHEMA}}},
        ),
    ),
    "any JSON": (
        {"text": {"format": {"type": "json_object"}}},
        ResponseBody(
            response_format=JsonFormat(), echo={"text": {"format": {"type": "json_object"}}}
        ),
    ),
    "tools": (
        {
            "tools": [{"type": "function", **LOOK}, {"type": "web_search"}, "?"],
            "tool_choice": {"type": "function", "name": "look"},
            "parallel_tool_calls": False,
        },
        ResponseBody(
            tools=offered(Tool("look", "Look.", SCHEMA, strict=True), left_out=("web_search",)),
            tool_choice=NamedTool("look"),
            parallel_tool_calls=False,
            echo={
                "tools": [{"type": "function", **LOOK}, {"type": "web_search"}, "?"],
                "tool_choice": {"type": "function", "name": "look"},
                "parallel_tool_calls": False,
            },
        ),
    ),
    "tools in a namespace": (
        {
            "tools": [{"type": "namespace", "name": "maps", "tools": [MEMBER]}],
            "tool_choice": {"type": "function", "name": "find", "namespace": "maps"},
        },
        ResponseBody(
            tools=offered(Tool(FIND, "", SCHEMA)),
            tool_choice=NamedTool(FIND),
            echo={
                "tools": [{"type": "namespace", "name": "maps", "tools": [MEMBER]}],
                "tool_choice": {"type": "function", "name": "find", "namespace": "maps"},
            },
        ),
    ),
    "a call of a function in a namespace": (
        {"input": [{"type": "function_call", "call_id": "a", "namespace": "maps", "name": "find"}]},
        ResponseBody(messages=(Message(Role.ASSISTANT, tool_calls=(ToolCall(FIND, {}, "a"),)),)),
    ),
    "messages": (
        {
            "input": [
                {"role": "developer", "content": "Be kind."},
                {
                    "type": "message",
                    "role": "user",
                    "content": [
                        {"type": "input_text", "text": "What"},
                        {"type": "input_image", "image_url": DATA_URL, "detail": "auto"},
                        {"type": "input_image", "file_id": "f"},
                        {"type": "input_image", "image_url": "https://example.org/cat"},
                        {"type": "input_text", "text": " is it?"},
                        {"type": "input_text"},
                    ],
                },
                {"type": "message", "role": "assistant"},
                {
                    "type": "message",
                    "id": "msg_1",
                    "role": "assistant",
                    "status": "completed",
                    "content": [{"type": "output_text", "text": "A cat.", "annotations": []}],
                },
                {"type": "message", "content": "Hi"},
            ]
        },
        ResponseBody(
            messages=(
                Message(Role.SYSTEM, "Be kind."),
                Message(
                    Role.USER,
                    (
                        "What",
                        PICTURE,
                        "[an image that is not available here]",
                        Media(url="https://example.org/cat"),
                        " is it?",
                    ),
                ),
                Message(Role.ASSISTANT),
                Message(Role.ASSISTANT, "A cat."),
                HELLO,
            )
        ),
    ),
    "thinking, calls and results": (
        {
            "input": [
                {"role": "user", "content": "Hi"},
                {"type": "reasoning", "summary": [], "encrypted_content": seal_thinking("hm", {})},
                {"type": "message", "role": "assistant", "content": "I look."},
                {
                    "type": "function_call",
                    "call_id": "a",
                    "name": "look",
                    "arguments": '{"city":"Paris"}',
                },
                {"type": "function_call", "call_id": "b", "name": "look", "arguments": ""},
                {"type": "function_call_output", "call_id": "a", "output": "21"},
                {
                    "type": "function_call_output",
                    "call_id": "b",
                    "output": [
                        {"type": "input_text", "text": "19"},
                        {"type": "input_image", "image_url": DATA_URL},
                    ],
                },
                {"type": "web_search_call", "id": "ws_1"},
                {"type": "reasoning", "encrypted_content": seal_thinking("so", {})},
                {"type": "function_call", "call_id": "c", "name": "see"},
                {"type": "function_call_output", "call_id": "d"},
                {
                    "type": "function_call_output",
                    "namespace": "agent",
                    "name": "goal",
                    "output": "to find out",
                },
                {"type": "reasoning", "encrypted_content": seal_thinking("then", {})},
            ]
        },
        ResponseBody(
            messages=(
                HELLO,
                Message(
                    Role.ASSISTANT,
                    "I look.",
                    thinking="hm",
                    tool_calls=(
                        ToolCall("look", {"city": "Paris"}, "a"),
                        ToolCall("look", {}, "b"),
                    ),
                ),
                Message(Role.TOOL, "21", tool_name="look", tool_call_id="a"),
                Message(Role.TOOL, ("19", PICTURE), tool_name="look", tool_call_id="b"),
                Message(Role.ASSISTANT, thinking="so", tool_calls=(ToolCall("see", {}, "c"),)),
                Message(Role.TOOL, tool_call_id="d"),
                Message(Role.TOOL, "to find out", tool_name=join_name("agent", "goal")),
                Message(Role.ASSISTANT, thinking="then"),
            )
        ),
    ),
    "what is not kept here": (
        {
            "store": True,
            "include": ["reasoning.encrypted_content"],
            "background": True,
        },
        ResponseBody(),
    ),
}


@pytest.mark.parametrize(("fields", "call"), RESPONSES.values(), ids=RESPONSES)
def test_a_response_means(fields: dict[str, Any], call: ResponseBody) -> None:
    assert replace(read_response(body(**fields)), items=()) == call


def calls(*made: object) -> dict[str, Any]:
    return {"messages": [{"role": "assistant", "tool_calls": list(made)}]}


def content(value: object) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": value}]}


def items(*values: object) -> dict[str, Any]:
    return {"input": list(values)}


def unmarshal(kind: str, field: str, go_type: str) -> str:
    return f"json: cannot unmarshal {kind} into Go struct field {field} of type {go_type}"


BAD_EFFORT = (
    'invalid reasoning value: "very" (must be "minimal", "low", "medium", "high", "xhigh",'
    ' "ultra", "max", or "none")'
)
REFUSALS: dict[str, tuple[Load, dict[str, Any], str]] = {
    "model": (
        load_chat,
        {"model": 5},
        unmarshal("number", "ChatCompletionRequest.model", "string"),
    ),
    "messages": (
        load_chat,
        {"messages": {}},
        unmarshal("object", "ChatCompletionRequest.messages", "[]openai.Message"),
    ),
    "a message": (
        load_chat,
        {"messages": ["Hi"]},
        unmarshal("string", "ChatCompletionRequest.messages", "openai.Message"),
    ),
    "a name": (
        load_chat,
        {"messages": [{"name": 5}]},
        unmarshal("number", "Message.messages.name", "string"),
    ),
    "stream": (
        load_chat,
        {"stream": "yes"},
        unmarshal("string", "ChatCompletionRequest.stream", "bool"),
    ),
    "usage": (
        load_chat,
        {"stream_options": {"include_usage": 1}},
        unmarshal("number", "StreamOptions.stream_options.include_usage", "bool"),
    ),
    "temperature": (
        load_chat,
        {"temperature": True},
        unmarshal("bool", "ChatCompletionRequest.temperature", "float64"),
    ),
    "a huge temperature": (
        load_chat,
        {"temperature": 10**400},
        unmarshal("number 1" + "0" * 39, "ChatCompletionRequest.temperature", "float64"),
    ),
    "max_tokens": (
        load_chat,
        {"max_tokens": 3.5},
        unmarshal("number 3.5", "ChatCompletionRequest.max_tokens", "int"),
    ),
    "top_logprobs": (
        load_chat,
        {"top_logprobs": 21},
        "top_logprobs must be between 0 and 20",
    ),
    "a temperature of 32 bits": (
        load_completion,
        {"temperature": 1e39},
        unmarshal("number 1e+39", "CompletionRequest.temperature", "float32"),
    ),
    "a temperature of 32 bits that is none": (
        load_completion,
        {"top_p": "x"},
        unmarshal("string", "CompletionRequest.top_p", "float32"),
    ),
    "a function of a call": (
        load_chat,
        {"messages": [{"tool_calls": [{"function": {"name": 7}}]}]},
        unmarshal("number", ".messages.tool_calls.function.name", "string"),
    ),
    "tools": (
        load_chat,
        {"tools": {}},
        unmarshal("object", "ChatCompletionRequest.tools", "[]api.Tool"),
    ),
    "content 5": (load_chat, content(5), "invalid message content type: float64"),
    "content true": (load_chat, content(True), "invalid message content type: bool"),
    "content object": (
        load_chat,
        content({}),
        "invalid message content type: map[string]interface {}",
    ),
    "an image without address": (load_chat, user(image({})), "invalid message format"),
    "an image that is a file": (load_chat, user(image("file:///cat")), "invalid image input"),
    "a document as an image": (
        load_chat,
        user(image("data:text/html;base64,aaaa")),
        "invalid image input",
    ),
    "a broken image": (
        load_chat,
        user(image("data:image/png;base64,a")),
        "invalid image input",
    ),
    "a broken recording": (
        load_chat,
        user({"type": "input_audio", "input_audio": {"data": "!"}}),
        "illegal base64 data at input byte 0",
    ),
    "a call": (
        load_chat,
        calls(5),
        unmarshal("number", "Message.messages.tool_calls", "openai.ToolCall"),
    ),
    "effort": (load_chat, {"reasoning_effort": "very"}, BAD_EFFORT),
    "effort of another type": (
        load_chat,
        {"reasoning": {"effort": 5}},
        unmarshal("number", "Reasoning.reasoning.effort", "string"),
    ),
    "a schema that is none": (
        load_chat,
        {"response_format": {"type": "json_schema", "json_schema": {"schema": 5}}},
        'invalid format: "5"; expected "json" or a valid JSON Schema object',
    ),
    "a prompt": (
        load_completion,
        {"prompt": ["a"]},
        unmarshal("array", "CompletionRequest.prompt", "string"),
    ),
    "a stop": (
        load_completion,
        {"stop": ["a", 5]},
        "invalid type for 'stop' field: float64",
    ),
    "no input": (load_embedding, {}, "invalid input"),
    "input null": (load_embedding, {"input": None}, "invalid input"),
    "input empty": (load_embedding, {"input": []}, "invalid input"),
    "input of tokens": (load_embedding, {"input": [1, 2]}, "invalid input type"),
    "input 5": (load_embedding, {"input": 5}, "invalid input type"),
    "encoding": (
        load_embedding,
        {"input": "a", "encoding_format": "hex"},
        "Invalid value for 'encoding_format' = hex. Supported values: ['float', 'base64'].",
    ),
    "response input": (
        load_response,
        {"input": 5},
        "input must be a string or array:"
        " json: cannot unmarshal number into Go value of type []json.RawMessage",
    ),
    "an item": (
        read_response,
        items("Hi"),
        "input[0]: " + unmarshal("string", "ResponsesInputItem", "openai.ResponsesInputItem"),
    ),
    "an item without type": (
        read_response,
        items({}),
        "input[0]: input item missing required 'type' field",
    ),
    "item content": (
        read_response,
        items({"role": "user", "content": 5}),
        "input[0]: content must be a string or array:"
        " json: cannot unmarshal number into Go value of type []json.RawMessage",
    ),
    "item part of another type": (
        read_response,
        items({"role": "user", "content": [{"type": "input_text", "text": 5}]}),
        "input[0]: content[0]: " + unmarshal("number", "ResponsesTextContent.text", "string"),
    ),
    "output part of another type": (
        read_response,
        items({"role": "assistant", "content": [{"type": "output_text", "text": []}]}),
        "input[0]: content[0]: " + unmarshal("array", "ResponsesOutputTextContent.text", "string"),
    ),
    "address of a picture of another type": (
        read_response,
        items({"role": "user", "content": [{"type": "input_image", "image_url": {"url": 5}}]}),
        "input[0]: content[0]: " + unmarshal("object", "ResponsesImageContent.image_url", "string"),
    ),
    "a picture that is a file": (
        read_response,
        items({"role": "user", "content": [{"type": "input_image", "image_url": "cat.png"}]}),
        "invalid image input",
    ),
    "response effort": (load_response, {"reasoning": {"effort": "very"}}, BAD_EFFORT),
}


@pytest.mark.parametrize(("load", "fields", "words"), REFUSALS.values(), ids=REFUSALS)
def test_a_body_is_refused(load: Load, fields: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        load(body(**fields))
    assert caught.value.message == words


@pytest.mark.parametrize("load", [load_chat, load_completion, load_embedding, load_response])
@pytest.mark.parametrize(
    ("raw", "words"),
    [(b"", "EOF"), (b" \n", "EOF"), (b'{"model":', "unexpected EOF")],
    ids=["empty", "blank", "cut"],
)
def test_bytes_that_are_no_body(load: Load, raw: bytes, words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        load(raw)
    assert caught.value.message == words


def test_a_list_is_no_body() -> None:
    with pytest.raises(InvalidRequest) as caught:
        load_chat(b"[]")
    assert caught.value.message == (
        "json: cannot unmarshal array into Go value of type openai.ChatCompletionRequest"
    )
