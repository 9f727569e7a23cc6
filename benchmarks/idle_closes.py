"""Send requests to a provider that closes idle connections at random: none may be lost or doubled.

The provider runs in a thread of its own, so that it closes connections while requests are on their
way to it. Each request has a number, which its answer repeats. Each must be answered with its own
number and must have come to the provider once; or it failed with a 502, came there once at most,
and not a byte of an answer was sent.
"""

import argparse
import asyncio
import json
import logging
import random
import re
import sys
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, Literal

import aiohttp
from aiohttp import web

from gateway import create_app
from gateway.settings import NetworkSettings, ProviderSettings, Settings

__all__ = ["main"]

_MODEL: Final = "m"
_CLIENTS: Final = 16
_LONGEST_IDLE: Final = 0.004
"""Seconds after which a connection that is to be closed is closed at the latest."""
_CLOSING: Final = 0.5
"""How many of the answers are followed by a close of their connection."""
_LIMIT: Final = 30.0
"""Seconds that one request may take."""

_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)
_find_number = re.compile(rb"number (\d+)\.").search


class _Provider:
    """How often each request has come, and which of them were begun to be answered."""

    def __init__(self, seed: int) -> None:
        self.came: Counter[int] = Counter()
        self.answered: set[int] = set()
        self.closed = 0
        self.chance = random.Random(seed)

    def __call__(self) -> asyncio.Protocol:
        """Return what serves one connection."""
        return _Connection(self)


class _Connection(asyncio.Protocol):
    """One connection, on which requests come one after another."""

    _transport: asyncio.Transport

    def __init__(self, provider: _Provider) -> None:
        self._provider = provider
        self._received = b""
        self._close: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._close is not None:
            self._close.cancel()  # no longer idle
            self._close = None
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        if end and len(body) >= (int(length[1]) if length else 0):
            self._received = b""
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        provider = self._provider
        found = _find_number(body)
        if found is None:
            assert head.startswith(b"GET "), head
            listed = json.dumps({"object": "list", "data": [{"id": _MODEL}]}).encode()
            self._transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
                % (len(listed), listed)
            )
            return
        number = int(found[1])
        provider.came[number] += 1
        provider.answered.add(number)
        self._transport.write(_HEAD + b"".join(_chunks(number)) + b"0\r\n\r\n")
        if provider.chance.random() < _CLOSING:
            wait = provider.chance.uniform(0, _LONGEST_IDLE)
            how = provider.chance.choice((self._transport.close, self._transport.abort))
            loop = asyncio.get_running_loop()
            self._close = loop.call_later(wait, self._end, how)

    def _end(self, how: Any) -> None:
        self._provider.closed += 1
        how()


def _chunks(number: int) -> Iterator[bytes]:
    finish = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": {}}
    for event in ({"choices": [{"index": 0, "delta": {"content": f"{number}"}}]}, finish):
        data = b"data: %b\n\n" % json.dumps(event).encode()
        yield b"%x\r\n%b\r\n" % (len(data), data)


@contextmanager
def _apart(provider: _Provider) -> Iterator[int]:
    """Run *provider* in a thread with an event loop of its own, and yield its port."""
    ready = threading.Event()
    found: list[Any] = []

    async def serve() -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        server = await loop.create_server(provider, "127.0.0.1", 0)
        found[:] = [server.sockets[0].getsockname()[1], loop, stop]
        ready.set()
        await stop.wait()
        server.close()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(_LIMIT), "the provider did not start"
        port, loop, stop = found
        yield port
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(_LIMIT)


@asynccontextmanager
async def _gateway(port: int, transport: Literal["own", "aiohttp"]) -> AsyncIterator[str]:
    options = {"base_url": f"http://127.0.0.1:{port}/v1", "api_key": "benchmark"}
    settings = Settings(
        network=NetworkSettings(transport=transport),
        providers={"p": ProviderSettings("openai", options)},
    )
    runner = web.AppRunner(create_app(settings), access_log=None, handler_cancellation=True)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def _ask(session: aiohttp.ClientSession, url: str, number: int) -> tuple[int, str]:
    """Return the status, and the text of the answer or of the error."""
    body = {
        "model": _MODEL,
        "stream": number % 2 == 0,
        "messages": [{"role": "user", "content": f"This is number {number}."}],
    }
    async with asyncio.timeout(_LIMIT), session.post(f"{url}/api/chat", json=body) as response:
        lines = [json.loads(line) for line in (await response.read()).splitlines()]
    if response.status != 200:
        return response.status, lines[0]["error"]
    if not lines[-1].get("done"):
        return response.status, f"no end: {lines[-1]}"
    return 200, "".join(line["message"]["content"] for line in lines)


async def _run(count: int, transport: Literal["own", "aiohttp"], seed: int) -> int:
    """Send *count* requests and return how many of them went wrong."""
    provider = _Provider(seed)
    numbers = iter(range(count))
    wrong: list[str] = []
    failures: Counter[str] = Counter()

    async def client(session: aiohttp.ClientSession, url: str) -> None:
        for number in numbers:
            status, text = await _ask(session, url, number)
            came, was_answered = provider.came[number], number in provider.answered
            if status == 502 and came <= 1 and not was_answered:
                failures[text] += 1
            elif (status, text, came) != (200, str(number), 1):
                wrong.append(f"{number}: {status} {text!r}, came {came} times")

    with _apart(provider) as port:
        async with (
            _gateway(port, transport) as url,
            aiohttp.ClientSession() as session,
            asyncio.TaskGroup() as tasks,
        ):
            for _ in range(_CLIENTS):
                tasks.create_task(client(session, url))
    told = ", ".join(f"{times} times {text!r}" for text, times in failures.items()) or "none"
    print(
        f"transport {transport}: {count} requests, {provider.closed} idle connections closed by the"
        f" provider; failures before an answer: {told}; wrong: {len(wrong)}"
    )
    for line in wrong[:20]:
        print(f"WRONG {line}")
    return len(wrong)


def main() -> int:
    """Run what the command line asks for; return 1 if any request went wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.idle_closes", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="how many requests are sent")
    parser.add_argument(
        "--transport", choices=("own", "aiohttp"), help="one of the two HTTP clients"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the times at which it closes")
    arguments = parser.parse_args()
    logging.disable()  # each failure would be a line
    transports = [arguments.transport] if arguments.transport else ["own", "aiohttp"]
    return (
        1
        if sum(asyncio.run(_run(arguments.count, one, arguments.seed)) for one in transports)
        else 0
    )


if __name__ == "__main__":
    sys.exit(main())
