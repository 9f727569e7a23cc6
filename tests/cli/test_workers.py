"""Several processes on one port, as one server."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from threading import Timer

import aiohttp
import pytest

from commandline import forget_settings, install_adapter, run, serving
from gateway.cli import logs
from gateway.cli.main import main
from gateway.cli.workers import supervise
from gateway.core.errors import SettingsError

LIVE_ON = """
import os, pathlib, sys, time
pathlib.Path(sys.argv[1], str(os.getpid())).touch()
os.write(int(sys.argv[2]), b"1")
time.sleep(60)
"""


NEVER_READY = """
import os, pathlib, sys, time
pathlib.Path(sys.argv[1], str(os.getpid())).touch()
time.sleep(60)
"""
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + LIVE_ON


@pytest.fixture(autouse=True)
def told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


async def said(caplog: pytest.LogCaptureFixture, text: str) -> None:
    """Wait until the supervisor has said something."""
    async with asyncio.timeout(20):
        while text not in caplog.text:
            await asyncio.sleep(0.01)


@asynccontextmanager
async def supervised(
    directory: Path, count: int, caplog: pytest.LogCaptureFixture
) -> AsyncIterator[asyncio.Task[int]]:
    command = [sys.executable, "-c", LIVE_ON, str(directory)]
    task = asyncio.ensure_future(supervise(count, command))
    await said(caplog, f"{count} workers are ready")
    yield task
    if not task.done():
        os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(task, 10)


async def seen(directory: Path, count: int) -> list[int]:
    """Wait until that many processes have ever run, and return their ids."""
    async with asyncio.timeout(10):
        while len(found := os.listdir(directory)) < count:  # noqa: PTH208 - names are wanted
            await asyncio.sleep(0.01)
    return sorted(map(int, found))


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_them_all(
    tmp_path: Path, number: signal.Signals, caplog: pytest.LogCaptureFixture
) -> None:
    async with supervised(tmp_path, 3, caplog) as task:
        pids = await seen(tmp_path, 3)
        assert all(map(alive, pids))
        os.kill(os.getpid(), number)
        assert await asyncio.wait_for(task, 10) == 0
    assert not any(map(alive, pids))


async def test_what_has_not_started_yet_can_be_stopped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    command = [sys.executable, "-c", NEVER_READY, str(tmp_path)]
    task = asyncio.ensure_future(supervise(2, command))
    pids = await seen(tmp_path, 2)
    os.kill(os.getpid(), signal.SIGTERM)
    assert await asyncio.wait_for(task, 10) == 0
    assert not any(map(alive, pids))
    assert caplog.text == ""


async def test_a_reload_that_takes_too_long_can_be_stopped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    script = tmp_path / "script.py"
    script.write_text(LIVE_ON)
    seats = tmp_path / "seats"
    seats.mkdir()
    task = asyncio.ensure_future(supervise(2, [sys.executable, str(script), str(seats)]))
    await said(caplog, "2 workers are ready")
    script.write_text(NEVER_READY)
    os.kill(os.getpid(), signal.SIGHUP)
    everyone = await seen(seats, 4)
    os.kill(os.getpid(), signal.SIGTERM)
    assert await asyncio.wait_for(task, 10) == 0
    assert not any(map(alive, everyone))
    assert "go on" not in caplog.text


async def test_a_second_interrupt_waits_for_no_requests(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    task = asyncio.ensure_future(supervise(2, [sys.executable, "-c", STUBBORN, str(tmp_path)]))
    await said(caplog, "2 workers are ready")
    pids = await seen(tmp_path, 2)
    os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(task), 0.3)
    os.kill(os.getpid(), signal.SIGINT)
    assert await asyncio.wait_for(task, 10) == 0
    assert not any(map(alive, pids))


async def test_one_that_dies_is_replaced(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with supervised(tmp_path, 2, caplog):
        first = await seen(tmp_path, 2)
        os.kill(first[0], signal.SIGKILL)
        everyone = await seen(tmp_path, 3)
        assert alive(first[1])
    assert not any(map(alive, everyone))


async def test_a_reload_replaces_them_all(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with supervised(tmp_path, 2, caplog):
        first = await seen(tmp_path, 2)
        os.kill(os.getpid(), signal.SIGHUP)
        await said(caplog, "2 workers were replaced")
        everyone = await seen(tmp_path, 4)
        async with asyncio.timeout(10):
            while any(map(alive, first)):
                await asyncio.sleep(0.01)
        assert all(alive(pid) for pid in everyone if pid not in first)


async def test_a_reload_that_fails_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    script = tmp_path / "script.py"
    script.write_text(LIVE_ON)
    seats = tmp_path / "seats"
    seats.mkdir()
    task = asyncio.ensure_future(supervise(2, [sys.executable, str(script), str(seats)]))
    await said(caplog, "2 workers are ready")
    first = await seen(seats, 2)
    script.write_text("raise SystemExit(2)")
    os.kill(os.getpid(), signal.SIGHUP)
    await said(caplog, "the old ones continue")
    assert all(map(alive, first))
    os.kill(os.getpid(), signal.SIGTERM)
    assert await asyncio.wait_for(task, 10) == 0


@pytest.mark.parametrize(
    "script",
    ["raise SystemExit(2)", "import os, sys, time; os.close(int(sys.argv[1])); time.sleep(0.3)"],
    ids=["it ends", "its line ends first"],
)
async def test_what_does_not_start_ends_everything(script: str) -> None:
    command = [sys.executable, "-c", script]
    assert await asyncio.wait_for(supervise(2, command), 10) == 1


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_two_workers_serve_one_port_and_stop_together(tmp_path: Path) -> None:
    body = json.dumps({"model": "mistral-large", "messages": [{"role": "user", "content": "x"}]})
    hosts = set()
    with serving(
        tmp_path,
        *("--port", str(free_port()), "--workers", "2", "--sandbox"),
        environ={"GATEWAY_OLLAMA_SHOW_REMOTE": "true"},
    ) as gateway:
        give_up = time.monotonic() + 20
        while len(hosts) < 2 and time.monotonic() < give_up:
            # Each worker has a sandbox of its own, by which it can be told.
            request = urllib.request.Request(gateway.url + "/api/chat", body.encode())
            with urllib.request.urlopen(request, timeout=10) as response:
                hosts.add(json.loads(response.readline())["remote_host"])
        gateway.process.terminate()
        assert gateway.finish() == 0
    assert len(hosts) == 2


@pytest.mark.slow
async def test_four_workers_let_exactly_as_many_requests_pass_as_one(tmp_path: Path) -> None:
    (tmp_path / "limited.toml").write_text('home = "."\n[limits]\nrpm = 3\n')
    arguments = ["--port", str(free_port()), "--workers", "4", "--sandbox"]
    body = {"model": "mistral-small", "messages": [{"role": "user", "content": "x"}]}
    with serving(tmp_path, *arguments, "--config", "limited.toml") as gateway:

        async def status() -> int:
            async with (
                aiohttp.ClientSession() as session,  # and a connection of its own
                session.post(f"{gateway.url}/api/chat", json=body) as response,
            ):
                await response.read()
                return response.status

        statuses = await asyncio.gather(*(status() for _ in range(50)))
        gateway.process.terminate()
        assert await asyncio.to_thread(gateway.finish) == 0
    assert sorted(statuses) == [200] * 3 + [429] * 47


async def metrics_of(url: str) -> list[str]:
    """Return the lines of the metrics, over a connection of its own."""
    async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as response:
        return (await response.text()).splitlines()


@pytest.mark.slow
async def test_the_metrics_of_workers_are_added_up(tmp_path: Path) -> None:
    arguments = ["--port", str(free_port()), "--workers", "2", "--sandbox"]
    body = {"model": "mistral-small", "messages": [{"role": "user", "content": "x"}]}
    on = {"GATEWAY_METRICS_ENABLED": "true"}
    with serving(tmp_path, *arguments, environ=on) as gateway:
        for _ in range(8):
            async with (
                aiohttp.ClientSession() as session,  # and a connection of its own
                session.post(f"{gateway.url}/api/chat", json=body) as response,
            ):
                await response.read()
        labels = '{dialect="ollama",route="/api/chat",status="200"}'
        wanted = {
            f"gateway_requests_total{labels} 8.0",
            'gateway_provider_up{provider="mistral"} 1.0',
        }
        async with asyncio.timeout(20):
            for _ in range(4):  # whichever worker is asked
                while not wanted <= {*await metrics_of(gateway.url)}:
                    await asyncio.sleep(0.05)
        gateway.process.terminate()
        assert await asyncio.to_thread(gateway.finish) == 0


def test_workers_need_a_port_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    forget_settings(monkeypatch)
    monkeypatch.chdir(tmp_path)
    assert main(["--workers", "2", "--port", "0", "--sandbox"]) == 2
    assert "several workers need a fixed port" in capsys.readouterr().err
    monkeypatch.delattr(signal, "SIGHUP")
    assert main(["--workers", "2", "--sandbox"]) == 2
    assert "cannot share a port" in capsys.readouterr().err


@pytest.mark.slow
def test_a_worker_that_cannot_start_says_why(tmp_path: Path) -> None:
    status, _, complaints = run(tmp_path, "--workers", "2", "--port", str(free_port()))
    assert status == 1
    assert "mistral needs api_key: set MISTRAL_API_KEY" in complaints


@pytest.mark.slow
def test_workers_whose_port_is_in_use_say_so_and_end(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        status, _, complaints = run(tmp_path, "--workers", "2", "--port", port, "--sandbox")
    assert status == 1
    assert f"cannot listen on 127.0.0.1:{port}: address already in use" in complaints
    assert "workers are ready" not in complaints


def test_the_command_line_supervises_with_all_that_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget_settings(monkeypatch)
    monkeypatch.chdir(tmp_path)
    asked = []

    async def note(
        count: int,
        command: list[str],
        *,
        check: Callable[[], None],
        free: Callable[[str], Awaitable[None]],
        **_: object,
    ) -> int:
        asked.append((count, command[1:]))
        check()
        await free("a worker that died")
        monkeypatch.setenv("GATEWAY_SERVER_PROT", "1")
        with pytest.raises(SettingsError, match="unknown variable"):
            check()
        return 0

    monkeypatch.setattr("gateway.cli.workers.supervise", note)
    assert main(["--workers", "3", "--sandbox"]) == 0
    rest = ["-m", "gateway", "--workers", "3", "--sandbox", "--workers", "3", "--supervisor"]
    assert asked == [(3, rest)]


def test_a_worker_tells_its_supervisor_and_stops_when_it_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget_settings(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logs, "configure", lambda *_, **__: None)
    ours, theirs = socket.socketpair()

    def leave() -> bytes:
        with ours:
            return ours.recv(2)

    with ThreadPoolExecutor() as threads:
        told = threads.submit(leave)
        line = str(theirs.detach())
        arguments = ["--sandbox", "--port", str(free_port()), "--workers", "1"]
        # A worker that does not notice would serve for ever.
        rescue = Timer(15, os.kill, (os.getpid(), signal.SIGTERM))
        rescue.start()
        assert main([*arguments, "--supervisor", line]) == 0
        assert rescue.is_alive(), "it had to be stopped"
        rescue.cancel()
        assert told.result() == b"1"


async def test_workers_stop_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    port = str(free_port())
    with serving(tmp_path, "--port", port, "--workers", "2", "--sandbox") as gateway:
        gateway.process.kill()
        gateway.finish()
    async with asyncio.timeout(20):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", int(port))
            except ConnectionRefusedError:
                break
            writer.close()
            await asyncio.sleep(0.05)


def test_workers_cannot_share_a_unix_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    forget_settings(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OLLAMA_HOST", "unix:a.sock")
    assert main(["--workers", "2", "--sandbox"]) == 2
    assert capsys.readouterr().err == (
        "gateway: --workers: several workers cannot share a Unix socket\n"
    )


async def test_what_a_dead_process_held_is_freed_by_its_name(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    freed = []

    ended = []

    async def free(owner: str) -> None:
        freed.append(owner)

    script = f"pathlib.Path(sys.argv[1], sys.argv[4] + '-' + str(os.getpid())).touch()\n{LIVE_ON}"
    command = [sys.executable, "-c", f"import os, pathlib, sys\n{script}", str(tmp_path)]
    task = asyncio.ensure_future(supervise(2, command, free=free, ended=ended.append))
    await said(caplog, "2 workers are ready")
    names = [file.name.partition("-") for file in tmp_path.glob("*-*")]  # noqa: ASYNC240
    owner, _, pid = names[0]
    assert len({name for name, *_ in names}) == 2
    os.kill(int(pid), signal.SIGKILL)
    async with asyncio.timeout(10):
        while not freed:
            await asyncio.sleep(0.01)
    assert freed == [owner]
    assert ended == [int(pid)]
    os.kill(os.getpid(), signal.SIGTERM)
    assert await asyncio.wait_for(task, 10) == 0
    assert len(ended) == 3


async def test_settings_that_are_wrong_start_no_new_workers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def check() -> None:
        raise SettingsError("gateway.toml: invalid value")

    command = [sys.executable, "-c", LIVE_ON, str(tmp_path)]
    task = asyncio.ensure_future(supervise(2, command, check=check))
    await said(caplog, "2 workers are ready")
    first = await seen(tmp_path, 2)
    os.kill(os.getpid(), signal.SIGHUP)
    await said(caplog, "the settings stay as they were: gateway.toml: invalid value")
    assert await seen(tmp_path, 2) == first
    assert all(map(alive, first))
    os.kill(os.getpid(), signal.SIGTERM)
    assert await asyncio.wait_for(task, 10) == 0


@pytest.mark.slow
async def test_the_places_of_a_killed_worker_are_free_at_once(tmp_path: Path) -> None:
    install_adapter(tmp_path / "site")
    (tmp_path / "limited.toml").write_text(
        'home = "."\n[limits]\nconcurrency = 2\n[providers.patient]\n'
    )
    arguments = ["--port", str(free_port()), "--workers", "2", "--config", "limited.toml"]
    body = {"model": "patient", "messages": [{"role": "user", "content": "x"}]}
    environ = {"PATIENT_TOKEN": "t"}
    with serving(tmp_path, *arguments, environ=environ) as gateway:
        assert gateway.process.stderr is not None
        # Before that, a process that dies ends the whole.
        while "workers are ready" not in await asyncio.to_thread(gateway.process.stderr.readline):
            pass
        opened: list[aiohttp.ClientResponse] = []

        async def begun(session: aiohttp.ClientSession) -> int:
            response = await session.post(f"{gateway.url}/api/chat", json=body)
            opened.append(response)
            await response.content.readline()
            return response.status

        connector = aiohttp.TCPConnector(force_close=True)
        async with aiohttp.ClientSession(connector=connector) as session, asyncio.timeout(20):
            assert [await begun(session) for _ in range(3)] == [200, 200, 429]
            for pid in children(gateway.process.pid):
                os.kill(pid, signal.SIGKILL)
            statuses: list[int] = []
            # The places of one process may be free before those of the other.
            while statuses.count(200) < 2:
                with suppress(aiohttp.ClientError):  # until there are workers again
                    statuses.append(await begun(session))
                await asyncio.sleep(0.02)
            for response in opened:
                response.close()
        gateway.process.terminate()
        assert await asyncio.to_thread(gateway.finish) == 0


def children(pid: int) -> list[int]:
    return [*map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
