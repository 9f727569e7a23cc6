"""Keep the gateway busy with good and bad requests and see that it keeps nothing of them.

``python -m benchmarks.soak --minutes N`` runs rounds of mixed load, in all dialects, against the
gateway in front of the sandbox, which it reaches over both HTTP clients. Clients need keys, one of
which meets its limits all the time. After each round all clients leave, and tasks, descriptors and
connections must come back to what they were; in the end the memory must be flat. The exit status is
1 otherwise.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from os import kill
from pathlib import Path

import aiohttp

from benchmarks.loops import LOOPS, run
from benchmarks.machine import descriptors, free_port, lift_limits, resident, sockets
from benchmarks.processes import Child, python, started, stop_on_sigterm
from benchmarks.users import AUTHORIZED, KEY, LIMITED, User, Wrong

__all__ = ["main"]

_SETTINGS = """
[providers.mistral]
api_key = "soak"
base_url = "{url}"

[providers.second]
adapter = "mistral"
api_key = "soak"
base_url = "{url}"
transport = "aiohttp"

[plans.open]
concurrency = 1000
budget = 1000000

[plans.tight]
rpm = 120
tpm = 100000
concurrency = 2

[keys]
user = {{ hash = "{key}", plan = "open" }}
limited = {{ hash = "{limited}", plan = "tight" }}

[prices]
"*/*" = {{ input = 1, output = 1 }}
"""
_SETTLE = 40.0
"""Seconds in which all must be gone; the longest wait is for idle connections to the upstream."""
_MOST_GROWTH = 8 * 2**20
_WARM = 2
"""Rounds after which the memory must not grow any more."""


@dataclass(frozen=True, slots=True)
class _State:
    """What the gateway holds while nobody asks it anything."""

    tasks: int
    descriptors: int
    connections: int

    def exceeds(self, other: _State) -> bool:
        return (
            self.tasks > other.tasks
            or self.descriptors > other.descriptors
            or self.connections > other.connections
        )


def main() -> int:
    """Run what the command line asks for; 1 if something was kept or went wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--users", type=int, default=20, help="how many ask at the same time")
    parser.add_argument("--rounds", type=int, default=6)
    arguments = parser.parse_args()
    lift_limits()
    stop_on_sigterm()
    soak = _soak(arguments.minutes * 60, arguments.users, max(arguments.rounds, _WARM + 1))
    return run(soak, loop=LOOPS[0]) or 0


async def _soak(seconds: float, users: int, rounds: int) -> int:
    port, upstream_port = free_port(), free_port()
    with tempfile.TemporaryDirectory() as directory:
        environ = {"GATEWAY_HOME": directory}
        told = Path(directory, "tasks")
        settings = Path(directory, "gateway.toml")
        _write_settings(settings, f"http://127.0.0.1:{upstream_port}")
        sandbox = python("-m", "gateway.sandbox", "--port", str(upstream_port))
        gateway = python(
            *("-m", "benchmarks.watched", str(told), "--port", str(port)),
            *("--config", str(settings)),
        )
        async with (
            started(sandbox, upstream_port) as _,
            started(gateway, port, environ=environ) as child,
        ):
            return await _rounds(child, told, seconds / rounds, users, rounds)


async def _rounds(child: Child, told: Path, seconds: float, users: int, rounds: int) -> int:
    seen: Counter[str] = Counter()
    leaks = []
    memory = []
    before = await _state(child, told)
    for number in range(rounds):
        try:
            await _load(child.port, seconds, users, seen, number)
        except* (Wrong, aiohttp.ClientError, TimeoutError, OSError) as wrong:
            leaks += [f"round {number + 1}: {error!r}" for error in wrong.exceptions]
        after = await _settled(child, told, before)
        memory.append(resident(child.pid))
        print(f"round {number + 1}: {after}, {memory[-1] / 2**20:.1f} MiB", flush=True)
        if after.exceeds(before):
            leaks.append(f"round {number + 1}: {after} instead of {before}")
    growth = memory[-1] - memory[_WARM - 1]
    if growth > _MOST_GROWTH:
        leaks.append(f"memory grew by {growth / 2**20:.1f} MiB after round {_WARM}")
    print("requests:", ", ".join(f"{count} {name}" for name, count in seen.most_common()))
    print("\n".join(leaks) or f"nothing was kept; memory grew by {growth / 2**20:.1f} MiB")
    return 1 if leaks else 0


async def _load(port: int, seconds: float, users: int, seen: Counter[str], number: int) -> None:
    until = time.monotonic() + seconds
    async with (
        aiohttp.ClientSession(f"http://127.0.0.1:{port}", headers=AUTHORIZED) as session,
        asyncio.TaskGroup() as tasks,
    ):
        for user in range(users):
            tasks.create_task(User(session, number * users + user, seen).go_on(until))


async def _settled(child: Child, told: Path, wanted: _State) -> _State:
    """Return what the gateway holds once it holds no more than *wanted*, or in the end."""
    give_up_at = time.monotonic() + _SETTLE
    while (state := await _state(child, told)).exceeds(wanted):
        if time.monotonic() > give_up_at:
            break
        await asyncio.sleep(0.5)
    return state


async def _state(child: Child, told: Path) -> _State:
    kill(child.pid, signal.SIGUSR1)
    await asyncio.sleep(0.2)
    return _State(
        tasks=_count(told),
        descriptors=descriptors(child.pid),
        connections=sum(count for name, count in sockets(child.pid).items() if name != "listen"),
    )


def _write_settings(file: Path, url: str) -> None:
    file.write_text(_SETTINGS.format(url=url, key=_hash(KEY), limited=_hash(LIMITED)))


def _hash(key: str) -> str:
    return f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"


def _count(told: Path) -> int:
    """Return the count that the gateway has written, and take it away."""
    count = int(told.read_text())
    told.unlink()
    return count


if __name__ == "__main__":
    sys.exit(main())
