"""Count the instructions of a request, which other load on the machine does not change.

``python -m benchmarks.instructions`` needs valgrind. The gateway, its server and a provider without
a network run in one process, and the sockets are replaced: what is counted is Python and the
libraries, not the kernel. Each row is served twice, with different numbers of requests, and the
difference is what the additional ones took: neither start-up nor what is done once is in it.

``--time`` needs no valgrind: the rows take turns, a few requests each, and the fastest twentieth of
the requests tells their processor time, which other load on the machine hardly changes either.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, cast

from aiohttp import web

from benchmarks.loops import LOOPS, run
from gateway.access.client_keys import hash_key
from gateway.access.hosts import guard_hosts
from gateway.app import create_app
from gateway.cli import logs
from gateway.cli.front.head import LARGEST_HEAD, MOST_FIELDS
from gateway.cli.front.protocol import Front
from gateway.cli.front.refusals import Refusals
from gateway.core.chat import ChatRequest
from gateway.core.events import ChatStream, Finish, FinishReason, TextDelta, Usage
from gateway.core.model_info import ModelInfo
from gateway.providers.base import Provider
from gateway.settings import (
    CacheSettings,
    KeySettings,
    LimitsSettings,
    MetricsSettings,
    OtelSettings,
    Plan,
    Settings,
)

__all__: list[str] = []

_KEY: Final = "sk-gw-benchmark0-not-a-secret"
_FEW, _MANY = 40, 140
_PLENTY: Final = 1_000_000
_TRACING: Final = {
    "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
    "OTEL_TRACES_SAMPLER_ARG": "0.01",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",  # where nobody listens
}
_ROUNDS, _IN_TURN = 60, 25
"""How often the rows take turns where the time is taken, and with how many requests each."""
_TURNS: Final = 40
"""Messages of a long conversation, of 400 characters each."""


class _Row(NamedTuple):
    """One kind of request; ``against`` names the row that its ratio is calculated to."""

    name: str
    against: str = ""
    path: str = "/api/chat"
    stream: bool = False
    key: bool = False
    limits: bool = False
    turns: int = 1
    feature: Literal["", "metrics", "traces", "cache"] = ""


_ROWS: Final = (
    _Row("whole answer"),
    _Row("with a key", "whole answer", key=True),
    _Row("with a key and all rates", "whole answer", key=True, limits=True),
    _Row("with metrics", "whole answer", feature="metrics"),
    _Row("with traces of 1 %", "whole answer", feature="traces"),
    _Row("from the cache", "whole answer", feature="cache"),
    _Row("OpenAI's, whole", path="/v1/chat/completions"),
    _Row("OpenAI's, all rates", "OpenAI's, whole", "/v1/chat/completions", key=True, limits=True),
    _Row("long history", turns=_TURNS),
    _Row("long history, all rates", "long history", key=True, limits=True, turns=_TURNS),
    _Row("stream", stream=True),
    _Row("stream, all rates", "stream", stream=True, key=True, limits=True),
)


class _Canned(Provider):
    """A provider whose answers are there already."""

    def __init__(self) -> None:
        pass

    async def chat(self, request: ChatRequest) -> ChatStream:
        yield [TextDelta("one")]
        yield [TextDelta(" two"), Finish(FinishReason.STOP, Usage(3, 2))]

    async def list_models(self) -> Sequence[ModelInfo]:
        return [ModelInfo("m")]

    async def aclose(self) -> None:
        pass


class _Client(asyncio.Transport):
    """A socket that nothing is behind; ``end`` is set when an answer is complete."""

    def __init__(self, *, stream: bool) -> None:
        super().__init__()
        self._stream = stream
        self.end = asyncio.Event()
        self.first = b""

    def write(self, data: Any) -> None:
        self.first = self.first or bytes(data)
        if not self._stream or bytes(data[-5:]) == b"0\r\n\r\n":
            self.end.set()

    def writelines(self, list_of_data: Any) -> None:
        self.write(b"".join(list_of_data))

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 1) if name in ("peername", "sockname") else default

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


def _settings(row: _Row) -> Settings:
    rates = {"rpm": _PLENTY, "tpm": _PLENTY, "concurrency": _PLENTY} if row.limits else {}
    return Settings(
        providers={},
        plans={"team": Plan("team", **rates)} if row.key else {},
        keys={"somebody": KeySettings(hash_key(_KEY), plan="team")} if row.key else {},
        limits=LimitsSettings(**rates),
        metrics=MetricsSettings(enabled=row.feature == "metrics"),
        otel=OtelSettings(traces=row.feature == "traces"),
        cache=CacheSettings(enabled=row.feature == "cache", what="all"),
    )


def _request(row: _Row) -> bytes:
    text = "hi" if row.turns == 1 else "word " * 80
    roles = ("user", "assistant")
    messages = [{"role": roles[i % 2], "content": text} for i in range(row.turns - 1)]
    body = {
        "model": "m",
        "stream": row.stream,
        "messages": [*messages, {"role": "user", "content": text}],
    }
    content = json.dumps(body).encode()
    head = (
        f"POST {row.path} HTTP/1.1\r\nHost: localhost:11434\r\nConnection: keep-alive\r\n"
        "Accept: application/json\r\nAccept-Encoding: gzip, deflate\r\n"
        "User-Agent: ollama-python/0.5.1 (x86_64 linux) Python/3.11.7\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
    )
    if row.key:
        head += f"Authorization: Bearer {_KEY}\r\n"
    return head.encode() + b"\r\n" + content


@asynccontextmanager
async def _served(row: _Row) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Yield what has one request of *row* answered.

    The server listens to nothing; the head reader stands in front of it, as in the command line.
    """
    app = create_app(_settings(row), providers={"p": _Canned()})
    guard_hosts(app, "127.0.0.1")
    refusals = Refusals(app)
    runner = web.AppRunner(
        app,
        access_log=None,
        auto_decompress=False,
        handler_cancellation=True,
        max_line_size=LARGEST_HEAD,
        max_field_size=LARGEST_HEAD,
        max_headers=MOST_FIELDS,
    )
    await runner.setup()
    server = runner.server
    assert server is not None
    protocol = Front(cast("asyncio.Protocol", server()), refusals.request)
    client = _Client(stream=row.stream)
    protocol.connection_made(client)
    request = _request(row)

    async def ask() -> None:
        protocol.data_received(request)
        await client.end.wait()
        client.end.clear()
        await asyncio.sleep(0)  # what is done behind an answer is done before the next one

    yield ask
    assert client.first.startswith(b"HTTP/1.1 200 "), client.first
    await runner.cleanup()


async def _serve(row: _Row, count: int) -> None:
    async with _served(row) as ask:
        for _ in range(count):
            await ask()


async def _time(rows: Sequence[_Row]) -> None:
    """Print the processor time of a request of each row."""
    taken: dict[str, list[int]] = {row.name: [] for row in rows}
    async with AsyncExitStack() as stack:
        asks = {row.name: await stack.enter_async_context(_served(row)) for row in rows}
        for _ in range(_ROUNDS):
            for name, ask in asks.items():
                for _ in range(_IN_TURN):
                    begun = time.process_time_ns()
                    await ask()
                    taken[name].append(time.process_time_ns() - begun)
    fast = {name: sorted(some)[len(some) // 20] for name, some in taken.items()}
    _print(fast, "nanoseconds")


def _serve_apart(row: _Row, count: int) -> None:
    """Serve in a fork of this process, which shares its start-up."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            asyncio.run(_serve(row, count))
            code = 0
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(code)
    assert os.waitpid(pid, 0)[1] == 0, f"{row.name} failed"
    print(pid, flush=True)


def _counted(rows: Sequence[_Row]) -> Iterator[tuple[_Row, int]]:
    """Yield the instructions of one request of each row."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/%p"]
        command += [sys.executable, "-m", "benchmarks.instructions", "--serve"]
        command += [row.name for row in rows]
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        done = subprocess.run(command, env=environment, capture_output=True, check=False)
        if done.returncode:
            raise SystemExit(done.stderr.decode())
        totals = [_total(Path(folder, pid)) for pid in done.stdout.decode().split()]
    for row, few, many in zip(rows, totals[::2], totals[1::2], strict=True):
        yield row, (many - few) // (_MANY - _FEW)


def _total(profile: Path) -> int:
    lines = profile.read_text().splitlines()
    return int(next(line for line in lines if line.startswith("summary:")).split()[1])


def _print(counts: Mapping[str, int], what: str) -> None:
    print(f"| request | {what} | against |")
    print("| --- | --- | --- |")
    for row in _ROWS:
        if row.name in counts:
            plain = counts.get(row.against)
            ratio = f"{counts[row.name] / plain - 1:+.1%}" if plain else ""
            print(f"| {row.name} | {counts[row.name]:,} | {ratio} |")


def main() -> None:
    """Count the rows that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions")
    parser.add_argument("rows", nargs="*", metavar="ROW", help="such as: 'whole answer'")
    parser.add_argument("--time", action="store_true", help="take processor time instead")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    unknown = set(arguments.rows) - {row.name for row in _ROWS}
    if unknown:
        parser.error(f"there is no row {', '.join(unknown)}; rows: {[row.name for row in _ROWS]}")
    rows = [row for row in _ROWS if not arguments.rows or row.name in arguments.rows]
    os.environ |= _TRACING
    if arguments.time:
        with Path(os.devnull).open("w") as nowhere:
            logs.configure("info", "text", stream=nowhere)
            run(_time(rows), loop=LOOPS[0])
    elif arguments.serve:
        with Path(os.devnull).open("w") as nowhere:  # log lines are made and written all the same
            logs.configure("info", "text", stream=nowhere)
            for row in rows:
                _serve_apart(row, _FEW)
                _serve_apart(row, _MANY)
    else:
        _print({row.name: count for row, count in _counted(rows)}, "instructions")


if __name__ == "__main__":
    main()
