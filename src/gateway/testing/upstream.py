"""A server on loopback that replays planned responses, with the faults of real services."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from aiohttp import web

__all__ = ["Answer", "FakeUpstream", "Received"]

_TURNS = 3
"""Turns of the event loop after which a client on the same loop has read the written bytes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP response: its head, then *chunks*, each in a separate read, then the end.

    With *hang* the connection stays open without further data until the client disconnects; with
    *cut* it is reset within the body. *pause* is the number of seconds before each chunk.
    """

    chunks: Sequence[bytes] = ()
    status: int = 200
    content_type: str = "text/event-stream"
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: bool = False
    cut: bool = False
    pause: float = 0.0


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it arrived; ``left`` is set if its client disconnects before the end."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    left: asyncio.Event = field(default_factory=asyncio.Event)


def _no_answer(_: Received) -> Answer | None:
    return None


class FakeUpstream:
    """Send the planned responses, one for each request; the last one is repeated.

    ``routes`` maps ends of paths to responses outside of the plan, and ``answer`` may be set to a
    function that returns the response to a request in place of both, or None. Use it as an
    asynchronous context manager; ``url`` is its origin, ``requests`` are the requests so far, and
    ``asked`` is set when the first one arrives.
    """

    def __init__(self, *answers: Answer) -> None:
        self.url = ""
        self.requests: list[Received] = []
        self.asked = asyncio.Event()
        self.routes: dict[str, Answer] = {}
        self.answer: Callable[[Received], Answer | None] = _no_answer
        self._plan = deque(answers)

    def plan(self, *answers: Answer) -> None:
        """Replace the plan by *answers* and forget the requests so far."""
        self._plan = deque(answers)
        self.requests.clear()
        self.asked.clear()

    async def __aenter__(self) -> Self:
        """Listen on a free port."""
        server = web.Server(self._serve, handler_cancellation=True)
        self._runner = web.ServerRunner(server, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the port and all connections."""
        await self._runner.cleanup()

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        received = Received(request.method, request.raw_path, request.headers, await request.read())
        self.requests.append(received)
        self.asked.set()
        answer = self.answer(received) or self._next(request.path)
        response = web.StreamResponse(
            status=answer.status, headers={**answer.headers, "Content-Type": answer.content_type}
        )
        try:
            await response.prepare(request)
            await self._play(answer, request, response)
        except (asyncio.CancelledError, ConnectionError):
            received.left.set()
            raise
        return response

    def _next(self, path: str) -> Answer:
        for ending, answer in self.routes.items():
            if path.endswith(ending):
                return answer
        return self._plan.popleft() if len(self._plan) > 1 else self._plan[0]

    async def _play(
        self, answer: Answer, request: web.BaseRequest, response: web.StreamResponse
    ) -> None:
        await response.write(b"")  # the head, which would wait for the first chunk
        for chunk in answer.chunks:
            await asyncio.sleep(answer.pause)
            await response.write(chunk)
            for _ in range(_TURNS):
                await asyncio.sleep(0)
        if answer.hang:
            await asyncio.Event().wait()
        if answer.cut:
            assert request.transport is not None  # noqa: S101 - the client is still connected
            request.transport.abort()
        else:
            with suppress(ConnectionError):
                await response.write_eof()
