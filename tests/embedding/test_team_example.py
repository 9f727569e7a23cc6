"""The example of a service for a team: under a runner, by itself, and in gunicorn's workers."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import shlex
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import ollama
import openai
import pytest

from gateway.sandbox import start
from host_process import COMPLAINT, running
from hosting import served
from pages import DOCS, blocks
from team_service import USER, USERS, JsonLines, Sessions, create_team

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="gunicorn needs fork and signals")

SECRET = "a secret of these tests"
HELLO = [{"role": "user", "content": "Hello!"}]
RUN_APP = "from aiohttp import web; from team_service import create; "
RUN_APP += "web.run_app(create(), host='127.0.0.1', port=0, access_log=None)"
(GUNICORN,) = [
    shlex.split(block.text.replace("\\\n", ""))
    for block in blocks(DOCS / "how-to/embedding.md", "bash")
    if block.text.startswith("gunicorn ")
]


def gunicorn() -> list[str]:
    """Return the command of the page for this example, on any free port."""
    changed = {"--worker-class": "aiohttp.GunicornWebWorker", "--bind": "127.0.0.1:0"}
    pairs = zip(["", *GUNICORN], GUNICORN, strict=False)
    words = [changed.get(before, word) for before, word in pairs]
    assert words[words.index("--workers") + 1] == "2"
    return [sys.executable, "-m", *(word.replace("host_service", "team_service") for word in words)]


@asynccontextmanager
async def environ(directory: Path) -> AsyncIterator[dict[str, str]]:
    async with await start() as running_sandbox:
        yield {
            "TEAM_CONFIG": str(DOCS / "examples/team.toml"),
            "TEAM_SECRET": SECRET,
            "GATEWAY_HOME": str(directory / "data"),
            "MISTRAL_API_KEY": "key",
            "MISTRAL_BASE_URL": running_sandbox.base_url,
        }


class User:
    """A user of the service, who has logged in and uses a new connection for each request."""

    def __init__(self, url: str, session: aiohttp.ClientSession, name: str) -> None:
        self.url, self.name = url, name
        self._session = session
        self.token = ""

    async def log_in(self) -> None:
        body = {"user": self.name, "password": USERS[self.name].password}
        async with self._session.post(f"{self.url}/login", json=body) as response:
            assert response.status == 200
            assert response.cookies["session"]["httponly"]
            self.token = (await response.json())["token"]

    async def send(self, method: str, path: str, **body: Any) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.token}", "traceparent": f"00-{self.name}"}
        more = {"json": body} if body else {}
        call = self._session.request(method, f"{self.url}{path}", headers=headers, **more)
        async with call as response:
            is_json = response.content_type == "application/json"
            return response.status, await response.json() if is_json else await response.text()

    async def chat(self, model: str = "mistral-small") -> tuple[int, Any]:
        return await self.send("POST", "/ai/api/chat", model=model, messages=HELLO, stream=False)


async def settled(user: User) -> int:
    """Return the status of a chat once no running request holds a part of the budget."""
    async with asyncio.timeout(10):
        while (status := (await user.chat())[0]) == 429:
            await asyncio.sleep(0.05)
    return status


@asynccontextmanager
async def users(url: str) -> AsyncIterator[tuple[User, User]]:
    connector = aiohttp.TCPConnector(force_close=True)
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(connector=connector, cookie_jar=jar) as session:
        ann, bob = User(url, session, "ann"), User(url, session, "bob")
        assert (await ann.send("GET", "/"))[0] == 401
        assert (await ann.send("GET", "/ai/api/tags"))[0] == 401
        assert (await ann.send("POST", "/login", user="ann", password="wrong"))[0] == 401
        assert (await ann.send("POST", "/login", user="eve", password="x"))[0] == 401
        await ann.log_in()
        await bob.log_in()
        yield ann, bob


async def use(url: str) -> None:
    """Do what users do, and see that each has models, a budget and routes of its own."""
    async with users(url) as (ann, bob):
        shown = {"user": "ann", "plan": "staff", "ollama": "/ai"}
        assert await ann.send("GET", "/") == (200, shown)
        names = {}
        for user in (ann, bob):
            _, listed = await user.send("GET", "/ai/api/tags")
            names[user.name] = [one["name"] for one in listed["models"]]
        assert "mistral-large:latest" in names["ann"]
        assert set(names["bob"]) < set(names["ann"])
        assert all(re.match("mistral-small|codestral", name) for name in names["bob"])

        for model in ("mistral-large", "MISTRAL-LARGE:latest", "mistral/mistral-large-latest"):
            status, document = await bob.chat(model)
            assert (status, document["error"]) == (404, f"model '{model}' not found")
        # Each request costs a little more than one, so the third one is the last.
        assert [await settled(bob) for _ in range(4)] == [200, 200, 402, 402]
        assert (await bob.chat("codestral"))[0] == 200  # which costs nothing
        assert (await ann.chat())[0] == 200

        assert (await ann.send("POST", "/ai/api/create", model="x", **{"from": "y"}))[0] == 404
        assert (await ann.send("GET", "/ai/api/ps"))[0] == 404
        client = openai.AsyncOpenAI(base_url=f"{url}/ai/v1", api_key=ann.token, max_retries=0)
        with pytest.raises(openai.PermissionDeniedError, match="not part of your plan"):
            await client.audio.transcriptions.create(model="voxtral-mini-latest", file=b"RIFF")
        await client.close()


async def stream_of(url: str, token: str) -> str:
    headers = {"Authorization": f"Bearer {token}"}
    client = ollama.AsyncClient(f"{url}/ai", headers=headers)
    parts = [part async for part in await client.chat("mistral-small", HELLO, stream=True)]
    await client.close()
    assert parts[-1].done
    return "".join(part.message.content or "" for part in parts)


def check_log(lines: Sequence[str]) -> None:
    """See that each request is a line of JSON and a trace, with its user."""
    found = [json.loads(line) for line in lines if line.startswith("{")]
    access = [one for one in found if one["logger"] == "gateway.access"]
    spans = [one for one in found if one["logger"] == "team.traces"]
    chats = [one for one in access if one["path"] == "/ai/api/chat"]
    assert {one["user"] for one in chats} == {"ann", "bob"}
    assert all(one["caller"] == one["user"] for one in chats)
    teams = {(one["user"], one["attribution.team"]) for one in chats}
    assert teams == {("ann", "blue"), ("bob", "red")}
    assert {one["status"] for one in chats if one["user"] == "bob"} - {429} == {200, 402, 404}
    attempts = {one["request"] for one in spans if one["span"].startswith("attempt mistral/")}
    answered = {one["request"] for one in chats if one["status"] == 200}
    assert answered <= attempts
    ends = {one["request"]: one for one in spans if one["span"] == "POST /api/chat"}
    assert answered <= {*ends}
    assert all(ends[one]["tokens"] > 0 and ends[one]["counted"] for one in answered)
    # The service begins the traces of clients that send none.
    traces = {ends[one]["trace"] for one in answered}
    assert {"00-ann", "00-bob"} <= traces
    assert [one for one in traces if not re.fullmatch("00-(ann|bob)|[0-9a-f]{32}", one)] == []


class Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonLines())
        self.kept: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.kept.append(self.format(record))


@pytest.fixture
def lines() -> Any:
    handler = Lines()
    loggers = [logging.getLogger(name) for name in ("gateway", "team")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    yield handler.kept
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
        logger.removeHandler(handler)


async def test_under_a_runner(tmp_path: Path, lines: list[str]) -> None:
    async with environ(tmp_path) as variables:
        app = create_team(DOCS / "examples/team.toml", SECRET, variables)
        async with served(app) as url:
            await use(url)
            async with users(url) as (ann, _):
                assert "Hello!" in await stream_of(url, ann.token)
    check_log(lines)


def test_a_session_ends_and_cannot_be_made_up() -> None:
    sessions = Sessions(SECRET)
    good = sessions.token("ann")
    assert sessions.user(good) == "ann"
    changed = good.replace("ann", "bob")
    late, other = sessions.token("ann", seconds=-1), Sessions("other").token("ann")
    for token in (late, changed, other, "", "a.b"):
        assert sessions.user(token) == ""
    assert USER.get() == ""


SERVERS = {"run_app": [sys.executable, "-c", RUN_APP], "gunicorn": gunicorn()}


@pytest.mark.slow
@pytest.mark.parametrize("command", SERVERS.values(), ids=SERVERS)
async def test_in_processes_of_its_own(command: Sequence[str], tmp_path: Path) -> None:
    workers = 2 if "gunicorn" in command else 1
    async with (
        environ(tmp_path) as variables,
        running(command, tmp_path, variables) as service,
    ):
        async with asyncio.timeout(30):
            while True:
                async with aiohttp.ClientSession() as session:
                    try:
                        async with session.get(service.url) as response:
                            assert response.status == 401
                            break
                    except aiohttp.ClientConnectionError:
                        await asyncio.sleep(0.1)
        await use(service.url)
        async with users(service.url) as (ann, _):
            text = await stream_of(service.url, ann.token)
            async with asyncio.timeout(30):
                while len(_processes(service.log)) < workers:
                    await asyncio.gather(*(ann.chat("codestral") for _ in range(8)))
        assert "Hello!" in text
        service.process.send_signal(signal.SIGTERM)
        assert await service.finish() == 0
    check_log(service.log)
    assert len(_processes(service.log)) == workers
    assert [line for line in service.log if COMPLAINT.search(line)] == []


def _processes(log: Sequence[str]) -> set[int]:
    """Return the processes that have answered requests."""
    found = [json.loads(line) for line in log if line.startswith("{")]
    return {one["process"] for one in found if one["logger"] == "gateway.access"}
