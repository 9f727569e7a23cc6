"""Ollama's official client with models of four providers at one address, and below a prefix."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from four_providers import HELLO, VOICES, Services, Voice, four_services
from gateway.app import create_app
from gateway.settings import Settings
from hosting import host_of, served
from official_client import Client, official_client

EACH = pytest.mark.parametrize("voice", VOICES.values(), ids=VOICES)


@pytest.fixture
async def services() -> AsyncIterator[Services]:
    async with four_services() as running:
        yield running


@pytest.fixture(params=["alone", "mounted"])
async def url(request: pytest.FixtureRequest, services: Services) -> AsyncIterator[str]:
    app = create_app(Settings(providers=services.providers))
    if request.param == "alone":
        async with served(app) as origin:
            yield origin
    else:
        async with served(host_of(llm=app)) as origin:
            yield f"{origin}/llm"


@pytest.fixture(params=["async", "sync"])
async def client(request: pytest.FixtureRequest, url: str) -> AsyncIterator[Client]:
    async with official_client(url, request.param) as client:
        yield client


def get_weather(city: str) -> str:
    """Get the weather of a city.

    Args:
        city: the name of the city
    """
    return f"21 C in {city}"


async def test_the_models_of_all_are_in_one_list(client: Client) -> None:
    names = [model.model for model in (await client("list")).models]
    assert {voice.model for voice in VOICES.values()} <= {*names}
    assert len(names) == len({*names})


async def test_each_provider_answers_for_its_own_models(client: Client, services: Services) -> None:
    for voice in VOICES.values():
        services.say()
        whole = await client("chat", model=voice.model, messages=HELLO)
        parts = await client.stream("chat", model=voice.model, messages=HELLO)
        assert services.asked() == {voice.provider: 2}
        assert whole.message.content.endswith(voice.says)
        assert "".join(part.message.content for part in parts) == whole.message.content
        assert (whole.model, parts[-1].done, parts[-1].done_reason) == (voice.model, True, "stop")
        assert parts[-1].eval_count == whole.eval_count > 0


async def test_each_provider_calls_tools_and_reads_their_results(
    client: Client, services: Services
) -> None:
    for voice in VOICES.values():
        services.call()
        asked: list[Any] = [{"role": "user", "content": "What is the weather in Paris?"}]
        call = {"model": voice.model, "messages": asked, "tools": [get_weather]}
        message = (await client("chat", **call)).message
        calls = [(one.function.name, dict(one.function.arguments)) for one in message.tool_calls]
        assert calls == voice.calls

        asked.append(message)
        for name, arguments in calls:
            result = get_weather(**arguments)
            asked.append({"role": "tool", "tool_name": name, "content": result})
        last = (await client.stream("chat", **call))[-1]
        assert (last.done_reason, services.asked()) == ("stop", {voice.provider: 2})


async def test_what_was_used_is_loaded_whoever_has_it(url: str) -> None:
    async with official_client(url, "async") as client:
        for voice in VOICES.values():
            await client("generate", model=voice.model, prompt="Hello!")
        loaded = {model.model for model in (await client("ps")).models}
    assert loaded == {voice.model for voice in VOICES.values()}


async def test_all_four_answer_at_the_same_time(url: str, services: Services) -> None:
    async def ask(client: Client, voice: Voice) -> str:
        parts = await client.stream("chat", model=voice.model, messages=HELLO)
        return "".join(part.message.content for part in parts)

    async with official_client(url, "async") as client:
        said = await asyncio.gather(*(ask(client, voice) for voice in VOICES.values()))
    for text, voice in zip(said, VOICES.values(), strict=True):
        assert text.endswith(voice.says)
    assert services.asked() == dict.fromkeys(VOICES, 1)


@EACH
async def test_the_hosts_own_routes_go_on_while_a_stream_runs(
    voice: Voice, services: Services
) -> None:
    app = host_of(llm=create_app(Settings(providers=services.providers)))
    async with (
        served(app) as origin,
        aiohttp.ClientSession() as session,
        official_client(f"{origin}/llm", "async") as client,
    ):
        seen = 0
        async for part in await client("chat", model=voice.model, messages=HELLO, stream=True):
            async with session.post(f"{origin}/own", data=part.message.content) as response:
                assert await response.json() == {"own": part.message.content}
            async with session.get(f"{origin}/nowhere") as response:
                assert (response.status, await response.text()) == (404, "<h1>Not Found</h1>")
            seen += 1
    assert seen >= 3


async def test_secrets_and_requests_reach_only_the_service_that_they_are_for(
    services: Services,
) -> None:
    app = create_app(Settings(providers=services.providers))
    async with served(app) as url, official_client(url, "async") as client:
        for voice in VOICES.values():
            await client("chat", model=voice.model, messages=HELLO)
    for name in VOICES:
        requests = getattr(services, name).requests
        # The sandbox behind the other gateway is asked with that one's key.
        key = "test-key" if name == "home" else f"key-of-{name}"
        said = [str(dict(request.headers)) for request in requests]
        assert said
        assert all(key in headers for headers in said)
        assert [other for other in VOICES if other != name and f"key-of-{other}" in str(said)] == []
