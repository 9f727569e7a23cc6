"""Where a scenario measures: the upstream, the sizes of this run, and stop watches for CPU time."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from benchmarks.canned import Plan
from benchmarks.credit import receipts_to
from benchmarks.load import BadAnswer, Connection, Reply, connected
from benchmarks.machine import Cores, core_seconds, cpu_seconds
from benchmarks.processes import Child
from benchmarks.targets import Server
from benchmarks.upstream import OPEN_PATH

__all__ = ["Lab", "Sizes", "Window"]

_ALL_GONE = 10.0
_FIRST_EVENT = 30.0
_WAVE = 50


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured: seconds to warm up and to count, and a factor for all numbers."""

    warm: float
    window: float
    factor: float

    def number(self, full: int) -> int:
        """Return how many of something there are in this run when a whole run has *full*."""
        return max(round(full * self.factor), 2)


@dataclass(slots=True)
class Window:
    """What was used between the beginning and the end of a measurement."""

    seconds: float = 0.0
    server: float | None = None
    events: int = 0

    def cpu_per_event(self) -> dict[str, float]:
        """Return the server's CPU time for each event, in microseconds, as a figure."""
        if self.server is None:
            return {}
        return {"CPU per event": self.server / self.events * 1e6}

    def rate(self, what: str, count: int) -> dict[str, float]:
        """Return how many of *what* there were in a second, and in a second of the server's CPU.

        Both are the same on a core that the server has for itself and keeps busy. Where it has not,
        the second still tells what the server can do.
        """
        figures = {what: count / self.seconds}
        if self.server:
            figures[f"{what} per core"] = count / self.server
        return figures


@dataclass(slots=True)
class Lab:
    """What all scenarios share.

    ``busy`` is which share of a core each process took in the last window, ``others`` that of all
    processes that are not ours on the server's core.
    """

    upstream: Child
    cores: Cores
    sizes: Sizes
    busy: Mapping[str, float] = field(default_factory=dict)

    @asynccontextmanager
    async def window(
        self, server: Server, connections: Sequence[Connection] = ()
    ) -> AsyncIterator[Window]:
        """Measure the block: time, CPU time, and the events that *connections* receive."""
        window = Window()
        began, events = self._clocks(server), sum(one.events for one in connections)
        yield window
        spent = {name: now - began[name] for name, now in self._clocks(server).items()}
        window.seconds = spent.pop("time")
        window.server = spent.get("server")
        window.events = sum(one.events for one in connections) - events
        # What is left of the core's time went to processes that are not ours.
        spent["others"] = max(spent.pop("core") - spent.get("server", 0.0), 0.0)
        self.busy = {name: seconds / window.seconds for name, seconds in spent.items()}

    def _clocks(self, server: Server) -> dict[str, float]:
        clocks = {
            "time": time.monotonic(),
            "core": core_seconds(self.cores.server),
            "upstream": cpu_seconds(self.upstream.pid),
            "load": cpu_seconds(os.getpid()),
        }
        if server.child is not None:
            clocks["server"] = cpu_seconds(server.child.pid)
        return clocks

    @asynccontextmanager
    async def streams(
        self, server: Server, count: int, plan: Plan, *, long: bool = False
    ) -> AsyncIterator[list[Connection]]:
        """Keep *count* streams open, each past its first event, while the block runs.

        Those whose plan has a ``stream`` are numbered from there on, and send receipts.
        """
        ask = partial(server.dialect.request, stream=True, long=long)
        requests = [ask(plan)] * count
        if plan.stream:
            requests = [ask(replace(plan, stream=plan.stream + number)) for number in range(count)]
        async with (
            connected(server.port, count) as connections,
            receipts_to(self.upstream.port) as receipts,
        ):
            if plan.stream:
                for number, one in enumerate(connections, plan.stream):
                    one.receipt = partial(receipts.note, number)
            answers = []
            # One burst of thousands would measure the backlog instead.
            for start in range(0, count, _WAVE):
                wave = connections[start : start + _WAVE]
                answers += [
                    await one.send(request)
                    for one, request in zip(wave, requests[start:], strict=False)
                ]
                async with asyncio.timeout(_FIRST_EVENT):
                    for one in wave:
                        await one.first_event.wait()
            _must_go_on(answers)
            yield connections
            _must_go_on(answers)
        await self.all_gone()

    async def all_gone(self) -> None:
        """Wait until the upstream has no stream left, as it must be once the clients are gone."""
        async with connected(self.upstream.port) as [connection]:
            request = f"GET {OPEN_PATH} HTTP/1.1\r\n\r\n".encode()
            async with asyncio.timeout(_ALL_GONE):
                while json.loads((await connection.ask(request)).body):  # noqa: ASYNC110 - theirs
                    await asyncio.sleep(0.01)


def _must_go_on(answers: Sequence[asyncio.Future[Reply]]) -> None:
    """Raise the error of a stream that should still be open."""
    for answer in answers:
        if answer.done():
            raise BadAnswer(f"a stream ended early: {answer.result().body!r}")
