"""The installed gateway where it may do nothing: read-only, without a home, as any user."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

import gateway
from commandline import Gateway, started

USER = "54321"
"""A user that nobody has heard of."""

_READ_ONLY = r"""
awk '$2 !~ "^/(proc|sys|dev)" { print $2 }' /proc/self/mounts | while read -r place; do
    mount -o remount,bind,ro "$place" || exit 1
done
cd /
exec env -i "$@"
"""
_UNPRIVILEGED = (
    *("setpriv", "--reuid", USER, "--regid", USER, "--clear-groups", "--no-new-privs"),
    *("--inh-caps=-all", "--bounding-set=-all"),
)

CREATE = {"model": "mario", "from": "mistral-large", "system": "S", "stream": False}


def command(*words: str, variables: Sequence[str] = ()) -> list[str]:
    """Return what runs *words* as a user without rights, where nothing can be written."""
    path = f"PATH={os.environ['PATH']}"
    program = [path, *variables, *_UNPRIVILEGED, *words]
    return ["unshare", "--mount", "sh", "-c", _READ_ONLY, "sh", *program]


def why_not() -> str:
    """Return why such a process cannot be had here, or nothing."""
    if missing := [one for one in ("unshare", "setpriv", "mount", "awk") if not shutil.which(one)]:
        return f"there is no {missing[0]}"
    words = [sys.executable, "-c", f"open({gateway.__file__!r}).read(); open('/tmp/x', 'w')"]
    try:
        tried = subprocess.run(
            command(*words), check=False, capture_output=True, text=True, timeout=20
        )
    except OSError as error:
        return str(error)
    is_read_only = "Read-only file system" in tried.stderr
    return "" if is_read_only else f"no read-only mounts for others: {tried.stderr[-200:]}"


@pytest.fixture(scope="module", autouse=True)
def _possible() -> None:
    if reason := why_not():
        pytest.skip(reason)


@contextmanager
def sandboxed() -> Iterator[str]:
    """Run the sandbox as a service, and give its base URL."""
    words = [sys.executable, "-m", "gateway.sandbox", "--port", "0"]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as one:
        try:
            assert one.stdout is not None
            line = next(line for line in one.stdout if "http://" in line)
            yield "http://" + line.partition("http://")[2].split()[0].rstrip(":")
        finally:
            one.kill()


@contextmanager
def serving(*variables: str) -> Iterator[Gateway]:
    path = ":".join(entry for entry in sys.path if entry)
    program = [sys.executable, "-m", "gateway", "--port", "0"]
    words = command(*program, variables=[f"PYTHONPATH={path}", *variables])
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        late = threading.Timer(40, process.kill)
        late.start()
        try:
            yield started(process)
        finally:
            late.cancel()
            process.kill()


def ask(url: str, body: object = None) -> str:
    data = None if body is None else json.dumps(body).encode()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, data, timeout=10) as response:
        text: str = response.read().decode()
        return text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ([], "there is no home directory: set GATEWAY_HOME"),
        (["HOME=/nonexistent"], "read-only file system"),
        (["GATEWAY_HOME=/opt/gateway/data"], "read-only file system"),
    ],
    ids=["no home", "no such home", "no volume"],
)
def test_all_is_served_but_what_needs_the_store(variables: list[str], reason: str) -> None:
    with sandboxed() as base_url:
        key = [f"MISTRAL_BASE_URL={base_url}", "MISTRAL_API_KEY=k"]
        with serving(*key, *variables) as running:
            chat = {"model": "mistral-large", "messages": [{"role": "user", "content": "hello"}]}
            assert json.loads(ask(f"{running.url}/api/chat", chat).splitlines()[-1])["done"]
            ready = json.loads(ask(f"{running.url}/readyz"))
            with pytest.raises(urllib.error.HTTPError, match="500") as caught:
                ask(f"{running.url}/api/create", CREATE)
            told = caught.value.read().decode()
            running.process.send_signal(signal.SIGTERM)
            assert running.finish() == 0
    assert ready == {"ready": True, "providers": {"mistral": True}, "store": reason}
    assert reason in told
    (line,) = [line for line in running.log if "gateway.store" in line]
    assert reason in line
    assert not [line for line in running.log if "Traceback" in line]
