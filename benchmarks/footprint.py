"""Scenarios of memory and of starting; each needs a process that has served nobody else."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
from collections.abc import Mapping

from benchmarks.canned import Plan
from benchmarks.lab import Lab
from benchmarks.load import BadAnswer
from benchmarks.machine import cpu_seconds, resident
from benchmarks.processes import Child, environment, python
from benchmarks.targets import Server

__all__ = ["idle_streams", "long_idle_streams", "stalled_clients", "start"]

_KIB = 1024
_IMPORT = "import time; began = time.perf_counter(); import {}; print(time.perf_counter() - began)"


async def idle_streams(lab: Lab, server: Server) -> Mapping[str, float]:
    """Hold many streams open and see what each costs in memory."""
    return await _memory_per_stream(lab, server, long=False)


async def long_idle_streams(lab: Lab, server: Server) -> Mapping[str, float]:
    """Do the same with streams whose requests were long."""
    return await _memory_per_stream(lab, server, long=True)


async def _memory_per_stream(lab: Lab, server: Server, *, long: bool) -> Mapping[str, float]:
    child = _child(server)
    # What the first streams load stays loaded, and is not theirs.
    async with lab.streams(server, 20, Plan(events=1, hold=1), long=long):
        pass
    before = resident(child.pid)
    count = lab.sizes.number(2000)
    async with lab.streams(server, count, Plan(events=1, hold=1), long=long):
        await asyncio.sleep(lab.sizes.warm)
        after = resident(child.pid)
    return {"memory per stream": (after - before) / count / _KIB}


async def stalled_clients(lab: Lab, server: Server) -> Mapping[str, float]:
    """Stop reading an endless stream and see that the server stops reading too."""
    child = _child(server)
    async with lab.streams(server, 20, Plan(events=1, hold=1)):
        pass
    before = resident(child.pid)
    async with lab.streams(server, 10, Plan(events=0, burst=20)) as connections:
        for connection in connections:
            connection.transport.pause_reading()
        await _at_rest(child)
        full = resident(child.pid)
        await asyncio.sleep(max(lab.sizes.window, 1))
        later = resident(child.pid)
    return {
        "memory per client": (later - before) / 10 / _KIB,
        "growth while stalled": (later - full) / _KIB,
    }


async def start(lab: Lab, server: Server) -> Mapping[str, float]:
    """Report the start that has just been made, and time imports in further processes."""
    child = _child(server)
    await asyncio.sleep(max(lab.sizes.warm, 0.5))
    figures = {
        "start to first answer": child.start,
        "CPU to first answer": child.start_cpu,
        "idle memory": resident(child.pid) / 1e6,
    }
    for name, module in server.target.modules.items():
        figures[name] = statistics.median([_import_time(module) for _ in range(3)])
    return figures


async def _at_rest(child: Child) -> None:
    """Wait until a process has next to nothing to do, as when all its buffers are full."""
    for _ in range(50):
        before = cpu_seconds(child.pid)
        await asyncio.sleep(0.2)
        if cpu_seconds(child.pid) - before < 0.01:
            return
    raise BadAnswer("the server does not stop reading for clients that do not read")


def _import_time(module: str) -> float:
    said = subprocess.run(
        python("-c", _IMPORT.format(module)),
        check=True,
        capture_output=True,
        text=True,
        env=environment(),
    )
    return float(said.stdout)


def _child(server: Server) -> Child:
    if server.child is None:
        raise BadAnswer("there is no process to look at")
    return server.child
