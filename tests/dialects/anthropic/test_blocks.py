"""Blocks of all types: what can be read reaches the model, and nothing ends a session."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anthropic_wire import PNG
from gateway.core.chat import Media, Message, Role
from gateway.core.events import ToolCall
from gateway.dialects.anthropic.requests import read_messages
from gateway.providers.history.repair import repair_history
from gateway.providers.history.results import name_results

PICTURE = {"type": "base64", "media_type": "image/png", "data": PNG}
PDF = "JVBERi0xLjQK"


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


def said(*blocks: Any, role: str = "user") -> tuple[Message, ...]:
    """Return the messages of one turn of these blocks."""
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": role, "content": blocks}]}
    return read_messages(json.dumps(body).encode())[0].messages


def document(source: Any, **more: Any) -> dict[str, Any]:
    return {"type": "document", "source": source, **more}


READABLE: dict[str, tuple[Any, str]] = {
    "a search result": (
        {
            "type": "search_result",
            "source": "https://e",
            "title": "T",
            "content": [text("FOUND"), text("MORE")],
            "citations": {"enabled": True},
        },
        "Title: T\nSource: https://e\n\nFOUND\n\nMORE",
    ),
    "a search result with nothing but text": (
        {"type": "search_result", "content": [text("FOUND")]},
        "FOUND",
    ),
    "a search result without text": ({"type": "search_result", "title": "T", "content": []}, ""),
    "a document of blocks": (
        document({"type": "content", "content": [text("one"), text("two")]}),
        "one\n\ntwo",
    ),
    "a document of one text": (document({"type": "content", "content": "one"}), "one"),
    "a document with a title and a context": (
        document({"type": "text", "data": "body"}, title="T", context="C"),
        "Title: T\nContext: C\n\nbody",
    ),
    "an empty document": (document({"type": "text", "data": ""}, title="T"), ""),
    "a document at another service": (
        document({"type": "file", "file_id": "file_1"}, title="T"),
        "Title: T\n\n[document file_1 is not available here]",
    ),
    "an image at another service": (
        {"type": "image", "source": {"type": "file", "file_id": "file_2"}},
        "[image file_2 is not available here]",
    ),
    "an image from a source to be invented": (
        {"type": "image", "source": {"type": "new"}},
        "[image is not available here]",
    ),
    "an image of text": (
        {"type": "image", "source": {"type": "text", "data": "x"}},
        "[image is not available here]",
    ),
    "an image without a source": ({"type": "image"}, "[image is not available here]"),
    "a file for code": (
        {"type": "container_upload", "file_id": "file_3"},
        "[file file_3 is not available here]",
    ),
    "a tool that was found": (
        {"type": "tool_reference", "tool_name": "look"},
        "The tool look is available.",
    ),
    "a summary": ({"type": "compaction", "content": "We talked."}, "We talked."),
    "a new block with text": ({"type": "new", "text": "words"}, "words"),
    "a new block with blocks": ({"type": "new", "content": [text("words"), 3, None]}, "words"),
    "a new block with one block": ({"type": "new", "content": text("words")}, "words"),
    "a new block without text": ({"type": "new", "data": "c2VjcmV0", "id": 3}, ""),
    "a block of no type": ({"type": None, "text": "words"}, "words"),
    "a block of an odd type": ({"type": 3, "text": 4, "id": []}, ""),
    "thinking that is sealed": ({"type": "redacted_thinking", "data": "EmwK"}, ""),
}


@pytest.mark.parametrize(("block", "words"), READABLE.values(), ids=READABLE)
def test_what_can_be_read_is_kept_as_text(block: Any, words: str) -> None:
    expected = "\n\n".join(filter(None, ["before", words, "after"]))
    assert said(text("before"), block, text("after")) == (Message(Role.USER, expected),)
    result = {"type": "tool_result", "tool_use_id": "1", "content": [text("before"), block]}
    expected = "\n\n".join(filter(None, ["before", words]))
    assert said(result) == (Message(Role.TOOL, expected, tool_call_id="1"),)


def test_the_title_of_a_document_stands_beside_its_pages() -> None:
    assert said(document({"type": "base64", "data": PDF}, title="T")) == (
        Message(Role.USER, ("Title: T", Media("application/pdf", PDF))),
    )


def test_a_document_of_blocks_may_contain_pictures() -> None:
    source = {"type": "content", "content": [text("a"), {"type": "image", "source": PICTURE}]}
    assert said(document(source)) == (Message(Role.USER, ("a", Media("image/png", PNG))),)


FETCHED = {
    "type": "web_fetch_result",
    "url": "https://e",
    "content": document({"type": "text", "data": "PAGE"}, title="T"),
    "retrieved_at": "2026-01-01",
}
SERVER_RESULTS: dict[str, tuple[str, Any, str]] = {
    "a connector": ("mcp", [text("found")], "found"),
    "a page": ("web_fetch", FETCHED, "url: https://e\n\nTitle: T\n\nPAGE"),
    "a page that is gone": (
        "web_fetch",
        {"type": "web_fetch_tool_result_error", "error_code": "url_not_accessible"},
        "web_fetch_tool_result_error: url_not_accessible",
    ),
    "an error without a code": (
        "code_execution",
        {"type": "code_execution_tool_result_error"},
        "code_execution_tool_result_error",
    ),
    "a program": (
        "code_execution",
        {"type": "code_execution_result", "stdout": "1", "stderr": "bad", "return_code": 2},
        "return_code: 2\n\n1\n\nbad",
    ),
    "a shell": (
        "bash_code_execution",
        {"type": "bash_code_execution_result", "stdout": "1", "stderr": "", "content": []},
        "1",
    ),
    "a file": (
        "text_editor_code_execution",
        {"type": "text_editor_code_execution_view_result", "content": "lines"},
        "lines",
    ),
    "tools that were found": (
        "tool_search",
        {
            "type": "tool_search_tool_search_result",
            "tool_references": [{"type": "tool_reference", "tool_name": "look"}],
        },
        "The tool look is available.",
    ),
    "a tool to be invented": ("new", {"type": "new_result", "text": "found"}, "found"),
    "nothing": ("mcp", None, ""),
}


@pytest.mark.parametrize(("tool", "content", "words"), SERVER_RESULTS.values(), ids=SERVER_RESULTS)
def test_what_a_tool_of_anthropics_servers_returned_stays_in_its_place(
    tool: str, content: Any, words: str
) -> None:
    kind = "mcp_tool_use" if tool == "mcp" else "server_tool_use"
    use = {"type": kind, "id": "s1", "name": tool, "server_name": "x", "input": {"q": 1}}
    result = {"type": f"{tool}_tool_result", "tool_use_id": "s1", "content": content}
    assert said(text("I look."), use, result, text("So."), role="assistant") == (
        Message(Role.ASSISTANT, "I look.", tool_calls=(ToolCall(tool, {"q": 1}, "s1"),)),
        Message(Role.TOOL, words, tool_name="" if tool == "mcp" else tool, tool_call_id="s1"),
        Message(Role.ASSISTANT, "So."),
    )


OFFERED = {"none": [], "one": ["look"], "two": ["look", "see"]}
SERVERS = ["web_search", "code_execution", "bash_code_execution", "tool_search", "new", "mcp"]


@pytest.mark.parametrize("role", ["assistant", "user"])
@pytest.mark.parametrize("offered", OFFERED.values(), ids=OFFERED)
@pytest.mark.parametrize("tool", SERVERS)
def test_a_result_of_a_server_without_its_call_has_the_name_that_is_known(
    tool: str, offered: list[str], role: str
) -> None:
    result = {"type": f"{tool}_tool_result", "tool_use_id": "lost", "content": [text("found")]}
    body = {
        "model": "m",
        "max_tokens": 9,
        "messages": [
            {"role": "user", "content": "a"},
            {"role": role, "content": [result, text("So.")]},
            {"role": "user", "content": "b"},
        ],
        "tools": [{"name": name, "input_schema": {"type": "object"}} for name in offered],
    }
    request, _ = read_messages(json.dumps(body).encode())
    repaired = repair_history(name_results(request.messages, request.tools))
    (name,) = [call.name for message in repaired for call in message.tool_calls]
    of_type = "unknown_tool" if tool == "mcp" else tool
    assert name == ("look" if offered == ["look"] else of_type)


ERRORS: dict[str, tuple[Any, str]] = {
    "text": ("no such file", "[error] no such file"),
    "blocks": ([text("no"), text("file")], "[error] no\n\nfile"),
    "nothing": (None, "[error]"),
}


@pytest.mark.parametrize(("content", "words"), ERRORS.values(), ids=ERRORS)
def test_the_model_is_told_that_a_call_has_failed(content: Any, words: str) -> None:
    result = {"type": "tool_result", "tool_use_id": "1", "content": content}
    assert said({**result, "is_error": True}) == (Message(Role.TOOL, words, tool_call_id="1"),)
    (told,) = said({**result, "is_error": False})
    assert "[error]" not in told.text


INPUTS: dict[str, tuple[Any, dict[str, object]]] = {
    "nothing": (None, {}),
    "an empty text": ("", {}),
    "an object as text": ('{"x": 1}', {"x": 1}),
    "a text that was cut": ('{"x": "Par', {"arguments": '{"x": "Par'}),
    "a list": ([1], {"arguments": [1]}),
}


@pytest.mark.parametrize(("given", "arguments"), INPUTS.values(), ids=INPUTS)
def test_broken_arguments_do_not_end_a_session(given: Any, arguments: dict[str, object]) -> None:
    use = {"type": "tool_use", "id": "1", "name": "f", "input": given}
    assert said(use, role="assistant") == (
        Message(Role.ASSISTANT, tool_calls=(ToolCall("f", arguments, "1"),)),
    )


def test_what_is_left_out_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "gateway.dialects")
    block = {"type": "hologram_of_the_test", "data": "AAAA"}
    said(block, block)
    said(block)
    assert [record.getMessage() for record in caplog.records] == [
        "left out of requests: a block of the type 'hologram_of_the_test'"
    ]


def test_blocks_in_blocks_are_read_to_a_certain_depth() -> None:
    block: dict[str, Any] = text("deep")
    for _ in range(200):
        block = {"type": "new", "content": [block]}
    assert said(block, text("a")) == (Message(Role.USER, "a"),)


WORDS = st.sampled_from(
    ["type", "text", "content", "source", "title", "data", "id", "name", "input", "url", "stdout"]
)
TYPES = st.sampled_from(
    ["search_result", "tool_reference", "compaction", "mcp_tool_result", "new", "", "web_search"]
) | st.text(max_size=8).filter(lambda kind: kind not in {"image", "document"})
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5) | WORDS, inner, max_size=4)
    ),
    max_leaves=12,
)
MEMBERS = st.dictionaries(WORDS, VALUES, max_size=5)
BLOCKS = st.builds(lambda kind, members: {**members, "type": kind}, TYPES, MEMBERS)


@given(st.lists(BLOCKS, max_size=5), st.sampled_from(["user", "assistant"]))
def test_no_block_of_an_unknown_type_is_refused(blocks: list[Any], role: str) -> None:
    known = {"text", "image", "document", "thinking", "tool_use", "tool_result"}
    blocks = [block for block in blocks if block["type"] not in known]
    messages = said(text("first"), *blocks, text("last"), role=role)
    spoken = [message for message in messages if message.role is not Role.TOOL]
    assert spoken[0].text.startswith("first")
    assert spoken[-1].text.endswith("last")
