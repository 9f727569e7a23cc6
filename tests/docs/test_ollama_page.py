"""The page on Ollama servers against the adapter."""

from __future__ import annotations

import json
from typing import Any

from gateway.core.chat import Role
from gateway.dialects.ollama import schemas
from gateway.dialects.ollama.checks import chat_request
from gateway.providers.ollama import OllamaOptions, OllamaOptionsSchema, OllamaProvider
from gateway.providers.ollama.encode import answer_call
from gateway.settings import TimeoutSettings
from pages import codes, section, table

PAGE = "reference/ollama.md"


def rows(heading: str, column: str) -> dict[str, dict[str, str]]:
    return {row[column]: row for row in table(PAGE, heading)}


def test_the_options_are_those_of_the_schema() -> None:
    shown = {
        codes(row["Option"])[0]: (
            codes(row["Variable"])[0] if row["Variable"] else None,
            json.loads(codes(row["Default"])[0]),
        )
        for row in table(PAGE, "Options")
    }
    defaults = OllamaOptions()
    assert shown == {
        name: (OllamaProvider.options_from_env.get(name), getattr(defaults, name))
        for name in OllamaOptionsSchema().fields
    }


def test_what_passes_as_it_is_is_what_a_body_may_hold() -> None:
    what, *_ = rows("Passed on unchanged", "What")
    known = {
        name
        for schema in (schemas.ChatSchema, schemas.GenerateSchema, schemas.EmbedSchema)
        for name in schema().known
    }
    named = set(codes(what)) | set(codes(rows("Passed on unchanged", "What")["`options`"]["What"]))
    assert named <= known
    kept = {"template", "context", "raw"}
    assert known - named - kept == (
        schemas.ChatSchema.held | schemas.GenerateSchema.held | schemas.EmbedSchema.held
    )


def sent(**fields: Any) -> dict[str, Any]:
    call = schemas.load_chat(json.dumps({"model": "m", **fields}).encode())
    return answer_call(chat_request(call, "m"), OllamaOptions())[1]


def test_roles_become_what_the_page_says() -> None:
    row = rows("Changed or not forwarded", "What")["roles of messages"]["In the gateway"]
    assert codes(row) == ["developer", "system", "user"]
    said = [{"role": role} for role in (*Role, "developer", "control")]
    roles = [message["role"] for message in sent(messages=said)["messages"]]
    assert roles == [*Role, "system", "user"]
    assert len(Role) == 4


def test_a_tool_keeps_what_the_page_says() -> None:
    row = rows("Changed or not forwarded", "What")["a tool"]["In the gateway"]
    function = {"name": "f", "description": "D", "parameters": {"type": "object"}}
    tools = [{"type": "function", "function": {**function, "strict": True}, "new": 1}]
    (tool,) = sent(messages=[{}], tools=tools)["tools"]
    assert tool == {"type": "function", "function": function}
    assert all(name in row for name in function)


def test_how_long_a_server_may_take_to_say_what_it_has_loaded() -> None:
    seconds = TimeoutSettings().loaded_models
    assert f"within {seconds:.0f} seconds" in section("reference/models.md", "Loaded models")
