"""Tools of Anthropic's own types: those that clients run, and those that its servers would run."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from gateway.core.chat import ChatRequest, NamedTool, Tool
from gateway.core.errors import Forbidden, GatewayError, InvalidRequest
from gateway.dialects.anthropic.requests import read_messages

FUNCTION = {"name": "f", "input_schema": {"type": "object"}}
F = Tool("f", "", {"type": "object"})


def load(*tools: Any, **body: Any) -> ChatRequest:
    minimal = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    return read_messages(json.dumps({**minimal, "tools": tools, **body}).encode())[0]


# type, name, and each parameter of the documentation of that version
EDITOR = ["command", "path", "view_range", "file_text", "old_str", "new_str", "insert_line"]
MOUSE = ["action", "coordinate", "text"]
MORE_MOUSE = [*MOUSE, "start_coordinate", "scroll_direction", "scroll_amount", "duration"]
CLIENT_TOOLS: dict[str, tuple[str, list[str], list[str]]] = {
    "bash_20241022": ("bash", ["command", "restart"], []),
    "bash_20250124": ("bash", ["command", "restart"], []),
    "text_editor_20241022": ("str_replace_editor", EDITOR, ["command", "path"]),
    "text_editor_20250124": ("str_replace_editor", EDITOR, ["command", "path"]),
    "text_editor_20250429": (
        "str_replace_based_edit_tool",
        [*EDITOR, "insert_text"],
        ["command", "path"],
    ),
    "text_editor_20250728": (
        "str_replace_based_edit_tool",
        [*EDITOR, "insert_text"],
        ["command", "path"],
    ),
    "memory_20250818": (
        "memory",
        [*EDITOR, "insert_text", "old_path", "new_path"],
        ["command"],
    ),
    "computer_20241022": ("computer", MOUSE, ["action"]),
    "computer_20250124": ("computer", MORE_MOUSE, ["action"]),
    "computer_20251124": ("computer", MORE_MOUSE, ["action"]),
    "bash_20991231": ("bash", ["command", "restart"], []),
}


@pytest.mark.parametrize(("kind", "expected"), CLIENT_TOOLS.items(), ids=CLIENT_TOOLS)
@pytest.mark.parametrize("is_named", [True, False])
def test_a_tool_that_clients_run_has_its_documented_parameters(
    kind: str, expected: tuple[str, list[str], list[str]], is_named: bool
) -> None:
    name, properties, required = expected
    (tool,) = load({"type": kind, "name": name} if is_named else {"type": kind}).tools
    schema: Any = tool.parameters
    assert (tool.name, [*schema["properties"]]) == (name, properties)
    assert schema.get("required", []) == required
    assert tool.description


def test_an_edit_can_be_undone_in_the_versions_that_know_it() -> None:
    commands = {}
    for kind in ("text_editor_20250124", "text_editor_20250728"):
        schema: Any = load({"type": kind, "name": "e"}).tools[0].parameters
        commands[kind] = schema["properties"]["command"]["enum"]
    assert "undo_edit" in commands["text_editor_20250124"]
    assert "undo_edit" not in commands["text_editor_20250728"]


@pytest.mark.parametrize(("zoom", "has_zoom"), [(True, True), (False, False), (None, False)])
def test_a_screen_tells_its_size_and_what_it_can(zoom: Any, has_zoom: bool) -> None:
    (tool,) = load(
        {
            "type": "computer_20251124",
            "name": "computer",
            "display_width_px": 1024,
            "display_height_px": 768,
            "enable_zoom": zoom,
        }
    ).tools
    schema: Any = tool.parameters
    assert "1024 by 768 pixels" in tool.description
    assert ("zoom" in schema["properties"]["action"]["enum"]) is has_zoom
    assert ("region" in schema["properties"]) is has_zoom


def test_a_schema_of_the_client_counts_more() -> None:
    given = {"type": "object", "properties": {"x": {"type": "string"}}}
    assert load({"type": "bash_20250124", "name": "bash", "input_schema": given}).tools == (
        Tool("bash", "", given),
    )


HOSTED: dict[str, Any] = {
    "web_search": {"type": "web_search_20250305", "name": "web_search", "max_uses": 5},
    "web_fetch": {"type": "web_fetch_20250910", "name": "web_fetch"},
    "code_execution": {"type": "code_execution_20250825", "name": "code_execution"},
    "tool_search": {"type": "tool_search_tool_regex_20251119", "name": "tool_search_tool_regex"},
    "mcp_toolset": {"type": "mcp_toolset", "mcp_server_name": "s"},
    "to be invented": {"type": "hologram_20990101", "name": "hologram"},
}


def is_refused(error: GatewayError, tool: Any) -> bool:
    kind = tool["type"]
    if kind.startswith("web_search"):
        expected: tuple[type[GatewayError], str] = (
            Forbidden,
            "ollama cloud is disabled: web search is unavailable",
        )
    else:
        expected = (InvalidRequest, f"a tool of the type {kind} is not available here")
    return (type(error), error.message) == expected


@pytest.mark.parametrize("tool", HOSTED.values(), ids=HOSTED)
def test_a_tool_of_anthropics_servers_is_left_out_beside_others(
    tool: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "gateway.dialects")
    assert load(tool, FUNCTION).tools == (F,)
    assert load(FUNCTION, tool, tool_choice={"type": "any"}).tools == (F,)
    assert all(tool["type"] in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize("tool", HOSTED.values(), ids=HOSTED)
def test_a_request_about_a_tool_of_anthropics_servers_is_refused(tool: Any) -> None:
    name = tool.get("name") or tool["mcp_server_name"]
    for tools, body in (
        ([tool], {}),
        ([tool, tool], {}),
        ([FUNCTION, tool], {"tool_choice": {"type": "tool", "name": name}}),
    ):
        with pytest.raises(GatewayError) as caught:
            load(*tools, **body)
        assert is_refused(caught.value, tool)


@pytest.mark.parametrize("tool", HOSTED.values(), ids=HOSTED)
def test_a_tool_that_must_not_be_called_is_no_reason_to_refuse(tool: Any) -> None:
    assert load(tool, tool_choice={"type": "none"}).tools == ()


@pytest.mark.parametrize("kind", ["custom", None, "", "function"])
def test_a_function_needs_no_type(kind: str | None) -> None:
    request = load({**FUNCTION, "type": kind}, tool_choice={"type": "tool", "name": "f"})
    assert (request.tools, request.tool_choice) == ((F,), NamedTool("f"))
