"""Which state the settings ask for, and what is loaded for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.core.errors import SettingsError
from gateway.settings import StateSettings
from gateway.state import open_state
from gateway.state.base import Actual, Demand, Granted, Money
from gateway.state.memory import MemoryState
from gateway.state.shared import SharedState
from redis_server import RedisServer
from states import TIMEOUT, TODAY, granted

HERE = StateSettings()
MONEY = Demand("alice", concurrency=1, money=Money(100, TODAY, 0, 10))


def files(directory: Path) -> list[str]:
    return [file.name for file in directory.iterdir()]


@pytest.mark.parametrize("lasts", [True, False])
async def test_without_a_home_all_is_in_memory(lasts: bool) -> None:
    async with open_state(HERE, home=None, lasts=lasts) as state:
        assert isinstance(state, MemoryState)


async def test_one_process_needs_a_file_only_for_what_lasts(tmp_path: Path) -> None:
    async with open_state(HERE, home=tmp_path, lasts=False) as state:
        assert isinstance(state, MemoryState)
    assert not files(tmp_path)
    async with open_state(HERE, home=tmp_path / "new") as state:
        answer = await granted(state, MONEY)
        state.settle(answer.lease, Actual(cost=7))
    assert files(tmp_path / "new") == ["usage.sqlite3"]
    async with open_state(HERE, home=tmp_path / "new") as state:
        assert await state.spent("alice", TODAY) == 7


@pytest.mark.parametrize(("several", "passed"), [(True, 1), (False, 2)])
async def test_several_processes_share_their_limits_in_the_file(
    tmp_path: Path, several: bool, passed: int
) -> None:
    async with (
        open_state(HERE, home=tmp_path, several=several) as one,
        open_state(HERE, home=tmp_path, several=several, owner="me") as other,
    ):
        answers = [await one.acquire([MONEY]), await other.acquire([MONEY])]
    assert sum(isinstance(answer, Granted) for answer in answers) == passed


async def test_a_home_that_cannot_be_used_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"^home: cannot use .*usage\.sqlite3: not a directory"):
        async with open_state(HERE, home=tmp_path / "file" / "home"):
            pass


async def test_a_url_is_a_server(server: RedisServer, tmp_path: Path) -> None:
    settings = StateSettings(url=server.url, prefix="opening", timeout=TIMEOUT)
    async with open_state(settings, home=tmp_path) as state:
        assert isinstance(state, SharedState)
        answer = await granted(state, MONEY)
        state.settle(answer.lease, Actual(cost=7))
    async with open_state(settings, home=None) as state:
        assert await state.spent("alice", TODAY) == 7


async def test_a_url_without_the_client_names_what_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "gateway.state.redis", raising=False)
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)
    with pytest.raises(SettingsError, match=r"pip install 'ollama-gateway\[redis\]'"):
        async with open_state(StateSettings(url="redis://localhost"), home=None):
            pass


@pytest.mark.parametrize(
    ("settings", "absent"),
    [
        ("home=None", {"redis", "sqlite3", "gateway.state.shared"}),
        ("home=None, lasts=False", {"redis", "sqlite3", "gateway.state.shared"}),
        ("home=pathlib.Path(sys.argv[1]), several=True", {"redis"}),
    ],
)
def test_nothing_is_loaded_that_is_not_used(
    tmp_path: Path, settings: str, absent: set[str]
) -> None:
    program = f"""
import asyncio, pathlib, sys
from gateway.settings import StateSettings
from gateway.state import open_state

async def main():
    async with open_state(StateSettings(), {settings}):
        pass

asyncio.run(main())
print(*sys.modules)
"""
    run: Any = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, check=True, text=True
    )
    assert set(run.stdout.split()) & absent == set()
