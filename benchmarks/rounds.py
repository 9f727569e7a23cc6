"""Rounds: all servers are measured in turn, side by side, each time in another order."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from benchmarks.canned import WORD, Plan
from benchmarks.lab import Lab
from benchmarks.load import BadAnswer, connected
from benchmarks.processes import DidNotStart
from benchmarks.results import Results, Sample
from benchmarks.scenarios import Scenario
from benchmarks.targets import Server, Target, running

__all__ = ["Bench", "usable"]

_LONGEST = 120.0
"""Seconds after which one measurement is given up."""
_CEILING_ROUNDS = 2
"""How often the upstream itself is asked: enough to see that it is not what limits the servers."""


class Bench:
    """The servers of a run; all stay up for its whole length, idle while another is measured."""

    def __init__(self, lab: Lab, servers: Sequence[Server]) -> None:
        self._lab = lab
        self._servers = servers
        self.names = [server.target.name for server in servers]

    async def measure(self, scenario: Scenario, rounds: int) -> Results:
        """Measure all servers in *scenario*, in so many rounds at most."""
        _say(f"{scenario.name}: {scenario.text}")
        results = Results(scenario)
        measured = [one for one in self._servers if one.child or scenario.direct]
        for number in range(min(rounds, scenario.rounds or rounds)):
            results.rounds.append({})
            first = number % max(len(measured), 1)
            for server in (*measured[first:], *measured[:first]):
                if server.child or number < _CEILING_ROUNDS:
                    await self._measure(results, server)
        return results

    async def _measure(self, results: Results, server: Server) -> None:
        name = server.target.name
        try:
            async with asyncio.timeout(_LONGEST):
                sample = await self._sample(results.scenario, server)
        except (BadAnswer, DidNotStart, OSError, TimeoutError, ExceptionGroup) as error:
            results.failures[name] = _reason(error)
            _say(f"  {name}: {results.failures[name]}")
        else:
            results.rounds[-1][name] = sample
            _say(f"  {name}: {_shown(sample)}")

    async def _sample(self, scenario: Scenario, server: Server) -> Sample:
        lab = self._lab
        lab.busy = {}
        if not scenario.fresh:
            return Sample(await scenario.measure(lab, server), lab.busy)
        async with running(server.target, lab.upstream, core=lab.cores.server) as fresh:
            return Sample(await scenario.measure(lab, fresh), lab.busy)


@asynccontextmanager
async def usable(lab: Lab, candidates: Sequence[Target]) -> AsyncIterator[Bench]:
    """Start the *candidates*, and leave out with a word those that do not answer rightly."""
    servers = []
    async with AsyncExitStack() as stack:
        for target in candidates:
            try:
                async with AsyncExitStack() as attempt:
                    start = running(target, lab.upstream, core=lab.cores.server)
                    server = await attempt.enter_async_context(start)
                    await _check(server)
                    stack.push_async_exit(attempt.pop_all())
            except (BadAnswer, DidNotStart, OSError, TimeoutError) as error:
                _say(f"{target.name} is left out: {_reason(error)}")
            else:
                servers.append(server)
        yield Bench(lab, servers)


async def _check(server: Server) -> None:
    """Make sure that the figures will be about right answers."""
    async with connected(server.port) as [connection], asyncio.timeout(_LONGEST):
        await connection.stream(
            server.dialect.request(Plan(events=50), stream=True), server.dialect, 50
        )
        reply = await connection.ask(
            server.dialect.request(Plan(events=3), stream=False, long=True)
        )
        if (WORD * 3).encode() not in reply.body:
            raise BadAnswer(f"not the answer: {reply.body!r}")


def _reason(error: BaseException) -> str:
    """Return one line about *error*; of several that came together the first one counts."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) or type(error).__name__


def _shown(sample: Sample) -> str:
    figures = [f"{name} {value:.4g}" for name, value in sample.figures.items()]
    busy = [f"{name} {share:.0%}" for name, share in sample.busy.items()]
    return ", ".join(figures) + (f" (busy: {', '.join(busy)})" if busy else "")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
