"""What a service says beside its answers: ids for its support, and what is left of its limits.

Whoever serves a request listens for as long as it runs; adapters need not pass anything along.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

__all__ = ["Reply", "listening", "tell"]


@dataclass(frozen=True, slots=True)
class Reply:
    """The head of one HTTP answer of a provider, whatever its status.

    ``request_id`` is the service's own, empty when it gave none. ``limits`` are its rate-limit
    headers under their own names, in lower case.
    """

    provider: str
    status: int
    request_id: str
    limits: Mapping[str, str]


_listener: ContextVar[Callable[[Reply], None] | None] = ContextVar("gateway.replies", default=None)


@contextmanager
def listening(listener: Callable[[Reply], None]) -> Iterator[None]:
    """Let *listener* be told of every reply to what is asked inside the block."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def tell(reply: Reply) -> None:
    """Tell whoever listens of a reply."""
    listener = _listener.get()
    if listener is not None:
        listener(reply)
