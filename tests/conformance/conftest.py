"""One gateway for all rules."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from live import live_gateway


@pytest.fixture(scope="package")
def address() -> Iterator[str]:
    """Run one gateway in a thread of its own, guarded like one that the command line starts."""
    found: list[str] = []
    ready, stop = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with live_gateway() as live:
            found.append(live.url.removeprefix("http://"))
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(20)
    yield found[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    loop.close()
