"""The ``ollama`` command line: its requests as they are, and the program itself where it is.

The program is what ``GATEWAY_OLLAMA_CLI`` names or what is found on the path. Its menu needs a
terminal, and gets one.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from live import LiveGateway, live_gateway

PROGRAM = os.environ.get("GATEWAY_OLLAMA_CLI") or shutil.which("ollama")
AGENT = {"User-Agent": "ollama/0.33.0 (amd64 linux) Go/go1.26.0", "Accept-Encoding": "gzip"}
LONGEST_LINE = 8_000_000


@pytest.fixture
async def live() -> AsyncIterator[LiveGateway]:
    async with live_gateway() as running:
        yield running


class Cli:
    """Send what the program sends, and read answers as strictly as it does."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self.url = url

    async def beat(self) -> None:
        """Do what comes before every command."""
        async with self.session.head(f"{self.url}/", headers=AGENT) as response:
            assert response.status < 400

    async def do(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        headers = {**AGENT, "Accept": "application/json", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        async with self.session.request(
            method, self.url + path, data=data, headers=headers
        ) as response:
            text = await response.read()
            return response.status, json.loads(text) if text else None

    async def stream(self, path: str, body: object) -> list[Any]:
        headers = {**AGENT, "Accept": "application/x-ndjson", "Content-Type": "application/json"}
        async with self.session.post(
            self.url + path, data=json.dumps(body).encode(), headers=headers
        ) as response:
            lines = (await response.read()).removesuffix(b"\n").split(b"\n")
            assert response.status < 400 or lines != [b""]
        assert all(line and len(line) < LONGEST_LINE for line in lines)
        return [json.loads(line) for line in lines]


@pytest.fixture
async def cli(live: LiveGateway) -> AsyncIterator[Cli]:
    async with aiohttp.ClientSession() as session:
        cli = Cli(session, live.url)
        await cli.beat()
        yield cli


def show(name: str) -> dict[str, Any]:
    return {
        "model": "",
        "system": "",
        "template": "",
        "verbose": False,
        "options": None,
        "name": name,
    }


async def test_version(cli: Cli) -> None:
    status, answer = await cli.do("GET", "/api/version")
    assert (status, answer["version"].count(".")) == (200, 2)


async def test_list_prints_the_start_of_each_digest(cli: Cli) -> None:
    _, answer = await cli.do("GET", "/api/tags")
    for model in answer["models"]:
        assert len(model["digest"][:12]) == 12
        assert "remote_model" not in model


async def test_run_with_a_prompt(cli: Cli) -> None:
    status, shown = await cli.do("POST", "/api/show", show("mistral-large"))
    assert status == 200
    assert "remote_host" not in shown
    assert "image" not in shown["capabilities"]
    body = {
        "model": "mistral-large",
        "prompt": "Hello there",
        "suffix": "",
        "system": "",
        "template": "",
        "context": None,
        "options": {},
        "format": "",
        "keep_alive": None,
    }
    lines = await cli.stream("/api/generate", body)
    assert "Hello there" in "".join(line["response"] for line in lines)
    assert lines[-1]["done"]


async def test_run_interactively(cli: Cli) -> None:
    loaded = await cli.stream("/api/generate", {"model": "mistral-medium", "prompt": ""})
    assert [line["done_reason"] for line in loaded] == ["load"]
    message = {"role": "user", "content": "Hello there"}
    body = {"model": "mistral-medium", "messages": [message], "think": True, "options": {}}
    lines = await cli.stream("/api/chat", body)
    assert any(line["message"].get("thinking") for line in lines)
    assert lines[-1]["done_reason"] == "stop"


async def test_run_of_an_unknown_model_ends_after_one_pull(cli: Cli) -> None:
    status, answer = await cli.do("POST", "/api/show", show("llama3"))
    assert status == 404
    assert "not found" in answer["error"]
    lines = await cli.stream("/api/pull", {"model": "", "insecure": False, "name": "llama3"})
    assert lines[-1] == {"error": "pull model manifest: file does not exist"}


async def test_ps_and_stop(cli: Cli) -> None:
    await cli.stream("/api/generate", {"model": "mistral-large", "prompt": ""})
    _, answer = await cli.do("GET", "/api/ps")
    (running,) = answer["models"]
    assert running["name"] == "mistral-large:latest"
    assert len(running["digest"]) >= 12
    lines = await cli.stream(
        "/api/generate", {"model": "mistral-large", "prompt": "", "keep_alive": "0s"}
    )
    assert [line["done_reason"] for line in lines] == ["unload"]
    assert (await cli.do("GET", "/api/ps"))[1] == {"models": []}


async def test_create_copy_and_remove(cli: Cli) -> None:
    created = await cli.stream(
        "/api/create",
        {
            "model": "pirate",
            "from": "mistral-large",
            "system": "You are a pirate.",
            "parameters": {"temperature": 1, "stop": ["Arr"]},
        },
    )
    assert created[-1] == {"status": "success"}
    assert await cli.do("POST", "/api/copy", {"source": "pirate", "destination": "captain"}) == (
        200,
        None,
    )
    _, shown = await cli.do("POST", "/api/show", show("captain"))
    assert shown["system"] == "You are a pirate."
    for name in ("pirate", "captain"):
        assert await cli.do("DELETE", "/api/delete", {"model": "", "name": name}) == (200, None)
    status, _ = await cli.do("POST", "/api/show", show("pirate"))
    assert status == 404


async def test_pull_of_a_model_that_is_there(cli: Cli) -> None:
    lines = await cli.stream("/api/pull", {"model": "", "insecure": False, "name": "mistral-large"})
    assert lines[-1] == {"status": "success"}


@pytest.mark.skipif(PROGRAM is None, reason="the program is not installed")
async def test_the_program_itself(live: LiveGateway, tmp_path: Path) -> None:
    modelfile = tmp_path / "Modelfile"
    modelfile.write_text("FROM mistral-large\nSYSTEM You are a pirate.\n")
    environment = {**os.environ, "OLLAMA_HOST": live.url, "HOME": str(tmp_path)}

    async def run(*arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            str(PROGRAM),
            *arguments,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(20):
            output, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
        return output.decode()

    assert "0.33.0" in await run("-v")
    assert "mistral-large:latest" in await run("list")
    assert "completion" in await run("show", "mistral-large")
    assert "Hello there" in await run("run", "mistral-large", "Hello there")
    assert "mistral-large:latest" in await run("ps")
    await run("create", "pirate", "-f", str(modelfile))
    await run("cp", "pirate", "captain")
    await run("rm", "pirate", "captain")
    await run("pull", "mistral-large")
    await run("stop", "mistral-large")
    assert "mistral-large" not in await run("ps")


@pytest.mark.skipif(PROGRAM is None, reason="the program is not installed")
async def test_the_programs_menu_goes_straight_to_the_model_of_last_time(
    live: LiveGateway, tmp_path: Path
) -> None:
    terminal = pytest.importorskip("terminal").terminal  # where there are terminals
    variables = {"OLLAMA_HOST": live.url, "HOME": str(tmp_path)}
    for time in ("first", "second"):
        async with terminal(str(PROGRAM), variables=variables, folder=tmp_path) as screen:
            await screen.shows("navigate")
            screen.press("\r")
            if time == "first":
                await screen.shows("select")
                screen.press("mistral-large")
                await screen.shows(r"[▸>] mistral-large\s")
                screen.press("\r")
            shown = await screen.shows(">>>")
            assert "select" not in shown
            screen.press("Hello there\r")
            await screen.shows(r"You wrote: Hello there(.|\s)*>>>")
