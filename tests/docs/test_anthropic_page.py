"""The page on Anthropic's API against a gateway that serves it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.core.errors import GatewayError
from gateway.core.events import Answer, Finish, FinishReason, ToolCall
from gateway.dialects.anthropic.documents import error_document
from gateway.dialects.anthropic.encode import MessageEncoder
from gateway.dialects.anthropic.schemas import MessagesSchema
from gateways import scripted_app
from pages import DOCS, blocks, codes, section, table
from scripted import ScriptedProvider

PAGE = "reference/anthropic.md"
CALL = ToolCall("f", {})


def test_every_field_that_is_read_is_on_the_page() -> None:
    named = {code for row in table(PAGE, "Requests") for code in codes(row["Field"])}
    assert named == MessagesSchema().known


@pytest.mark.parametrize("row", table(PAGE, "Errors"), ids=lambda row: str(row["Status"]))
def test_every_status_has_the_type_on_the_page(row: dict[str, str]) -> None:
    status = 500 if row["Status"] == "any other" else int(row["Status"])
    document = json.loads(error_document(GatewayError("x", status=status), "abc"))
    assert document["error"]["type"] == codes(row["`type`"])[0]


async def test_the_error_on_the_page_is_one(aiohttp_client: Any) -> None:
    client = await aiohttp_client(scripted_app(ScriptedProvider()))
    body = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}]}
    answered = await (await client.post("/v1/messages", json=body)).json()
    (block,) = blocks(DOCS / PAGE, "json")
    shown = json.loads(block.text)
    assert len(shown["request_id"]) == len(answered["request_id"])
    assert shown == {**answered, "request_id": shown["request_id"]}


REASONS = {
    "tool_use": (FinishReason.TOOL_CALLS, (CALL,)),
    "end_turn": (FinishReason.STOP, ()),
    "stop_sequence": (FinishReason.STOP, ()),
    "max_tokens": (FinishReason.LENGTH, ()),
    "refusal": (FinishReason.CONTENT_FILTER, ()),
}
STOPPED = {"anthropic": {"stop_sequence": "END"}}


def test_every_reason_on_the_page_is_given() -> None:
    assert [codes(row["`stop_reason`"])[0] for row in table(PAGE, "Answers")] == [*REASONS]


@pytest.mark.parametrize("reason", REASONS)
def test_reasons_are_given_as_the_page_says(reason: str) -> None:
    finish, calls = REASONS[reason]
    told = STOPPED if reason == "stop_sequence" else None
    answer = Answer(calls, Finish(finish, None, told))
    document = json.loads(MessageEncoder("m", identity="1").document(answer))
    assert document["stop_reason"] == reason


async def test_what_is_said_to_be_missing_is(aiohttp_client: Any) -> None:
    client = await aiohttp_client(scripted_app(ScriptedProvider()))
    said = codes(section(PAGE, "Endpoints"))
    response = await client.post("/v1/messages/batches", json={})
    assert {"/v1/messages/batches", await response.text()} <= {*said}
