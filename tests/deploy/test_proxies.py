"""Real proxies with the configurations of ``deploy/proxies`` before a real gateway."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from gateway import create_app
from gateway.core.chat import ChatRequest
from gateway.core.events import ChatStream, Finish, FinishReason, TextDelta
from gateway.core.model_info import Capability, ModelInfo
from gateway.settings import LimitsSettings, Settings
from pages import ROOT
from scripted import HANG, ScriptedProvider

_START = 20.0
_WAIT = 10.0


class _PacedProvider(ScriptedProvider):
    """Yields the steps with a pause between two of them, by which buffering can be seen."""

    pause = 0.0

    async def chat(self, request: ChatRequest) -> ChatStream:
        async for batch in super().chat(request):
            yield batch
            await asyncio.sleep(self.pause)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def nginx(gateway: int, port: int, directory: Path) -> list[str]:
    """Write the shipped file with our ports and without TLS and passwords, as a whole one."""
    text = (ROOT / "deploy" / "proxies" / "nginx.conf").read_text("utf-8")
    text = text.replace("127.0.0.1:11434", f"127.0.0.1:{gateway}")
    text = text.replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")
    text = re.sub(r"^\s*(ssl_certificate|auth_basic)\w* .*;$", "", text, flags=re.M)
    temporary = "\n".join(
        f"{name}_temp_path {directory}/{name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = directory / "nginx.conf"
    file.write_text(f"""
        daemon off;
        master_process off;
        pid {directory}/pid;
        error_log stderr warn;
        events {{}}
        http {{
            access_log off;
            {temporary}
            {text}
        }}
    """)
    return ["-e", "stderr", "-p", str(directory), "-c", str(file)]


def caddy(gateway: int, port: int, directory: Path) -> list[str]:
    """Write the shipped file with our ports, and without the name for which there would be TLS."""
    text = (ROOT / "deploy" / "proxies" / "Caddyfile").read_text("utf-8")
    text = text.replace("127.0.0.1:11434", f"127.0.0.1:{gateway}")
    text = text.replace("llm.example.org {", f"http://127.0.0.1:{port} {{\n\tbind 127.0.0.1")
    file = directory / "Caddyfile"
    file.write_text(f"{{\n\tadmin off\n}}\n{text}")
    return ["run", "--adapter", "caddyfile", "--config", str(file)]


PROXIES = {"nginx": nginx, "caddy": caddy}
"""What writes the configuration of each proxy and returns its arguments."""


@contextmanager
def running(name: str, gateway: int, directory: Path) -> Iterator[str]:
    executable = shutil.which(name, path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if executable is None:
        pytest.skip(f"there is no {name}")
    port = free_port()
    arguments = PROXIES[name](gateway, port, directory)
    environ = {**os.environ, "HOME": str(directory)}
    process = subprocess.Popen(
        [executable, *arguments], env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        give_up_at = time.monotonic() + _START
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert process.poll() is None
                assert time.monotonic() < give_up_at
                time.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(_WAIT)


@pytest.fixture(params=PROXIES)
async def proxied(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[tuple[str, _PacedProvider]]:
    model = ModelInfo("tiny-latest", capabilities=frozenset(Capability), family="tiny")
    provider = _PacedProvider([model])
    settings = Settings(limits=LimitsSettings(body=6_000_000))
    app = create_app(settings, providers={"mistral": provider})
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        with running(request.param, port, tmp_path) as url:
            yield url, provider
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("path", "piece"),
    [("/api/chat", b'"content":"one"'), ("/v1/chat/completions", b'"content":"one"')],
)
async def test_each_piece_of_a_stream_arrives_before_the_answer_ends(
    proxied: tuple[str, _PacedProvider], path: str, piece: bytes
) -> None:
    url, provider = proxied
    provider.steps = ([TextDelta("one")], HANG)
    body = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    async with aiohttp.ClientSession() as session, asyncio.timeout(_WAIT):
        async with session.post(url + path, json=body) as response:
            assert response.status == 200
            received = b""
            while piece not in received.replace(b'": "', b'":"'):
                received += await response.content.readany()
            assert not provider.left.is_set()
            # A client that leaves is noticed through the proxy, and nothing more is paid for.
            response.close()
        await provider.left.wait()


async def test_a_whole_stream_comes_through_with_its_end(
    proxied: tuple[str, _PacedProvider],
) -> None:
    url, provider = proxied
    provider.steps = ([TextDelta("one")], [TextDelta("two")], [Finish(FinishReason.STOP)])
    body = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}]}
    async with (
        asyncio.timeout(_WAIT),
        aiohttp.ClientSession() as session,
        session.post(f"{url}/api/chat", json=body) as response,
    ):
        lines = [json.loads(line) async for line in response.content]
    assert [line["message"]["content"] for line in lines] == ["one", "two", ""]
    assert lines[-1]["done"] is True


async def test_large_bodies_reach_the_gateway_whose_limit_holds(
    proxied: tuple[str, _PacedProvider],
) -> None:
    url, provider = proxied
    provider.steps = ([TextDelta("seen"), Finish(FinishReason.STOP)],)
    message = {"role": "user", "content": "A" * 4_000_000}
    statuses = []
    async with aiohttp.ClientSession() as session, asyncio.timeout(_WAIT):
        for content in ([message], [message, message]):
            body = {"model": "tiny", "messages": content, "stream": False}
            data = io.BytesIO(json.dumps(body).encode())
            async with session.post(f"{url}/api/chat", data=data) as response:
                statuses.append((response.status, response.headers["Content-Type"][:16]))
    # The second answer is the gateway's own, and no page of the proxy.
    assert statuses == [(200, "application/json"), (413, "application/json")]


async def test_the_doctor_finds_nothing_wrong_behind_it(
    proxied: tuple[str, _PacedProvider],
) -> None:
    url, provider = proxied
    provider.pause = 0.1
    provider.steps = (*([TextDelta("one ")] for _ in range(8)), [Finish(FinishReason.STOP)])
    command = ("-m", "gateway", "doctor", "ollama-python", "--url", url, "--ask")
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(_START):
        report, _ = await process.communicate()
    assert process.returncode == 0, report.decode()
    # Its stream was measured.
    assert b"not measured" not in report
    assert provider.asked
