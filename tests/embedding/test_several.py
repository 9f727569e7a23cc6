"""Several gateways in one process: nothing that one of them does shows in another."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from gateway.app import create_app
from gateway.core.events import Finish, FinishReason, TextDelta
from gateway.core.model_info import ModelInfo
from gateway.settings import (
    LimitsSettings,
    ModelsSettings,
    OllamaSettings,
    ProviderSettings,
    Settings,
)
from hosting import host_of, served
from records import Records
from scripted import HANG, ScriptedProvider

DONE = Finish(FinishReason.STOP)
HELLO = [{"role": "user", "content": "Hi"}]
MODELS = [ModelInfo("tiny-latest"), ModelInfo("other")]


class Gateway:
    """A gateway over a provider that says the gateway's name, under the same name as others."""

    def __init__(self, says: str, settings: Settings, *rest: object) -> None:
        steps = [[TextDelta(says)], *(rest or ([DONE],))]
        self.provider = ScriptedProvider(models=MODELS, steps=steps)
        self.records = Records()
        self.app = create_app(settings, providers={"own": self.provider}, observers=[self.records])


def settings(**groups: Any) -> Settings:
    return Settings(providers={}, **groups)


class Caller:
    """Asks the gateways of one host."""

    def __init__(self, origin: str, session: aiohttp.ClientSession) -> None:
        self.origin = origin
        self.session = session

    async def post(self, path: str, **body: object) -> tuple[int, Any]:
        url = self.origin + path
        async with self.session.post(url, json={"stream": False, **body}) as response:
            text = await response.text()
            is_json = response.content_type == "application/json"
            return response.status, await response.json() if is_json and text else text

    async def get(self, path: str, **headers: str) -> Any:
        async with self.session.get(self.origin + path, headers=headers) as response:
            return await response.json() if response.status == 200 else response.status

    async def names(self, path: str) -> list[str]:
        return sorted(model["name"] for model in (await self.get(path))["models"])


@asynccontextmanager
async def calling(**gateways: Gateway) -> AsyncIterator[Caller]:
    async with (
        aiohttp.ClientSession() as session,
        served(host_of(**{name: one.app for name, one in gateways.items()})) as origin,
    ):
        yield Caller(origin, session)


async def test_each_has_its_own_settings_and_providers() -> None:
    one = Gateway(
        "one",
        settings(
            ollama=OllamaSettings(version="1.0.0", origins=("https://one.example",)),
            models=ModelsSettings(aliases={"fast": "tiny"}, expose=("tiny*",)),
        ),
    )
    two = Gateway("two", settings(limits=LimitsSettings(body=200)))
    async with calling(one=one, two=two) as caller:
        for name in ("one", "two"):
            status, answer = await caller.post(f"/{name}/api/chat", model="tiny", messages=HELLO)
            assert (status, answer["message"]["content"]) == (200, name)
        assert await caller.get("/one/api/version") == {"version": "1.0.0"}
        assert await caller.get("/two/api/version") == {"version": "0.33.0"}
        assert await caller.get("/two/api/tags", Origin="https://one.example") == 403
        assert (await caller.get("/one/api/tags", Origin="https://one.example"))["models"]
        assert await caller.names("/one/api/tags") == ["fast:latest", "tiny:latest"]
        assert await caller.names("/two/api/tags") == ["other:latest", "tiny:latest"]
        long = [{"role": "user", "content": "x" * 300}]
        assert (await caller.post("/one/api/chat", model="tiny", messages=long))[0] == 200
        assert (await caller.post("/two/api/chat", model="tiny", messages=long))[0] == 413
    assert len(one.provider.asked) == 2
    assert len(two.provider.asked) == 1


async def test_each_has_its_own_memory_of_uses_models_and_blobs(tmp_path: Path) -> None:
    one = Gateway("one", settings(home=tmp_path / "one"))
    two = Gateway("two", settings())
    three = Gateway("three", settings())
    async with calling(one=one, two=two, three=three) as caller:
        for name, made in (("one", "mario"), ("two", "luigi")):
            answer = await caller.post(f"/{name}/api/create", model=made, **{"from": "tiny"})
            assert answer == (200, {"status": "success"})
            await caller.post(f"/{name}/api/chat", model=made, messages=HELLO)
        blob = f"/api/blobs/sha256:{hashlib.sha256(b'blob').hexdigest()}"
        # 201 is for content that is new, 200 for content seen before.
        for name, status in (("one", 201), ("one", 200), ("two", 201)):
            async with caller.session.post(f"{caller.origin}/{name}{blob}", data=b"blob") as sent:
                assert (name, sent.status) == (name, status)
        assert "mario:latest" in await caller.names("/one/api/tags")
        assert "luigi:latest" in await caller.names("/two/api/tags")
        assert await caller.names("/three/api/tags") == ["other:latest", "tiny:latest"]
        loaded = [await caller.names(f"/{name}/api/ps") for name in ("one", "two", "three")]
        assert loaded == [["mario:latest"], ["luigi:latest"], []]


async def test_each_tells_its_own_observers() -> None:
    one, two = Gateway("one", settings()), Gateway("two", settings())
    async with calling(one=one, two=two) as caller:
        await asyncio.gather(
            *(
                caller.post(f"/{name}/api/chat", model="tiny", messages=HELLO)
                for name in ("one", "two", "one")
            )
        )
    assert [record.path for record in one.records] == ["/one/api/chat"] * 2
    assert [record.path for record in two.records] == ["/two/api/chat"]


async def test_one_stops_while_the_other_goes_on() -> None:
    body = {"model": "tiny", "messages": HELLO, "stream": False}
    async with (
        aiohttp.ClientSession() as session,
        served(Gateway("two", settings()).app) as second,
    ):
        async with served(Gateway("one", settings()).app):
            pass
        async with session.post(f"{second}/api/chat", json=body) as response:
            assert (await response.json())["message"]["content"] == "two"


class Slow(ScriptedProvider):
    """Takes its time to close."""

    async def aclose(self) -> None:
        await asyncio.sleep(0.02)
        CLOSED.append(self)


CLOSED: list[ScriptedProvider] = []


async def test_a_host_has_stopped_when_all_are_clean() -> None:
    CLOSED.clear()
    made: list[ScriptedProvider] = []
    sessions: list[aiohttp.ClientSession] = []

    class Own(Slow):
        def __init__(self, context: Any) -> None:
            super().__init__(steps=[[TextDelta("a")], HANG])
            made.append(self)
            sessions.append(context.session)

    apps = {
        name: create_app(Settings(providers={}), providers={"own": Own}) for name in ("one", "two")
    }
    runner = web.AppRunner(host_of(**apps), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0]
    body = {"model": "tiny", "messages": HELLO}
    async with AsyncExitStack() as streams:
        client = await streams.enter_async_context(aiohttp.ClientSession())
        for name in apps:
            asked = client.post(f"http://{host}:{port}/{name}/api/chat", json=body)
            response = await streams.enter_async_context(asked)
            await response.content.readline()
        await asyncio.wait_for(runner.cleanup(), 5)
    assert len(made) == 2
    assert made == CLOSED
    assert [provider.left.is_set() for provider in made] == [True, True]
    assert [session.closed for session in sessions] == [True, True]


async def test_one_that_cannot_be_closed_keeps_nobody_from_closing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    CLOSED.clear()

    class Own(Slow):
        def __init__(self, _: Any) -> None:
            super().__init__()

    class Stuck(Own):
        async def aclose(self) -> None:
            raise ZeroDivisionError

    made: dict[str, Any] = {"first": Own, "stuck": Stuck, "last": Own}
    host = host_of(
        one=create_app(Settings(providers={}), providers=made),
        two=create_app(Settings(providers={}), providers={"own": Own}),
    )
    last: list[str] = []

    async def say(_: web.Application) -> None:
        last.append("clean")

    host.on_cleanup.append(say)
    async with served(host):
        pass
    assert (len(CLOSED), last) == (3, ["clean"])
    assert "the provider stuck was not closed properly" in caplog.text


@pytest.mark.parametrize("finished", [True, False], ids=["an instance", "a class"])
@pytest.mark.parametrize(
    ("named", "first"),
    [(["own", "other"], "own"), (["other", "own"], "other"), (["other"], "other")],
)
async def test_what_is_given_in_code_has_its_place_in_the_settings(
    finished: bool, named: list[str], first: str
) -> None:
    class Own(ScriptedProvider):
        def __init__(self, _: object = None) -> None:
            super().__init__(models=MODELS, steps=[[TextDelta("own"), DONE]])

    class Other(ScriptedProvider):
        def __init__(self, _: object = None) -> None:
            super().__init__(models=MODELS, steps=[[TextDelta("other"), DONE]])

    app = create_app(
        Settings(providers={name: ProviderSettings(name) for name in named}),
        providers={"own": Own() if finished else Own, "other": Other},
    )
    async with aiohttp.ClientSession() as session, served(host_of(llm=app)) as origin:
        caller = Caller(origin, session)
        _, answer = await caller.post("/llm/api/chat", model="tiny", messages=HELLO)
    assert answer["message"]["content"] == first
