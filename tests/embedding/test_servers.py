"""The example of a host as real processes: by itself, and in gunicorn's workers.

Its gateway talks to a service in the test, which holds its answer back until the test lets go.
"""

from __future__ import annotations

import asyncio
import json
import shlex
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import ollama
import pytest
from aiohttp import web

from host_process import COMPLAINT, running
from hosting import served
from pages import DOCS, blocks

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="gunicorn needs fork and signals")

TOKEN = {"Authorization": "Bearer open sesame"}
HELLO = [{"role": "user", "content": "Hello!"}]

(GUNICORN,) = [
    shlex.split(block.text.replace("\\\n", ""))
    for block in blocks(DOCS / "how-to/embedding.md", "bash")
    if block.text.startswith("gunicorn ")
]
RUN_APP = "from aiohttp import web; from host_service import create; "
RUN_APP += "web.run_app(create(), host='127.0.0.1', port=0)"


def gunicorn(worker: str) -> list[str]:
    """Return the command of the page, with this class of workers and on any free port.

    One worker is enough, and gunicorn forgets to stop a second one that is not up yet.
    """
    changed = {"--worker-class": f"aiohttp.{worker}", "--bind": "127.0.0.1:0", "--workers": "1"}
    assert changed.keys() <= {*GUNICORN}
    pairs = zip(["", *GUNICORN], GUNICORN, strict=False)
    return [sys.executable, "-m", *(changed.get(before, word) for before, word in pairs)]


SERVERS = {
    "run_app": [sys.executable, "-c", RUN_APP],
    "gunicorn": gunicorn("GunicornWebWorker"),
    "gunicorn with uvloop": gunicorn("GunicornUVLoopWebWorker"),
}


@dataclass
class Patient:
    """A service of OpenAI's dialect that says a word and waits before it says the next."""

    release: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/v1/models", self.models)
        app.router.add_post("/v1/chat/completions", self.chat)
        return app

    async def models(self, _: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": "patient"}]})

    async def chat(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await self.send(response, "one ", None)
        await self.release.wait()
        await self.send(response, "two", "stop")
        await response.write(b"data: [DONE]\n\n")
        return response

    async def send(self, response: web.StreamResponse, text: str, reason: str | None) -> None:
        choice = {"index": 0, "delta": {"content": text}, "finish_reason": reason}
        usage = {"prompt_tokens": 3, "completion_tokens": 2} if reason else None
        chunk = json.dumps({"choices": [choice], "usage": usage})
        await response.write(f"data: {chunk}\n\n".encode())


def environ(directory: Path, upstream: str) -> dict[str, str]:
    config = directory / "gateway.toml"
    config.write_text(f'[providers.openai]\nbase_url = "{upstream}/v1"\n')
    return {"GATEWAY_CONFIG": str(config), "HOST_TOKEN": "open sesame"}


@asynccontextmanager
async def own_route(port: int) -> AsyncIterator[asyncio.StreamReader]:
    """Ask the host's own route, and keep the connection; a server that stops closes it first."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = "".join(f"{name}: {value}\r\n" for name, value in {"Host": "x", **TOKEN}.items())
    writer.write(f"GET /tokens HTTP/1.1\r\n{head}\r\n".encode())
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    assert await reader.readexactly(2) == b"{}"
    yield reader
    writer.close()


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(command, id=name, marks=() if name == "run_app" else pytest.mark.slow)
        for name, command in SERVERS.items()
    ],
)
async def test_a_stream_is_finished_when_the_server_is_told_to_stop(
    command: Sequence[str], tmp_path: Path
) -> None:
    patient = Patient()
    async with (
        served(patient.app()) as upstream,
        running(command, tmp_path, environ(tmp_path, upstream)) as service,
        aiohttp.ClientSession(service.url) as session,
    ):
        async with session.get("/llm/api/tags") as response:
            assert response.status == 401
        client = ollama.AsyncClient(f"{service.url}/llm", headers=TOKEN)
        stream = await client.chat("patient", HELLO, stream=True)
        parts = [await anext(stream)]
        async with own_route(service.port) as connection:
            service.process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(connection.read(), 10) == b""
        patient.release.set()
        parts += [part async for part in stream]
        await client.close()
        assert await service.finish() == 0

    assert "".join(part.message.content for part in parts) == "one two"
    assert (parts[-1].done_reason, parts[-1].eval_count) == ("stop", 2)
    assert [line for line in service.log if COMPLAINT.search(line)] == []
