"""The server on a Unix socket: it answers, is guarded, and takes no socket that is in use."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from commandline import run, serving
from gateway.cli.server import CannotListen, serve
from gateway.serving.disconnects import Disconnects
from gateway.serving.keys import DISCONNECTS, ENDPOINTS
from gateway.settings import ServerSettings

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="there are none here")


def application() -> web.Application:
    app = web.Application()
    app[DISCONNECTS] = Disconnects(poll=0.5)
    app[ENDPOINTS] = {}
    return app


@asynccontextmanager
async def asking(path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as session:
        yield session


@pytest.mark.parametrize("variable", ["OLLAMA_HOST=unix:", "GATEWAY_SERVER_SOCKET="])
async def test_clients_reach_the_gateway_on_a_socket(tmp_path: Path, variable: str) -> None:
    path = tmp_path / "gateway.sock"
    name, _, prefix = variable.partition("=")
    started = serving(tmp_path, "--sandbox", environ={name: f"{prefix}{path}"})
    running = await asyncio.to_thread(started.__enter__)
    try:
        assert running.url == f"unix:{path}"
        async with asking(path) as session:
            body = {"model": "mistral-small", "messages": [{"role": "user", "content": "hello"}]}
            async with session.post("http://localhost/api/chat", json=body) as answer:
                lines = (await answer.read()).splitlines()
            rebound = {"Host": "evil.example", "Accept-Language": "de"}
            async with session.get("http://localhost/", headers=rebound) as refused:
                assert (answer.status, len(lines) > 1, refused.status) == (200, True, 403)
        running.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(running.finish) == 0
        assert not path.exists()
    finally:
        await asyncio.to_thread(started.__exit__, None, None, None)
    assert any(f"curl --unix-socket {path} http://localhost/api/tags" in one for one in running.log)


async def test_a_socket_that_a_server_has_left_behind_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "gateway.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    urls: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    settings = ServerSettings(socket=str(path))
    task = asyncio.create_task(serve(application(), settings, ready=urls.set_result))
    assert await asyncio.wait_for(urls, 5) == [f"unix:{path}"]
    async with asking(path) as session, session.get("http://localhost/") as answer:
        assert answer.status == 404
    signal.raise_signal(signal.SIGTERM)
    await asyncio.wait_for(task, 5)
    assert not path.exists()


async def test_a_socket_in_use_is_not_taken_from_its_server(tmp_path: Path) -> None:
    path = tmp_path / "gateway.sock"
    with socket.socket(socket.AF_UNIX) as taken:
        taken.bind(str(path))
        taken.listen()
        with pytest.raises(CannotListen) as caught:
            await serve(application(), ServerSettings(socket=str(path)), ready=print)
    assert str(caught.value) == f"cannot listen on {path}: address already in use"


@pytest.mark.parametrize(
    ("name", "reason"), [("missing/a.sock", "no such file"), ("x" * 200, "path too long")]
)
async def test_a_socket_that_cannot_be_made_is_named(
    tmp_path: Path, name: str, reason: str
) -> None:
    path = tmp_path / name
    with pytest.raises(CannotListen) as caught:
        await serve(application(), ServerSettings(socket=str(path)), ready=print)
    assert str(caught.value).startswith(f"cannot listen on {path}: ")
    assert reason in str(caught.value)


@pytest.mark.slow
def test_the_remedy_is_another_socket(tmp_path: Path) -> None:
    environ = {"OLLAMA_HOST": "unix:missing/a.sock"}
    assert run(tmp_path, "--sandbox", environ=environ)[2].splitlines()[-1] == (
        "gateway: cannot listen on missing/a.sock: no such file or directory"
        " (choose another address with server.socket)"
    )


def test_several_workers_cannot_share_a_socket(tmp_path: Path) -> None:
    environ = {"OLLAMA_HOST": "unix:a.sock"}
    assert run(tmp_path, "--sandbox", "--workers", "2", environ=environ) == (
        2,
        "",
        "gateway: --workers: several workers cannot share a Unix socket\n",
    )
