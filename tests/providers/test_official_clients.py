"""The fakes speak the dialects, and so do we: the official clients of each service say so.

Each recorded exchange is read by the service's own client as well, and it understands what the
gateway understood. Each kind of body that an adapter sends is one that the client could have sent.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, get_type_hints

import anthropic
import ollama
import openai
import pytest
from anthropic.types.message_create_params import MessageCreateParamsStreaming
from ollama._types import ChatRequest as OllamaChatRequest
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from pydantic import TypeAdapter, ValidationError

from adapter_provider import ask, body_of, json_answer, opened
from adapter_transcripts import EXCHANGES, Exchange, play_models
from gateway.core.chat import (
    ChatRequest,
    JsonFormat,
    Media,
    Message,
    NamedTool,
    Role,
    Sampling,
    Tool,
)
from gateway.core.errors import GatewayError
from gateway.core.events import ToolCall
from gateway.providers.anthropic import AnthropicProvider
from gateway.providers.ollama import OllamaProvider
from gateway.providers.openai import OpenAIProvider
from gateway.testing import FakeUpstream

HISTORY: list[Any] = [{"role": "user", "content": "Hi"}]


def streams(adapter: str) -> pytest.MarkDecorator:
    found = [
        case
        for case in EXCHANGES
        if case.adapter == adapter
        and case.content_type != "application/json"
        and "prompt" not in case.request
        and "error" not in case.lines[-1]
    ]
    assert found
    return pytest.mark.parametrize("case", found, ids=lambda case: case.name)


def expected(case: Exchange) -> tuple[str, list[tuple[str, Any]]]:
    """Return text and calls as the gateway's client read them."""
    messages = [line["message"] for line in case.lines]
    calls = [call["function"] for message in messages for call in message.get("tool_calls", [])]
    text = "".join(message["content"] for message in messages)
    return text, [(call["name"], call["arguments"]) for call in calls]


@pytest.fixture
async def service(case: Exchange) -> AsyncIterator[FakeUpstream]:
    async with FakeUpstream(case.answer()) as upstream:
        play_models(upstream, case.adapter)
        yield upstream


@streams("openai")
async def test_openais_client_reads_the_same(case: Exchange, service: FakeUpstream) -> None:
    url = f"{service.url}/v1"
    async with openai.AsyncOpenAI(base_url=url, api_key="k", max_retries=0) as client:
        assert [model.id async for model in client.models.list()]
        text, calls = "", 0
        async with await client.chat.completions.create(
            model="m", messages=HISTORY, stream=True
        ) as stream:
            async for chunk in stream:
                for choice in chunk.choices:
                    text += (choice.delta.content or "") + (choice.delta.refusal or "")
                    for call in choice.delta.tool_calls or ():
                        assert call.function is not None
                        calls += bool(call.function.name)
        assert (text, calls) == (expected(case)[0], len(expected(case)[1]))


@streams("anthropic")
async def test_anthropics_client_reads_the_same(case: Exchange, service: FakeUpstream) -> None:
    async with anthropic.AsyncAnthropic(base_url=service.url, api_key="k", max_retries=0) as client:
        assert [model.id async for model in client.models.list()]
        async with client.messages.stream(
            model="claude-haiku-4-5", max_tokens=9, messages=HISTORY
        ) as stream:
            message = await stream.get_final_message()
        text = "".join(block.text for block in message.content if block.type == "text")
        calls = [(b.name, b.input) for b in message.content if b.type == "tool_use"]
        assert (text, calls) == expected(case)


@streams("ollama")
async def test_ollamas_client_reads_the_same(case: Exchange, service: FakeUpstream) -> None:
    client = ollama.AsyncClient(host=service.url)
    try:
        (listed,) = (await client.list()).models
        assert (await client.show(str(listed.model))).capabilities
        text, calls = "", []
        async for part in await client.chat(str(listed.model), HISTORY, stream=True):
            text += part.message.content or ""
            calls += [
                (call.function.name, dict(call.function.arguments))
                for call in part.message.tool_calls or ()
            ]
        assert part.done
        assert (text, calls) == expected(case)
    finally:
        await client._client.aclose()


PNG = Media("image/png", "iVBORw0KGgo=")
TOOL = Tool("f", "does f", {"type": "object", "properties": {}})
CALLED = (
    Message(Role.SYSTEM, "Be brief."),
    Message(Role.USER, ("What?", PNG)),
    Message(Role.ASSISTANT, "Hm.", thinking="Well.", tool_calls=(ToolCall("f", {"x": 1}),)),
    Message(Role.TOOL, "1", tool_name="f"),
    Message(Role.USER, "And?"),
)
SAMPLING = Sampling(temperature=0.5, top_p=0.9, seed=1, max_tokens=9, stop=("x",))
REQUESTS: dict[str, ChatRequest] = {
    "a question": ask(),
    "sampling": ask(sampling=SAMPLING),
    "a history": ChatRequest("m", CALLED, (TOOL,), tool_choice=NamedTool("f")),
    "parallel calls": ask(tools=(TOOL,), tool_choice="auto", parallel_tool_calls=False),
    "a schema": ask(response_format=JsonFormat({"type": "object"})),
    "any JSON": ask(response_format=JsonFormat()),
    "thinking": ask(think="low"),
    "no thinking": ask(think=False),
}
EACH = pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)


async def body(adapter: Any, request: ChatRequest, **options: object) -> Any:
    """Return the body that *adapter* sends."""
    async with opened(adapter, json_answer({}, 400), **options) as (provider, upstream):
        with pytest.raises(GatewayError):
            await anext(provider.chat(request))
        return body_of(upstream.requests[0])


def validate(params: Any, sent: dict[str, Any]) -> None:
    """Hold a body against the types of a client, and refuse what these do not name."""
    assert sent.keys() <= get_type_hints(params).keys()
    adapter = TypeAdapter(params)  # must outlive what it returns, which is validated lazily
    exhaust(adapter.validate_python(sent))


def exhaust(value: Any) -> None:
    # What the types call an iterable is looked at only while it is read.
    if isinstance(value, Mapping):
        exhaust(value.values())
    elif isinstance(value, Iterable) and not isinstance(value, str | bytes):
        for item in value:
            exhaust(item)


@EACH
async def test_openais_client_could_have_sent_it(request_: ChatRequest) -> None:
    models = {"m": {"capabilities": ["completion", "thinking"]}}
    sent = await body(OpenAIProvider, request_, models=models)
    validate(CompletionCreateParamsStreaming, sent)


@EACH
async def test_anthropics_client_could_have_sent_it(request_: ChatRequest) -> None:
    # The version of the API that the client's types are of.
    sent = await body(AnthropicProvider, request_, api_key="k", version="2026-10-21")
    validate(MessageCreateParamsStreaming, sent)


@EACH
async def test_ollamas_client_could_have_sent_it(request_: ChatRequest) -> None:
    sent = await body(OllamaProvider, request_)
    assert (
        OllamaChatRequest.model_validate(sent).model_dump(exclude_none=True).keys() == sent.keys()
    )


def test_a_body_that_no_client_would_send_is_noticed() -> None:
    wrong = {"model": "m", "stream": True, "messages": [{"role": "user", "content": 7}]}
    for params in (CompletionCreateParamsStreaming, MessageCreateParamsStreaming):
        with pytest.raises(ValidationError):
            validate(params, {**wrong, "max_tokens": 1})
