"""Who is told of a request, in which phases, and what the record then knows."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from aiohttp.typedefs import Handler
from pytest_aiohttp.plugin import AiohttpClient

from gateway import (
    CALLER,
    Attempt,
    Caller,
    ModelsSettings,
    Observer,
    RequestRecord,
    Settings,
    UpstreamRateLimited,
    create_app,
)
from gateway.observe.observer import Observers
from gateway.providers import Finish, FinishReason, TextDelta
from gateways import scripted_app
from hosting import host_of, served
from scripted import HANG, ScriptedProvider

CHAT = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}], "stream": False}
ANSWER = [[TextDelta("a")], [Finish(FinishReason.STOP)]]


class Phases(Observer):
    """Keeps the phases of a request as they are reported."""

    def __init__(self) -> None:
        self.seen: list[object] = []

    def started(self, record: RequestRecord) -> None:
        self.seen.append(("started", record.route, record.model))

    def attempt(self, record: RequestRecord, attempt: Attempt) -> None:
        self.seen.append(attempt)

    def finished(self, record: RequestRecord) -> None:
        self.seen.append(("finished", record.status, record.caller))


async def test_the_phases_of_an_answer_come_in_order(aiohttp_client: AiohttpClient) -> None:
    phases = Phases()
    client = await aiohttp_client(scripted_app(ScriptedProvider(steps=ANSWER), None, phases))
    async with client.post("/api/chat", json=CHAT) as response:
        await response.read()
    asked = ("scripted", "tiny-latest", 0)
    assert phases.seen == [
        ("started", "/api/chat", ""),
        Attempt(*asked),
        Attempt(*asked, phase="complete"),
        ("finished", 200, ""),
    ]


async def test_an_attempt_that_failed_comes_before_the_next_one(
    aiohttp_client: AiohttpClient,
) -> None:
    limited = UpstreamRateLimited("slow down", provider="first", status=429)
    phases = Phases()
    app = create_app(
        Settings(
            providers={},
            models=ModelsSettings(aliases={"any": ["first/tiny-latest", "second/tiny-latest"]}),
        ),
        providers={
            "first": ScriptedProvider(steps=[limited]),
            "second": ScriptedProvider(steps=ANSWER),
        },
        observers=[phases],
    )
    client = await aiohttp_client(app)
    async with client.post("/api/chat", json={**CHAT, "model": "any"}) as response:
        assert response.status == 200
    first, second = ("first", "tiny-latest", 0), ("second", "tiny-latest", 0)
    assert phases.seen[1:-1] == [
        Attempt(*first),
        Attempt(*first, phase="failed", error=limited),
        Attempt(*second),
        Attempt(*second, phase="complete"),
    ]


async def test_an_attempt_whose_client_disconnects_fails(aiohttp_client: AiohttpClient) -> None:
    phases = Phases()
    provider = ScriptedProvider(steps=[HANG])
    client = await aiohttp_client(scripted_app(provider, None, phases))
    with pytest.raises(asyncio.TimeoutError):
        await client.post("/api/chat", json=CHAT, timeout=aiohttp.ClientTimeout(total=0.2))
    await asyncio.wait_for(provider.left.wait(), 5)
    *_, failed, _finished = phases.seen
    assert isinstance(failed, Attempt)
    assert failed.phase == "failed"
    assert isinstance(failed.error, asyncio.CancelledError)


async def test_the_record_names_the_caller_that_a_host_has_set() -> None:
    @web.middleware
    async def authenticate(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[CALLER] = Caller("alice")
        return await handler(request)

    phases = Phases()
    host = host_of(llm=scripted_app(ScriptedProvider(steps=ANSWER), None, phases))
    host.middlewares.append(authenticate)
    async with (
        served(host) as origin,
        aiohttp.ClientSession(origin) as session,
        session.post("/llm/api/chat", json=CHAT) as response,
    ):
        assert response.status == 200
    assert phases.seen[-1] == ("finished", 200, "alice")


class Peers(Observer):
    """Keeps the peers of requests."""

    def __init__(self) -> None:
        self.peers: list[str] = []

    def finished(self, record: RequestRecord) -> None:
        self.peers.append(record.peer)


async def test_the_record_has_the_address_of_the_peer(aiohttp_client: AiohttpClient) -> None:
    peers = Peers()
    client = await aiohttp_client(scripted_app(ScriptedProvider(), None, peers))
    async with client.get("/nowhere") as response:
        assert response.status == 404
    assert peers.peers == ["127.0.0.1"]


def test_phases_that_nobody_overrides_are_not_called() -> None:
    observers = Observers((Observer(), Peers()))
    assert not observers.watch_attempts
    observers.started(RequestRecord("GET", "/"), make_mocked_request("GET", "/"))


@pytest.mark.parametrize("phase", ["started", "attempt", "finished"])
async def test_an_observer_that_raises_changes_nothing_in_any_phase(
    aiohttp_client: AiohttpClient, caplog: pytest.LogCaptureFixture, phase: str
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    failing = type("Failing", (Observer,), {phase: fail})
    client = await aiohttp_client(scripted_app(ScriptedProvider(steps=ANSWER), None, failing()))
    async with client.post("/api/chat", json=CHAT) as response:
        assert response.status == 200
    assert {record.message.partition(":")[0] for record in caplog.records} >= {"an observer failed"}
