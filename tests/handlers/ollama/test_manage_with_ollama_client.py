"""The official Python client, unchanged, from a first model to its end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import ollama
import pytest

from live import LiveGateway, live_gateway

HI = [{"role": "user", "content": "Hi there"}]


@pytest.fixture
async def live() -> AsyncIterator[LiveGateway]:
    async with live_gateway() as running:
        yield running


@pytest.fixture
async def client(live: LiveGateway) -> AsyncIterator[Any]:
    async with ollama.AsyncClient(host=live.url) as client:
        yield client


async def names(client: Any) -> list[str]:
    return [model.model for model in (await client.list()).models]


async def test_a_model_is_created_used_copied_and_deleted(client: Any, live: LiveGateway) -> None:
    steps = [
        step.status
        async for step in await client.create(
            model="mario",
            from_="mistral-large",
            system="You are Mario.",
            parameters={"temperature": 0.1, "num_predict": 7},
            messages=[{"role": "user", "content": "Who are you?"}],
            license="MIT",
            stream=True,
        )
    ]
    assert steps[-1] == "success"

    shown = await client.show("mario")
    assert shown.modelfile.endswith(
        "SYSTEM You are Mario.\nPARAMETER temperature 0.1\nPARAMETER num_predict 7\n"
        "LICENSE MIT\nMESSAGE user Who are you?\n"
    )
    assert (shown.license, "tools" in shown.capabilities) == ("MIT", True)
    assert datetime.now(UTC) - shown.modified_at < timedelta(minutes=1)

    await client.copy("mario", "luigi")
    await client.delete("mario")
    assert (await names(client))[0] == "luigi:latest"

    answer = await client.chat("luigi", HI, options={"temperature": 0.2}, keep_alive="1h")
    assert answer.model == "luigi"
    body = live.received()[-1].body
    assert (body["model"], body["temperature"], body["max_tokens"]) == (
        "mistral-large-latest",
        0.2,
        7,
    )
    assert [message["content"] for message in body["messages"]] == [
        "You are Mario.",
        "Who are you?",
        "Hi there",
    ]

    (loaded,) = (await client.ps()).models
    assert loaded.model == "luigi:latest"
    assert loaded.expires_at - datetime.now(UTC) > timedelta(minutes=59)
    await client.generate("luigi", keep_alive=0)
    assert (await client.ps()).models == []

    await client.delete("luigi")
    with pytest.raises(ollama.ResponseError, match="model 'luigi:latest' not found"):
        await client.show("luigi")


async def test_pull_and_push(client: Any) -> None:
    assert (await client.pull("mistral-large")).status == "success"
    steps = [step.status async for step in await client.pull("mistral-large", stream=True)]
    assert steps == ["pulling manifest", "success"]
    with pytest.raises(ollama.ResponseError, match="file does not exist") as caught:
        await client.pull("llama3")
    assert caught.value.status_code == 500
    with pytest.raises(ollama.ResponseError, match="file does not exist"):
        [step async for step in await client.pull("llama3", stream=True)]
    with pytest.raises(ollama.ResponseError, match="cannot be pushed"):
        await client.push("mistral-large")


async def test_weights_are_uploaded_and_then_refused(client: Any, tmp_path: Path) -> None:
    weights = tmp_path / "weights.gguf"
    weights.write_bytes(b"GGUF" * 100_000)
    digest = await client.create_blob(weights)
    assert await client.create_blob(weights) == digest
    with pytest.raises(ollama.ResponseError, match="cannot be made from weights") as caught:
        await client.create(model="own", files={"weights.gguf": digest})
    assert caught.value.status_code == 400


async def test_a_providers_model_cannot_be_deleted(client: Any) -> None:
    with pytest.raises(ollama.ResponseError, match="belongs to the provider mistral") as caught:
        await client.delete("mistral-large")
    assert caught.value.status_code == 400
    assert "mistral-large:latest" in await names(client)


async def test_without_a_paid_request_nothing_is_asked_for(client: Any, live: LiveGateway) -> None:
    await client.create(model="mario", from_="mistral-large", system="S")
    await client.generate("mario", keep_alive=-1)
    await client.chat("mario", [])
    await client.embed("mistral-embed", [])
    assert len((await client.ps()).models) == 2
    await client.delete("mario")
    asked = {request.path for request in live.sandbox.requests}
    assert asked == {"/v1/models"}
