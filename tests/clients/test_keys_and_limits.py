"""The official clients with keys: they are let in, wait as told, and show what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import anthropic
import ollama
import openai
import pytest

from callers import KEY, PRICES, key_of
from gateway.access.client_keys import hash_key
from gateway.core.events import Finish, FinishReason, TextDelta, Usage
from gateway.core.model_info import ModelInfo
from gateway.settings import KeySettings, Settings
from gateway.state.memory import MemoryState
from gateways import scripted_app
from hosting import served
from records import Records
from scripted import ScriptedProvider

USER: Any = [{"role": "user", "content": "hi"}]
STEPS = [[TextDelta("hello")], [Finish(FinishReason.STOP, Usage(5, 7))]]
KEYS = {
    "alice": KeySettings(hash_key(KEY), models=("tiny",)),
    "busy": KeySettings(hash_key(key_of("busy")), rpm=1),
    "poor": KeySettings(hash_key(key_of("poor")), budget=Decimal("0.000001")),
}


class Ollama:
    """Ollama's client."""

    def __init__(self, url: str, key: str, headers: Mapping[str, str] | None = None) -> None:
        self.real = ollama.AsyncClient(url, headers=headers or {"Authorization": f"Bearer {key}"})

    async def ask(self, model: str, *, stream: bool) -> str:
        if not stream:
            return (await self.real.chat(model, USER)).message.content or ""
        parts = await self.real.chat(model, USER, stream=True)
        return "".join([part.message.content or "" async for part in parts])

    async def close(self) -> None:
        await self.real.close()


class OpenAI:
    """OpenAI's client."""

    def __init__(self, url: str, key: str, headers: Mapping[str, str] | None = None) -> None:
        self.real = openai.AsyncOpenAI(
            base_url=f"{url}/v1", api_key="none" if headers else key, default_headers=headers
        )

    async def ask(self, model: str, *, stream: bool) -> str:
        create = self.real.chat.completions.create
        if not stream:
            whole = await create(model=model, messages=USER)
            return whole.choices[0].message.content or ""
        parts = await create(model=model, messages=USER, stream=True)
        return "".join([part.choices[0].delta.content or "" async for part in parts])

    async def close(self) -> None:
        await self.real.close()


class Anthropic:
    """Anthropic's client."""

    def __init__(self, url: str, key: str, headers: Mapping[str, str] | None = None) -> None:
        self.real = anthropic.AsyncAnthropic(
            base_url=url, api_key=None if headers else key, default_headers=headers
        )

    async def ask(self, model: str, *, stream: bool) -> str:
        if not stream:
            whole = await self.real.messages.create(model=model, messages=USER, max_tokens=9)
            return whole.content[0].text if whole.content[0].type == "text" else ""
        async with self.real.messages.stream(model=model, messages=USER, max_tokens=9) as parts:
            return "".join([text async for text in parts.text_stream])

    async def close(self) -> None:
        await self.real.close()


CLIENTS = [Ollama, OpenAI, Anthropic]
EACH_CLIENT = pytest.mark.parametrize("kind", CLIENTS, ids=lambda one: one.__name__)
EACH_WAY = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
ERRORS = (ollama.ResponseError, openai.APIStatusError, anthropic.APIStatusError)


@asynccontextmanager
async def client_of(
    kind: Any, name: str, headers: Mapping[str, str] | None = None
) -> AsyncIterator[tuple[Any, Records, ScriptedProvider]]:
    records = Records()
    provider = ScriptedProvider(
        models=[ModelInfo("tiny-latest"), ModelInfo("dear-latest")], steps=STEPS
    )
    app = scripted_app(provider, Settings(providers={}, keys=KEYS, prices=PRICES), records)
    async with served(app) as url:
        client = kind(url, key_of(name), headers)
        try:
            yield client, records, provider
        finally:
            await client.close()


@EACH_CLIENT
@EACH_WAY
async def test_a_key_lets_its_client_in(kind: Any, stream: bool) -> None:
    async with client_of(kind, "alice") as (client, records, _):
        assert await client.ask("tiny", stream=stream) == "hello"
    assert [record.caller for record in records] == ["alice"]


@pytest.mark.parametrize("kind", [Ollama, OpenAI], ids=lambda one: one.__name__)
@pytest.mark.parametrize("header", ["x-api-key", "api-key"])
async def test_a_key_in_another_header_counts_where_authorization_has_none(
    kind: Any, header: str
) -> None:
    headers = {header: KEY, "Authorization": ""}
    async with client_of(kind, "alice", headers) as (client, records, _):
        assert await client.ask("tiny", stream=False) == "hello"
    assert [record.caller for record in records] == ["alice"]


@EACH_CLIENT
async def test_a_wrong_key_is_refused_in_words(kind: Any) -> None:
    async with client_of(kind, "nobody") as (client, records, provider):
        with pytest.raises(ERRORS) as caught:
            await client.ask("tiny", stream=False)
    assert "unknown API key" in str(caught.value)
    assert [record.status for record in records] == [401]
    assert provider.asked == []


@EACH_CLIENT
@EACH_WAY
async def test_a_model_that_a_key_may_not_use_is_not_found(kind: Any, stream: bool) -> None:
    async with client_of(kind, "alice") as (client, _, provider):
        with pytest.raises(ERRORS) as caught:
            await client.ask("dear", stream=stream)
    assert getattr(caught.value, "status_code", 0) == 404
    assert "'dear' not found" in str(caught.value)
    assert provider.asked == []


@EACH_CLIENT
@EACH_WAY
async def test_a_budget_that_is_too_small_is_one_request_with_words(
    kind: Any, stream: bool
) -> None:
    async with client_of(kind, "poor") as (client, records, provider):
        with pytest.raises(ERRORS) as caught:
            await client.ask("tiny", stream=stream)
    assert getattr(caught.value, "status_code", 0) == 402
    assert "what is left of the budget of this API key is too little" in str(caught.value)
    assert [(record.status, record.limited) for record in records] == [(402, "budget")]
    assert provider.asked == []


@pytest.mark.parametrize("kind", [OpenAI, Anthropic], ids=lambda one: one.__name__)
async def test_a_client_waits_as_told_and_succeeds(
    kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = []

    async def wait(seconds: float) -> None:
        waited.append(seconds)
        moved.append(seconds)

    moved: list[float] = []
    start = MemoryState()._clock()
    monkeypatch.setattr(
        "gateway.state.MemoryState",
        lambda: MemoryState(clock=lambda: start + round(1000 * sum(moved))),
    )
    async with client_of(kind, "busy") as (client, records, _):
        assert await client.ask("tiny", stream=False) == "hello"
        monkeypatch.setattr("anyio.sleep", wait)
        assert await client.ask("tiny", stream=False) == "hello"
    assert [record.status for record in records] == [200, 429, 200]
    assert waited == [60.0]
