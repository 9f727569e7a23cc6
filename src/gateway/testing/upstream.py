"""A service on loopback that replays bytes, with the faults that real ones have."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from aiohttp import web

__all__ = ["Answer", "FakeUpstream", "Received"]

_TURNS = 3
"""Turns of the event loop after which a client on the same loop has read what was written."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer: its head, then *chunks*, each in a read of its own, then the end.

    With *hang* nothing more comes and the connection stays open until the client leaves; with *cut*
    the connection is reset in mid-body. *pause* is the seconds of silence before each chunk.
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
    """One request as it came; ``left`` is set once its client has gone before the answer's end."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    left: asyncio.Event = field(default_factory=asyncio.Event)


class FakeUpstream:
    """Give out planned answers, one for each request and the last one again and again.

    ``routes`` are answers to every request whose path ends like that; they are not in the plan.
    Use it as an asynchronous context manager; ``url`` is its origin, ``requests`` what came, and
    ``asked`` is set once something has.
    """

    def __init__(self, *answers: Answer) -> None:
        self.url = ""
        self.requests: list[Received] = []
        self.asked = asyncio.Event()
        self.routes: dict[str, Answer] = {}
        self._plan = deque(answers)

    def plan(self, *answers: Answer) -> None:
        """Forget the plan and what came, and answer with *answers* from now on."""
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
        answer = self._next(request.path)
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
            assert request.transport is not None  # noqa: S101 - nobody has left yet
            request.transport.abort()
        else:
            with suppress(ConnectionError):
                await response.write_eof()
