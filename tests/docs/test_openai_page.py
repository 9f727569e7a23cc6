"""The page on OpenAI's API against a gateway that serves it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from gateway.core.errors import GatewayError
from gateway.core.events import (
    Answer,
    ChatEvent,
    Finish,
    FinishReason,
    TextDelta,
    ThinkingDelta,
    ToolCall,
)
from gateway.dialects.bodies.zstd import LARGEST_BODY
from gateway.dialects.openai.bodies import ResponseBody
from gateway.dialects.openai.documents import error_document
from gateway.dialects.openai.encode import ChatEncoder
from gateway.dialects.openai.formats import _EFFORTS
from gateway.dialects.openai.responses import ResponseEncoder
from gateway.dialects.openai.schemas import (
    ChatSchema,
    CompletionSchema,
    EmbeddingSchema,
    ResponseSchema,
)
from gateway.dialects.openai.tools import OfferedTools
from gateways import scripted_app
from openai_wire import read_events
from pages import DOCS, blocks, codes, section, table
from scripted import ScriptedProvider

PAGE = "reference/openai.md"
CALL = ToolCall("f", {})
SCHEMAS = {
    "Chat completions": ChatSchema,
    "Completions": CompletionSchema,
    "Embeddings": EmbeddingSchema,
    "Responses": ResponseSchema,
}


@pytest.mark.parametrize("heading", SCHEMAS)
def test_every_field_that_is_read_is_on_the_page(heading: str) -> None:
    named = {code for row in table(PAGE, heading) for code in codes(row["Field"])}
    assert named == SCHEMAS[heading]().known


@pytest.mark.parametrize("heading", SCHEMAS)
def test_no_field_that_is_said_to_have_no_effect_is_read(heading: str) -> None:
    for line in section(PAGE, heading).splitlines():
        if "no effect" in line:
            assert not set(codes(line)) & SCHEMAS[heading]().known


def test_the_efforts_on_the_page_are_those_that_are_known() -> None:
    (row,) = [one for one in table(PAGE, "Chat completions") if "reasoning" in one["Field"]]
    assert codes(row["Handling"])[:-1] == [*_EFFORTS]


@pytest.mark.parametrize("row", table(PAGE, "Errors"), ids=lambda row: str(row["Status"]))
def test_every_status_has_the_type_on_the_page(row: dict[str, str]) -> None:
    status = 500 if row["Status"] == "any other" else int(row["Status"])
    document = json.loads(error_document(GatewayError("x", status=status)))
    assert document["error"]["type"] == codes(row["`type`"])[0]


async def test_the_error_on_the_page_is_one(aiohttp_client: Any) -> None:
    client = await aiohttp_client(scripted_app(ScriptedProvider()))
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    answered = await (await client.post("/v1/chat/completions", json=body)).json()
    (block,) = blocks(DOCS / PAGE, "json")
    assert json.loads(block.text) == answered


async def test_an_address_with_the_prefix_twice_is_nothing(aiohttp_client: Any) -> None:
    client = await aiohttp_client(scripted_app(ScriptedProvider()))
    (line,) = [line for line in section(PAGE, "OpenAI's API").splitlines() if "404 page" in line]
    *prefixes, said = codes(line)
    for prefix in prefixes:
        answered = await client.post(f"/v1{prefix}/chat/completions")
        assert (answered.status, await answered.text()) == (404, said)


REASONS = {
    "stop": (FinishReason.TOOL_CALLS, ()),
    "tool_calls": (FinishReason.STOP, (CALL,)),
    "length": (FinishReason.LENGTH, (CALL,)),
    "content_filter": (FinishReason.CONTENT_FILTER, ()),
}


def test_the_reasons_are_those_on_the_page() -> None:
    rows = table(PAGE, "Chat completions", "`finish_reason`")
    assert [codes(row["`finish_reason`"])[0] for row in rows] == [*REASONS]
    for reason, (finish, calls) in REASONS.items():
        answer = Answer(calls, Finish(finish))
        document = json.loads(ChatEncoder("m", identity="1").document(answer))
        assert document["choices"][0]["finish_reason"] == reason


EVENTS: dict[str, ChatEvent] = {
    "reasoning": ThinkingDelta("x"),
    "message": TextDelta("x"),
    "function_call": CALL,
    "custom_tool_call": ToolCall("run", {"input": "x"}, "abcdefgh2"),
}


def test_the_events_of_each_item_are_those_on_the_page() -> None:
    text = section(PAGE, "Responses")
    (begins,) = re.findall(r"begins with `(.*?)` and `(.*?)`.*ends with `(.*?)`", text)
    first, second, last = begins
    rows = table(PAGE, "Responses", "Item | Events")
    assert [codes(row["Item"])[0] for row in rows] == [*EVENTS]
    events = [*EVENTS.values(), Finish(FinishReason.STOP)]
    body = ResponseBody("m", tools=OfferedTools(custom=frozenset({"run"})))
    sent = ResponseEncoder(body, identity="1").lines(events)
    said = [code for row in rows for code in codes(row["Events"])]
    assert [event["type"] for event in read_events(sent)] == [first, second, *said, last]


def test_the_largest_body_is_that_of_the_page() -> None:
    (line,) = [line for line in section(PAGE, "Endpoints").splitlines() if "zstd" in line]
    assert f"{LARGEST_BODY >> 20} MiB once decompressed" in line
