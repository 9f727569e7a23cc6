"""The fake upstream: ``python -m benchmarks.upstream --port N``.

It must never be what limits a measurement, so it is a bare protocol that writes canned bytes; it
understands just enough HTTP for the clients that ask it here.
"""

from __future__ import annotations

import argparse
import asyncio
from itertools import count
from typing import cast

from benchmarks import canned
from benchmarks.credit import Senders
from benchmarks.loops import LOOPS, run

__all__ = ["OPEN_PATH", "Upstream", "main"]

OPEN_PATH = "/open"
"""Answers with the number of streams that are open now."""

_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
_LAST_CHUNK = b"0\r\n\r\n"
_GOLDEN = 0.618
"""Spreads the phases of paced streams evenly, however many there are."""


class Upstream:
    """What all connections share."""

    def __init__(self) -> None:
        self.open = 0
        self.numbers = count()
        self.senders = Senders()

    def __call__(self) -> asyncio.Protocol:
        """Return what serves one connection."""
        return _Connection(self)


class _Connection(asyncio.Protocol):
    """One connection; requests on it come one after another."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._received = bytearray()
        self._wanted = 0  # length of head and body, as soon as the head is there
        self._head = b""
        self._answer: _Answer | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's is not registered as one.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None:
            self._answer.stop()

    def pause_writing(self) -> None:
        if self._answer is not None:
            self._answer.is_paused = True

    def resume_writing(self) -> None:
        if self._answer is not None:
            self._answer.resume()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._wanted:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            self._head = bytes(self._received[: end + 4])
            self._wanted = len(self._head) + _content_length(self._head)
        if len(self._received) >= self._wanted:
            body = self._received[len(self._head) : self._wanted]
            del self._received[: self._wanted]
            self._wanted = 0
            self._reply(body)

    def _reply(self, body: bytearray) -> None:
        if self._head.startswith(b"GET /v1/models"):
            self._document(canned.MODELS)
        elif self._head.startswith(b"GET "):
            self._document(str(self._upstream.open).encode())
        elif b'"stream":true' in body or b'"stream": true' in body:
            self._answer = _Answer(self._upstream, self._transport, canned.find_plan(body))
            self._answer.start()
        else:
            self._document(canned.whole(canned.find_plan(body)))

    def _document(self, body: bytes) -> None:
        self._transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
            % (len(body), body)
        )


class _Answer:
    """One stream, from its head to its last chunk."""

    def __init__(self, upstream: Upstream, transport: asyncio.Transport, plan: canned.Plan) -> None:
        self._upstream = upstream
        self._transport = transport
        self._plan = plan
        self._left = plan.events or float("inf")
        self._event = _chunk(canned.text_chunk())
        self._burst = self._event * plan.burst
        if plan.bulk:
            self._burst = _chunk(canned.text_chunk() * plan.burst)
        self._loop = asyncio.get_running_loop()
        self._due = 0.0
        self._next: asyncio.Handle | None = None
        self._is_open = False
        self.is_paused = False

    def start(self) -> None:
        self._is_open = True
        self._upstream.open += 1
        self._transport.write(_STREAM_HEAD + _chunk(canned.ROLE))
        if self._plan.stream:
            self._upstream.senders.add(self._plan.stream, self._send)
            self._send(self._plan.burst)
            return
        if self._plan.pace:
            # The first event comes at once and the second at the stream's own phase.
            phase = next(self._upstream.numbers) * _GOLDEN % 1.0
            self._due = self._loop.time() + (phase - 1) * self._plan.pace / 1000
            self._step()
        else:
            self._schedule()

    def stop(self) -> None:
        if self._is_open:
            self._is_open = False
            self._upstream.open -= 1
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def resume(self) -> None:
        self.is_paused = False
        if self._is_open and self._next is None:
            self._schedule()

    def _send(self, events: int) -> None:
        if self._is_open:
            self._transport.write(self._event * events)

    def _schedule(self) -> None:
        if self._plan.pace:
            self._next = self._loop.call_at(self._due, self._step)
        else:
            self._next = self._loop.call_soon(self._step)

    def _step(self) -> None:
        self._next = None
        self._transport.write(_chunk(canned.stamped()) if self._plan.stamp else self._burst)
        self._left -= self._plan.burst
        self._due += self._plan.pace / 1000
        if self._left > 0:
            if not self.is_paused:
                self._schedule()
        elif not self._plan.hold:
            self._transport.write(_chunk(canned.FINISH) + _chunk(canned.DONE) + _LAST_CHUNK)
            self.stop()


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


async def _serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    upstream = Upstream()
    await loop.create_datagram_endpoint(lambda: upstream.senders, ("127.0.0.1", port))
    server = await loop.create_server(upstream, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.upstream", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--loop", choices=LOOPS, default=LOOPS[0])
    arguments = parser.parse_args()
    run(_serve(arguments.port), loop=arguments.loop)


if __name__ == "__main__":
    main()
