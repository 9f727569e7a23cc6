"""What is measured: each scenario asks one server in one way and returns its figures."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from benchmarks import footprint, requests, streams
from benchmarks.lab import Lab
from benchmarks.targets import IMPORT, IMPORT_ALL, Server

__all__ = ["SCENARIOS", "Figure", "Scenario"]

Measure: TypeAlias = Callable[[Lab, Server], Awaitable[Mapping[str, float]]]


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a scenario, and what it is meant to reach.

    ``ratio`` bounds the gateway's figure divided by the bare relay's, ``bound`` the figure itself:
    from below where ``more_is_better``, from above otherwise.
    """

    name: str
    unit: str
    more_is_better: bool = False
    ratio: float | None = None
    bound: float | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """A way to use a server.

    A ``fresh`` one needs a new process each time; one without ``direct`` says nothing when the
    upstream itself is asked. ``rounds`` limits those that are slow and steady.
    """

    name: str
    text: str
    measure: Measure
    figures: tuple[Figure, ...]
    fresh: bool = False
    direct: bool = True
    rounds: int | None = None


def _rate(what: str, *, ratio: float | None = None) -> tuple[Figure, Figure]:
    """Return the figures of a throughput; the second one holds on a busy machine too."""
    return (
        Figure(what, "1/s", more_is_better=True),
        Figure(f"{what} per core", "1/s", more_is_better=True, ratio=ratio),
    )


SCENARIOS = (
    Scenario(
        "paced",
        "100 streams with 50 events a second each",
        streams.paced,
        (
            Figure("CPU per event", "µs", ratio=1.1),
            Figure("lag, median", "ms", ratio=1.0),
            Figure("lag, 99th percentile", "ms", ratio=1.2),
        ),
    ),
    Scenario(
        "saturated",
        "50 streams with 4 events in transit at any time",
        streams.saturated,
        _rate("events", ratio=1.0),
    ),
    Scenario(
        "firehose",
        "4 streams with 300 events in each write, as fast as the client reads",
        streams.firehose,
        _rate("events", ratio=0.7),
    ),
    Scenario(
        "bulk",
        "the same with the 300 events in one HTTP chunk",
        streams.bulk,
        _rate("events"),
    ),
    Scenario(
        "short",
        "streams of 10 events in quick succession on 16 connections",
        requests.short_streams,
        _rate("streams", ratio=0.85),
    ),
    Scenario(
        "whole",
        "requests that do not stream, 20 words each, on 16 connections",
        requests.whole_answers,
        _rate("requests", ratio=0.85),
    ),
    Scenario(
        "folded",
        "the same, but the relay requests and copies the stream that the gateway folds",
        requests.folded_answers,
        _rate("requests", ratio=0.85),
    ),
    Scenario(
        "history",
        "as whole, with 20 messages and four tools in the request",
        requests.long_histories,
        _rate("requests"),
    ),
    Scenario(
        "rest",
        "one request at a time on an idle server",
        requests.at_rest,
        (
            Figure("whole answer", "ms", ratio=1.15),
            Figure("first event of a stream", "ms", ratio=1.0),
        ),
    ),
    Scenario(
        "images",
        "10 MB of images in a request, one at a time",
        requests.images,
        (Figure("whole answer", "ms"),),
    ),
    Scenario(
        "upload",
        "20 streams with 100 events a second each while a request of 20 MB is uploaded",
        streams.upload,
        (Figure("longest lag", "ms", bound=20),),
    ),
    Scenario(
        "many",
        "2,000 events a second on 2,000 streams against 10 streams",
        streams.many,
        (Figure("CPU per event, many to few", "ratio", bound=1.3),),
        direct=False,
        rounds=3,
    ),
    Scenario(
        "idle",
        "2,000 open streams without an event",
        footprint.idle_streams,
        (Figure("memory per stream", "KiB", ratio=1.1, bound=40),),
        fresh=True,
        direct=False,
        rounds=3,
    ),
    Scenario(
        "idle-long",
        "the same with 20 messages and four tools in each request",
        footprint.long_idle_streams,
        (Figure("memory per stream", "KiB"),),
        fresh=True,
        direct=False,
        rounds=2,
    ),
    Scenario(
        "stalled",
        "10 clients that stop reading an endless stream",
        footprint.stalled_clients,
        (
            Figure("memory per client", "KiB"),
            Figure("growth while stalled", "KiB", bound=1024),
        ),
        fresh=True,
        direct=False,
        rounds=3,
    ),
    Scenario(
        "workers",
        "long requests to two processes that share a port, against one process, on all cores",
        requests.two_workers,
        (Figure("requests, two to one", "ratio", more_is_better=True, bound=1.7),),
        fresh=True,
        direct=False,
        rounds=3,
    ),
    *(
        Scenario(
            name,
            f"as whole, with {text}, against without",
            requests.featured(name),
            (Figure(f"CPU per request, {name} to plain", "ratio", bound=bound),),
            direct=False,
            rounds=5,
        )
        for name, text, bound in (
            ("keyed", "a key", 1.05),
            ("limited", "a key and limits for requests, tokens and concurrency", 1.05),
            ("counted", "metrics", 1.05),
            ("traced", "traces of 1 % of the requests", 1.05),
            ("cached", "the cache, which has the answer", None),
        )
    ),
    Scenario(
        "start",
        "a new process",
        footprint.start,
        (
            Figure("start to first answer", "s", bound=0.6),
            Figure("CPU to first answer", "s"),
            Figure("idle memory", "MB", bound=50),
            Figure(IMPORT, "s", bound=0.25),
            Figure(IMPORT_ALL, "s"),
        ),
        fresh=True,
        direct=False,
    ),
)
"""All scenarios, in the order in which they are run and shown."""
