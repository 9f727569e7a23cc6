"""A service that runs in a process of its own, and what it writes."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pages import DOCS

__all__ = ["COMPLAINT", "Service", "running"]

COMPLAINT = re.compile(
    r"Traceback|(Resource|Runtime)Warning|Unclosed|destroyed|\[(WARNING|ERROR|CRITICAL)\]"
)
"""A traceback, or a task, a session or a file that was left behind."""


@dataclass
class Service:
    """A service that runs in a process, and what it has written so far."""

    process: asyncio.subprocess.Process
    port: int
    log: list[str]
    reading: asyncio.Task[None]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def finish(self) -> int:
        """Wait for the end and for the rest of the log, and return the exit status."""
        async with asyncio.timeout(15):
            await self.reading
            return await self.process.wait()


@asynccontextmanager
async def running(
    command: Sequence[str], directory: Path, environ: Mapping[str, str]
) -> AsyncIterator[Service]:
    """Run *command*, which can import the examples, until its first URL is in its log."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    path = os.pathsep.join(filter(None, [str(DOCS / "examples"), kept.get("PYTHONPATH")]))
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=directory,
        env={
            **kept,
            "HOME": str(directory),  # where gunicorn puts a socket
            "PYTHONPATH": path,
            "PYTHONUNBUFFERED": "1",
            "PYTHONWARNINGS": "default",
            **environ,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    reading = None
    try:
        log, port = await _started(process)
        reading = asyncio.ensure_future(_read(process, log))
        yield Service(process, port, log, reading)
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)  # workers too
        await process.wait()
        if reading is not None:
            await reading


async def _started(process: asyncio.subprocess.Process) -> tuple[list[str], int]:
    assert process.stdout is not None
    log = []
    async with asyncio.timeout(20):
        async for line in process.stdout:
            log.append(line.decode().rstrip("\n"))
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", log[-1]):
                return log, int(found[1])
    raise AssertionError("\n".join(log))


async def _read(process: asyncio.subprocess.Process, log: list[str]) -> None:
    assert process.stdout is not None
    async for line in process.stdout:
        log.append(line.decode().rstrip("\n"))  # noqa: PERF401 - tests look at it meanwhile
