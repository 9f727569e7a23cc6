"""Child processes: started on one core, ready before they are used, and always ended."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from benchmarks.machine import ALL_CORES, cpu_seconds

__all__ = ["Child", "DidNotStart", "answers", "environment", "python", "started", "stop_on_sigterm"]

_NOTHING: Mapping[str, str] = MappingProxyType({})
_ROOT = Path(__file__).parent.parent
_START = 20.0
_STOP = 10.0
_LOOK_EVERY = 0.002


class DidNotStart(Exception):
    """A server did not answer in time; the message has the last of what it wrote."""


@dataclass(frozen=True, slots=True)
class Child:
    """A running server, with the seconds and the CPU seconds that it took to its first answer."""

    pid: int
    port: int
    start: float
    start_cpu: float


@asynccontextmanager
async def started(
    command: Sequence[str],
    port: int,
    *,
    core: int | None = None,
    environ: Mapping[str, str] = _NOTHING,
) -> AsyncIterator[Child]:
    """Run *command* while the block runs, on *core* or on all; it must listen on *port*."""
    with tempfile.TemporaryFile() as said:
        began = time.monotonic()
        process = subprocess.Popen(  # noqa: ASYNC220 - takes a millisecond, and nothing else runs
            command,
            cwd=_ROOT,
            env={**environment(), **environ},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            # Ctrl-C is for us alone: we stop the children when the figures are safe.
            start_new_session=True,
        )
        try:
            os.sched_setaffinity(process.pid, ALL_CORES if core is None else {core})
            while not await answers(port):
                if process.poll() is not None or time.monotonic() - began > _START:
                    said.seek(0)
                    words = said.read()[-2000:].decode(errors="replace").strip()
                    raise DidNotStart(f"{' '.join(command)}: {words or 'no answer'}")
                await asyncio.sleep(_LOOK_EVERY)
            yield Child(process.pid, port, time.monotonic() - began, cpu_seconds(process.pid))
        finally:
            _end(process)


async def answers(port: int) -> bool:
    """Tell whether a server answers on *port*."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    try:
        writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        async with asyncio.timeout(_START):
            return await reader.read(1) != b""
    except (OSError, TimeoutError):
        return False
    finally:
        writer.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def stop_on_sigterm() -> None:
    """Let SIGTERM end this program as Ctrl-C does, so that children are ended as well."""
    # A shell that starts this in the background has SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGINT))


def environment() -> dict[str, str]:
    """Return our environment, with compiled modules kept: what is installed has them as well."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def python(*arguments: str) -> list[str]:
    """Return the command that runs this interpreter with *arguments*."""
    return [sys.executable, *arguments]
