"""Clients that leave: their handlers are cancelled, whatever the server does about it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.serving.disconnects import Disconnects


def request(task: asyncio.Task[None], *, is_closing: bool | None) -> Any:
    """Return as much of a request as matters; without a connection if that is not known."""
    transport = None if is_closing is None else SimpleNamespace(is_closing=lambda: is_closing)
    return SimpleNamespace(task=task, transport=transport)


async def forever() -> None:
    await asyncio.Event().wait()


@asynccontextmanager
async def watching(known: Disconnects) -> AsyncIterator[None]:
    watch = asyncio.create_task(known.watch())
    try:
        yield
    finally:
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch


@pytest.mark.parametrize("is_closing", [True, None], ids=["closing", "closed"])
async def test_a_handler_whose_client_has_gone_is_cancelled(is_closing: bool | None) -> None:
    known = Disconnects(poll=0.001)
    gone, there = (asyncio.create_task(forever()) for _ in range(2))
    known.track(request(gone, is_closing=is_closing))
    known.track(request(there, is_closing=False))
    async with watching(known):
        await asyncio.wait([gone], timeout=5)
        assert (gone.cancelled(), there.done()) == (True, False)


async def test_one_that_has_answered_may_be_left() -> None:
    known = Disconnects(poll=0.001)
    looked = asyncio.Event()
    answered, other = (asyncio.create_task(forever()) for _ in range(2))
    done = request(answered, is_closing=True)
    known.track(done)
    known.untrack(done)
    watched = request(other, is_closing=False)
    watched.transport.is_closing = looked.set  # which says no
    known.track(watched)
    async with watching(known):
        await asyncio.wait_for(looked.wait(), 5)
        assert not answered.done()
    answered.cancel()


async def test_when_the_watch_ends_nobody_is_there_any_more() -> None:
    known = Disconnects(poll=0.001)
    handler = asyncio.create_task(forever())
    known.track(request(handler, is_closing=False))
    async with watching(known):
        await asyncio.sleep(0)
    assert handler.cancelled()


async def test_a_server_that_stops_waits_for_the_last_answer_and_no_longer() -> None:
    known = Disconnects(poll=0.001)
    await known.finish(60)
    handlers = [asyncio.create_task(forever()) for _ in range(2)]
    first, second = (request(handler, is_closing=False) for handler in handlers)
    known.track(first)
    stopping = asyncio.create_task(known.finish(60))
    await asyncio.sleep(0)
    known.track(second)  # on a connection that was there before
    known.untrack(first)
    await asyncio.sleep(0)
    assert not stopping.done()
    known.untrack(second)
    await asyncio.wait_for(stopping, 5)
    assert [handler.cancelling() for handler in handlers] == [0, 0]
    for handler in handlers:
        handler.cancel()


async def test_what_takes_too_long_is_cancelled() -> None:
    known = Disconnects(poll=0.001)
    handler = asyncio.create_task(forever())
    known.track(request(handler, is_closing=False))
    await known.finish(0.01)
    await asyncio.wait([handler], timeout=5)
    assert handler.cancelled()
