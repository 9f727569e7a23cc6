"""The pieces of the page on embedding, run as they stand."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from typing import Any

import pytest
from aiohttp import web

from gateway import Observer, RequestRecord, create_app
from gateway.providers import Finish, FinishReason, ModelInfo
from gateway.sandbox import start
from gateway.settings import ProviderSettings, Settings
from gateways import scripted_app
from host_service import create_host
from pages import DOCS, blocks, codes, table
from records import Records
from scripted import ScriptedProvider

PAGE = DOCS / "how-to/embedding.md"
PIECES = [block for block in blocks(PAGE, "python") if not block.marker]
ASKED = {"model": "echo", "messages": [{"role": "user", "content": "Hi!"}], "stream": False}


async def test_a_client_is_pointed_at_the_host() -> None:
    async with await start() as sandbox:
        options = {"api_key": "key", "base_url": sandbox.base_url}
        settings = Settings(providers={"mistral": ProviderSettings("mistral", options)})
        runner = web.AppRunner(await create_host(settings, "open sesame"))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0]
        names: dict[str, Any] = {}
        exec(PIECES[0].text.replace("127.0.0.1:8080", f"{host}:{port}"), names)
        listed = await asyncio.to_thread(names["client"].list)
        names["client"].close()
        await runner.cleanup()
    assert "mistral-large:latest" in [model.model for model in listed.models]


def piece(word: str) -> str:
    """Return the one block of Python that has *word*."""
    (found,) = [one.text for one in PIECES if word in one.text]
    return found


async def test_settings_and_providers_are_made_in_code(aiohttp_client: Any) -> None:
    names: dict[str, Any] = {"__name__": "page"}
    exec(PIECES[1].text, names)
    assert names["settings"].models.aliases == {"fast": "mistral-small"}
    exec(piece("class Echo"), names)
    client = await aiohttp_client(names["app"])
    response = await client.post("/api/chat", json=ASKED)
    assert (await response.json())["message"]["content"] == "Hi!"


async def test_a_host_counts_in_its_own_registry(aiohttp_client: Any) -> None:
    names: dict[str, Any] = {"__name__": "page"}
    exec(piece("MetricsObserver"), names)
    client = await aiohttp_client(scripted_app(ScriptedProvider(), None, *names["observers"]))
    async with client.get("/api/version") as response:
        assert response.status == 200
    labels = {"dialect": "ollama", "route": "/api/version", "status": "200"}
    assert names["registry"].get_sample_value("gateway_requests_total", labels) == 1


async def test_a_middleware_names_the_caller(aiohttp_client: Any) -> None:
    names: dict[str, Any] = {"__name__": "page"}
    exec(piece("Caller("), names)
    records = Records()
    host = web.Application(middlewares=[names["identify"]])
    host.add_subapp("/llm", scripted_app(ScriptedProvider(), None, records))
    client = await aiohttp_client(host)
    headers = {"X-User": "alice", "X-Team": "blue"}
    async with client.get("/llm/api/version", headers=headers) as response:
        assert response.status == 200
    found = [(record.caller, record.attribution) for record in records]
    assert found == [("alice", {"team": "blue"})]


def services() -> dict[str, Any]:
    """Return the names of the pieces on users, gates and rejections."""
    names: dict[str, Any] = {"__name__": "page"}
    for word in ("def identify", "class Tiers", "def maintenance"):
        exec(piece(word), names)
    return names


async def test_a_gate_decides_what_a_user_may_use(aiohttp_client: Any) -> None:
    names = services()
    gate = names["gate"]
    models = [ModelInfo("small"), ModelInfo("large")]
    own = {"own": ScriptedProvider(models=models, steps=[[Finish(FinishReason.STOP)]])}
    host = web.Application(middlewares=[names["identify"]])
    ai = create_app(Settings(providers={}), providers=own, gate=gate, surface="inference")
    host.add_subapp("/ai", ai)
    client = await aiohttp_client(host)

    async def status_of(user: str, model: str) -> int:
        body = {**ASKED, "model": model}
        async with client.post("/ai/api/chat", json=body, headers={"X-User": user}) as response:
            return int(response.status)

    assert await status_of("bob", "small") == 200
    assert await status_of("bob", "large") == 404
    assert await status_of("alice", "large") == 200
    gate.spent.add("bob")
    assert await status_of("bob", "small") == 402
    async with client.get("/ai/api/ps", headers={"X-User": "alice"}) as response:
        assert response.status == 404


async def test_a_user_brings_a_key_and_a_name(aiohttp_client: Any) -> None:
    names: dict[str, Any] = {"__name__": "page"}
    for word in ("def identify", "def use_own_key"):
        exec(piece(word), names)
    provider = ScriptedProvider(steps=[[Finish(FinishReason.STOP)]])
    host = web.Application(middlewares=[names["use_own_key"]])
    own = {"mistral": provider}
    host.add_subapp("/ai", create_app(Settings(providers={}), providers=own))
    client = await aiohttp_client(host)
    for user in ("alice", "bob"):
        body = {**ASKED, "model": "tiny"}
        async with client.post("/ai/api/chat", json=body, headers={"X-User": user}) as response:
            assert response.status == 200
    assert provider.keys == ["the-key-of-alice", ""]
    assert [getattr(one, "user", "") for one in provider.asked] == ["user-alice", "user-bob"]


@pytest.mark.parametrize(
    ("path", "api"),
    [("/api/chat", "Ollama"), ("/v1/chat/completions", "OpenAI"), ("/v1/messages", "Anthropic")],
)
async def test_a_middleware_inside_rejects_in_the_form_of_the_api(
    aiohttp_client: Any, path: str, api: str
) -> None:
    records = Records()
    ai = scripted_app(ScriptedProvider(), None, records)
    ai.middlewares.append(services()["maintenance"])
    host = web.Application()
    host.add_subapp("/ai", ai)
    client = await aiohttp_client(host)
    rows = table("how-to/embedding.md", "Reject a request before it is read", "API")
    (shown,) = [codes(row["Body of the response"])[0] for row in rows if row["API"] == api]
    async with client.post(f"/ai{path}", json={**ASKED, "max_tokens": 9}) as response:
        document = await response.json()
        assert (response.status, response.headers["Retry-After"]) == (503, "60")
    assert {**document, **({"request_id": "…"} if api == "Anthropic" else {})} == json.loads(shown)
    assert [(one.status, one.error) for one in records] == [(503, "closed for maintenance")]


def test_the_phases_of_an_observer_are_its_methods() -> None:
    rows = table("how-to/embedding.md", "Observers", "Method")
    shown = [codes(row["Method"])[0].partition("(")[0] for row in rows]
    assert shown == [name for name in vars(Observer) if not name.startswith("_")]


def test_the_fields_of_a_record_are_all_there() -> None:
    rows = table("how-to/embedding.md", "Observers", "Field")
    shown = [name for row in rows for name in codes(row["Field"])]
    assert sorted(shown) == sorted(field.name for field in dataclasses.fields(RequestRecord))
