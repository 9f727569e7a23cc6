"""A disk that is full costs what must be written, and nothing else."""

import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from commandline import Gateway, started

pytestmark = pytest.mark.slow

_SMALL_DISK = """
mount -t tmpfs -o size=768k tmpfs "$1" || exit 1
head -c 262144 /dev/zero >"$1/filler"
shift
exec "$@"
"""
FULL = "the model store failed: database or disk is full"
SYSTEM = "Be brief. " * 2000


def on_small_disk(home: Path, *words: str) -> list[str]:
    """Return what runs *words* with a disk of 768 KiB at *home*, a third of it filled."""
    unshare = ["unshare", "--mount", "--propagation", "private"]
    return [*unshare, "sh", "-c", _SMALL_DISK, "sh", str(home), *words]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    if not shutil.which("unshare"):
        pytest.skip("there is no unshare")
    tried = subprocess.run(on_small_disk(tmp_path, "true"), check=False, capture_output=True)
    if tried.returncode:
        pytest.skip(f"no disk can be mounted here: {tried.stderr[-200:]!r}")
    return tmp_path


@pytest.fixture
def running(home: Path) -> Iterator[Gateway]:
    program = [sys.executable, "-m", "gateway", "--sandbox", "--port", "0"]
    variables = {**os.environ, "GATEWAY_HOME": str(home)}
    words = on_small_disk(home, *program)
    with subprocess.Popen(words, env=variables, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield started(process)
        finally:
            process.kill()


def ask(running: Gateway, path: str, body: object = None, method: str = "") -> tuple[int, str]:
    """Return status and body of an answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{running.url}{path}", data, method=method or None)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def create(running: Gateway, name: str) -> tuple[int, str]:
    body = {"model": name, "from": "mistral-small", "system": SYSTEM, "stream": False}
    return ask(running, "/api/create", body)


def made(running: Gateway) -> list[str]:
    models = json.loads(ask(running, "/api/tags")[1])["models"]
    return sorted(one["name"] for one in models if one["name"].startswith("own"))


def test_what_was_acknowledged_stays_and_all_else_goes_on(running: Gateway, home: Path) -> None:
    kept: list[str] = []
    for number in range(100):
        name = f"own{number}:latest"
        status, text = create(running, name)
        if status != 200:
            break
        kept.append(name)
    assert (status, json.loads(text)) == (500, {"error": FULL})
    assert made(running) == sorted(kept)
    chat = {"messages": [{"role": "user", "content": "hello"}], "stream": False}
    for model in ("mistral-small", kept[0]):
        assert ask(running, "/api/chat", {**chat, "model": model})[0] == 200
    assert ask(running, "/readyz")[0] == 200
    # As the process sees its own disk: from here it is not there.
    filler = Path(f"/proc/{running.process.pid}/root{home}/filler")
    filler.unlink()
    assert create(running, name)[0] == 200
    assert ask(running, "/api/delete", {"model": kept[0]}, "DELETE")[0] == 200
    assert made(running) == sorted([*kept[1:], name])
    running.process.terminate()
    assert running.finish() == 0
    assert not [line for line in running.log if "Traceback" in line]
