"""``/v1/responses`` over HTTP: sessions of several turns, and what clients act on."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from gateway.access.caller import CALLER, Caller
from gateway.core.chat import ChatRequest, Message, Role
from gateway.core.errors import ContextOverflow, UpstreamTimeout
from gateway.core.events import Finish, FinishReason, TextDelta, ThinkingDelta, ToolCall, Usage
from gateway.core.model_info import Capability, ModelInfo
from gateway.settings import LimitsSettings, Settings
from gateways import scripted_app
from openai_wire import read_events
from scripted import ScriptedProvider

Client = TestClient[web.Request, web.Application]
Connect = Callable[..., Awaitable[Client]]

ABLE = ModelInfo("able-latest", frozenset({Capability.COMPLETION, Capability.TOOLS}))
USAGE = Usage(3, 2)
CALLED = [
    ThinkingDelta("hm"),
    ToolCall("look", {"city": "Paris"}, "abcdefgh1"),
    Finish(FinishReason.TOOL_CALLS, USAGE),
]
HI = [TextDelta("Ho"), Finish(FinishReason.STOP, USAGE)]
LOOK = {"type": "function", "name": "look", "parameters": {"type": "object"}}
PATH = "/v1/responses"
QUESTION = {"role": "user", "content": "How is it in Paris?"}
SESSION = (
    Message(Role.USER, "How is it in Paris?"),
    Message(
        Role.ASSISTANT,
        thinking="hm",
        tool_calls=(ToolCall("look", {"city": "Paris"}, "abcdefgh1"),),
    ),
    Message(Role.TOOL, "21 C", tool_name="look", tool_call_id="abcdefgh1"),
)


async def respond(client: Client, *, status: int = 200, **body: object) -> dict[str, Any]:
    headers = {"Caller": str(body.pop("caller", ""))}
    body = {"model": "able", "tools": [LOOK], **body}
    async with client.post(PATH, json=body, headers=headers) as response:
        assert response.status == status, await response.text()
        answered: dict[str, Any] = (
            read_events(await response.read())[-1]["response"]
            if body.get("stream")
            else await response.json()
        )
    return answered


def asked(provider: ScriptedProvider) -> ChatRequest:
    request = provider.asked[-1]
    assert isinstance(request, ChatRequest)
    return request


@pytest.fixture
def provider() -> ScriptedProvider:
    return ScriptedProvider(models=(ABLE,), steps=[CALLED])


@pytest.fixture
async def client(provider: ScriptedProvider, aiohttp_client: Connect) -> Client:
    app = scripted_app(provider)

    @web.middleware
    async def name_caller(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if name := request.headers.get("Caller"):
            request[CALLER] = Caller(name)
        return await handler(request)

    app.middlewares.insert(0, name_caller)
    return await aiohttp_client(app)


@pytest.mark.parametrize("stream", [True, False])
async def test_a_session_goes_on_from_the_id_of_its_last_answer(
    client: Client, provider: ScriptedProvider, stream: bool
) -> None:
    first = await respond(client, input=[QUESTION], stream=stream)
    assert first["store"] is True
    assert re.fullmatch("resp_[0-9a-f]{32}", first["id"])
    provider.steps = [HI]
    result = {"type": "function_call_output", "call_id": "abcdefgh1", "output": "21 C"}
    second = await respond(client, input=[result], previous_response_id=first["id"], stream=stream)
    assert second["previous_response_id"] == first["id"]
    assert asked(provider).messages == SESSION
    third = await respond(client, input="And now?", previous_response_id=second["id"])
    assert asked(provider).messages == (
        *SESSION,
        Message(Role.ASSISTANT, "Ho"),
        Message(Role.USER, "And now?"),
    )
    assert len({first["id"], second["id"], third["id"]}) == 3


async def test_a_session_refers_to_the_items_of_its_answers(
    client: Client, provider: ScriptedProvider
) -> None:
    first = await respond(client, input=[QUESTION])
    references = [{"type": "item_reference", "id": item["id"]} for item in first["output"]]
    result = {"type": "function_call_output", "call_id": "abcdefgh1", "output": "21 C"}
    second = await respond(client, input=[QUESTION, *references, result])
    assert asked(provider).messages == SESSION
    # what was referred to is kept itself
    await respond(client, input="on", previous_response_id=second["id"])
    assert asked(provider).messages[:3] == SESSION


async def test_instructions_are_those_of_each_request(
    client: Client, provider: ScriptedProvider
) -> None:
    first = await respond(client, input="a", instructions="Be kind.")
    await respond(client, input="b", previous_response_id=first["id"], instructions="Be brief.")
    system = [message.content for message in asked(provider).messages if message.role == "system"]
    assert system == ["Be brief."]


@pytest.mark.parametrize("stream", [True, False])
async def test_an_unknown_answer_is_never_continued(client: Client, stream: bool) -> None:
    answer = await client.post(
        PATH,
        json={
            "model": "able",
            "input": [{"type": "function_call_output", "call_id": "call_1", "output": "42"}],
            "previous_response_id": "resp_abc",
            "stream": stream,
        },
    )
    assert answer.status == 400
    assert await answer.json() == {
        "error": {
            "message": "previous response with id 'resp_abc' not found",
            "type": "invalid_request_error",
            "param": None,
            "code": "previous_response_not_found",
        }
    }


async def test_another_caller_finds_neither_answer_nor_items(client: Client) -> None:
    first = await respond(client, input="a", caller="alice")
    item = {"type": "item_reference", "id": first["output"][0]["id"]}
    for caller in ("bob", ""):
        await respond(
            client, input="b", previous_response_id=first["id"], caller=caller, status=400
        )
        await respond(client, input=[item], caller=caller, status=400)
    await respond(client, input=[item], previous_response_id=first["id"], caller="alice")


async def test_what_is_not_to_be_stored_is_not(client: Client) -> None:
    first = await respond(client, input="a", store=False)
    assert first["store"] is False
    error = await respond(client, input="b", previous_response_id=first["id"], status=400)
    assert error["error"]["code"] == "previous_response_not_found"


async def test_the_memory_can_be_switched_off(
    provider: ScriptedProvider, aiohttp_client: Connect
) -> None:
    settings = Settings(providers={}, limits=LimitsSettings(responses=0))
    client = await aiohttp_client(scripted_app(provider, settings))
    first = await respond(client, input="a", store=True)
    assert first["store"] is False
    await respond(client, input="b", previous_response_id=first["id"], status=400)


async def test_an_answer_that_failed_is_not_kept(
    client: Client, provider: ScriptedProvider
) -> None:
    provider.steps = [[TextDelta("Ho")], UpstreamTimeout("quiet")]
    response = await client.post(PATH, json={"model": "able", "input": "a", "stream": True})
    sent = b""
    with suppress(aiohttp.ClientPayloadError):
        while piece := await response.content.readany():
            sent += piece
    *_, failed = read_events(sent)
    assert failed["type"] == "response.failed"
    identity = failed["response"]["id"]
    await respond(client, input="b", previous_response_id=identity, status=400)


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_that_was_cut_is_incomplete_and_can_be_continued(
    client: Client, provider: ScriptedProvider, stream: bool
) -> None:
    provider.steps = [[TextDelta("Ho"), Finish(FinishReason.LENGTH, USAGE)]]
    cut = await respond(client, input="say a lot", max_output_tokens=3, stream=stream)
    assert cut["status"] == "incomplete"
    assert cut["incomplete_details"] == {"reason": "max_output_tokens"}
    await respond(client, input="go on", previous_response_id=cut["id"])
    assert asked(provider).messages[1] == Message(Role.ASSISTANT, "Ho")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (PATH, {"input": "hi", "reasoning": {"effort": "low"}}),
        ("/v1/chat/completions", {"messages": [QUESTION], "reasoning_effort": "high"}),
        ("/v1/chat/completions", {"messages": [QUESTION], "reasoning": {"effort": "max"}}),
    ],
)
async def test_a_model_that_cannot_think_is_not_asked_to(
    client: Client, provider: ScriptedProvider, path: str, body: dict[str, object]
) -> None:
    async with client.post(path, json={"model": "able", **body}) as response:
        assert response.status == 200
    assert asked(provider).think is None


@pytest.mark.parametrize("path", [PATH, "/v1/chat/completions"])
@pytest.mark.parametrize("stream", [True, False])
async def test_a_conversation_that_is_too_long_has_the_code_for_it(
    client: Client, provider: ScriptedProvider, path: str, stream: bool
) -> None:
    words = "Prompt contains 300000 tokens, too large for model with 262144 maximum context length"
    provider.steps = [ContextOverflow(words)]
    said = {"input": [QUESTION]} if path == PATH else {"messages": [QUESTION]}
    async with client.post(path, json={"model": "able", "stream": stream, **said}) as response:
        assert response.status == 400
        assert (await response.json())["error"] == {
            "message": words,
            "type": "invalid_request_error",
            "param": None,
            "code": "context_length_exceeded",
        }


@pytest.mark.parametrize("path", [PATH, "/v1/chat/completions"])
async def test_a_search_of_the_web_alone_is_refused(client: Client, path: str) -> None:
    said = {"input": [QUESTION]} if path == PATH else {"messages": [QUESTION]}
    body = {"model": "able", "tools": [{"type": "web_search"}], **said}
    async with client.post(path, json=body) as response:
        assert response.status == 403
        message = (await response.json())["error"]["message"]
        assert message == "ollama cloud is disabled: web search is unavailable"


@pytest.mark.parametrize("stream", [True, False])
async def test_a_chat_answers_with_a_call_of_a_custom_tool(
    client: Client, provider: ScriptedProvider, stream: bool
) -> None:
    provider.steps = [
        [
            ToolCall("patch", {"input": "*** Begin"}, "abcdefgh1"),
            Finish(FinishReason.TOOL_CALLS, USAGE),
        ]
    ]
    body = {
        "model": "able",
        "messages": [QUESTION],
        "tools": [{"type": "custom", "custom": {"name": "patch"}}],
        "stream": stream,
    }
    async with client.post("/v1/chat/completions", json=body) as response:
        text = await response.text()
    assert '"type":"custom","custom":{"name":"patch","input":"*** Begin"}' in text
    assert [tool.name for tool in asked(provider).tools] == ["patch"]
