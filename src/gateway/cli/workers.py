"""The supervisor of several processes on one port: start, restart, reload and stop them."""

from __future__ import annotations

import asyncio
import logging
import secrets
import signal
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from gateway.cli.line import Siblings
from gateway.core.errors import SettingsError

__all__ = ["supervise"]

_log = logging.getLogger("gateway")


def _nothing() -> None:
    """Find nothing wrong."""


def _forget_nothing(_: int) -> None:
    """Forget nothing of a process, as where nobody counts."""


async def _hold_nothing(_: str) -> None:
    """Free nothing, as for processes that share nothing."""


async def supervise(
    count: int,
    command: Sequence[str],
    *,
    check: Callable[[], None] = _nothing,
    free: Callable[[str], Awaitable[None]] = _hold_nothing,
    ended: Callable[[int], None] = _forget_nothing,
) -> int:
    """Keep *count* processes of *command* running until SIGINT or SIGTERM; return an exit status.

    They share the port through SO_REUSEPORT. To the command are appended the descriptor of a
    socket, the end of a `gateway.cli.line.WorkerLine`, and ``--owner`` with a name; *free* gives
    back what the process of that name still held when it died, and *ended* is called with the id of
    each process that has ended.

    SIGHUP starts as many new processes, which read the settings again, and then stops the old ones,
    each of which lets its requests finish. If *check* raises `SettingsError`, or if a new one does
    not become ready, the old ones stay. A process that dies is restarted; if the new one does not
    become ready, all stop. A second SIGINT kills all without waiting for requests.
    """
    return await _Supervisor(count, command, check, free, ended).run()


@dataclass(frozen=True, slots=True, eq=False)
class _Worker:
    process: asyncio.subprocess.Process
    line: socket.socket
    """The supervisor's end."""
    owner: str
    reloads: int
    """`Siblings.reloads` before the process was started."""

    @property
    def is_alive(self) -> bool:
        return self.process.returncode is None


class _Supervisor:
    def __init__(
        self,
        count: int,
        command: Sequence[str],
        check: Callable[[], None],
        free: Callable[[str], Awaitable[None]],
        ended: Callable[[int], None],
    ) -> None:
        self._count = count
        self._command = command
        self._check = check
        self._free = free
        self._ended = ended
        self._stopping, self._reload = asyncio.Event(), asyncio.Event()
        self._group: list[_Worker] = []
        self._siblings = Siblings()
        self._listening: dict[_Worker, asyncio.Task[None]] = {}

    async def run(self) -> int:
        """Do what `supervise` says."""
        loop, stopping = asyncio.get_running_loop(), self._stopping
        loop.add_signal_handler(signal.SIGINT, self._interrupt)
        loop.add_signal_handler(signal.SIGTERM, stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload.set)
        try:
            self._group, is_serving = await self._start(self._count)
            if is_serving:
                _log.info("%d workers are ready", self._count)
            while is_serving and not stopping.is_set():
                ends = [worker.process.wait() for worker in self._group]
                await _first_of(stopping.wait(), self._reload.wait(), *ends)
                if self._reload.is_set() and not stopping.is_set():
                    self._reload.clear()
                    await self._replace()
                is_serving = stopping.is_set() or await self._restart_dead()
            return 0 if is_serving or stopping.is_set() else 1
        finally:
            await self._stop(self._group)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                loop.remove_signal_handler(number)

    def _interrupt(self) -> None:
        if self._stopping.is_set():
            for worker in self._group:
                with suppress(ProcessLookupError):
                    worker.process.kill()
        self._stopping.set()

    async def _start(self, count: int) -> tuple[list[_Worker], bool]:
        """Start processes and return them and whether all became ready.

        Return false as soon as one exits, or when all are to stop before all are ready.
        """
        group = [await self._spawn() for _ in range(count)]
        starting = asyncio.ensure_future(self._all_serve(group))
        await _first_of(starting, self._stopping.wait())
        return group, not starting.cancelled() and starting.exception() is None

    async def _spawn(self) -> _Worker:
        ours, theirs = socket.socketpair()
        owner, reloads = secrets.token_hex(8), self._siblings.reloads
        with theirs:
            ours.setblocking(False)
            process = await asyncio.create_subprocess_exec(
                *self._command,
                str(theirs.fileno()),
                *("--owner", owner),
                pass_fds=(theirs.fileno(),),
                # In a new session, so that Ctrl-C in a terminal only reaches the supervisor.
                start_new_session=True,
            )
        return _Worker(process, ours, owner, reloads)

    async def _all_serve(self, group: Sequence[_Worker]) -> None:
        """Wait until all workers are ready; raise if one exits before."""
        async with asyncio.TaskGroup() as starting:
            for worker in group:
                starting.create_task(self._serves(worker))

    async def _serves(self, worker: _Worker) -> None:
        """Wait until a worker is ready; raise `EOFError` if it exits before."""
        if not await asyncio.get_running_loop().sock_recv(worker.line, 1):
            # Its socket closes before it has logged the reason.
            await worker.process.wait()
            raise EOFError
        listening = self._siblings.listen(worker.line, reloads=worker.reloads)
        self._listening[worker] = asyncio.ensure_future(listening)

    async def _replace(self) -> None:
        try:
            self._check()
        except SettingsError as error:
            _log.error("the settings stay as they were: %s", error)
            return
        old = self._group
        fresh, is_serving = await self._start(len(old))
        if not is_serving:
            if not self._stopping.is_set():
                _log.error("the new workers failed to start: the old ones continue")
            await self._stop(fresh)
            return
        self._group = fresh
        _log.info("%d workers were replaced", len(old))
        await self._stop(old)

    async def _restart_dead(self) -> bool:
        """Start a process for each that has died; tell whether all are ready."""
        alive = [worker for worker in self._group if worker.is_alive]
        if len(alive) == self._count:
            return True
        died = self._count - len(alive)
        _log.error("%d of %d workers exited and are being restarted", died, self._count)
        await self._stop([worker for worker in self._group if not worker.is_alive])
        fresh, is_serving = await self._start(died)
        self._group = [*alive, *fresh]
        return is_serving

    async def _stop(self, group: Sequence[_Worker]) -> None:
        """Stop processes and wait for them; free what those held that have died."""
        for worker in group:
            with suppress(ProcessLookupError):
                worker.process.terminate()
        for worker in group:
            status = await worker.process.wait()
            if (listening := self._listening.pop(worker, None)) is not None:
                await _cancel(listening)
            worker.line.close()
            self._ended(worker.process.pid)
            if status != 0:
                await self._free(worker.owner)


async def _first_of(*waits: Awaitable[object]) -> None:
    """Wait for the first of several awaitables and cancel the others."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
