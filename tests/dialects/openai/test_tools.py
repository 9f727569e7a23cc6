"""Which tools a model is offered, and which one it must call."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from gateway.core.chat import NamedTool, Tool, ToolChoice
from gateway.core.errors import Forbidden, GatewayError, InvalidRequest
from gateway.dialects.openai.custom_tools import custom_input
from gateway.dialects.openai.schemas import load_chat, load_response
from gateway.dialects.openai.tools import OfferedTools, read_chat_tools, read_flat_tools
from gateway.dialects.tool_names import join_name

INPUT = {
    "type": "object",
    "properties": {"input": {"type": "string"}},
    "required": ["input"],
    "additionalProperties": False,
}
GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/s"}
PATCH = {"type": "custom", "name": "apply_patch", "description": "d"}
FUNCTION = {"type": "function", "name": "look", "parameters": {}}
MATCHES = "The text of `input` must match this lark grammar:\nstart: /.+/s"

TOOLS: dict[str, tuple[list[Any], OfferedTools]] = {
    "a custom tool": (
        [PATCH],
        OfferedTools({"apply_patch": Tool("apply_patch", "d", INPUT)}, frozenset({"apply_patch"})),
    ),
    "a custom tool with a grammar": (
        [{**PATCH, "format": GRAMMAR}],
        OfferedTools(
            {"apply_patch": Tool("apply_patch", f"d\n\n{MATCHES}", INPUT)},
            frozenset({"apply_patch"}),
        ),
    ),
    "a custom tool in an object, its grammar too": (
        [
            {
                "type": "custom",
                "custom": {
                    "name": "run",
                    "format": {
                        "type": "grammar",
                        "grammar": {"syntax": "lark", "definition": "start: /.+/s"},
                    },
                },
            }
        ],
        OfferedTools({"run": Tool("run", MATCHES, INPUT)}, frozenset({"run"})),
    ),
    "a custom tool with a format of no syntax": (
        [{**PATCH, "description": None, "format": {"definition": "x"}}],
        OfferedTools(
            {
                "apply_patch": Tool(
                    "apply_patch", "The text of `input` must match this grammar:\nx", INPUT
                )
            },
            frozenset({"apply_patch"}),
        ),
    ),
    "custom tools in a namespace": (
        [{"type": "namespace", "name": "functions", "tools": [{"type": "custom", "name": "exec"}]}],
        OfferedTools(
            {
                join_name("functions", "exec"): Tool(join_name("functions", "exec"), "", INPUT),
            },
            frozenset({join_name("functions", "exec")}),
        ),
    ),
    "a function without a type": ([{"name": "look"}], OfferedTools({"look": Tool("look")})),
    "a function in an object": (
        [{"type": "function", "function": {"name": "look"}}],
        OfferedTools({"look": Tool("look")}),
    ),
    "a flat function": ([FUNCTION], OfferedTools({"look": Tool("look")})),
    "the last one of a name": (
        [FUNCTION, {**FUNCTION, "description": "x"}],
        OfferedTools({"look": Tool("look", "x")}),
    ),
    "what OpenAI itself runs, and what nobody knows": (
        [{"type": "web_search_preview"}, FUNCTION, {"type": "x"}, {"type": 5}, None],
        OfferedTools({"look": Tool("look")}, left_out=("web_search_preview", "x", "")),
    ),
}


@pytest.mark.parametrize(("tools", "offered"), TOOLS.values(), ids=TOOLS)
def test_tools_of_both_endpoints(tools: list[Any], offered: OfferedTools) -> None:
    assert read_flat_tools(tools) == offered
    assert read_chat_tools(tools) == offered


def test_later_tools_replace_earlier_ones_of_the_same_name() -> None:
    custom = read_flat_tools([PATCH, FUNCTION, {"type": "x"}])
    function = read_flat_tools([{"type": "function", "name": "apply_patch"}, {"type": "y"}])
    joined = custom.joined(function)
    assert [*joined.functions] == ["apply_patch", "look"]
    assert joined.custom == frozenset()
    assert joined.left_out == ("x", "y")
    assert function.joined(custom).custom == {"apply_patch"}


@pytest.mark.parametrize(
    ("kinds", "error", "words"),
    [
        (["web_search"], Forbidden, "ollama cloud is disabled: web search is unavailable"),
        (["x", "web_search_preview_2025_03_11"], Forbidden, "ollama cloud is disabled"),
        (["file_search"], InvalidRequest, "a tool of the type file_search is not available here"),
        (["mcp"], InvalidRequest, "a tool of the type mcp is not available here"),
    ],
)
def test_the_only_tool_is_one_that_nobody_runs_here(
    kinds: list[str], error: type[GatewayError], words: str
) -> None:
    tools = read_flat_tools([{"type": kind} for kind in kinds])
    with pytest.raises(error, match=words):
        tools.offered()


def test_beside_others_it_is_left_out_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "gateway.dialects")
    tools = read_flat_tools([{"type": "web_search_of_this_test"}, FUNCTION])
    assert tools.offered() == tools.offered() == (Tool("look"),)
    assert caplog.messages == ["left out of requests: a tool of the type 'web_search_of_this_test'"]


def test_a_tool_that_nobody_knows_is_left_out_even_alone() -> None:
    assert read_flat_tools([{"type": "holodeck"}]).offered() == ()


LOOK = {"type": "function", "name": "look"}
CHOICES: dict[str, tuple[object, ToolChoice | None]] = {
    "any": ({"type": "any"}, "required"),
    "a word in an object": ({"type": "none"}, "none"),
    "a tool": ({"type": "tool", "name": "look"}, NamedTool("look")),
    "a custom tool": ({"type": "custom", "name": "look"}, NamedTool("look")),
    "a custom tool of a chat": ({"type": "custom", "custom": {"name": "look"}}, NamedTool("look")),
    "a function of a chat": ({"type": "function", "function": {"name": "look"}}, NamedTool("look")),
    "a function of a namespace": (
        {**LOOK, "namespace": "maps"},
        NamedTool(join_name("maps", "look")),
    ),
    "a namespace that is none": ({**LOOK, "namespace": 5}, NamedTool("look")),
    "a function without a name": ({"type": "function"}, None),
    "the only one allowed": (
        {"type": "allowed_tools", "mode": "required", "tools": [LOOK]},
        NamedTool("look"),
    ),
    "the only one allowed is hosted": (
        {"type": "allowed_tools", "mode": "required", "tools": [{"type": "web_search"}]},
        "required",
    ),
    "some allowed": (
        {"type": "allowed_tools", "mode": "required", "tools": [LOOK, LOOK]},
        "required",
    ),
    "some allowed, none required": (
        {"type": "allowed_tools", "mode": "auto", "tools": [LOOK]},
        "auto",
    ),
    "the only one allowed in a chat": (
        {
            "type": "allowed_tools",
            "allowed_tools": {
                "mode": "required",
                "tools": [{"type": "function", "function": {"name": "look"}}],
            },
        },
        NamedTool("look"),
    ),
    "a hosted tool": ({"type": "web_search"}, None),
    "a number": (5, None),
    "an unknown word": ("perhaps", None),
}


@pytest.mark.parametrize(("choice", "meant"), CHOICES.values(), ids=CHOICES)
def test_a_choice_means_the_same_at_both_endpoints(choice: object, meant: object) -> None:
    body = json.dumps({"tool_choice": choice}).encode()
    assert load_chat(body).tool_choice == meant
    assert load_response(body).tool_choice == meant


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"input": "a"}, "a"),
        ({"input": "a", "other": "b"}, "a"),
        ({"patch": "a"}, "a"),
        ({"a": "b", "c": "d"}, '{"a":"b","c":"d"}'),
        ({"input": 5}, '{"input":5}'),
        ({}, "{}"),
    ],
)
def test_the_input_of_a_custom_tool_is_found(arguments: dict[str, object], text: str) -> None:
    assert custom_input(arguments) == text


def test_a_tool_of_a_chat_is_an_object() -> None:
    with pytest.raises(InvalidRequest, match="api.Tool"):
        load_chat(b'{"tools":[{"type":"function","function":{"name":"look"}},5]}')


def test_a_function_without_a_name_is_left_out() -> None:
    offered = read_flat_tools([{"type": "function"}, {"type": "custom"}, FUNCTION])
    assert [*offered.functions] == ["look"]
    assert offered.left_out == ("function without a name",) * 2
