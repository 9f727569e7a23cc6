"""Restart two gateways one after the other, under load, and see that nobody notices.

``python -m benchmarks.replicas`` runs nginx before two gateways that count together in a real
Redis, and replaces each of them several times. The exit status is 1 if a request was lost that had
not begun, if a stream ended without a clear word, or if the limits of a key did not hold. It needs
``redis-server`` and ``nginx``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from hashlib import sha256
from pathlib import Path

import aiohttp

from benchmarks import canned
from benchmarks.loops import LOOPS, run
from benchmarks.machine import free_port, lift_limits
from benchmarks.processes import environment, python, started, stop_on_sigterm

__all__ = ["main"]

_OPEN, _TIGHT = "sk-gw-open-0123456789abcdef", "sk-gw-tight-0123456789abcdef"
_RPM = 60
_SHUTDOWN = 2.0
_SETTINGS = """
[server]
shutdown_timeout = {shutdown}
log_level = "error"

[state]
url = "unix://{redis}"
timeout = 2.0
on_failure = "refuse"

[providers.mistral]
api_key = "none"
base_url = "http://127.0.0.1:{upstream}/v1"

[keys]
open = {{ hash = "sha256:{open}" }}
tight = {{ hash = "sha256:{tight}", rpm = {rpm} }}
"""
# Nothing is kept alive towards the gateways: a request on a connection that is being closed could
# not be sent again, and one that cannot connect goes to the other gateway.
_NGINX = """
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log {directory}/nginx.log warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    upstream gateways {{
        server 127.0.0.1:{one} max_fails=0;
        server 127.0.0.1:{two} max_fails=0;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://gateways;
            proxy_http_version 1.1;
            proxy_set_header Host localhost;
            proxy_buffering off;
        }}
    }}
}}
"""
_PLANS = (
    canned.Plan(events=3),
    canned.Plan(events=10, pace=50),
    # Longer than a gateway waits when it stops.
    canned.Plan(events=60, pace=100),
)
_CLIENTS = 12
_WAIT = 20.0


def main() -> int:
    """Run what the command line asks for; return 1 if anything was lost."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.replicas", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each gateway is replaced")
    arguments = parser.parse_args()
    for name in ("redis-server", "nginx"):
        if _find(name) is None:
            print(f"left out: there is no {name}")
            return 0
    lift_limits()
    stop_on_sigterm()
    return run(_run(arguments.rounds), loop=LOOPS[0]) or 0


async def _run(rounds: int) -> int:
    counts: Counter[str] = Counter()
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gw-")))
        upstream, one, two, port = (free_port() for _ in range(4))
        redis = directory / "redis.sock"
        await stack.enter_async_context(
            _process(
                [_found("redis-server"), *("--port", "0", "--unixsocket", str(redis)), "--save", ""]
            )
        )
        command = python("-m", "benchmarks.upstream", "--port", str(upstream))
        await stack.enter_async_context(started(command, upstream))
        settings = directory / "gateway.toml"
        settings.write_text(
            _SETTINGS.format(
                shutdown=_SHUTDOWN,
                redis=redis,
                upstream=upstream,
                rpm=_RPM,
                open=sha256(_OPEN.encode()).hexdigest(),
                tight=sha256(_TIGHT.encode()).hexdigest(),
            )
        )
        configuration = directory / "nginx.conf"
        configuration.write_text(
            _NGINX.format(directory=directory, one=one, two=two, port=port), "utf-8"
        )
        await stack.enter_async_context(
            _process([_found("nginx"), "-e", "stderr", "-c", str(configuration)])
        )
        gateways = [
            await stack.enter_async_context(_Gateway(settings, port)) for port in (one, two)
        ]
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            stop = asyncio.Event()
            url = f"http://127.0.0.1:{port}/api/chat"
            for number in range(_CLIENTS):
                group.create_task(_client(url, _PLANS[number % len(_PLANS)], stop, counts))
            limited = group.create_task(_limited(url, stop))
            for _ in range(rounds):
                for gateway in gateways:
                    await asyncio.sleep(1)
                    await gateway.replace()
            stop.set()
        seconds = time.monotonic() - began
        allowed = limited.result()
    return _report(counts, allowed, seconds, restarts=2 * rounds)


def _report(counts: Counter[str], allowed: int, seconds: float, *, restarts: int) -> int:
    print(f"{restarts} restarts in {seconds:.0f} s")
    for what, number in sorted(counts.items()):
        print(f"  {number:6} {what}")
    most = _RPM + _RPM * seconds / 60 + 1
    print(f"  {allowed:6} requests of a key with {_RPM} a minute; {most:.0f} at most")
    wrong = [what for what in counts if what.startswith(("lost", "cut"))]
    if not _RPM <= allowed <= most:
        wrong.append("the limits of the key")
    for what in wrong:
        print(f"not as promised: {what}")
    return 1 if wrong or not counts["finished"] else 0


async def _client(url: str, plan: canned.Plan, stop: asyncio.Event, counts: Counter[str]) -> None:
    """Send one request after the other, each on a connection of its own."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        while not stop.is_set():
            counts[await _outcome(session, url, plan)] += 1


async def _outcome(session: aiohttp.ClientSession, url: str, plan: canned.Plan) -> str:
    last = b""
    try:
        async with asyncio.timeout(_WAIT), session.post(url, **_request(plan, _OPEN)) as response:
            if response.status != 200:
                return f"lost with {response.status}: {(await response.text())[:80]}"
            async for line in response.content:
                last = line
    except (aiohttp.ClientError, TimeoutError) as error:
        return f"{'cut' if last else 'lost'} with {type(error).__name__}"
    document = json.loads(last or b"{}")
    if document.get("done"):
        return "finished"
    if document.get("error") == "the server is shutting down":
        return "ended with the word that the server is shutting down"
    return f"cut after {last[:80]!r}"


async def _limited(url: str, stop: asyncio.Event) -> int:
    """Send more than the key allows; return how many requests were let through."""
    allowed = 0
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        while not stop.is_set():
            async with session.post(url, **_request(_PLANS[0], _TIGHT)) as response:
                allowed += response.status == 200
                await response.read()
            await asyncio.sleep(0.05)
    return allowed


def _request(plan: canned.Plan, key: str) -> dict[str, object]:
    body = {"model": canned.MODEL, "messages": [{"role": "user", "content": str(plan)}]}
    return {"json": body, "headers": {"Authorization": f"Bearer {key}"}}


class _Gateway:
    """A gateway on a port of its own, which is replaced as an operator would do it."""

    def __init__(self, settings: Path, port: int) -> None:
        self._command = python("-m", "gateway", "--config", str(settings), "--port", str(port))
        self._url = f"http://127.0.0.1:{port}/readyz"

    async def __aenter__(self) -> _Gateway:
        await self._start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await _end(self._process)

    async def replace(self) -> None:
        """Stop it by SIGTERM, and start it again when it has ended."""
        await _end(self._process)
        await self._start()

    async def _start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(*self._command, env=environment())
        async with asyncio.timeout(_WAIT), aiohttp.ClientSession() as session:
            while True:
                with suppress(aiohttp.ClientError):
                    async with session.get(self._url) as response:
                        if response.status == 200:
                            return
                await asyncio.sleep(0.05)


@asynccontextmanager
async def _process(command: Sequence[str]) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(_WAIT):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _find(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def _found(name: str) -> str:
    found = _find(name)
    assert found is not None
    return found


if __name__ == "__main__":
    sys.exit(main())
