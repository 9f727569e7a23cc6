"""The supervisor of several processes on one port: start, restart, reload and stop them."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from dataclasses import dataclass

__all__ = ["supervise"]

_log = logging.getLogger("gateway")


@dataclass(frozen=True, slots=True)
class _Worker:
    process: asyncio.subprocess.Process
    line: socket.socket
    """The supervisor's end: the worker writes to its end when ready, and stops when ours closes."""

    @property
    def is_alive(self) -> bool:
        return self.process.returncode is None


async def supervise(count: int, command: Sequence[str]) -> int:
    """Keep *count* processes of *command* running until SIGINT or SIGTERM; return an exit status.

    They share the port through SO_REUSEPORT. Each inherits a socket, whose descriptor is appended
    to the command: a process writes to it when it is ready, and stops when the other end is closed.
    SIGHUP starts as many new processes, which read the settings again, and then stops the old ones,
    each of which lets its requests finish; if a new one does not become ready, the old ones stay. A
    process that dies is restarted; if the new one does not become ready, all stop. A second SIGINT
    kills all without waiting for requests.
    """
    loop = asyncio.get_running_loop()
    stop, reload = asyncio.Event(), asyncio.Event()
    group: list[_Worker] = []

    def interrupt() -> None:
        if stop.is_set():
            _kill(group)
        stop.set()

    loop.add_signal_handler(signal.SIGINT, interrupt)
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload.set)
    try:
        group, is_serving = await _start(count, command, stop)
        if is_serving:
            _log.info("%d workers are ready", count)
        while is_serving and not stop.is_set():
            ends = [worker.process.wait() for worker in group]
            await _first_of(stop.wait(), reload.wait(), *ends)
            if reload.is_set() and not stop.is_set():
                reload.clear()
                group = await _replace(group, command, stop)
            alive = [worker for worker in group if worker.is_alive]
            if len(alive) < count and not stop.is_set():
                _log.error(
                    "%d of %d workers exited and are being restarted", count - len(alive), count
                )
                await _stop([worker for worker in group if not worker.is_alive])
                fresh, is_serving = await _start(count - len(alive), command, stop)
                group = [*alive, *fresh]
        return 0 if is_serving or stop.is_set() else 1
    finally:
        await _stop(group)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.remove_signal_handler(number)


async def _start(
    count: int, command: Sequence[str], stop: asyncio.Event
) -> tuple[list[_Worker], bool]:
    """Start processes and return them and whether all became ready.

    Return false as soon as one exits, or when *stop* is set before all are ready.
    """
    group = [await _spawn(command) for _ in range(count)]
    starting = asyncio.ensure_future(_all_serve(group))
    await _first_of(starting, stop.wait())
    return group, not starting.cancelled() and starting.exception() is None


async def _all_serve(group: Sequence[_Worker]) -> None:
    """Wait until all workers are ready; raise if one exits before."""
    async with asyncio.TaskGroup() as starting:
        for worker in group:
            starting.create_task(_serves(worker))


async def _serves(worker: _Worker) -> None:
    """Wait until a worker is ready; raise `EOFError` if it exits before."""
    if not await asyncio.get_running_loop().sock_recv(worker.line, 1):
        # Its socket closes before it has logged the reason.
        await worker.process.wait()
        raise EOFError


async def _spawn(command: Sequence[str]) -> _Worker:
    ours, theirs = socket.socketpair()
    with theirs:
        ours.setblocking(False)
        process = await asyncio.create_subprocess_exec(
            *command,
            str(theirs.fileno()),
            pass_fds=(theirs.fileno(),),
            # In a new session, so that Ctrl-C in a terminal only reaches the supervisor.
            start_new_session=True,
        )
    return _Worker(process, ours)


async def _replace(
    old: list[_Worker], command: Sequence[str], stop: asyncio.Event
) -> list[_Worker]:
    fresh, is_serving = await _start(len(old), command, stop)
    if not is_serving:
        if not stop.is_set():
            _log.error("the new workers failed to start: the old ones continue")
        await _stop(fresh)
        return old
    _log.info("%d workers were replaced", len(old))
    await _stop(old)
    return fresh


async def _stop(group: Sequence[_Worker]) -> None:
    """Send a stop signal to the processes and wait for them."""
    for worker in group:
        with suppress(ProcessLookupError):
            worker.process.terminate()
    for worker in group:
        await worker.process.wait()
        worker.line.close()


def _kill(group: Sequence[_Worker]) -> None:
    for worker in group:
        with suppress(ProcessLookupError):
            worker.process.kill()


async def _first_of(*waits: Awaitable[object]) -> None:
    """Wait for the first of several awaitables and cancel the others."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
