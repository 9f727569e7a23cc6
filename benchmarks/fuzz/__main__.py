"""Fuzz a gateway with requests, or with answers of its services.

Each mutation has a number, from which it can be made again. What is found is printed with it, and
belongs into a test. A finding is an error of the gateway's own making, a traceback, an answer that
is no HTTP, no JSON or cut, one that never ends, or growth: of memory, tasks or descriptors.
"""

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from benchmarks.fuzz.answers import fuzz_answers
from benchmarks.fuzz.requests import fuzz_requests
from benchmarks.fuzz.subjects import TESTS
from benchmarks.machine import descriptors, resident

__all__ = ["main"]

_WARM = 3
"""Tenths of a run after which nothing must grow any more."""
_MOST_GROWTH = 32 * 2**20
_MOST_LEFT = 40
"""Tasks and descriptors that may come and go: those of idle connections, and of the last answer."""
_FUZZERS: dict[str, Callable[[Sequence[int]], AsyncGenerator[tuple[int, str], None]]] = {
    "requests": fuzz_requests,
    "answers": fuzz_answers,
}


class _Errors(logging.Handler):
    """Keep what was logged with a traceback, which no input of others may cause."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.texts.append(self.format(record))


@dataclass(frozen=True, slots=True)
class _Held:
    """What this process holds at one moment."""

    memory: int
    tasks: int
    descriptors: int

    def grown(self, before: "_Held") -> bool:
        """Tell whether it is more than what was held *before*, beyond what comes and goes."""
        return (
            self.memory > before.memory + _MOST_GROWTH
            or self.tasks > before.tasks + _MOST_LEFT
            or self.descriptors > before.descriptors + _MOST_LEFT
        )

    def __str__(self) -> str:
        return f"{self.memory >> 20} MiB, {self.tasks} tasks, {self.descriptors} descriptors"


def main() -> int:
    """Run what the command line asks for; return 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__)
    parser.add_argument("what", choices=sorted(_FUZZERS))
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0, help="the number of the first mutation")
    arguments = parser.parse_args()
    sys.path.insert(0, str(TESTS / "support"))
    logging.getLogger().setLevel(logging.ERROR)
    errors = _Errors()
    logging.getLogger().addHandler(errors)
    return asyncio.run(_run(arguments, errors))


async def _run(arguments: argparse.Namespace, errors: _Errors) -> int:
    numbers = range(arguments.first, arguments.first + arguments.count)
    tenths = {numbers[len(numbers) * tenth // 10 - 1]: tenth for tenth in range(1, 11)}
    found = 0
    held: list[_Held] = []
    async with aclosing(_FUZZERS[arguments.what](numbers)) as problems:
        async for number, problem in problems:
            if problem or errors.texts:
                found += 1
                print(f"{arguments.what} {number}: {problem} {''.join(errors.texts)}", flush=True)
            errors.texts.clear()
            if number in tenths:
                held.append(_held())
                print(f"{tenths[number]}0 %: {held[-1]}", file=sys.stderr, flush=True)
    if held[-1].grown(held[min(_WARM, len(held)) - 1]):
        found += 1
        print(f"growth from {held[min(_WARM, len(held)) - 1]} to {held[-1]}")
    print(f"{len(numbers)} mutated {arguments.what}, {found} findings")
    return 1 if found else 0


def _held() -> _Held:
    pid = os.getpid()
    return _Held(resident(pid), len(asyncio.all_tasks()), descriptors(pid))


if __name__ == "__main__":
    sys.exit(main())
