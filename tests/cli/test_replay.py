"""The command line answers from recordings where there is no network at all."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import pytest

from gateway.settings import CassetteSettings
from live import live_gateway
from replays import without_what_differs

MESSAGES = [{"role": "user", "content": "Hello!"}]
REQUESTS: dict[str, dict[str, Any]] = {
    "/api/chat": {"messages": MESSAGES, "stream": False},
    "/v1/chat/completions": {"messages": MESSAGES, "temperature": 0.5},
    "/v1/messages": {"messages": MESSAGES, "max_tokens": 50},
    "/api/embed": {"model": "mistral-embed", "input": ["Hello!", "Goodbye!"]},
}
_START = 20.0
"""Seconds that the process may take to start on a busy machine."""


def why_not() -> str:
    """Return why there is no process without a network, or nothing."""
    if not shutil.which("unshare"):
        return "there is no unshare"
    tried = subprocess.run(["unshare", "--net", "true"], check=False, capture_output=True)
    return tried.stderr.decode()


@contextmanager
def replaying(recordings: str) -> Iterator[Path]:
    """Run the command without a network and without keys, and yield its Unix socket."""
    with TemporaryDirectory(prefix="gw-") as directory:  # a Unix socket wants a short path
        socket = Path(directory, "s")
        kept = {name: text for name, text in os.environ.items() if name in ("PATH", "PYTHONPATH")}
        process = subprocess.Popen(
            ["unshare", "--net", sys.executable, "-m", "gateway", "--replay", recordings],
            env={**kept, "OLLAMA_HOST": f"unix:{socket}", "HOME": directory},
            cwd=directory,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        try:
            give_up_at = time.monotonic() + _START
            while not socket.exists():
                assert process.poll() is None, process.communicate()[1]
                assert time.monotonic() < give_up_at
                time.sleep(0.02)
            yield socket
        finally:
            process.send_signal(signal.SIGINT)
            _, log = process.communicate(timeout=_START)
    assert process.returncode == 0, log
    assert b"differs least" in log


def rounded(value: Any) -> Any:
    """Return *value* with numbers as exact as recordings have them."""
    match value:
        case dict():
            return {name: rounded(one) for name, one in value.items()}
        case list():
            return [rounded(one) for one in value]
        case float():
            return round(value, 5)
    return value


async def answers(session: aiohttp.ClientSession, url: str) -> list[Any]:
    """Return the answers to all requests, and the list of models."""
    found = []
    for path, body in REQUESTS.items():
        asked = {"model": "mistral-small", **body}
        async with session.post(f"{url}{path}", json=asked) as response:
            assert response.status == 200, await response.text()
            found.append(rounded(without_what_differs(await response.json())))
    async with session.get(f"{url}/v1/models") as response:
        found.append(without_what_differs(await response.json()))
    return found


async def test_recorded_answers_need_neither_network_nor_key(tmp_path: Path) -> None:
    recordings = str(tmp_path / "recordings")
    recording = CassetteSettings("record", recordings)
    async with live_gateway(cassettes=recording) as live, aiohttp.ClientSession() as session:
        recorded = await answers(session, live.url)
        assert len(live.sandbox.requests) > len(REQUESTS)
    if reason := why_not():
        pytest.skip(reason)
    with replaying(recordings) as socket:
        connector = aiohttp.UnixConnector(str(socket))
        async with aiohttp.ClientSession(connector=connector) as session:
            assert await answers(session, "http://localhost") == recorded
            body = {"model": "mistral-small", "prompt": "never asked"}
            async with session.post("http://localhost/api/generate", json=body) as response:
                assert response.status == 502
                assert (await response.json())["error"] == "no recording of this request"
