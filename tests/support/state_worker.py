"""A process that asks a file for many permits at once, and prints how many it got."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from gateway.settings import StateSettings
from gateway.state import open_state
from gateway.state.base import Demand, Granted

__all__: list[str] = []


async def main(home: Path) -> None:
    """Ask once a line comes in, and hold what was granted until the input ends."""
    demand = Demand("alice", tpm=3000, concurrency=100, tokens=1000)
    async with open_state(StateSettings(), home=home, several=True, owner=sys.argv[2]) as state:
        print("ready", flush=True)  # noqa: T201 - to the test
        await asyncio.to_thread(sys.stdin.readline)
        answers = await asyncio.gather(*(state.acquire([demand]) for _ in range(50)))
        print(sum(isinstance(one, Granted) for one in answers), flush=True)  # noqa: T201
        await asyncio.to_thread(sys.stdin.readline)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
