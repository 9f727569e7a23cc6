"""The pieces of the page on embedding, run as they stand."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

from aiohttp import web

from gateway import Observer, RequestRecord
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


def test_the_phases_of_an_observer_are_its_methods() -> None:
    rows = table("how-to/embedding.md", "Observers", "Method")
    shown = [codes(row["Method"])[0].partition("(")[0] for row in rows]
    assert shown == [name for name in vars(Observer) if not name.startswith("_")]


def test_the_fields_of_a_record_are_all_there() -> None:
    rows = table("how-to/embedding.md", "Observers", "Field")
    shown = [name for row in rows for name in codes(row["Field"])]
    assert sorted(shown) == sorted(field.name for field in dataclasses.fields(RequestRecord))
