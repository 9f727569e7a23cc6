"""The guide to monitoring: its commands, its rules and its dashboard, with a real Prometheus."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from callers import AUTH, PRICES, auth, hash_of
from gateway.core.errors import UpstreamProtocolError
from gateway.core.events import Finish, FinishReason, TextDelta, Usage
from gateway.settings import KeySettings, MetricsSettings, Settings
from gateways import scripted_app
from hosting import served
from pages import DOCS, ROOT, blocks
from scripted import HANG, ScriptedProvider

PAGE = DOCS / "how-to/monitor.md"
DASHBOARD = ROOT / "deploy/grafana/gateway.json"
CHAT = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}]}
ANSWER = [[TextDelta("a")], [TextDelta("b")], [Finish(FinishReason.STOP, Usage(7, 5))]]
BROKEN = [[TextDelta("a")], UpstreamProtocolError("cut off", provider="scripted")]
SETTINGS = Settings(
    providers={},
    prices=PRICES,
    metrics=MetricsSettings(enabled=True, public=True),
    keys={
        "alice": KeySettings(hash_of("alice")),
        "bob": KeySettings(hash_of("bob"), rpm=1),
    },
)


def program(name: str) -> str:
    """Return the path of a program of Debian's package ``prometheus``, or skip."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"there is no {name}")
    return found


def queries() -> Iterator[str]:
    """Yield each query of the dashboard, with Grafana's variable as it is every five seconds."""
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel["targets"]:
            yield target["expr"].replace("$__rate_interval", "20s")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def prometheus(directory: Path, target: str) -> Iterator[str]:
    """Run the server with the file of the page, which scrapes *target* as often as it can."""
    config = yaml.safe_load(blocks(PAGE, "yaml")[0].text)
    config["scrape_configs"][0].update(
        scrape_interval="500ms", scrape_timeout="400ms", static_configs=[{"targets": [target]}]
    )
    file = directory / "prometheus.yml"
    file.write_text(yaml.safe_dump(config))
    port = free_port()
    command = [
        *(program("prometheus"), f"--config.file={file}"),
        *(f"--storage.tsdb.path={directory / 'data'}", f"--web.listen-address=127.0.0.1:{port}"),
    ]
    with (directory / "log").open("w") as log:
        process = subprocess.Popen(command, stderr=log, cwd=directory)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


@asynccontextmanager
async def busy(provider: ScriptedProvider, origin: str) -> AsyncIterator[None]:
    """Ask for all kinds of answers again and again."""

    async def ask(session: aiohttp.ClientSession, headers: dict[str, str]) -> None:
        async with session.post("/api/chat", json=CHAT, headers=headers) as response:
            await response.read()

    async def load() -> None:
        async with aiohttp.ClientSession(origin) as session:
            while True:
                provider.steps = ANSWER
                await ask(session, AUTH)
                await ask(session, auth("bob"))
                provider.steps = BROKEN
                await ask(session, AUTH)
                provider.steps = [HANG]
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(ask(session, AUTH), 0.05)

    task = asyncio.ensure_future(load())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest.mark.slow
async def test_every_query_of_the_dashboard_finds_data_in_a_real_prometheus(
    tmp_path: Path,
) -> None:
    provider = ScriptedProvider(steps=ANSWER)
    async with served(scripted_app(provider, SETTINGS)) as origin:
        with prometheus(tmp_path, origin.removeprefix("http://")) as server:
            async with busy(provider, origin), aiohttp.ClientSession() as session:
                missing = [*queries()]
                give_up_at = time.monotonic() + 40
                while missing:
                    assert time.monotonic() < give_up_at, (missing, (tmp_path / "log").read_text())
                    missing = [one for one in missing if not await found(session, server, one)]
                    await asyncio.sleep(0.2)


async def found(session: aiohttp.ClientSession, server: str, query: str) -> list[Any]:
    """Return what *query* finds: series with numbers."""
    try:
        async with session.get(f"{server}/api/v1/query", params={"query": query}) as response:
            if response.status == 503:  # it is starting
                return []
            document = await response.json()
    except aiohttp.ClientConnectionError:  # it does not even listen yet
        return []
    assert document["status"] == "success", document
    return [one for one in document["data"]["result"] if one["value"][1] != "NaN"]


async def test_the_metrics_please_promtool() -> None:
    provider = ScriptedProvider(steps=ANSWER)
    async with (
        served(scripted_app(provider, SETTINGS)) as origin,
        aiohttp.ClientSession(origin) as session,
    ):
        async with session.post("/api/chat", json=CHAT, headers=AUTH) as response:
            assert response.status == 200
        async with session.get("/metrics") as response:
            text = await response.text()
    assert await asyncio.to_thread(complaints, ["check", "metrics"], text) == ""


async def test_the_rules_please_promtool(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text(blocks(PAGE, "yaml")[-1].text)
    told = await asyncio.to_thread(complaints, ["check", "rules", str(rules)])
    assert "SUCCESS: 2 rules found" in told


def complaints(arguments: list[str], text: str = "") -> str:
    """Return what promtool says of what is right."""
    command = [program("promtool"), *arguments]
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_dashboard_has_a_title_and_a_query_for_each_panel() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    panels = dashboard["panels"]
    assert [panel["id"] for panel in panels] == [*range(1, len(panels) + 1)]
    assert all(panel["title"] and panel["targets"] for panel in panels)
    assert "deploy/grafana/gateway.json" in PAGE.read_text("utf-8")
