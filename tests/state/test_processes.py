"""Real processes that share one file, and one of them killed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import state_worker
from gateway.settings import StateSettings
from gateway.state import open_state
from gateway.state.base import Demand


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
            await state.free("worker-0")
            assert (await state.levels(demand))[0].running == 0
