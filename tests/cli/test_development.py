"""``--reload``: the server starts anew when a source or settings file changes."""

import asyncio
import json
import os
import signal
import sys
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

import gateway
from commandline import forget_settings, install_adapter, serving
from gateway.cli import development
from gateway.cli.development import restart_on_change, source_files
from gateway.cli.main import main

PROGRAM = """
import pathlib, signal, sys, time
mode, runs = pathlib.Path(sys.argv[1]).read_text(), pathlib.Path(sys.argv[2])
if mode == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
with runs.open("a") as file:
    file.write(mode + ";")
if mode == "broken":
    sys.exit(3)
while True:
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(development, "_LOOK", 0.02)
    monkeypatch.setattr(development, "_STOPPING", 0.2)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.02)


class Child:
    """A program that runs again when the file ``source`` changes, and notes what it finds there."""

    def __init__(self, directory: Path) -> None:
        self.source = directory / "source"
        self.notes = directory / "notes"
        self.source.write_text("one")
        self.notes.write_text("")
        self.command = [sys.executable, "-c", PROGRAM, str(self.source), str(self.notes)]

    @property
    def runs(self) -> str:
        return self.notes.read_text()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[None]]:
        task = asyncio.create_task(restart_on_change(self.command, lambda: {self.source}))
        try:
            await until(lambda: self.runs != "")
            yield task
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@pytest.fixture
def child(tmp_path: Path) -> Child:
    return Child(tmp_path)


async def test_a_change_starts_the_program_anew(
    child: Child, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with child.running():
        child.source.write_text("another")
        await until(lambda: child.runs == "one;another;")
        child.source.unlink()
        await until(lambda: len(caplog.messages) >= 2)
    assert caplog.messages[:2] == [f"restarting, since {child.source} has changed"] * 2


async def test_a_program_that_ends_is_started_once_a_file_has_changed(
    child: Child, caplog: pytest.LogCaptureFixture
) -> None:
    child.source.write_text("broken")
    async with child.running():
        await until(lambda: bool(caplog.messages))
        await asyncio.sleep(0.1)
        assert child.runs == "broken;"
        child.source.write_text("mended")
        await until(lambda: child.runs == "broken;mended;")
    assert caplog.messages == [
        "the gateway has ended with status 3: it starts again when a file changes"
    ]


async def test_a_program_that_does_not_stop_is_killed(child: Child) -> None:
    child.source.write_text("stubborn")
    async with child.running():
        child.source.write_text("one")
        await until(lambda: child.runs == "stubborn;one;")


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no such signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_stop_signal_stops_both(child: Child, number: signal.Signals) -> None:
    async with child.running() as task:
        os.kill(os.getpid(), number)
        async with asyncio.timeout(10):
            await task


async def test_where_there_are_no_signals_the_interrupt_cancels(
    child: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(signal, "SIGHUP", raising=False)
    async with child.running() as task:
        assert not task.done()


def test_the_source_is_that_of_the_gateway_and_of_all_adapters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_adapter(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    found = source_files()
    assert Path(development.__file__) in found
    assert tmp_path / "patient_adapter.py" in found
    monkeypatch.setattr(development, "find_spec", lambda _: None)
    assert source_files() == set()


def test_the_command_line_says_what_is_run_and_what_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget_settings(monkeypatch)
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "my.toml"
    config.write_text("[server]\nport = 0\n")
    seen: list[object] = []

    async def note(command: list[str], files: Callable[[], set[Path]]) -> None:
        seen.append(command[1:])
        first = files()
        config.write_text("[server]\nprot = 0\n")
        assert files() == first
        seen.append([one.name for one in first if one.suffix == ".toml"])

    monkeypatch.setattr(development, "restart_on_change", note)
    assert main(["--config", "my.toml", "--reload"]) == 0
    assert seen == [["-m", "gateway", "--config", "my.toml"], ["my.toml"]]
    assert main(["serve", "--config", "my.toml", "--reload"]) == 2


@pytest.mark.slow
def test_a_gateway_serves_what_its_changed_adapter_says(tmp_path: Path) -> None:
    site = tmp_path / "site"
    install_adapter(site)
    path = os.pathsep.join([str(site), str(Path(gateway.__file__).parents[1])])
    config = tmp_path / "gateway.toml"
    config.write_text('[providers.patient]\ntoken = "t"\n')

    def models(url: str) -> list[str]:
        with urllib.request.urlopen(f"{url}/api/tags", timeout=10) as response:
            return [one["name"] for one in json.load(response)["models"]]

    environ = {"PYTHONPATH": path}
    with serving(tmp_path, "--reload", "--config", str(config), environ=environ) as running:
        assert models(running.url) == ["patient-mini:latest", "patient:latest"]
        source = site / "patient_adapter.py"
        source.write_text(source.read_text().replace("patient-mini", "patient-maxi"))
        assert running.process.stderr is not None
        line = next(one for one in running.process.stderr if "listening on" in one)
        url = line.partition("listening on ")[2].split()[0]
        assert models(url) == ["patient-maxi:latest", "patient:latest"]
        running.process.terminate()
        assert running.finish() == 0
