"""Send the requests of apps to a gateway, within a bounded time."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import hdrs
from multidict import CIMultiDict
from yarl import URL

from gateway.core import codec

__all__ = ["Answer", "NoAnswer", "Patience", "Visitor", "visiting"]

_LARGEST = 1 << 24
_CONNECT = 5.0


class NoAnswer(Exception):
    """No whole answer came; the message says why."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How many seconds the doctor waits: for an answer, for one of a model, and in all."""

    request: float = 10.0
    answer: float = 60.0
    whole: float = 300.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; ``arrivals`` are the times at which parts of its body came, in seconds."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    arrivals: tuple[float, ...] = ()

    @property
    def type(self) -> str:
        """The media type, without parameters."""
        return self.headers.get(hdrs.CONTENT_TYPE, "").partition(";")[0].strip()

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> object:
        """Return the body as one JSON value, or None if it is none."""
        return _decoded(self.body)

    def lines(self) -> list[object]:
        """Return the lines of the body, or the data of its events, as JSON; None for others."""
        lines = [line for line in self.body.splitlines() if line.strip()]
        if self.type == "text/event-stream":
            data = (line[5:].strip() for line in lines if line.startswith(b"data:"))
            lines = [line for line in data if line != b"[DONE]"]
        return [_decoded(line) for line in lines]


class Visitor:
    """Sends requests to one server; *url* is the address of the gateway behind it."""

    def __init__(self, session: aiohttp.ClientSession, url: str, patience: Patience) -> None:
        self._session = session
        self._patience = patience
        self._until = time.monotonic() + patience.whole
        self.url = url

    async def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: object = None,
        *,
        costs: bool = False,
    ) -> Answer:
        """Return the answer to one request, which *costs* what a model takes; follow no redirect.

        Raise `NoAnswer`.
        """
        left = self._until - time.monotonic()
        if left <= 0:
            raise NoAnswer("the time for all requests is over")
        limit = min(left, self._patience.answer if costs else self._patience.request)
        try:
            async with asyncio.timeout(limit):
                return await self._send(method, path, CIMultiDict(headers or {}), body)
        except TimeoutError:
            raise NoAnswer(f"no whole answer within {limit:.3g} seconds") from None
        except (aiohttp.ClientError, ValueError) as error:
            raise NoAnswer(_reason(error)) from error

    async def _send(
        self, method: str, path: str, headers: CIMultiDict[str], body: object
    ) -> Answer:
        data = None if body is None else codec.encode(body)
        async with self._session.request(
            method,
            URL(self.url + path, encoded=True),
            headers=headers,
            data=data,
            allow_redirects=False,
            skip_auto_headers=(hdrs.USER_AGENT, hdrs.CONTENT_TYPE),
        ) as response:
            parts, arrivals, size = [], [], 0
            async for part in response.content.iter_any():
                parts.append(part)
                arrivals.append(time.monotonic())
                size += len(part)
                if size > _LARGEST:
                    raise NoAnswer("the answer does not end")
            return Answer(response.status, response.headers, b"".join(parts), tuple(arrivals))


@asynccontextmanager
async def visiting(url: str, patience: Patience, *, socket: str = "") -> AsyncIterator[Visitor]:
    """Open a visitor of *url*, over the Unix socket at *socket* if there is one."""
    connector: Any = aiohttp.UnixConnector(socket) if socket else aiohttp.TCPConnector()
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=min(_CONNECT, patience.request))
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        yield Visitor(session, url, patience)


def _decoded(data: bytes) -> object:
    try:
        return codec.decode(data)
    except (codec.JSONError, UnicodeDecodeError, RecursionError):
        return None


def _reason(error: Exception) -> str:
    number = error.os_error.errno if isinstance(error, aiohttp.ClientConnectorError) else None
    if number is not None and number > 0:
        # The event loop adds text of its own to the system's message.
        return os.strerror(number).lower()
    return " ".join(str(error).split()) or type(error).__name__
