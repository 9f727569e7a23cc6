"""States, and a server for those of Redis."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.state import redis, redis_scripts
from gateway.state.redis_scripts import Script
from redis_server import RedisServer, redis_server
from states import Bench


@pytest.fixture(scope="session")
def server() -> Iterator[RedisServer]:
    with redis_server() as running:
        yield running


@pytest.fixture
def fake_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the scripts ask the test for the time, and let no key expire by the real one."""
    for name in ("ACQUIRE", "SETTLE", "LEVELS", "RENEW"):
        text = getattr(redis_scripts, name).text
        text = text.replace("redis.call('TIME')", "redis.call('HMGET', 'clock', 's', 'u')")
        text = text.replace("+ 1000)", "+ 1000000)")
        monkeypatch.setattr(redis, name, Script(text))


@pytest.fixture(params=["memory", "sqlite", "redis"])
def bench(request: pytest.FixtureRequest, tmp_path: Path, fake_time: None) -> Iterator[Bench]:
    made = _bench(request, tmp_path)
    yield made
    made.close()


@pytest.fixture(params=["sqlite", "redis"])
def shared(request: pytest.FixtureRequest, tmp_path: Path, fake_time: None) -> Iterator[Bench]:
    made = _bench(request, tmp_path)
    yield made
    made.close()


def _bench(request: pytest.FixtureRequest, directory: Path) -> Bench:
    server = request.getfixturevalue("server") if request.param == "redis" else None
    return Bench(request.param, directory, server)
