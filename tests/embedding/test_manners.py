"""What belongs to the host stays as the host has it."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import threading
import warnings
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.typedefs import Handler

from gateway import Observer
from gateway.app import create_app
from gateway.core.errors import UpstreamTimeout
from gateway.core.events import Finish, FinishReason, TextDelta, Usage
from gateway.observe.record import RequestRecord
from gateway.providers.configured import configure
from gateway.settings import ProviderSettings, Settings
from gateways import scripted_app
from hosting import HOST_LIMIT, host_of, served
from records import Records
from scripted import HANG, ScriptedProvider

ASKED = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}]}
DONE = Finish(FinishReason.STOP, Usage(3, 2))
LOGGERS = ("", "gateway", "gateway.access", "aiohttp", "aiohttp.server", "aiohttp.access")


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def of_the_process() -> dict[str, Any]:
    """Return what one part of a process can change for all others."""
    loop = asyncio.get_running_loop()
    loggers = [logging.getLogger(name) for name in LOGGERS]
    return {
        "logging": [
            (log.level, log.propagate, log.disabled, [*log.handlers], [*log.filters])
            for log in loggers
        ],
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "hooks": (sys.excepthook, sys.unraisablehook, threading.excepthook),
        "loop": (loop.get_exception_handler(), loop.get_task_factory(), loop.get_debug()),
        "warnings": [*warnings.filters],
        "switch": (sys.getswitchinterval(), sys.getrecursionlimit(), sys.flags.utf8_mode),
    }


async def test_nothing_of_the_process_is_changed(client: aiohttp.ClientSession) -> None:
    before = of_the_process()
    app = scripted_app(ScriptedProvider(steps=[[TextDelta("a")], [DONE]]))
    async with served(host_of(llm=app)) as origin:
        async with client.post(f"{origin}/llm/api/chat", json=ASKED) as response:
            assert response.status == 200
        assert of_the_process() == before
    assert of_the_process() == before


async def test_nothing_of_the_hosts_application_is_changed() -> None:
    host = host_of()
    keys, middlewares = {*host}, [*host.middlewares]
    signals = {name: [*getattr(host, name)] for name in ("on_response_prepare", "cleanup_ctx")}
    host.add_subapp("/llm", scripted_app(ScriptedProvider()))
    async with served(host):
        assert {*host} == keys
        assert [*host.middlewares] == middlewares
        assert {name: [*getattr(host, name)] for name in signals} == signals


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/nowhere", 404, "<h1>Not Found</h1>"),
        ("/llmnowhere", 404, "<h1>Not Found</h1>"),
        ("/api/tags", 404, "<h1>Not Found</h1>"),
        ("/broken", 500, "<h1>Sorry</h1>"),
        ("/llm/nowhere", 404, "404 page not found"),
        ("/llm/api/chat", 405, "405 method not allowed"),
        ("/llm/api/version", 200, '{"version":"0.33.0"}'),
        ("/llm/v1/models/no-such", 404, None),
    ],
)
async def test_each_has_its_own_error_pages(
    client: aiohttp.ClientSession, path: str, status: int, text: str | None
) -> None:
    async with (
        served(host_of(llm=scripted_app(ScriptedProvider()))) as origin,
        client.get(origin + path) as response,
    ):
        assert response.status == status
        assert text is None or (await response.text()).strip() == text
        # The host's signal is sent for all; the framework's name is the host's affair alone.
        assert response.headers["X-Host"] == "yes"
        assert ("Server" in response.headers) == (not path.startswith("/llm/"))


async def test_a_failure_of_an_adapter_is_no_failure_of_the_host(
    client: aiohttp.ClientSession,
) -> None:
    provider = ScriptedProvider(steps=[ZeroDivisionError()])
    async with served(host_of(llm=scripted_app(provider))) as origin:
        async with client.post(f"{origin}/llm/api/chat", json=ASKED) as response:
            assert (response.status, await response.json()) == (
                502,
                {"error": "the adapter of scripted raised ZeroDivisionError"},
            )
        provider.steps = [UpstreamTimeout("quiet")]
        async with client.post(f"{origin}/llm/api/chat", json=ASKED) as response:
            assert (response.status, await response.json()) == (504, {"error": "quiet"})


async def test_each_has_its_own_limit_for_bodies(client: aiohttp.ClientSession) -> None:
    large = "x" * (HOST_LIMIT + 1)
    app = scripted_app(ScriptedProvider(steps=[[TextDelta("a"), DONE]]))
    async with served(host_of(llm=app)) as origin:
        async with client.post(f"{origin}/own", data=large) as response:
            assert response.status == 413
        body = {**ASKED, "messages": [{"role": "user", "content": large}]}
        async with client.post(f"{origin}/llm/api/chat", json=body) as response:
            assert response.status == 200


async def test_the_hosts_routes_answer_while_a_provider_is_silent(
    client: aiohttp.ClientSession,
) -> None:
    provider = ScriptedProvider(steps=[[TextDelta("a")], HANG])
    async with (
        served(host_of(llm=scripted_app(provider))) as origin,
        client.post(f"{origin}/llm/api/chat", json=ASKED) as response,
    ):
        await response.content.readline()
        for text in ("one", "two"):
            async with client.post(f"{origin}/own", data=text) as own:
                assert await own.json() == {"own": text}
        response.close()
        await asyncio.wait_for(provider.left.wait(), 5)


@pytest.mark.parametrize("stream", [True, False])
async def test_the_hosts_door_is_in_front_of_every_route(
    client: aiohttp.ClientSession, stream: bool
) -> None:
    @web.middleware
    async def door(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.headers.get("X-Token") != "sesame":
            raise web.HTTPUnauthorized
        return await handler(request)

    provider = ScriptedProvider(steps=[[TextDelta("a"), DONE]])
    records = Records()
    host = web.Application(middlewares=[door])
    host.add_subapp("/llm", scripted_app(provider, None, records))
    async with served(host) as origin:
        for path in ("/api/chat", "/v1/chat/completions", "/v1/messages", "/nowhere"):
            async with client.post(f"{origin}/llm{path}", json=ASKED) as response:
                assert response.status == 401
        assert (provider.asked, records) == ([], [])
        let_in = {"X-Token": "sesame"}
        body = {**ASKED, "stream": stream}
        url = f"{origin}/llm/api/chat"
        async with client.post(url, json=body, headers=let_in) as response:
            assert response.status == 200
            await response.read()
    assert [record.path for record in records] == ["/llm/api/chat"]


async def test_observers_are_told_once_of_what_is_the_gateways(
    client: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    one, two = Records(), Records()
    app = scripted_app(ScriptedProvider(steps=[[TextDelta("a")], [DONE]]), None, one, two)
    with caplog.at_level(logging.INFO, "gateway.access"):
        async with served(host_of(llm=app)) as origin:
            for path in ("/own", "/nowhere"):
                async with client.get(origin + path):
                    pass
            async with client.post(f"{origin}/llm/api/chat", json=ASKED) as response:
                await response.read()
    assert one == two
    (record,) = one
    assert (record.path, record.status, record.usage) == ("/llm/api/chat", 200, Usage(3, 2))
    (line,) = [entry for entry in caplog.records if entry.name == "gateway.access"]
    assert line.__dict__["fields"]["path"] == "/llm/api/chat"


@pytest.mark.parametrize("stream", [True, False])
async def test_an_observer_that_fails_costs_nobody_an_answer(
    client: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture, stream: bool
) -> None:
    class Failing(Observer):
        def finished(self, _: RequestRecord) -> None:
            raise ZeroDivisionError

    records = Records()
    provider = ScriptedProvider(steps=[[TextDelta("a")], [DONE]])
    app = scripted_app(provider, None, Failing(), records)
    async with served(host_of(llm=app)) as origin:
        body = {**ASKED, "stream": stream}
        async with client.post(f"{origin}/llm/api/chat", json=body) as response:
            assert response.status == 200
            assert b'"done":true' in await response.read()
    assert len(records) == 1
    assert "an observer failed" in caplog.text


async def test_a_gateway_without_any_provider_answers_at_once(
    client: aiohttp.ClientSession,
) -> None:
    async with asyncio.timeout(2), served(create_app(Settings(providers={}))) as origin:
        async with client.get(f"{origin}/api/tags") as response:
            assert await response.json() == {"models": []}
        async with client.post(f"{origin}/api/chat", json=ASKED) as response:
            assert response.status == 404


class Closed(ScriptedProvider):
    """Counts how often it was closed."""

    closed = 0

    async def aclose(self) -> None:
        self.closed += 1


async def test_a_finished_provider_stays_the_hosts_to_close(
    client: aiohttp.ClientSession,
) -> None:
    provider = Closed(steps=[[TextDelta("a"), DONE]])
    for _ in range(2):  # nor has the first gateway used it up for the second one
        app = create_app(Settings(providers={}), providers={"own": provider})
        async with (
            served(host_of(llm=app)) as origin,
            client.post(f"{origin}/llm/api/chat", json=ASKED) as response,
        ):
            assert response.status == 200
    assert (len(provider.asked), provider.closed) == (2, 0)


async def test_a_class_is_closed_with_the_application() -> None:
    made: list[Closed] = []

    class Own(Closed):
        def __init__(self, _: Any) -> None:
            super().__init__()
            made.append(self)

    app = create_app(Settings(providers={}), providers={"own": Own})
    assert made == []
    async with served(host_of(llm=app)):
        assert [one.closed for one in made] == [0]
    assert [one.closed for one in made] == [1]


async def test_what_is_configured_already_is_not_looked_up_again(
    client: aiohttp.ClientSession,
) -> None:
    class Own(ScriptedProvider):
        def __init__(self, _: Any) -> None:
            super().__init__(steps=[[TextDelta("a"), DONE]])

    settings = Settings(providers={"own": ProviderSettings("no-such-adapter")})
    app = create_app(settings, configured=configure(settings, {"own": Own}))
    async with (
        served(host_of(llm=app)) as origin,
        client.post(f"{origin}/llm/api/chat", json=ASKED) as response,
    ):
        assert response.status == 200
