"""Calls to a backend: bounded in time, and rejected at once while it is unreachable."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

from gateway.state.backend import Backend, StateFailure
from gateway.state.breaker import Breaker

__all__ = ["Guard"]

_log = logging.getLogger("gateway.state")

T = TypeVar("T")


class Guard:
    """Let calls through to *backend*, each for at most *timeout* seconds, until one fails.

    From then on nobody waits: calls fail at once, until a probe beside them has succeeded.
    """

    def __init__(self, backend: Backend, *, timeout: float, breaker: Breaker | None = None) -> None:
        self._backend = backend
        self._timeout = timeout
        self._breaker = breaker or Breaker()
        self._up = asyncio.Event()
        self._up.set()
        self._probing: asyncio.Task[None] | None = None
        self._calls: set[asyncio.Future[Any]] = set()

    @property
    def is_up(self) -> bool:
        """Tell whether calls are let through."""
        return not self._breaker.is_open

    async def ask(self, call: Callable[[Backend], Awaitable[T]]) -> T:
        """Return what *call* returns for the backend; raise `StateFailure`."""
        if self._breaker.is_open:
            raise StateFailure("the state cannot be reached")
        try:
            return await self._call(call)
        except StateFailure as failure:
            if self._breaker.fail():
                _log.warning("the state cannot be reached: %s", failure)
                self._up.clear()
                self._probing = asyncio.ensure_future(self._probe())
            raise

    async def wait(self) -> None:
        """Wait until calls are let through."""
        await self._up.wait()

    async def aclose(self) -> None:
        """Stop probing, wait for calls that are under way, and close the backend."""
        if self._probing is not None:
            self._probing.cancel()
            with suppress(asyncio.CancelledError):
                await self._probing
        if self._calls:
            await asyncio.wait(self._calls, timeout=self._timeout)
        await self._backend.aclose()

    async def _call(self, call: Callable[[Backend], Awaitable[T]]) -> T:
        # A task of its own, which a request that is cancelled lets go on: the backend's client is
        # not left in the midst of an answer, nor can it lose the cancellation, as `wait_for` does
        # in Python 3.11 (python/cpython#86296).
        running = asyncio.ensure_future(call(self._backend))
        self._calls.add(running)
        running.add_done_callback(self._calls.discard)
        running.add_done_callback(_see)
        done, _ = await asyncio.wait({running}, timeout=self._timeout)
        if not done:
            running.cancel()
            raise StateFailure(f"no answer within {self._timeout:g} seconds")
        try:
            return running.result()
        except StateFailure:
            raise
        except Exception as error:  # a library's own mistake must not stop what is written later
            _log.exception("the state failed in an unexpected way")
            raise StateFailure(repr(error)) from error

    async def _probe(self) -> None:
        while self._breaker.is_open:
            await asyncio.sleep(self._breaker.seconds_to_probe)
            try:
                await self._call(_ping)
            except StateFailure:
                self._breaker.fail()
            else:
                self._breaker.succeed()
                self._up.set()
                _log.warning("the state can be reached again")


def _ping(backend: Backend) -> Awaitable[None]:
    return backend.ping()


def _see(call: asyncio.Future[Any]) -> None:
    """Look at the exception of a call that nobody waits for any more."""
    if not call.cancelled():
        call.exception()
