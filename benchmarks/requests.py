"""Scenarios of many requests, and of single ones."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from benchmarks.canned import WORD, Plan
from benchmarks.dialects import images as pictures_of
from benchmarks.lab import Lab
from benchmarks.load import BadAnswer, Connection, Reply, connected
from benchmarks.machine import listeners
from benchmarks.targets import KEY, Server, running

__all__ = [
    "at_rest",
    "featured",
    "folded_answers",
    "images",
    "long_histories",
    "short_streams",
    "two_workers",
    "whole_answers",
]

_CONNECTIONS = 16
_ALL_THERE = 10.0
_MB = 10**6

_Ask: TypeAlias = Callable[[Connection], Awaitable[Reply]]


async def short_streams(lab: Lab, server: Server) -> Mapping[str, float]:
    """Ask for short streams, each connection as soon as the last one is complete."""
    request = server.dialect.request(Plan(events=10), stream=True)
    return await _in_succession(
        lab, server, lambda one: _stream(one, server, request, 10), what="streams"
    )


async def whole_answers(lab: Lab, server: Server) -> Mapping[str, float]:
    """Ask for answers that do not stream."""
    request = server.dialect.request(Plan(events=20), stream=False)
    return await _in_succession(lab, server, lambda one: _whole(one, request, 20), what="requests")


async def folded_answers(lab: Lab, server: Server) -> Mapping[str, float]:
    """Ask for the same answers, and for the stream itself where nobody would fold it.

    The gateway always has its provider stream, so this is what it has to copy at least.
    """
    if not server.is_copied:
        return await whole_answers(lab, server)
    request = server.dialect.request(Plan(events=20), stream=True)
    return await _in_succession(
        lab, server, lambda one: _stream(one, server, request, 20), what="requests"
    )


async def long_histories(lab: Lab, server: Server) -> Mapping[str, float]:
    """Ask with a long conversation and tools."""
    request = server.dialect.request(Plan(events=20), stream=False, long=True)
    return await _in_succession(lab, server, lambda one: _whole(one, request, 20), what="requests")


async def at_rest(lab: Lab, server: Server) -> Mapping[str, float]:
    """Time single requests on one connection that is open already."""
    count = lab.sizes.number(400)
    document = server.dialect.request(Plan(events=10), stream=False)
    streaming = server.dialect.request(Plan(events=10), stream=True)
    async with connected(server.port) as [connection]:
        for _ in range(20):
            await _stream(connection, server, streaming, 10)
        async with lab.window(server):
            totals = [(await _whole(connection, document, 10)).total for _ in range(count)]
            firsts = [
                (await _stream(connection, server, streaming, 10)).first for _ in range(count)
            ]
    return {
        "whole answer": statistics.median(totals) / 1e6,
        "first event of a stream": statistics.median(firsts) / 1e6,
    }


async def images(lab: Lab, server: Server) -> Mapping[str, float]:
    """Time requests with images, one at a time."""
    large = pictures_of(5, size=round(10 * _MB * min(lab.sizes.factor * 2, 1) / 5))
    request = server.dialect.request(Plan(events=5), stream=False, images=large)
    async with connected(server.port) as [connection]:
        await _whole(connection, request, 5)
        async with lab.window(server):
            totals = [(await _whole(connection, request, 5)).total for _ in range(5)]
    return {"whole answer": statistics.median(totals) / 1e6}


async def two_workers(lab: Lab, server: Server) -> Mapping[str, float]:
    """Compare two processes that share a port with one, on all cores.

    The requests are long, so that little of the cores is needed for asking.
    """
    if server.target.workers is None:
        return {}
    request = server.dialect.request(Plan(events=20), stream=False, long=True)
    rates = []
    for count in (1, 2):
        async with running(server.target.workers(count), lab.upstream) as crowd:
            async with asyncio.timeout(_ALL_THERE):
                while listeners(crowd.port) < count:  # noqa: ASYNC110 - other processes are waited for
                    await asyncio.sleep(0.05)
            figures = await _in_succession(
                lab,
                crowd,
                lambda one: _whole(one, request, 20),
                what="requests",
                connections=4 * _CONNECTIONS,
            )
        rates.append(figures["requests"])
    lab.busy = {}  # it knows of one process and one core only
    return {"requests, two to one": rates[1] / rates[0]}


def featured(name: str) -> Callable[[Lab, Server], Awaitable[Mapping[str, float]]]:
    """Return what compares a server that has the feature *name* with one that has it not."""

    async def compare(lab: Lab, server: Server) -> Mapping[str, float]:
        if server.target.featured is None:
            return {}
        seconds = []
        target = server.target.featured(name)
        async with running(target, lab.upstream, core=lab.cores.server) as other:
            for one in (server, other):
                request = one.dialect.request(Plan(events=20), stream=False, key=KEY)
                figures = await _in_succession(
                    lab,
                    one,
                    lambda connection, request=request: _whole(connection, request, 20),
                    what="requests",
                )
                seconds.append(1 / figures["requests per core"])
        return {f"CPU per request, {name} to plain": seconds[1] / seconds[0]}

    return compare


async def _in_succession(
    lab: Lab, server: Server, ask: _Ask, *, what: str, connections: int = _CONNECTIONS
) -> Mapping[str, float]:
    """Count the answers that come on all connections together."""
    done = 0
    until = time.monotonic() + lab.sizes.warm + lab.sizes.window

    async def go_on(connection: Connection) -> None:
        nonlocal done
        while time.monotonic() < until:
            await ask(connection)
            done += 1

    async with connected(server.port, connections) as opened, asyncio.TaskGroup() as tasks:
        for connection in opened:
            tasks.create_task(go_on(connection))
        await asyncio.sleep(lab.sizes.warm)
        async with lab.window(server) as window:
            before = done
            await asyncio.sleep(lab.sizes.window)
            count = done - before
    return window.rate(what, count)


async def _stream(connection: Connection, server: Server, request: bytes, events: int) -> Reply:
    return await connection.stream(request, server.dialect, events)


async def _whole(connection: Connection, request: bytes, events: int) -> Reply:
    reply = await connection.ask(request)
    if (WORD * events).encode() not in reply.body:
        raise BadAnswer(f"not the whole answer: {reply.body[-300:]!r}")
    return reply
