"""Show the clients of silent streams that their answer is still on its way.

Clients and proxies close connections on which nothing comes for a while, and then ask again, which
is paid for twice. Dialects of server-sent events have a sign that clients ignore; lines of JSON
have none.
"""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web

from gateway.dialects.base import AnswerEncoder
from gateway.serving.lines import LineStream

__all__ = ["Heartbeats", "StreamedAnswer"]

_LOOKS: Final = 10
"""Looks at all streams in one interval, so that a sign is late by a tenth of it at most."""


class StreamedAnswer:
    """A streamed answer, from the request to a provider to the last byte for the client.

    ``encoder`` is that of the latest attempt; without one no sign is sent.
    """

    __slots__ = ("_early", "_lines", "_request", "encoder")

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self._lines: LineStream | None = None
        self._early: asyncio.Task[None] | None = None
        self.encoder: AnswerEncoder | None = None

    @property
    def is_begun(self) -> bool:
        """Tell whether the client has a head, or is about to: there is no other status then."""
        return self._lines is not None or self._early is not None

    @property
    def size(self) -> int:
        """Return the number of bytes that have been sent."""
        return 0 if self._lines is None else self._lines.size

    async def begin(self, encoder: AnswerEncoder) -> LineStream:
        """Send the head, unless it was sent early, and return where the lines go."""
        if self._early is None:
            await self._send_head(encoder)
        else:
            await self._early
        assert self._lines is not None  # noqa: S101 - whoever sends the head sets it
        return self._lines

    def beat(self) -> None:
        """Send a sign, if the dialect has one, and the head before it, if that is still to come."""
        encoder = self.encoder
        if encoder is None or not encoder.still_here:
            return
        if self._lines is not None:
            self._lines.write_between(encoder.still_here)
        elif self._early is None:
            self._early = asyncio.ensure_future(self._begin_early(encoder))

    async def _begin_early(self, encoder: AnswerEncoder) -> None:
        await self._send_head(encoder)
        self.beat()

    async def _send_head(self, encoder: AnswerEncoder) -> None:
        lines = LineStream(self._request, encoder.stream_headers, encoder.line_end)
        await lines.begin()
        self._lines = lines


class Heartbeats:
    """Send a sign to the client of each answer of which nothing came for *interval* seconds.

    One task looks at how much of each answer has been sent, so that a line costs nothing here.
    """

    def __init__(self, *, interval: float) -> None:
        self._interval = interval
        self._seen: dict[StreamedAnswer, tuple[int, float]] = {}
        """The size of each answer at the last look, and since when it has had it."""

    def add(self, answer: StreamedAnswer) -> None:
        """Watch *answer* from now on."""
        self._seen[answer] = (answer.size, asyncio.get_running_loop().time())

    def remove(self, answer: StreamedAnswer) -> None:
        """Watch *answer* no longer, whether it was added or not."""
        self._seen.pop(answer, None)

    async def watch(self) -> None:
        """Look for silent answers until cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(self._interval / _LOOKS)
            self.look(clock())

    def look(self, now: float) -> None:
        """Look at each answer once; *now* is the time of the event loop."""
        for answer, (size, since) in self._seen.items():
            if answer.size == size:
                if now - since < self._interval:
                    continue
                answer.beat()
            self._seen[answer] = (answer.size, now)
