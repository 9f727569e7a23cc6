"""Find what blocks an event loop, by what Python tells of calls rather than by a clock."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import sleep as _sleep
from typing import Any
from unittest import mock

__all__ = ["Blocked", "unblocked"]


class Blocked(AssertionError):
    """Code in the thread of an event loop has made a call that waits."""


class _Watch:
    """The thread in which nothing may wait; a hook cannot be taken away, so there is one."""

    def __init__(self) -> None:
        self.thread = 0
        self.is_hooked = False

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.thread != threading.get_ident():
            return
        if event == "socket.getaddrinfo":
            raise Blocked("a name is looked up in the thread of the event loop")
        if event == "socket.connect" and arguments[0].gettimeout() != 0:
            raise Blocked("a socket that blocks is connected in the thread of the event loop")


_watch = _Watch()


@contextmanager
def unblocked() -> Iterator[None]:
    """Raise `Blocked` wherever the block, or what runs in its thread, makes a call that waits."""
    if not _watch.is_hooked:
        _watch.is_hooked = True
        sys.addaudithook(_watch.hook)
    _watch.thread = threading.get_ident()
    try:
        # Python tells of sleeping only since 3.13.
        with mock.patch("time.sleep", _no_sleep):
            yield
    finally:
        _watch.thread = 0


def _no_sleep(seconds: float) -> None:
    if _watch.thread == threading.get_ident():
        raise Blocked(f"time.sleep({seconds}) blocks the event loop")
    _sleep(seconds)
