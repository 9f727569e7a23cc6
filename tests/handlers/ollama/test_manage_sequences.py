"""Random sequences of requests agree with a simple model of what a library of models is."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeVar

from aiohttp.test_utils import TestClient, TestServer
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gateway.core.model_info import ModelInfo
from gateway.settings import Settings
from gateways import scripted_app
from scripted import ScriptedProvider

T = TypeVar("T")

LISTED = {"tiny:latest": {}, "other:2512": {}}
NAMES = st.sampled_from(["tiny", "Tiny:latest", "other:2512", "a", "A:latest", "b", "ns/c:1", "d"])
SAID = st.fixed_dictionaries(
    {},
    optional={
        "system": st.sampled_from(["", "One.", "Two.\n"]),
        "template": st.sampled_from(["{{ .Prompt }}!", ""]),
        "parameters": st.dictionaries(
            st.sampled_from(["seed", "top_k"]), st.integers(0, 3), max_size=2
        ),
        "messages": st.lists(st.sampled_from([{"role": "user", "content": "Hi"}]), max_size=1),
    },
)
BASES = st.one_of(st.integers(0, 7), NAMES)
WHICH = st.sampled_from([0, 1])


def short(name: str) -> str:
    return (name if ":" in name else f"{name}:latest").casefold()


class Library(RuleBasedStateMachine):
    """Two gateways over one home, which are restarted at times, beside a dictionary."""

    @initialize()
    def start(self) -> None:
        self.runner = asyncio.Runner()
        self.home = Path(tempfile.mkdtemp())
        self.made: dict[str, dict[str, Any]] = {}
        self.clients: list[Any] = []
        self.stacks: list[AsyncExitStack] = []
        for _ in range(2):
            self.run(self.open())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    async def open(self) -> None:
        provider = ScriptedProvider(models=[ModelInfo("tiny-latest"), ModelInfo("other-2512")])
        app = scripted_app(provider, Settings(providers={}, home=self.home))
        stack = AsyncExitStack()
        self.clients.append(await stack.enter_async_context(TestClient(TestServer(app))))
        self.stacks.append(stack)

    async def ask(self, which: int, method: str, path: str, body: object) -> tuple[int, Any]:
        response = await self.clients[which].request(method, path, json=body)
        text = await response.read()
        return response.status, await response.json(content_type=None) if text[:1] == b"{" else None

    @property
    def known(self) -> dict[str, dict[str, Any]]:
        return {**LISTED, **self.made}

    def base(self, drawn: str | int) -> str:
        """Return a name: that which was drawn, or one of those that are there."""
        return drawn if isinstance(drawn, str) else sorted(self.known)[drawn % len(self.known)]

    @rule(which=WHICH, name=NAMES, base=BASES, said=SAID)
    def create(self, which: int, name: str, base: str | int, said: dict[str, Any]) -> None:
        base = self.base(base)
        body = {"model": name, "from": base, "stream": False, **said}
        status, _ = self.run(self.ask(which, "POST", "/api/create", body))
        if short(base) not in self.known:
            assert status == 500
            return
        assert status == 200
        below = self.known[short(base)]
        parameters = {**below.get("parameters", {}), **said.get("parameters", {})}
        above = {key: value for key, value in said.items() if value}
        self.made[short(name)] = {**below, **above, "parameters": parameters}
        self.show(1 - which, name)

    @rule(which=WHICH, source=BASES, destination=NAMES)
    def copy(self, which: int, source: str | int, destination: str) -> None:
        source = self.base(source)
        body = {"source": source, "destination": destination}
        status, _ = self.run(self.ask(which, "POST", "/api/copy", body))
        if short(source) == short(destination):
            assert status == 200
        elif short(source) in self.known:
            assert status == 200
            self.made[short(destination)] = self.known[short(source)]
            self.show(1 - which, destination)
        else:
            assert status == 404

    @rule(which=WHICH, name=NAMES)
    def delete(self, which: int, name: str) -> None:
        status, _ = self.run(self.ask(which, "DELETE", "/api/delete", {"name": name}))
        if self.made.pop(short(name), None) is not None:
            assert status == 200
        else:
            assert status == (400 if short(name) in LISTED else 404)

    @rule(which=WHICH, name=NAMES)
    def show(self, which: int, name: str) -> None:
        status, shown = self.run(self.ask(which, "POST", "/api/show", {"model": name}))
        expected = self.known.get(short(name))
        assert status == (200 if expected is not None else 404)
        if expected is not None:
            assert shown.get("system", "") == expected.get("system", "")
            assert shown["template"] == expected.get("template", "{{ .Prompt }}")
            assert shown.get("messages", []) == expected.get("messages", [])
            lines = [line.split() for line in shown.get("parameters", "").splitlines()]
            assert {key: int(value) for key, value in lines} == expected.get("parameters", {})

    @rule(which=WHICH)
    def restart(self, which: int) -> None:
        self.run(self.stacks.pop(which).aclose())
        self.clients.pop(which)
        self.run(self.open())

    @invariant()
    def both_list_the_same(self) -> None:
        for which in range(2):
            response = self.run(self.ask(which, "GET", "/api/tags", None))
            listed = [model["name"].casefold() for model in response[1]["models"]]
            assert sorted(listed) == sorted(self.known)

    def teardown(self) -> None:
        for stack in getattr(self, "stacks", []):
            self.run(stack.aclose())
        self.runner.close()
        shutil.rmtree(self.home)


TestSequences = Library.TestCase
TestSequences.settings = settings(
    max_examples=settings().max_examples // 3,
    stateful_step_count=20,
    suppress_health_check=[HealthCheck.too_slow],
)
