"""Real processes that share one file, and one of them killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import state_worker
from gateway.settings import StateSettings
from gateway.state import free_leases, open_state
from gateway.state.base import Demand
from gateway.state.sqlite import FILE


@contextmanager
def workers(home: Path, count: int) -> Iterator[list[subprocess.Popen[str]]]:
    processes = [
        subprocess.Popen(
            [sys.executable, state_worker.__file__, str(home), f"worker-{number}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(count)
    ]
    try:
        assert [line(process) for process in processes] == ["ready"] * count
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def go_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_four_processes_together_pass_as_the_limit_says(tmp_path: Path) -> None:
    with workers(tmp_path, 4) as processes:
        for process in processes:
            go_on(process)
        assert sum(int(line(process)) for process in processes) == 3


async def test_the_places_of_a_killed_process_are_freed_by_its_supervisor(tmp_path: Path) -> None:
    demand = [Demand("alice")]
    with workers(tmp_path, 1) as (worker,):
        go_on(worker)
        assert line(worker) == "3"
        async with open_state(StateSettings(), home=tmp_path, several=True) as state:
            assert (await state.levels(demand))[0].running == 3
            worker.kill()
            worker.wait()
            assert (await state.levels(demand))[0].running == 3
            await free_leases(StateSettings(), home=tmp_path, owner="worker-0")
            assert (await state.levels(demand))[0].running == 0


async def test_where_nothing_is_kept_nothing_is_freed(tmp_path: Path) -> None:
    for home in (None, tmp_path):
        await free_leases(StateSettings(), home=home, owner="worker-0")
    assert not os.listdir(tmp_path)  # noqa: PTH208 - names are wanted


async def test_a_state_that_cannot_be_used_is_a_line_of_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE).mkdir()
    await free_leases(StateSettings(), home=tmp_path, owner="worker-0")
    assert caplog.messages[0].startswith("what a dead process held is not freed: home: ")


async def test_a_server_that_cannot_be_reached_frees_nothing_and_says_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings = StateSettings(url="redis://127.0.0.1:1", timeout=0.05)
    await free_leases(settings, home=None, owner="worker-0")
    assert "what a dead process held" not in caplog.text
