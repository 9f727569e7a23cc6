"""``/v1/messages`` from one end to the other, over a provider that does what a test says."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpClient

from anthropic_wire import PNG, read_events
from gateway.core.chat import ChatRequest, Message, Role, Sampling, Tool
from gateway.core.errors import ContextOverflow, UpstreamRateLimited, UpstreamTimeout
from gateway.core.events import Finish, FinishReason, TextDelta, ThinkingDelta, ToolCall, Usage
from gateway.core.model_info import Capability, ModelInfo
from gateway.dialects.anthropic.requests import estimate_tokens
from gateways import scripted_app
from scripted import HANG, ScriptedProvider

DONE = Finish(FinishReason.STOP, Usage(3, 2))
HELLO = [{"role": "user", "content": "hi"}]
PLAIN = frozenset({Capability.COMPLETION})
MODELS = (
    ModelInfo("tiny-latest"),
    ModelInfo("able-latest", PLAIN | {Capability.TOOLS, Capability.VISION, Capability.THINKING}),
    ModelInfo("vectors-latest", frozenset({Capability.EMBEDDING})),
)
TOOL = {"name": "f", "input_schema": {"type": "object"}}
PICTURE = {"type": "image", "source": {"type": "base64", "data": PNG}}

Post = Callable[..., Awaitable[aiohttp.ClientResponse]]


@pytest.fixture
def provider() -> ScriptedProvider:
    return ScriptedProvider(models=MODELS, steps=[[TextDelta("Hel")], [TextDelta("lo"), DONE]])


@pytest.fixture
async def post(provider: ScriptedProvider, aiohttp_client: AiohttpClient) -> Post:
    client = await aiohttp_client(scripted_app(provider))

    async def send(**body: Any) -> Any:
        body = {"model": "tiny", "max_tokens": 9, "messages": HELLO, **body}
        return await client.post("/v1/messages?beta=true", json=body)

    return send


async def failure(response: aiohttp.ClientResponse) -> tuple[int, str, str]:
    """Return the status and what an error's envelope holds, after a look at the envelope itself."""
    assert response.content_type == "application/json"
    document = await response.json()
    assert re.fullmatch("req_[0-9a-f]{24}", document.pop("request_id"))
    error = document.pop("error")
    assert document == {"type": "error"}
    assert [*error] == ["type", "message"]
    return response.status, error["type"], error["message"]


async def test_a_whole_answer(post: Post, provider: ScriptedProvider) -> None:
    response = await post(temperature=0.5)
    assert response.status == 200
    assert response.headers["Content-Type"] == "application/json"
    text = await response.text()
    assert text.endswith("}\n")
    answer = json.loads(text)
    assert re.fullmatch("msg_[0-9a-f]{24}", answer.pop("id"))
    assert answer == {
        "type": "message",
        "role": "assistant",
        "model": "tiny",
        "content": [{"type": "text", "text": "Hello"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 3, "output_tokens": 2},
    }
    assert provider.asked == [
        ChatRequest(
            "tiny-latest",
            (Message(Role.USER, "hi"),),
            sampling=Sampling(temperature=0.5, max_tokens=9),
        )
    ]


async def test_a_streamed_answer(post: Post) -> None:
    response = await post(stream=True)
    assert response.status == 200
    assert response.headers["Content-Type"] == "text/event-stream"
    start, *events = read_events(await response.read())
    assert start["message"]["usage"] == {"input_tokens": 1, "output_tokens": 0}
    assert [event["type"] for event in events] == [
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert events[-2]["usage"] == {"input_tokens": 3, "output_tokens": 2}


async def test_a_stream_begins_with_a_guess_of_its_input(post: Post) -> None:
    spoken = "x" * 391
    messages = [
        {"role": "user", "content": spoken},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "f"}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1"}]},
    ]
    response = await post(model="able", stream=True, messages=messages, tools=[TOOL])
    start = read_events(await response.read())[0]
    # the text, the roles, the name, the id and the arguments of the call, the tool
    characters = 391 + len("user" + "assistant" + "tool") + 4 + len('f{"type":"object"}')
    assert start["message"]["usage"]["input_tokens"] == characters // 4


def test_a_guess_passes_over_what_is_nested_too_deeply() -> None:
    deep: dict[str, object] = {}
    for _ in range(100_000):
        deep = {"x": deep}
    asked = ChatRequest("tiny", (Message(Role.USER, "x" * 36),), tools=(Tool("f", "", deep),))
    assert estimate_tokens(asked) == 10


@pytest.mark.parametrize("stream", [True, False])
async def test_a_conversation_that_says_nothing_costs_nothing(
    post: Post, provider: ScriptedProvider, stream: bool
) -> None:
    response = await post(messages=[{"role": "user", "content": ""}], stream=stream)
    assert response.status == 200
    body = await response.read()
    if stream:
        assert response.headers["Content-Type"] == "text/event-stream"
        assert read_events(body)[1]["delta"] == {"stop_reason": "stop_sequence"}
    else:
        assert response.headers["Content-Type"] == "application/json"
        assert json.loads(body)["stop_reason"] == "stop_sequence"
    assert provider.asked == []


REFUSED: dict[str, tuple[dict[str, Any], tuple[int, str, str]]] = {
    "no model": ({"model": ""}, (400, "invalid_request_error", "model is required")),
    "no limit": (
        {"max_tokens": 0},
        (400, "invalid_request_error", "max_tokens is required and must be positive"),
    ),
    "no messages": ({"messages": None}, (400, "invalid_request_error", "messages is required")),
    "no name": ({"model": "a b"}, (400, "invalid_request_error", "invalid model name")),
    "an unknown model": (
        {"model": "Claude-9"},
        (404, "not_found_error", "model 'Claude-9' not found"),
    ),
    "a model for vectors": (
        {"model": "Vectors"},
        (400, "invalid_request_error", '"Vectors" does not support chat'),
    ),
    "tools": (
        {"tools": [TOOL]},
        (
            400,
            "invalid_request_error",
            "registry.ollama.ai/library/tiny:latest does not support tools",
        ),
    ),
    "tools and a picture": (
        {"tools": [TOOL], "messages": [{"role": "user", "content": [PICTURE]}]},
        (
            400,
            "invalid_request_error",
            "registry.ollama.ai/library/tiny:latest does not support tools\nvision",
        ),
    ),
    "a picture that nobody recognises": (
        {
            "model": "able",
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "image", "source": {"type": "base64", "data": "AAAA"}}],
                }
            ],
        },
        (
            400,
            "invalid_request_error",
            "unsupported media: images may be png, jpeg, gif or webp, audio wav or mp3,"
            " documents pdf",
        ),
    ),
}


@pytest.mark.parametrize(("body", "error"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("stream", [True, False])
async def test_a_refusal_has_anthropics_envelope_and_ollamas_words(
    post: Post,
    provider: ScriptedProvider,
    body: dict[str, Any],
    error: tuple[int, str, str],
    stream: bool,
) -> None:
    assert await failure(await post(**body, stream=stream)) == error
    assert provider.asked == []


@pytest.mark.parametrize("model", ["tiny", "able"])
async def test_pictures_behind_urls_and_documents_need_what_they_are(
    post: Post, provider: ScriptedProvider, model: str
) -> None:
    document = {"type": "document", "source": {"type": "url", "url": "https://e.example/a.pdf"}}
    picture = {"type": "image", "source": {"type": "url", "url": "https://e.example/a.png"}}
    response = await post(model=model, messages=[{"role": "user", "content": [document]}])
    assert response.status == 200
    response = await post(model=model, messages=[{"role": "user", "content": [picture]}])
    assert response.status == (200 if model == "able" else 400)


@pytest.mark.parametrize(
    ("model", "thinking", "think"),
    [
        ("able", "enabled", True),
        ("able", "disabled", False),
        ("tiny", "enabled", None),
        ("tiny", "disabled", False),
    ],
)
async def test_a_wish_to_think_is_dropped_where_the_model_cannot(
    post: Post, provider: ScriptedProvider, model: str, thinking: str, think: bool | None
) -> None:
    response = await post(model=model, thinking={"type": thinking})
    assert response.status == 200
    (asked,) = provider.asked
    assert isinstance(asked, ChatRequest)
    assert asked.think is think


@pytest.mark.parametrize("stream", [True, False])
async def test_an_error_before_the_first_event_keeps_its_status(
    post: Post, provider: ScriptedProvider, stream: bool
) -> None:
    provider.steps = [UpstreamRateLimited("slow down", headers={"Retry-After": "70"})]
    response = await post(stream=stream)
    assert response.headers["Retry-After"] == "70"
    assert await failure(response) == (429, "rate_limit_error", "slow down")


@pytest.mark.parametrize("stream", [True, False])
async def test_a_conversation_that_is_too_long_is_told_so_that_clients_shorten_it(
    post: Post, provider: ScriptedProvider, stream: bool
) -> None:
    provider.steps = [ContextOverflow("Prompt contains 300000 tokens")]
    assert await failure(await post(stream=stream)) == (
        400,
        "invalid_request_error",
        "prompt is too long: Prompt contains 300000 tokens",
    )


async def test_an_error_in_a_stream_is_its_last_event(
    post: Post, provider: ScriptedProvider
) -> None:
    provider.steps = [[ThinkingDelta("hm")], UpstreamTimeout("too quiet")]
    response = await post(stream=True)
    assert response.status == 200
    *_, delta, error = read_events(await response.read())
    assert delta["delta"] == {"type": "thinking_delta", "thinking": "hm"}
    assert error.pop("request_id").startswith("req_")
    assert error == {"type": "error", "error": {"type": "api_error", "message": "too quiet"}}


async def test_a_whole_answer_that_fails_has_a_status(
    post: Post, provider: ScriptedProvider
) -> None:
    provider.steps = [[TextDelta("a")], UpstreamTimeout("too quiet")]
    assert await failure(await post()) == (504, "api_error", "too quiet")


async def test_what_went_wrong_in_an_adapter_is_not_told(
    post: Post, provider: ScriptedProvider
) -> None:
    provider.steps = [ZeroDivisionError("secret")]
    assert await failure(await post()) == (
        502,
        "api_error",
        "the adapter of scripted raised ZeroDivisionError",
    )


async def test_calls_end_the_turn(post: Post, provider: ScriptedProvider) -> None:
    call = ToolCall("f", {"x": 1}, "abcdefghi")
    provider.steps = [[call, Finish(FinishReason.TOOL_CALLS, Usage(3, 2))]]
    answer = await (await post(model="able", tools=[TOOL])).json()
    assert answer["content"] == [
        {"type": "tool_use", "id": "abcdefghi", "name": "f", "input": {"x": 1}}
    ]
    assert answer["stop_reason"] == "tool_use"


@pytest.fixture
async def serving(provider: ScriptedProvider) -> AsyncIterator[str]:
    runner = web.AppRunner(scripted_app(provider), handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0]
    yield f"http://{host}:{port}/v1/messages"
    await runner.cleanup()


async def test_a_client_that_leaves_ends_the_upstream_request(
    serving: str, provider: ScriptedProvider
) -> None:
    provider.steps = [[TextDelta("a")], HANG]
    body = {"model": "tiny", "max_tokens": 9, "messages": HELLO, "stream": True}
    async with aiohttp.ClientSession() as session, session.post(serving, json=body) as response:
        assert (await response.content.readline()) == b"event: message_start\n"
    await asyncio.wait_for(provider.left.wait(), 5)


COUNTED: dict[str, tuple[dict[str, Any], int]] = {
    "a question": ({"messages": HELLO}, len("userhi") // 4),
    "instructions": ({"messages": HELLO, "system": "x" * 34}, (34 + len("systemuserhi")) // 4),
    "no limit of the answer": ({"messages": HELLO, "max_tokens": None}, 1),
    "a picture": ({"messages": [{"role": "user", "content": [PICTURE]}]}, 1_601),
    "a tool": ({"messages": HELLO, "tools": [TOOL]}, len('userhif{"type":"object"}') // 4),
    "a search that nobody can do": (
        {"messages": HELLO, "tools": [{"type": "web_search_20250305", "name": "web_search"}]},
        1,
    ),
    "nothing": ({"messages": [{"role": "user", "content": ""}]}, 1),
}


@pytest.mark.parametrize(("body", "tokens"), COUNTED.values(), ids=COUNTED)
async def test_tokens_are_estimated_without_a_provider(
    provider: ScriptedProvider, aiohttp_client: AiohttpClient, body: dict[str, Any], tokens: int
) -> None:
    client = await aiohttp_client(scripted_app(provider))
    response = await client.post("/v1/messages/count_tokens", json={"model": "tiny", **body})
    assert (response.status, await response.json()) == (200, {"input_tokens": tokens})
    assert response.headers["Content-Type"] == "application/json"
    assert provider.asked == []


async def test_the_count_is_that_with_which_a_stream_begins(
    provider: ScriptedProvider, aiohttp_client: AiohttpClient
) -> None:
    client = await aiohttp_client(scripted_app(provider))
    body = {"model": "tiny", "max_tokens": 9, "system": "x" * 99, "messages": HELLO}
    counted = await (await client.post("/v1/messages/count_tokens", json=body)).json()
    response = await client.post("/v1/messages", json={**body, "stream": True})
    start = read_events(await response.read())[0]
    assert start["message"]["usage"]["input_tokens"] == counted["input_tokens"]


UNCOUNTED: dict[str, tuple[dict[str, Any], tuple[int, str, str]]] = {
    "no model": ({"messages": HELLO}, (400, "invalid_request_error", "model is required")),
    "no messages": ({"model": "tiny"}, (400, "invalid_request_error", "messages is required")),
    "an unknown model": (
        {"model": "Claude-9", "messages": HELLO},
        (404, "not_found_error", "model 'Claude-9' not found"),
    ),
}


@pytest.mark.parametrize(("body", "error"), UNCOUNTED.values(), ids=UNCOUNTED)
async def test_what_cannot_be_counted_is_refused(
    provider: ScriptedProvider,
    aiohttp_client: AiohttpClient,
    body: dict[str, Any],
    error: tuple[int, str, str],
) -> None:
    client = await aiohttp_client(scripted_app(provider))
    assert await failure(await client.post("/v1/messages/count_tokens", json=body)) == error


VERSION = {"anthropic-version": "2023-06-01"}


async def test_models_are_listed_in_anthropics_form_for_its_libraries(
    provider: ScriptedProvider, aiohttp_client: AiohttpClient
) -> None:
    client = await aiohttp_client(scripted_app(provider))
    listed = await (await client.get("/v1/models", headers=VERSION)).json()
    ids = [model["id"] for model in listed["data"]]
    assert len(ids) == 3
    assert listed["data"][0] == {
        "type": "model",
        "id": ids[0],
        "display_name": ids[0],
        "created_at": "2023-01-01T00:00:00Z",
    }
    assert (listed["has_more"], listed["first_id"], listed["last_id"]) == (False, ids[0], ids[-1])
    one = await (await client.get("/v1/models/tiny", headers=VERSION)).json()
    assert one == {**listed["data"][0], "id": "tiny", "display_name": "tiny"}
    others = await (await client.get("/v1/models")).json()
    assert others["object"] == "list"


async def test_there_may_be_no_models(aiohttp_client: AiohttpClient) -> None:
    client = await aiohttp_client(scripted_app(ScriptedProvider(models=())))
    listed = await (await client.get("/v1/models", headers=VERSION)).json()
    assert listed == {"data": [], "has_more": False, "first_id": None, "last_id": None}
