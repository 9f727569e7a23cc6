"""Processes that are killed while they write, and processes that write at the same time."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

import store_writer
from gateway.models.derived import DerivedModel
from gateway.models.store import open_store


def writer(home: Path, prefix: str, limit: int = 0) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, store_writer.__file__, str(home), prefix, str(limit)],
        stdout=subprocess.PIPE,
        text=True,
    )


def kept(home: Path) -> dict[str, DerivedModel]:
    async def read() -> dict[str, DerivedModel]:
        async with open_store(home) as store:
            return {model.name: model for model in await store.models()}

    return asyncio.run(read())


def check_file(home: Path) -> str:
    raw = sqlite3.connect(home / "models.sqlite3")
    (verdict,) = raw.execute("PRAGMA integrity_check").fetchone()
    raw.close()
    return str(verdict)


@pytest.mark.slow
def test_a_killed_process_leaves_every_change_whole_and_none_half_done(
    tmp_path: Path,
) -> None:
    """Each round is killed after another number of steps, in the midst of one after them."""
    for number, after in enumerate((1, 2, 3, 4, 6, 9, 13)):
        home = tmp_path / str(number)
        with writer(home, "w") as process:
            assert process.stdout is not None
            for _ in range(after):
                process.stdout.readline()
            # Not on the beat: a step takes a few milliseconds.
            time.sleep(random.uniform(0, 0.01))
            process.kill()
            done = after + len(process.stdout.read().split("\n")) - 1
        models = kept(home)
        assert models in (store_writer.expected(done), store_writer.expected(done + 1))
        assert check_file(home) == "ok"


@pytest.mark.slow
def test_processes_that_write_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    writers = [writer(tmp_path, prefix, 20) for prefix in ("a", "b")]
    assert [process.communicate(timeout=30) and process.returncode for process in writers] == [0, 0]
    assert kept(tmp_path) == {
        **store_writer.expected(20, "a"),
        **store_writer.expected(20, "b"),
    }
