"""The heads of upstream responses, with request ids and rate limits, and bodies of requests.

They are collected while a request runs; adapters need not pass anything along.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeAlias

from gateway.core.lazy_mapping import LazyMapping
from gateway.core.secrets import redact

__all__ = ["Collecting", "RateLimits", "Reply", "Watch", "Watching", "notify", "watcher"]

Watch: TypeAlias = Callable[[bytes, str, bool], None]
"""Is called with the body of a request, its content type, and whether that is the whole body."""


class RateLimits(LazyMapping[str]):
    """The rate-limit headers among *headers*, under their names in lower case.

    They are found on access, which is rare; responses have dozens of headers. Keys that a service
    quotes in them are replaced.
    """

    __slots__ = ("_headers",)

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    def _make(self) -> dict[str, str]:
        lowered = ((name.lower(), value) for name, value in self._headers.items())
        return {name: redact(value) for name, value in lowered if "ratelimit" in name}


@dataclass(frozen=True, slots=True)
class Reply:
    """The head of one HTTP response of a provider, whatever its status.

    ``request_id`` is the service's own, empty if it sent none. ``limits`` are its rate-limit
    headers under their own names, in lower case. ``host`` is the host that was asked, empty if the
    adapter does not tell it.
    """

    provider: str
    status: int
    request_id: str
    limits: Mapping[str, str]
    host: str = ""


_collect: ContextVar[Callable[[Reply], None] | None] = ContextVar("gateway.replies", default=None)


class Collecting:
    """Call *collect* with each response of a provider to a request inside the block."""

    __slots__ = ("_collect", "_token")

    def __init__(self, collect: Callable[[Reply], None]) -> None:
        self._collect = collect

    def __enter__(self) -> None:
        self._token = _collect.set(self._collect)

    def __exit__(self, *_: object) -> None:
        _collect.reset(self._token)


def notify(reply: Reply) -> None:
    """Pass *reply* to the current `Collecting` block, if there is one."""
    collect = _collect.get()
    if collect is not None:
        collect(reply)


_watch: ContextVar[Watch | None] = ContextVar("gateway.upstream_requests", default=None)


class Watching:
    """Call *watch* with each body that a provider is sent for a request inside the block."""

    __slots__ = ("_token", "_watch")

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def __enter__(self) -> None:
        self._token = _watch.set(self._watch)

    def __exit__(self, *_: object) -> None:
        _watch.reset(self._token)


def watcher() -> Watch | None:
    """Return what the current `Watching` block calls, if there is one."""
    return _watch.get()
