"""A real ``redis-server`` on a Unix socket, for as long as a test wants one."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import redis

__all__ = ["RedisServer", "SlowProxy", "redis_server"]

_START = 20.0
"""Seconds that a server may take to answer on a busy machine."""


class RedisServer:
    """A server that can be started, killed, frozen and emptied."""

    def __init__(self, directory: Path, *, options: Sequence[str] = ()) -> None:
        self.socket = directory / "redis.sock"
        self.url = f"unix://{self.socket}"
        self._directory = directory
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, empty, and return once it answers."""
        executable = shutil.which("redis-server") or shutil.which("valkey-server")
        if executable is None:
            if os.environ.get("CI"):
                pytest.fail("there is no redis-server: install the package of that name")
            pytest.skip("there is no redis-server")
        self._process = subprocess.Popen(
            [
                *(executable, "--port", "0", "--unixsocket", str(self.socket)),
                *("--save", "", "--appendonly", "no", "--dir", str(self._directory)),
                *("--logfile", str(self._directory / "log"), *self._options),
            ]
        )
        give_up_at = time.monotonic() + _START
        while True:
            try:
                with redis.Redis(unix_socket_path=str(self.socket)) as client:
                    client.ping()
            except redis.RedisError:
                assert time.monotonic() < give_up_at, (self._directory / "log").read_text()
                time.sleep(0.01)
            else:
                return

    def kill(self) -> None:
        """End it at once; what it knew is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            self.socket.unlink(missing_ok=True)

    def freeze(self) -> None:
        """Let it take connections and answer nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def client(self) -> redis.Redis:
        """Return a client, for a test that looks inside; close it."""
        return redis.Redis(unix_socket_path=str(self.socket), decode_responses=True)


@contextmanager
def redis_server(*options: str) -> Iterator[RedisServer]:
    """Run a server in a directory of its own; a Unix socket wants a short path."""
    with TemporaryDirectory(prefix="gw-") as directory:
        server = RedisServer(Path(directory), options=options)
        server.start()
        try:
            yield server
        finally:
            server.kill()


class SlowProxy:
    """A Unix socket before a server that passes each answer on after *delay* seconds."""

    def __init__(self, server: RedisServer, path: Path) -> None:
        self.delay = 0.0
        self.url = f"unix://{path}"
        self._path = path
        self._server = server
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> SlowProxy:
        self._listening = await asyncio.start_unix_server(self._serve, self._path)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listening.close()
        for task in [*self._tasks]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            there = await asyncio.open_unix_connection(str(self._server.socket))
            await asyncio.gather(
                self._copy(reader, there[1], slow=False), self._copy(there[0], writer, slow=True)
            )
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, slow: bool
    ) -> None:
        while data := await reader.read(65536):
            if slow:
                await asyncio.sleep(self.delay)
            writer.write(data)
            await writer.drain()
        writer.close()
