"""What the gateway needs of an HTTP client: send one request, read its answer as it arrives, close.

Whoever sends a request knows nothing of connections. Errors here name neither service nor URL; the
caller turns them into errors of its own.
"""

from __future__ import annotations

import abc
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Protocol, TypeAlias

from yarl import URL

from gateway.providers.upstream.transport.request_head import encode_head, encode_headers

__all__ = [
    "NO_HEADERS",
    "Body",
    "BrokenAnswer",
    "Endpoint",
    "Exchange",
    "NotConnected",
    "Pieces",
    "Transport",
    "TransportError",
]

NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class TransportError(Exception):
    """An answer did not come, or not as a whole; the cause is kept."""


class NotConnected(TransportError):
    """There is no connection: not one byte of the request was written."""


class BrokenAnswer(TransportError):
    """The connection was lost, or what came is not HTTP, after the request had been written."""


class Pieces(Protocol):
    """A request body that is written piece by piece, as large ones are."""

    def __len__(self) -> int:
        """Return the number of bytes of all pieces."""

    def __iter__(self) -> Iterator[bytes]:
        """Yield the pieces; each iteration begins anew."""

    def outline(self) -> bytes:
        """Return the body with a few words in the place of each long text."""


Body: TypeAlias = bytes | Pieces


@dataclass(frozen=True, eq=False)
class Endpoint:
    """Where requests go that differ in their bodies only, and what goes with each of them.

    *connect_timeout* is in seconds, and covers name lookup, TCP and TLS. Raise `ValueError` for a
    URL or a header that cannot be sent.
    """

    method: str
    url: URL
    headers: Mapping[str, str]
    connect_timeout: float = 10.0

    def __post_init__(self) -> None:
        if self.url.scheme not in ("http", "https") or not self.url.raw_host:
            raise ValueError("not a URL of HTTP")
        _ = self.head  # which may be refused, and better now than with the first request

    @cached_property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port: what a connection may be shared by."""
        url = self.url
        return url.scheme, (url.raw_host or "").rstrip("."), url.port or 0

    @cached_property
    def head(self) -> bytes:
        """The head of each request, up to the headers that belong to one request alone."""
        return encode_head(self._start_line, self._all_headers)

    def head_with(self, headers: Mapping[str, str]) -> bytes:
        """Return the head of a request with *headers*, which replace those of the same names."""
        if not headers:
            return self.head
        names = {name.lower() for name in headers}
        if names.isdisjoint(self._names):
            return self.head + encode_headers(headers)
        kept = {name: one for name, one in self._all_headers.items() if name.lower() not in names}
        return encode_head(self._start_line, {**kept, **headers})

    @property
    def _start_line(self) -> str:
        return f"{self.method} {self.url.raw_path_qs} HTTP/1.1"

    @property
    def _all_headers(self) -> Mapping[str, str]:
        return {"Host": self.url.host_port_subcomponent or "", **self.headers}

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(name.lower() for name in self._all_headers)


class Exchange(abc.ABC):
    """One request and its answer. `open` comes first, and once; `close` may come at any time."""

    status: int = 0
    headers: Mapping[str, str] = NO_HEADERS
    """The headers of the answer, whatever their case; text that UTF-8 can encode."""

    @abc.abstractmethod
    async def open(self, body: Body = b"", headers: Mapping[str, str] = NO_HEADERS) -> None:
        """Send the request, and return when the head of the answer is there.

        *headers* are added to those of the endpoint, and replace those of the same names. The
        request is written once at most; only a
        GET is written again, once, if a kept connection turns out to be closed. Raise
        `NotConnected`, `BrokenAnswer`, or what `fail` was given.
        """

    @abc.abstractmethod
    async def read(self) -> bytes:
        """Return what has arrived of the body, as soon as there is anything; nothing at its end.

        What came before an error is returned before it is raised. Bytes are as they were sent:
        compressed bodies are not unpacked. Raise `BrokenAnswer`, or what `fail` was given.
        """

    @abc.abstractmethod
    def fail(self, error: Exception) -> None:
        """Close the connection, and raise *error* wherever somebody waits for this exchange."""

    @abc.abstractmethod
    async def close(self, drain: float = 0.0) -> None:
        """End the exchange: nobody reads on.

        A connection whose answer is complete is kept for the next request. Any other is closed at
        once, unless *drain* allows some seconds for the rest of the body, which is thrown away.
        """


class Transport(abc.ABC):
    """Makes exchanges, and owns the connections that they use."""

    @abc.abstractmethod
    def exchange(self, endpoint: Endpoint) -> Exchange:
        """Return an exchange with *endpoint*; nothing is sent before it is opened."""

    @abc.abstractmethod
    async def aclose(self) -> None:
        """Close all connections that belong to this transport, and wait until they are."""
