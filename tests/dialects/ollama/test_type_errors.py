"""Fields of a wrong type, in Go's words; ids name the section of Ollama's wire rules."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from gateway.core.errors import InvalidRequest
from gateway.dialects.ollama.manage import load_create
from gateway.dialects.ollama.schemas import (
    load_chat,
    load_embed,
    load_embeddings,
    load_generate,
    load_show,
)

MESSAGE = "ChatRequest.messages"
CALL = "ChatRequest.messages.tool_calls"
TOOL = "ChatRequest.tools"
PARAMETERS = "tools.function.parameters"
SCHEMA = f"ToolFunctionParameters.{PARAMETERS}"
OBJECT = "map[string]interface {}"


def message(**fields: object) -> dict[str, object]:
    return {"messages": [{"role": "user"}, fields]}


def called(**fields: object) -> dict[str, object]:
    return message(tool_calls=[{"function": fields}])


def tool(**fields: object) -> dict[str, object]:
    return {"tools": [{"function": fields}]}


def schema(**fields: object) -> dict[str, object]:
    return tool(parameters=fields)


def prop(value: object) -> dict[str, object]:
    return schema(properties={"a": value})


@pytest.mark.parametrize(
    ("load", "fields", "kind", "field", "go_type"),
    [
        pytest.param(
            load_chat, {"model": 1}, "number", "ChatRequest.model", "string", id="1.3-model"
        ),
        pytest.param(
            load_chat, {"MODEL": []}, "array", "ChatRequest.model", "string", id="1.3-case"
        ),
        pytest.param(
            load_chat, {"stream": "false"}, "string", "ChatRequest.stream", "bool", id="1.3-stream"
        ),
        pytest.param(
            load_chat, {"stream": 0}, "number", "ChatRequest.stream", "bool", id="1.3-stream-zero"
        ),
        pytest.param(
            load_chat, {"options": []}, "array", "ChatRequest.options", OBJECT, id="1.3-options"
        ),
        pytest.param(
            load_chat,
            {"top_logprobs": 3.5},
            "number 3.5",
            "ChatRequest.top_logprobs",
            "int",
            id="1.3-fraction",
        ),
        pytest.param(
            load_chat,
            {"top_logprobs": 2**63},
            f"number {2**63}",
            "ChatRequest.top_logprobs",
            "int",
            id="1.3-more-than-64-bits",
        ),
        pytest.param(
            load_chat,
            {"top_logprobs": 3.0},
            "number 3.0",
            "ChatRequest.top_logprobs",
            "int",
            id="1.3-whole-fraction",
        ),
        pytest.param(
            load_chat,
            {"top_logprobs": True},
            "bool",
            "ChatRequest.top_logprobs",
            "int",
            id="1.3-bool-for-int",
        ),
        pytest.param(
            load_chat, {"messages": {}}, "object", MESSAGE, "[]api.Message", id="3.1-messages"
        ),
        pytest.param(
            load_chat, {"messages": ["hi"]}, "string", MESSAGE, "api.Alias", id="3.1-message"
        ),
        pytest.param(
            load_chat, message(role=7), "number", f"{MESSAGE}.role", "string", id="3.1-role"
        ),
        pytest.param(
            load_chat,
            message(content=[{"type": "text", "text": "hi"}]),
            "array",
            f"{MESSAGE}.content",
            "string",
            id="3.1-content-parts",
        ),
        pytest.param(
            load_chat,
            message(images="x"),
            "string",
            f"{MESSAGE}.images",
            "[]api.ImageData",
            id="3.4-images",
        ),
        pytest.param(
            load_chat,
            message(images=[7]),
            "number",
            f"{MESSAGE}.images",
            "api.ImageData",
            id="3.4-image",
        ),
        pytest.param(
            load_chat, message(tool_calls={}), "object", CALL, "[]api.ToolCall", id="3.2-calls"
        ),
        pytest.param(
            load_chat, message(tool_calls=[7]), "number", CALL, "api.ToolCall", id="3.2-call"
        ),
        pytest.param(
            load_chat,
            message(tool_calls=[{"function": "f"}]),
            "string",
            f"{CALL}.function",
            "api.ToolCallFunction",
            id="3.2-function",
        ),
        pytest.param(
            load_chat, called(index="0"), "string", f"{CALL}.function.index", "int", id="3.2-index"
        ),
        pytest.param(load_chat, {"tools": {}}, "object", TOOL, "api.Tools", id="3.3-tools"),
        pytest.param(load_chat, {"tools": [True]}, "bool", TOOL, "api.Tool", id="3.3-tool"),
        pytest.param(
            load_chat,
            {"tools": [{"function": []}]},
            "array",
            "Tool.tools.function",
            "api.ToolFunction",
            id="3.3-function",
        ),
        pytest.param(
            load_chat,
            tool(name=7),
            "number",
            "ToolFunction.tools.function.name",
            "string",
            id="3.3-name",
        ),
        pytest.param(
            load_chat,
            tool(parameters=[]),
            "array",
            f"ToolFunction.{PARAMETERS}",
            "api.ToolFunctionParameters",
            id="3.3-parameters",
        ),
        pytest.param(
            load_chat,
            schema(type=["object"]),
            "array",
            f"{SCHEMA}.type",
            "string",
            id="3.3-type-of-parameters",
        ),
        pytest.param(
            load_chat,
            schema(required=True),
            "bool",
            f"{SCHEMA}.required",
            "[]string",
            id="3.3-required",
        ),
        pytest.param(
            load_chat,
            schema(required=["a", 7]),
            "number",
            f"{SCHEMA}.required",
            "string",
            id="3.3-required-name",
        ),
        pytest.param(
            load_chat,
            schema(properties=[]),
            "array",
            f"{SCHEMA}.properties",
            OBJECT,
            id="3.3-properties",
        ),
        pytest.param(
            load_chat,
            prop(7),
            "number",
            f"{SCHEMA}.properties",
            "api.ToolProperty",
            id="3.3-property",
        ),
        pytest.param(
            load_chat,
            prop({"type": 7}),
            "number",
            f"{SCHEMA}.properties.type",
            "[]string",
            id="3.3-type-of-a-property",
        ),
        pytest.param(
            load_chat,
            prop({"anyOf": [{}, {"properties": {"b": {"enum": "x"}}}]}),
            "string",
            f"{SCHEMA}.properties.anyOf.properties.enum",
            "[]interface {}",
            id="3.3-deep-inside",
        ),
        pytest.param(
            load_generate,
            {"context": "x"},
            "string",
            "GenerateRequest.context",
            "[]int",
            id="4.1-context",
        ),
        pytest.param(
            load_generate,
            {"context": [1, 1.5]},
            "number 1.5",
            "GenerateRequest.context",
            "int",
            id="4.1-context-item",
        ),
        pytest.param(
            load_generate,
            {"images": "iVBORw0KGgo="},
            "string",
            "GenerateRequest.images",
            "[]api.ImageData",
            id="4.1-images",
        ),
        pytest.param(
            load_embed,
            {"dimensions": "1"},
            "string",
            "EmbedRequest.dimensions",
            "int",
            id="6.1-dimensions",
        ),
        pytest.param(
            load_embeddings,
            {"prompt": ["p"]},
            "array",
            "EmbeddingRequest.prompt",
            "string",
            id="6.2-prompt",
        ),
        pytest.param(
            load_chat,
            {"tools": [{"type": 7}]},
            "number",
            "Tool.tools.type",
            "string",
            id="3.3-type",
        ),
        pytest.param(
            load_create,
            {"files": []},
            "array",
            "CreateRequest.files",
            "map[string]string",
            id="8.1-files",
        ),
        pytest.param(
            load_create,
            {"messages": [7]},
            "number",
            "CreateRequest.messages",
            "api.Alias",
            id="8.1-message",
        ),
        pytest.param(
            load_show, {"name": {}}, "object", "ShowRequest.name", "string", id="7.4-name"
        ),
    ],
)
def test_a_field_of_a_wrong_type_is_named(
    load: Callable[[bytes], object],
    fields: dict[str, object],
    kind: str,
    field: str,
    go_type: str,
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        load(json.dumps(fields).encode())
    assert (caught.value.status, caught.value.message) == (
        400,
        f"json: cannot unmarshal {kind} into Go struct field {field} of type {go_type}",
    )


def test_of_two_wrong_fields_one_is_named() -> None:
    with pytest.raises(InvalidRequest) as caught:
        load_chat(b'{"stream":1,"model":2}')
    assert caught.value.message == (
        "json: cannot unmarshal number into Go struct field ChatRequest.model of type string"
    )


@pytest.mark.parametrize(
    ("load", "body", "kind", "field", "go_type"),
    [
        pytest.param(
            load_chat,
            b'{"options":{"temperature":1e400}}',
            "number 1e400",
            "ChatRequest.options",
            "float64",
            id="3.6-option",
        ),
        pytest.param(
            load_generate,
            b'{"options":{"num_predict":-1e400}}',
            "number -1e400",
            "GenerateRequest.options",
            "float64",
            id="3.6-option-that-is-an-integer",
        ),
        pytest.param(
            load_generate,
            b'{"context":[1,1e999]}',
            "number 1e999",
            "GenerateRequest.context",
            "int",
            id="4.1-context-item",
        ),
        pytest.param(
            load_embed,
            b'{"dimensions":' + b"9" * 5000 + b"}",
            "number " + "9" * 40,
            "EmbedRequest.dimensions",
            "int",
            id="6.1-dimensions",
        ),
        pytest.param(
            load_chat,
            b'{"keep_alive":1e400}',
            "number 1e400",
            "ChatRequest.keep_alive",
            "float64",
            id="3.7-keep-alive",
        ),
        pytest.param(
            load_chat, b'{"stream":1e400}', "number", "ChatRequest.stream", "bool", id="1.3-stream"
        ),
    ],
)
def test_a_number_out_of_range_is_refused_by_the_field_that_has_it(
    load: Callable[[bytes], object], body: bytes, kind: str, field: str, go_type: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        load(body)
    assert (caught.value.status, caught.value.message) == (
        400,
        f"json: cannot unmarshal {kind} into Go struct field {field} of type {go_type}",
    )
