"""What blocks an event loop is found where it happens, and only in its thread."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest

from gateway.testing.blocking import Blocked, _watch, unblocked


async def look_up() -> None:
    socket.getaddrinfo("127.0.0.1", 1)


async def connect() -> None:
    with socket.socket() as blocking, pytest.raises(ConnectionError):
        blocking.connect(("127.0.0.1", 1))


async def sleep() -> None:
    time.sleep(0.001)  # noqa: ASYNC251 - what is to be found


@pytest.mark.parametrize("block", [look_up, connect, sleep])
async def test_a_call_that_waits_is_an_error(block: object) -> None:
    assert callable(block)
    with unblocked(), pytest.raises(Blocked):
        await block()
    await block()


async def test_other_threads_may_wait() -> None:
    with unblocked():
        await asyncio.to_thread(time.sleep, 0.001)
        await asyncio.to_thread(socket.getaddrinfo, "127.0.0.1", 1)
        await asyncio.sleep(0)


class Socket:
    """Says how long it waits."""

    def __init__(self, timeout: float | None) -> None:
        self.timeout = timeout

    def gettimeout(self) -> float | None:
        return self.timeout


async def test_the_hook_tells_calls_that_wait_from_others() -> None:
    # Python does not trace its hooks, so this one is called here as well.
    with unblocked():
        _watch.hook("open", ("a", "r", 0))
        _watch.hook("socket.connect", (Socket(0.0), ("127.0.0.1", 1)))
        with pytest.raises(Blocked, match="a socket that blocks"):
            _watch.hook("socket.connect", (Socket(None), ("127.0.0.1", 1)))
        with pytest.raises(Blocked, match="a name is looked up"):
            _watch.hook("socket.getaddrinfo", ("a", 1))
    _watch.hook("socket.getaddrinfo", ("a", 1))
