"""When the command line reads its settings again: a signal, a changed file, another worker."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import socket
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.error import HTTPError

import pytest

from callers import AUTH, KEY, settings_of
from commandline import Gateway, forget_settings, serving, started, starting
from gateway.access.client_keys import hash_key
from gateway.cli.line import READY, Siblings, WorkerLine
from gateway.cli.main import main
from gateway.cli.reload import Source, reload_when_told
from gateway.serving.keys import LIVE
from gateway.settings import Settings, load
from gateways import scripted_app
from hosting import served
from model_routes import scripted

OPEN = 'home = "."\n[server]\n'
CLOSED = f"{OPEN}\n[keys.alice]\nhash = '{hash_key(KEY)}'\nadmin = true\n"
UNKNOWN = "[server]\nprot = 1\n"


def status(url: str, method: str = "GET", **headers: str) -> int:
    """Return the status of a request on a connection of its own."""
    request = urllib.request.Request(url, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return int(response.status)
    except HTTPError as error:
        with error:
            return error.code


def until(holds: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def told(gateway: Gateway, text: str) -> None:
    """Wait until *gateway* has said something."""
    assert gateway.process.stderr is not None
    while not any(text in line for line in gateway.log):
        said = gateway.process.stderr.readline()
        assert said, gateway.log
        gateway.log.append(said)


@contextmanager
def running(directory: Path, *arguments: str) -> Iterator[tuple[Path, Gateway]]:
    """Run the sandbox's gateway with a file of settings, which the test may change."""
    config = directory / "gateway.toml"
    config.write_text(OPEN)
    with serving(directory, "--sandbox", "--config", str(config), *arguments) as gateway:
        yield config, gateway
        gateway.process.terminate()
        assert gateway.finish() == 0


def test_a_hangup_reads_the_settings_again_and_never_kills(tmp_path: Path) -> None:
    with running(tmp_path) as (config, gateway):
        tags = f"{gateway.url}/api/tags"
        assert status(tags) == 200
        config.write_text(CLOSED)
        gateway.process.send_signal(signal.SIGHUP)
        told(gateway, "the settings were read again")
        assert [status(tags), status(tags, **AUTH)] == [401, 200]
        config.write_text(UNKNOWN)
        gateway.process.send_signal(signal.SIGHUP)
        told(gateway, f"the settings stay as they were: {config}: server.prot: unknown key")
        assert [status(tags), status(tags, **AUTH)] == [401, 200]
    assert any("stopped" in line for line in gateway.log)


@pytest.mark.slow
def test_a_hangup_while_the_gateway_starts_is_no_end(tmp_path: Path) -> None:
    with starting(tmp_path, "--sandbox", "--port", "0") as process:
        try:
            until(lambda: _ignores_hangup(process.pid))
            process.send_signal(signal.SIGHUP)
            gateway = started(process)
            process.terminate()
            assert gateway.finish() == 0
        finally:
            process.kill()


def _ignores_hangup(pid: int) -> bool:
    fields = dict(
        row.split(":\t", 1) for row in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    return bool(int(fields["SigIgn"], 16) >> (signal.SIGHUP - 1) & 1)


@pytest.mark.slow
def test_all_workers_reload_before_the_answer_is_there(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    with running(tmp_path, "--port", port, "--workers", "3") as (config, gateway):
        tags, again = f"{gateway.url}/api/tags", f"{gateway.url}/gateway/reload"
        told(gateway, "3 workers are ready")
        assert {status(tags) for _ in range(12)} == {200}
        config.write_text(CLOSED)
        assert status(again, "POST") == 200
        assert {status(tags) for _ in range(24)} == {401}
        config.write_text(UNKNOWN)
        assert status(again, "POST", **AUTH) == 422
        gateway.process.send_signal(signal.SIGHUP)
        told(gateway, "server.prot: unknown key")
        assert {status(tags) for _ in range(12)} == {401}
        config.write_text(OPEN)
        gateway.process.send_signal(signal.SIGHUP)
        told(gateway, "3 workers were replaced")
        until(lambda: {status(tags) for _ in range(12)} == {200})  # the old ones end


class Bench:
    """An application that reloads from a file."""

    def __init__(self, directory: Path) -> None:
        self.config = directory / "gateway.toml"
        self.config.write_text(self.text("a*"))
        self.app = scripted_app(scripted(), settings_of())

    def text(self, pattern: str) -> str:
        return f'home = "."\n[models]\nexpose = ["{pattern}"]\n'

    def load(self) -> Settings:
        return load(config=self.config)

    @property
    def exposed(self) -> tuple[str, ...]:
        return self.app[LIVE].settings.models.expose

    @asynccontextmanager
    async def started(self, *, watch: bool) -> AsyncIterator[None]:
        # No provider but the one that a test has given.
        source = Source(self.load(), self.load, lambda one: settings_of(models=one.models))
        self.app.cleanup_ctx.append(reload_when_told(source, watch=watch, interval=0.02))
        async with served(self.app):
            yield

    async def shows(self, pattern: str) -> None:
        async with asyncio.timeout(10):
            while self.exposed != (pattern,):
                await asyncio.sleep(0.01)


async def test_a_changed_file_is_read_again_where_it_is_watched(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    async with bench.started(watch=True):
        for pattern in ("b*", "c*"):
            bench.config.write_text(bench.text(pattern))
            await bench.shows(pattern)


async def test_a_mounted_map_whose_link_is_swapped_is_read_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    for name, pattern in (("..one", "a*"), ("..two", "d*")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "gateway.toml").write_text(bench.text(pattern))
    (tmp_path / "..data").symlink_to("..one")
    bench.config.unlink()
    bench.config.symlink_to("..data/gateway.toml")
    async with bench.started(watch=True):
        (tmp_path / "..new").symlink_to("..two")
        (tmp_path / "..new").rename(tmp_path / "..data")
        await bench.shows("d*")


async def test_a_mistake_is_told_once_and_a_later_change_mends_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(tmp_path)
    caplog.set_level(logging.ERROR, "gateway")
    async with bench.started(watch=True):
        await bench_is_idle()
        bench.config.write_text("oops")
        async with asyncio.timeout(10):
            while not caplog.messages:
                await asyncio.sleep(0.01)
        await bench_is_idle()
        assert len(caplog.messages) == 1
        bench.config.unlink()
        async with asyncio.timeout(10):
            while len(caplog.messages) < 2:
                await asyncio.sleep(0.01)
        assert "cannot read" in caplog.messages[1]
        bench.config.write_text(bench.text("e*"))
        await bench.shows("e*")


async def bench_is_idle() -> None:
    """Give the watcher the time for some looks."""
    await asyncio.sleep(0.1)


async def test_without_being_watched_a_file_is_read_on_a_hangup_only(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    before = signal.getsignal(signal.SIGHUP)
    async with bench.started(watch=False):
        bench.config.write_text(bench.text("f*"))
        await bench_is_idle()
        assert bench.exposed == ()
        signal.raise_signal(signal.SIGHUP)
        await bench.shows("f*")
    assert signal.getsignal(signal.SIGHUP) == before


async def test_a_system_without_that_signal_needs_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(signal, "SIGHUP")
    bench = Bench(tmp_path)
    async with bench.started(watch=False):
        assert bench.app[LIVE].read is not None


def test_every_file_of_the_settings_is_watched(tmp_path: Path) -> None:
    names = ("gateway.toml", ".env", "origin", "key")
    config, dotenv, origin, key = (tmp_path / name for name in names)
    config.write_text("")
    origin.write_text("https://a.example")
    environ = {"OLLAMA_ORIGINS_FILE": str(origin), "MISTRAL_API_KEY_FILE": str(key)}
    first = load(config=config, environ=environ, dotenv=dotenv)
    key.write_text("sk-1")
    assert first.environ.get("MISTRAL_API_KEY") == "sk-1"
    source = Source(first, lambda: first, lambda one: one)
    stamps = source.stamps()
    assert {*stamps} == {config, dotenv, origin, key}
    assert stamps[dotenv] is None
    dotenv.write_text("")
    assert {file for file, stamp in source.stamps().items() if stamp != stamps[file]} == {dotenv}


class Line:
    """A worker and its line: it notes when it reloads."""

    def __init__(self, siblings: Siblings, *, answers: bool = True, reloads: int = 0) -> None:
        self.theirs, ours = socket.socketpair()
        self.theirs.setblocking(False)
        self.worker = WorkerLine(ours)
        self.ours = ours
        self.reloads = 0
        self.may_answer = asyncio.Event()
        if answers:
            self.may_answer.set()
        self.tasks = [
            asyncio.ensure_future(siblings.listen(self.theirs, reloads=reloads)),
            asyncio.ensure_future(self.worker.listen(self.reload)),
        ]

    async def reload(self) -> None:
        self.reloads += 1
        await self.may_answer.wait()

    async def close(self) -> None:
        self.ours.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.wait(self.tasks)
        self.theirs.close()


@asynccontextmanager
async def lines(count: int, **options: float) -> AsyncIterator[list[Line]]:
    siblings = Siblings(**options)
    group = [Line(siblings) for _ in range(count)]
    await asyncio.sleep(0)
    try:
        yield group
    finally:
        for one in group:
            await one.close()


async def test_what_one_worker_says_the_others_do_before_it_goes_on() -> None:
    async with lines(3) as group:
        await asyncio.wait_for(group[0].worker.tell_others(), 5)
        assert [one.reloads for one in group] == [0, 1, 1]


async def test_a_worker_that_was_starting_meanwhile_reloads_once_it_is_ready() -> None:
    siblings = Siblings()
    first = Line(siblings)
    await asyncio.sleep(0)
    before = siblings.reloads
    await asyncio.wait_for(first.worker.tell_others(), 5)
    late, fresh = (Line(siblings, reloads=count) for count in (before, siblings.reloads))
    async with asyncio.timeout(5):
        while not late.reloads:
            await asyncio.sleep(0.001)
        # Its answer to that is not one to anything later.
        await first.worker.tell_others()
    assert [one.reloads for one in (first, late, fresh)] == [0, 2, 1]
    for one in (first, late, fresh):
        await one.close()


async def test_workers_that_speak_at_the_same_time_do_not_wait_for_each_other_for_ever() -> None:
    async with lines(3) as group, asyncio.timeout(5):
        await asyncio.gather(*(one.worker.tell_others() for one in group for _ in range(3)))
        assert [one.reloads for one in group] == [6, 6, 6]


async def test_nobody_waits_for_a_worker_that_has_died() -> None:
    async with lines(3) as group:
        group[1].may_answer.clear()
        telling = asyncio.ensure_future(group[0].worker.tell_others())
        while not group[1].reloads:
            await asyncio.sleep(0.01)
        assert not telling.done()
        await group[1].close()
        await asyncio.wait_for(telling, 5)
        await asyncio.wait_for(group[0].worker.tell_others(), 5)
        assert [one.reloads for one in group] == [0, 1, 2]


async def test_a_worker_that_does_not_answer_is_waited_for_only_so_long() -> None:
    async with lines(3, seconds=0.05) as group:
        group[2].may_answer.clear()
        await asyncio.wait_for(group[0].worker.tell_others(), 5)


async def test_a_line_whose_other_end_was_torn_off_has_ended() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    theirs.close()
    with ours:
        worker = WorkerLine(ours)
        await asyncio.wait_for(worker.listen(lambda: asyncio.sleep(0)), 5)
        worker.tell_ready()


async def test_a_worker_says_that_it_is_ready() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        WorkerLine(ours).tell_ready()
        assert theirs.recv(9) == READY


async def test_a_supervisor_that_is_gone_keeps_nobody_waiting() -> None:
    ours, theirs = socket.socketpair()
    theirs.close()
    with ours:
        await asyncio.wait_for(WorkerLine(ours, seconds=0.05).tell_others(), 5)


@pytest.mark.slow
def test_the_answer_to_a_reload_is_json(tmp_path: Path) -> None:
    with running(tmp_path) as (config, gateway):
        config.write_text(f"{OPEN}port = 1\nwatch = true\n[usage]\nkeep = 1\n")
        request = urllib.request.Request(f"{gateway.url}/gateway/reload", method="POST")
        with urllib.request.urlopen(request, timeout=10) as response:
            document = json.load(response)
    # The port was given as an argument, which still counts.
    names = ["server.watch", "usage.keep"]
    assert document == {"reloaded": True, "waiting_for_restart": names}


def test_the_command_line_reads_its_settings_as_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget_settings(monkeypatch)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gateway.toml").write_text("[limits]\nrpm = 1\n")
    seen = []

    async def serve(source: Source, **_: object) -> None:
        seen.append(source.settings.limits.rpm)
        (tmp_path / "gateway.toml").write_text("[limits]\nrpm = 2\n")
        seen.append(source.read().limits.rpm)

    monkeypatch.setattr("gateway.cli.worker.serve_gateway", serve)
    assert main(["--config", "gateway.toml"]) == 0
    assert seen == [1, 2]
