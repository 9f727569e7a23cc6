"""Who has sent a request, as a host knows it: in the record, the log, the ledger, and everywhere
that a context variable of the host is seen."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.typedefs import Handler

from callers import AUTH, settings_of, with_key
from gateway import ATTRIBUTION, CALLER, Caller, Observer, RequestRecord
from gateway.core.chat import ChatRequest, FillRequest
from gateway.core.events import ChatEvent, ChatStream, Finish, FinishReason, TextDelta, Usage
from gateway.serving.keys import ACCESS
from gateway.settings import Settings, UsageSettings
from gateway.usage.reports import report
from gateways import scripted_app
from hosting import host_of, served
from model_routes import MODEL_ROUTES, body_of, path_of, scripted
from records import Records
from scripted import HANG, ScriptedProvider

CHAT = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}]}
TEXTS = {"team": "blue", "project": "x/1"}
DONE = Finish(FinishReason.STOP, Usage(3, 2))


def naming(caller: Caller, texts: Mapping[str, Any]) -> Any:
    """Return a middleware that tells who has sent each request."""

    @web.middleware
    async def name(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[CALLER], request[ATTRIBUTION] = caller, texts
        return await handler(request)

    return name


def host_with(middleware: Any, app: web.Application) -> web.Application:
    host = host_of(llm=app)
    host.middlewares.append(middleware)
    return host


class Starts(Observer):
    def __init__(self) -> None:
        self.seen: list[tuple[str, Mapping[str, str]]] = []

    def started(self, record: RequestRecord) -> None:
        self.seen.append((record.caller, record.attribution))


@pytest.mark.parametrize("route", MODEL_ROUTES, ids=lambda one: one.path)
async def test_caller_and_attribution_are_in_the_record_and_in_the_log(
    route: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "gateway.access")
    records, starts = Records(), Starts()
    app = scripted_app(scripted(), None, records, starts)
    async with (
        served(host_with(naming(Caller("ann"), TEXTS), app)) as origin,
        aiohttp.ClientSession() as session,
    ):
        body = body_of(route, stream=True)
        url = f"{origin}/llm{path_of(route)}"
        async with session.request(route.method, url, **body) as response:
            assert response.status == 200
            await response.read()
    assert [(one.caller, one.attribution) for one in records] == [("ann", TEXTS)]
    assert starts.seen == [("ann", TEXTS)]
    (line,) = [one for one in caplog.records if one.name == "gateway.access"]
    fields: Any = vars(line)["fields"]
    assert (fields["caller"], fields["attribution.team"], fields["attribution.project"]) == (
        "ann",
        "blue",
        "x/1",
    )


async def test_what_is_no_text_becomes_one() -> None:
    records = Records()
    app = scripted_app(scripted(), None, records)
    middleware = naming(Caller("ann"), {"id": 7, "odd": "\ud800", 3: None})
    async with (
        served(host_with(middleware, app)) as origin,
        aiohttp.ClientSession(origin) as session,
        session.post("/llm/api/chat", json=CHAT) as response,
    ):
        assert response.status == 200
    assert records[0].attribution == {"id": "7", "odd": "\ufffd", "3": "None"}


async def rows_of(app: web.Application, by: Sequence[str]) -> list[Mapping[str, Any]]:
    opened = app[ACCESS].opened
    assert opened is not None
    assert opened.ledger is not None
    await opened.ledger.write()
    return [*report(await opened.state.usage(0, 1 << 40), by).rows]


async def test_usage_is_reported_by_the_texts_of_a_host() -> None:
    settings = settings_of(usage=UsageSettings(enabled=True))
    app = scripted_app(ScriptedProvider(steps=[[TextDelta("a"), DONE]]), settings)
    texts: dict[str, str] = {}
    async with (
        served(host_with(naming(Caller("ann"), texts), app)) as origin,
        aiohttp.ClientSession(origin) as session,
    ):
        for team, project in (("blue", "x"), ("red", "x"), ("blue", "y"), ("blue", "")):
            texts.clear()
            texts.update({"team": team, "project": project} if project else {"team": team})
            async with session.post("/llm/api/chat", json=CHAT) as response:
                assert response.status == 200
                await response.read()
        path = "/llm/gateway/usage?by=caller,attribution.team"
        async with session.get(path) as response:
            shown = (await response.json())["rows"]
        found = await rows_of(app, ("attribution.team", "attribution.project"))
    assert [(one["caller"], one["attribution.team"], one["requests"]) for one in shown] == [
        ("ann", "blue", 3),
        ("ann", "red", 1),
    ]
    assert [
        (one["attribution.team"], one["attribution.project"], one["input_tokens"]) for one in found
    ] == [("blue", "", 3), ("blue", "x", 3), ("blue", "y", 3), ("red", "x", 3)]


async def test_a_key_without_a_host_is_attributed_to_nobody() -> None:
    app = scripted_app(ScriptedProvider(steps=[[TextDelta("a"), DONE]]), with_key())
    async with (
        served(app) as origin,
        aiohttp.ClientSession(origin, headers=AUTH) as session,
        session.post("/api/chat", json=CHAT) as response,
    ):
        assert response.status == 200
        await response.read()
        rows = await rows_of(app, ("caller", "attribution.team"))
    assert [(one["caller"], one["attribution.team"]) for one in rows] == [("alice", "")]


USER: ContextVar[str] = ContextVar("user", default="")


class Curious(ScriptedProvider):
    """Answers with the user that it sees."""

    async def _play(self, request: ChatRequest | FillRequest) -> ChatStream:
        self.asked.append(request)
        batch: Sequence[ChatEvent] = [TextDelta(USER.get())]
        yield batch
        await asyncio.sleep(0)
        yield [TextDelta(USER.get()), DONE]


class Ends(Observer):
    """Keeps the user that each phase was called for."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, int]] = []

    def started(self, record: RequestRecord) -> None:
        self.seen.append(("started", USER.get(), 0))

    def attempt(self, record: RequestRecord, attempt: Any) -> None:
        self.seen.append((f"attempt {attempt.phase}", USER.get(), 0))

    def finished(self, record: RequestRecord) -> None:
        self.seen.append(("finished", USER.get(), record.status))


class Formatter(logging.Formatter):
    """Begins each line with the user, as logs of hosts do."""

    def format(self, record: logging.LogRecord) -> str:
        return f"{USER.get()} {record.name}"


class Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(Formatter())
        self.kept: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.kept.append(self.format(record))


@web.middleware
async def remember(request: web.Request, handler: Handler) -> web.StreamResponse:
    USER.set(request.headers.get("X-User", ""))
    return await handler(request)


@asynccontextmanager
async def curious(provider: ScriptedProvider, settings: Settings | None = None) -> Any:
    ends, lines = Ends(), Lines()
    log = logging.getLogger("gateway.access")
    before = log.level
    log.addHandler(lines)
    log.setLevel(logging.INFO)
    try:
        host = host_with(remember, scripted_app(provider, settings, ends))
        async with served(host) as origin, aiohttp.ClientSession(origin) as session:
            yield session, ends, lines.kept
    finally:
        log.setLevel(before)
        log.removeHandler(lines)


async def test_a_context_variable_of_a_host_is_seen_by_providers_observers_and_logs() -> None:
    async with curious(Curious()) as (session, ends, lines):

        async def ask(user: str) -> str:
            body = {**CHAT, "stream": False}
            async with session.post(
                "/llm/api/chat", json=body, headers={"X-User": user}
            ) as response:
                return str((await response.json())["message"]["content"])

        users = [f"user{number}" for number in range(40)]
        assert await asyncio.gather(*map(ask, users)) == [user * 2 for user in users]
        async with asyncio.timeout(10):
            while len(lines) < len(users):
                await asyncio.sleep(0.005)
    for phase in ("started", "attempt started", "attempt complete", "finished"):
        assert sorted(user for name, user, _ in ends.seen if name == phase) == sorted(users)
    assert sorted(lines) == sorted(f"{user} gateway.access" for user in users)


async def test_a_context_variable_is_still_that_of_a_client_that_left() -> None:
    provider = ScriptedProvider(steps=[[TextDelta("a")], HANG])
    async with curious(provider) as (session, ends, lines):
        response = await session.post("/llm/api/chat", json=CHAT, headers={"X-User": "ann"})
        await response.content.readline()
        response.close()
        await asyncio.wait_for(provider.left.wait(), 10)
        async with asyncio.timeout(10):
            while not lines:
                await asyncio.sleep(0.005)
    assert ends.seen[-1] == ("finished", "ann", 499)
    assert lines == ["ann gateway.access"]
