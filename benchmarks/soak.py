"""Keep the gateway busy with good and bad requests and see that it keeps nothing of them.

``python -m benchmarks.soak --minutes N`` runs rounds of mixed load against the gateway in front of
the sandbox. After each round all clients leave, and tasks, descriptors and connections must come
back to what they were; in the end the memory must be flat. The exit status is 1 otherwise.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from os import kill
from pathlib import Path

import aiohttp

from benchmarks.dialects import images
from benchmarks.loops import LOOPS, run
from benchmarks.machine import descriptors, free_port, lift_limits, resident, sockets
from benchmarks.processes import Child, python, started, stop_on_sigterm

__all__ = ["main"]

_MODEL = "mistral-small-latest"
_SETTLE = 40.0
"""Seconds in which all must be gone; the longest wait is for idle connections to the upstream."""
_LONGEST = 20.0
_MOST_GROWTH = 8 * 2**20
_WARM = 2
"""Rounds after which the memory must not grow any more."""

_FAULTS = (
    "cut after=3", "torn", "eof", "no-finish", "finish-error", "json-error", "event-error",
    "garbage", "json", "huge size=200000", "late-usage", "crlf", "bom", "comments", "multiline",
    "dribble", "batch", "drop", "unended", "400", "401", "404", "422", "500", "502",
)  # fmt: skip
_ENDLESS = ("hang", "silence", "open")
"""Faults that end only because the client leaves."""


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


class _Wrong(Exception):
    """A good request got a bad answer."""


class _User:
    """One client: asks for something different each time, in an order that its number decides."""

    def __init__(self, session: aiohttp.ClientSession, number: int, seen: Counter[str]) -> None:
        self._session = session
        self._random = random.Random(number)
        self._seen = seen
        self._picture = images(1, size=1_000_000)[0]

    async def go_on(self, until: float) -> None:
        """Ask until *until*, a time of the monotonic clock."""
        asks: Sequence[tuple[int, Callable[[], Awaitable[None]]]] = (
            (6, self._stream),
            (4, self._whole),
            (2, self._generate),
            (2, self._embed),
            (2, self._look),
            (1, self._look_at_picture),
            (1, self._talk_nonsense),
            (4, self._meet_fault),
            (3, self._leave),
        )
        weights, choices = zip(*asks, strict=True)
        while time.monotonic() < until:
            [ask] = self._random.choices(choices, weights)
            async with asyncio.timeout(_LONGEST):
                await ask()
            self._seen[ask.__name__.strip("_").replace("_", " ")] += 1

    def _chat(self, text: str, **more: object) -> dict[str, object]:
        return {"model": _MODEL, "messages": [{"role": "user", "content": text}], **more}

    async def _stream(self) -> None:
        async with self._session.post("/api/chat", json=self._chat("Tell me a story.")) as answer:
            lines = (await answer.read()).splitlines()
        _must(answer, done=json.loads(lines[-1]).get("done"))

    async def _whole(self) -> None:
        body = self._chat("Tell me a story.", stream=False)
        async with self._session.post("/api/chat", json=body) as answer:
            _must(answer, done=(await answer.json()).get("done"))

    async def _generate(self) -> None:
        body = {"model": _MODEL, "prompt": "Why is the sky blue?"}
        async with self._session.post("/api/generate", json=body) as answer:
            lines = (await answer.read()).splitlines()
        _must(answer, done=json.loads(lines[-1]).get("done"))

    async def _embed(self) -> None:
        body = {"model": "mistral-embed", "input": ["one", "two"]}
        async with self._session.post("/api/embed", json=body) as answer:
            _must(answer, done=len((await answer.json())["embeddings"]) == 2)

    async def _look(self) -> None:
        async with self._session.get("/api/tags") as answer:
            _must(answer, done=(await answer.json())["models"])

    async def _look_at_picture(self) -> None:
        body = self._chat("What is this?", stream=False)
        body["messages"] = [{"role": "user", "content": "What is it?", "images": [self._picture]}]
        async with self._session.post("/api/chat", json=body) as answer:
            _must(answer, done=(await answer.json()).get("done"))

    async def _talk_nonsense(self) -> None:
        nonsense = self._random.choice((b"{", b"[]", b'{"model": "nobody"}', b'{"model": 1}'))
        async with self._session.post("/api/chat", data=nonsense) as answer:
            await answer.read()
        if not 400 <= answer.status < 500:
            raise _Wrong(f"{answer.status} for nonsense")

    async def _meet_fault(self) -> None:
        fault = self._random.choice(_FAULTS)
        body = self._chat(f"[[fault: {fault}]]")
        body["stream"] = self._random.random() < 0.7
        try:
            async with self._session.post("/api/chat", json=body) as answer:
                await answer.read()
        except aiohttp.ClientPayloadError:
            return  # how a broken answer is told from a complete one
        if answer.status == 500 and fault != "500":
            raise _Wrong(f"status 500 for {fault}")

    async def _leave(self) -> None:
        """Go in the middle of an answer."""
        fault = self._random.choice((*(f"[[fault: {one}]]" for one in _ENDLESS), "[[pace: 0.02]]"))
        body = self._chat(f"Tell me a long story. {fault}")
        try:
            async with (
                asyncio.timeout(self._random.uniform(0.01, 0.5)),
                self._session.post("/api/chat", json=body) as answer,
            ):
                await answer.read()
        except TimeoutError:
            pass


def _must(answer: aiohttp.ClientResponse, *, done: object) -> None:
    if answer.status != 200 or not done:
        raise _Wrong(f"{answer.status} and no complete answer from {answer.url.path}")


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
        environ = {
            "MISTRAL_API_KEY": "soak",
            "MISTRAL_BASE_URL": f"http://127.0.0.1:{upstream_port}",
            "GATEWAY_HOME": directory,
        }
        told = Path(directory, "tasks")
        sandbox = python("-m", "gateway.sandbox", "--port", str(upstream_port))
        gateway = python("-m", "benchmarks.watched", str(told), "--port", str(port))
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
        except* (_Wrong, aiohttp.ClientError, TimeoutError, OSError) as wrong:
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
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
        asyncio.TaskGroup() as tasks,
    ):
        for user in range(users):
            tasks.create_task(_User(session, number * users + user, seen).go_on(until))


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


def _count(told: Path) -> int:
    """Return the count that the gateway has written, and take it away."""
    count = int(told.read_text())
    told.unlink()
    return count


if __name__ == "__main__":
    sys.exit(main())
