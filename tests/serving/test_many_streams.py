"""Many streams at once: none waits for another, none fails, none stays behind."""

from __future__ import annotations

import asyncio
import json
import resource
from collections.abc import Iterator

import aiohttp
import pytest

from gateway.sandbox import Ending, Fault
from live import live_gateway

STREAMS = 500
BODY = {"model": "mistral-large", "messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture
def enough_descriptors() -> Iterator[None]:
    """Client, gateway and sandbox live in this one process: four sockets a stream."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4 * STREAMS + 256
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.slow
@pytest.mark.usefixtures("enough_descriptors")
async def test_five_hundred_streams_are_open_at_once_and_all_end_with_their_clients() -> None:
    everyone_reads = asyncio.Barrier(STREAMS)

    async def read_first_line(session: aiohttp.ClientSession, url: str) -> str:
        async with session.post(url + "/api/chat", json=BODY) as response:
            line = json.loads(await response.content.readline())
            await everyone_reads.wait()
            content: str = line["message"]["content"]
            return content

    async with live_gateway() as live:
        live.sandbox.plan(*[Fault(ending=Ending.SILENCE, after=2)] * STREAMS)
        connector = aiohttp.TCPConnector(limit=0)
        async with (
            asyncio.timeout(30),
            aiohttp.ClientSession(connector=connector) as session,
            asyncio.TaskGroup() as tasks,
        ):
            readers = [
                tasks.create_task(read_first_line(session, live.url)) for _ in range(STREAMS)
            ]
        assert {reader.result() for reader in readers} == {"Hello"}
        for received in live.received():
            await received.finished()
        assert live.sandbox.open_streams == 0
        assert len(live.received()) == STREAMS
