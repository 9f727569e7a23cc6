"""Several processes on one port: started together, replaced when they die, reloaded, stopped."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Sequence
from contextlib import suppress

__all__ = ["supervise"]

_log = logging.getLogger("gateway")


async def supervise(count: int, command: Sequence[str]) -> int:
    """Keep *count* processes of *command* running until SIGINT or SIGTERM; return an exit status.

    They share the port because each of them asks the system for that; nothing is inherited but a
    pipe, whose descriptor is appended to the command: a process writes to it once it serves.
    SIGHUP starts as many new ones, which read the settings anew, and then stops the old ones, each
    of which lets its requests finish. Where a new one does not get so far the old ones stay. A
    process that dies is replaced; when its replacement does not serve either, all stop.
    """
    loop = asyncio.get_running_loop()
    stop, reload = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload.set)
    group: list[asyncio.subprocess.Process] = []
    try:
        group, is_serving = await _start(count, command)
        if is_serving:
            _log.info("%d workers serve", count)
        while is_serving and not stop.is_set():
            await _first_of(stop, reload, group)
            if reload.is_set():
                reload.clear()
                group = await _replace(group, command)
            alive = [worker for worker in group if worker.returncode is None]
            if len(alive) < count and not stop.is_set():
                _log.error("%d of %d workers ended and are replaced", count - len(alive), count)
                fresh, is_serving = await _start(count - len(alive), command)
                group = [*alive, *fresh]
        return 0 if is_serving else 1
    finally:
        await _stop(group)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.remove_signal_handler(number)


async def _start(
    count: int, command: Sequence[str]
) -> tuple[list[asyncio.subprocess.Process], bool]:
    """Start processes and return them once all serve, or with false once one has ended."""
    reading, writing = os.pipe()
    try:
        group = [
            # A session of their own, so that a terminal's Ctrl-C reaches only the supervisor.
            await asyncio.create_subprocess_exec(
                *command, str(writing), pass_fds=(writing,), start_new_session=True
            )
            for _ in range(count)
        ]
        ready = asyncio.ensure_future(_read(reading, count))
        ends = [asyncio.ensure_future(worker.wait()) for worker in group]
        await asyncio.wait([ready, *ends], return_when=asyncio.FIRST_COMPLETED)
        for task in (ready, *ends):
            task.cancel()
        await asyncio.wait([ready, *ends])
    finally:
        os.close(reading)
        os.close(writing)
    return group, all(worker.returncode is None for worker in group)


async def _read(descriptor: int, count: int) -> None:
    """Wait until that many bytes have come through a pipe."""
    loop = asyncio.get_running_loop()
    for _ in range(count):
        readable = asyncio.Event()
        loop.add_reader(descriptor, readable.set)
        try:
            await readable.wait()
        finally:
            loop.remove_reader(descriptor)
        os.read(descriptor, 1)


async def _replace(
    old: list[asyncio.subprocess.Process], command: Sequence[str]
) -> list[asyncio.subprocess.Process]:
    fresh, is_serving = await _start(len(old), command)
    if not is_serving:
        _log.error("the new workers do not start: the old ones go on")
        await _stop(fresh)
        return old
    _log.info("%d workers replaced", len(old))
    await _stop(old)
    return fresh


async def _stop(group: Sequence[asyncio.subprocess.Process]) -> None:
    """Ask processes to stop, and wait until they have."""
    for worker in group:
        with suppress(ProcessLookupError):
            worker.terminate()
    await asyncio.gather(*(worker.wait() for worker in group))


async def _first_of(
    stop: asyncio.Event, reload: asyncio.Event, group: Sequence[asyncio.subprocess.Process]
) -> None:
    """Wait for a signal or the end of a process."""
    waiting = [
        asyncio.ensure_future(one)
        for one in (stop.wait(), reload.wait(), *(worker.wait() for worker in group))
    ]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
