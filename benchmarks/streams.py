"""Scenarios of streams that are open for long."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Mapping

from benchmarks.canned import Plan
from benchmarks.dialects import images
from benchmarks.lab import Lab, Window
from benchmarks.load import BadAnswer, connected
from benchmarks.targets import Server

__all__ = ["bulk", "firehose", "many", "paced", "saturated", "upload"]

_MB = 10**6
_ON_TIME = 0.9
"""A paced stream that gets less of its events than this has not kept its pace."""


async def paced(lab: Lab, server: Server) -> Mapping[str, float]:
    """Serve streams at the pace of a model that answers quickly."""
    count, pace = lab.sizes.number(100), 20
    async with lab.streams(server, count, Plan(events=0, pace=pace, stamp=1)) as connections:
        await asyncio.sleep(lab.sizes.warm)
        lags: list[int] = []
        for connection in connections:
            connection.lags = lags
        async with lab.window(server, connections) as window:
            await asyncio.sleep(lab.sizes.window)
    _must_keep_pace(window, count * 1000 / pace)
    *_, high = statistics.quantiles(lags, n=100)
    return {
        **window.cpu_per_event(),
        "lag, median": statistics.median(lags) / 1e6,
        "lag, 99th percentile": high / 1e6,
    }


async def saturated(lab: Lab, server: Server) -> Mapping[str, float]:
    """Serve streams that always have a few events under way, so that the server never waits."""
    plan = Plan(events=0, burst=4, stream=1)
    return await _events_per_second(lab, server, lab.sizes.number(50), plan)


async def firehose(lab: Lab, server: Server) -> Mapping[str, float]:
    """Serve streams that come hundreds of events in a read, as one that was held up."""
    return await _events_per_second(lab, server, 4, Plan(events=0, burst=300))


async def bulk(lab: Lab, server: Server) -> Mapping[str, float]:
    """Serve the same from an upstream that puts hundreds of events into one HTTP chunk."""
    return await _events_per_second(lab, server, 4, Plan(events=0, burst=300, bulk=1))


async def _events_per_second(
    lab: Lab, server: Server, count: int, plan: Plan
) -> Mapping[str, float]:
    async with lab.streams(server, count, plan) as connections:
        await asyncio.sleep(lab.sizes.warm)
        async with lab.window(server, connections) as window:
            await asyncio.sleep(lab.sizes.window)
    return window.rate("events", window.events)


async def many(lab: Lab, server: Server) -> Mapping[str, float]:
    """Compare the cost of the same number of events on many streams and on few."""
    per_event: list[float] = []
    for count, pace in ((lab.sizes.number(2000), 1000), (lab.sizes.number(10), 5)):
        async with lab.streams(server, count, Plan(events=0, pace=pace)) as connections:
            await asyncio.sleep(lab.sizes.warm)
            async with lab.window(server, connections) as window:
                await asyncio.sleep(max(lab.sizes.window, 1))  # many have one event a second
        _must_keep_pace(window, count * 1000 / pace)
        per_event += window.cpu_per_event().values()
    return {"CPU per event, many to few": per_event[0] / per_event[1]}


async def upload(lab: Lab, server: Server) -> Mapping[str, float]:
    """Watch the lag of streams while large requests come in, twice."""
    pictures = images(8, size=round(20 * _MB * min(lab.sizes.factor * 2, 1) / 8))
    large = server.dialect.request(Plan(events=5), stream=False, images=pictures)
    plan = Plan(events=0, pace=10, stamp=1)
    async with (
        lab.streams(server, lab.sizes.number(50), plan) as streams,
        connected(server.port) as [uploader],
    ):
        await asyncio.sleep(lab.sizes.warm)
        lags: list[int] = []
        for stream in streams:
            stream.lags = lags
        async with lab.window(server, streams):
            for _ in range(2):
                await uploader.ask(large)
                await asyncio.sleep(0.1)
    return {"longest lag": max(lags) / 1e6}


def _must_keep_pace(window: Window, rate: float) -> None:
    if window.events < rate * window.seconds * _ON_TIME:
        raise BadAnswer(
            f"{window.events / window.seconds:.0f} instead of {rate:.0f} events a second"
        )
