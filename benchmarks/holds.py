"""Print how long each expensive request holds the event loop: ``python -m benchmarks.holds``.

Each is the worst that the default limits allow of its kind. While it is handled a timer of one
millisecond runs in the same loop; its longest delay is what other requests would have waited.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.fuzz.forms import zstd
from gateway import Settings, create_app
from gateway.cli.server import serve
from gateway.settings import ServerSettings

__all__ = ["CASES", "main"]

_SUPPORT = Path(__file__).parents[1] / "tests" / "support"
_TICK = 0.001
_CHAT = "/api/chat"
_WORDS = "The quick brown fox jumps over the lazy dog. "


def _chat(**members: object) -> bytes:
    body = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}], "stream": False}
    return json.dumps({**body, **members}).encode()


def _messages(count: int, text: str) -> bytes:
    return _chat(messages=[{"role": "user", "content": text}] * count)


def _tools(count: int) -> bytes:
    properties = {f"p{n}": {"type": "string", "description": _WORDS} for n in range(20)}
    function = {"name": "f", "parameters": {"type": "object", "properties": properties}}
    return _chat(tools=[{"type": "function", "function": function}] * count)


def _form(parts: int) -> bytes:
    part = b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n%b\r\n"
    return part % (b"v" * 20_000) * parts + b"--x--"


CASES: Mapping[str, tuple[str, Callable[[], bytes], str]] = {
    "16 MB of ordinary text": (_CHAT, lambda: _messages(1, _WORDS * 350_000), ""),
    "10,000 messages": (_CHAT, lambda: _messages(9_999, _WORDS), ""),
    "4,000 tools' parameters": (_CHAT, lambda: _tools(200), ""),
    "100,000 values": (_CHAT, lambda: _chat(x=[1] * 99_000), ""),
    "16 MB of JSON that is cut": (_CHAT, lambda: _messages(1, _WORDS * 350_000)[:-9], ""),
    "16 KB that only Go reads": (_CHAT, lambda: b"[" + b"1," * 8_000 + b"NaN]", ""),
    "text with half characters": (_CHAT, lambda: _messages(1, "\ud800 " * 1_900_000), ""),
    "60 MB of base64": (_CHAT, lambda: _chat(x=["QUJD" * 15_000_000]), ""),
    "20 MB of zeros in zstd": ("/v1/chat/completions", lambda: zstd.compress(bytes(20 << 20)), ""),
    "20 MB in a form": (
        "/v1/audio/transcriptions",
        lambda: _form(999),
        "multipart/form-data; boundary=x",
    ),
    "a model's name of 15 MB": (_CHAT, lambda: _chat(model="n" * 15_000_000), ""),
}


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.holds", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="the shortest of so many counts")
    arguments = parser.parse_args()
    sys.path.insert(0, str(_SUPPORT))
    asyncio.run(_run(arguments.rounds))
    return 0


async def _run(rounds: int) -> None:
    from scripted import ScriptedProvider  # noqa: PLC0415 - found on the path only now

    app = create_app(Settings(providers={}), providers={"tiny": ScriptedProvider()})
    ready: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    server = asyncio.create_task(serve(app, ServerSettings(port=0), ready=ready.set_result))
    port = int((await ready)[0].rpartition(":")[2])
    print(f"{'request':28} {'bytes':>11} {'status':>6} {'longest hold, ms':>17}")
    for name, (path, make, kind) in CASES.items():
        body = make()
        held = [await _held(port, path, body, kind) for _ in range(rounds)]
        status, seconds = min(held, key=lambda one: one[1])
        print(f"{name:28} {len(body):>11,} {status:>6} {1000 * seconds:>17.1f}", flush=True)
    server.cancel()
    await asyncio.wait([server])


async def _held(port: int, path: str, body: bytes, kind: str) -> tuple[str, float]:
    """Return the status of one request, and the longest time in which the loop did nothing else."""
    coding = "Content-Encoding: zstd\r\n" if body.startswith(b"\x28\xb5") else ""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind or 'application/json'}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n{coding}\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    watch = asyncio.create_task(_watch())
    writer.write(head.encode())
    view = memoryview(body)
    for at in range(0, len(body), 1 << 16):
        writer.write(view[at : at + (1 << 16)])
        await writer.drain()
    answer = await reader.read()
    watch.cancel()
    await asyncio.wait([watch])
    writer.close()
    return answer[9:12].decode(), _longest[0]


_longest = [0.0]


async def _watch() -> None:
    """Keep the longest delay of a timer in `_longest`, until this is cancelled."""
    _longest[0] = 0.0
    while True:
        began = time.perf_counter()
        await asyncio.sleep(_TICK)
        _longest[0] = max(_longest[0], time.perf_counter() - began - _TICK)


if __name__ == "__main__":
    sys.exit(main())
