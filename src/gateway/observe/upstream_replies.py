"""What a service says beside its answers: ids for its support, and what is left of its limits.

Whoever serves a request listens for as long as it runs; adapters need not pass anything along.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass

__all__ = ["RateLimits", "Reply", "listening", "tell"]


class RateLimits(Mapping[str, str]):
    """The rate-limit headers among *headers*, under their names in lower case.

    They are looked for when they are asked for, which is seldom; answers have dozens of headers.
    """

    __slots__ = ("_headers",)

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    def __getitem__(self, name: str) -> str:
        return self._found()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found())

    def __len__(self) -> int:
        return len(self._found())

    def __repr__(self) -> str:
        return repr(self._found())

    def __reduce__(self) -> tuple[type[dict[str, str]], tuple[dict[str, str]]]:
        return dict, (self._found(),)

    def _found(self) -> dict[str, str]:
        lowered = ((name.lower(), value) for name, value in self._headers.items())
        return {name: value for name, value in lowered if "ratelimit" in name}


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


class listening:  # noqa: N801 - it is used like a function, and a generator costs more
    """Let *listener* be told of every reply to what is asked inside the block."""

    __slots__ = ("_listener", "_token")

    def __init__(self, listener: Callable[[Reply], None]) -> None:
        self._listener = listener

    def __enter__(self) -> None:
        self._token = _listener.set(self._listener)

    def __exit__(self, *_: object) -> None:
        _listener.reset(self._token)


def tell(reply: Reply) -> None:
    """Tell whoever listens of a reply."""
    listener = _listener.get()
    if listener is not None:
        listener(reply)
