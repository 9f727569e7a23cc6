"""Chat through two adapters at once, as they are installed: Mistral's, and the example's.

Run it with a Python in which the gateway's wheel and `docs/examples/gateway-acme` are installed.
Nothing else is needed: the client and the service that stands in for Acme are of the standard
library. It ends with status 0 once all that it has started has ended as well.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PATIENCE = 30
"""Seconds that each step may take."""
SETTINGS = """
[providers.mistral]
base_url = "{sandbox}"

[providers.acme]
base_url = "{acme}"
"""
KEYS = {"MISTRAL_API_KEY": "key-of-mistral", "ACME_API_KEY": "key-of-acme"}

# Loopback is not to be looked for behind a proxy.
urlopen = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


class Acme(BaseHTTPRequestHandler):
    """The service of the tutorial: one model, which repeats what it was told."""

    def do_GET(self) -> None:
        """List the models."""
        self._answer("application/json", b'["acme-1"]')

    def do_POST(self) -> None:
        """Stream the last turn back, a word in each event."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.headers["X-Acme-Key"] == KEYS["ACME_API_KEY"]
        assert asked["model"] == "acme-1", asked
        words = re.findall(r" *[^ ]+", asked["turns"][-1]["says"])
        events: list[dict[str, object]] = [{"text": word} for word in words]
        events += [{"end": "end", "in": len(words), "out": len(words)}]
        self._answer(
            "text/event-stream", *(f"data: {json.dumps(one)}\n\n".encode() for one in events)
        )

    def _answer(self, kind: str, *pieces: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        for piece in pieces:
            self.wfile.write(piece)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def acme() -> Iterator[str]:
    """Run Acme and yield its URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Acme) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(PATIENCE)


@contextmanager
def started(directory: Path, *arguments: str, says: str) -> Iterator[str]:
    """Run a module, yield the URL that it says, then stop it and see it end well."""
    command = [sys.executable, "-m", *arguments]
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    with subprocess.Popen(
        command,
        cwd=directory,
        env={**kept, **KEYS, "HOME": str(directory)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        rescue = threading.Timer(2 * PATIENCE, process.kill)
        rescue.start()
        try:
            assert process.stdout is not None
            said = []
            for line in process.stdout:
                said.append(line)
                if found := re.search(rf"{says} (http://[^\s:]+:\d+)", line):
                    break
            else:
                raise AssertionError(f"{command} did not start: {''.join(said)}")
            yield found[1]
            process.terminate()
            said += process.communicate(timeout=PATIENCE)[0].splitlines()
        finally:
            rescue.cancel()
            process.kill()
    assert process.returncode == 0, f"{command} ended with {process.returncode}: {said}"
    assert [line for line in said for key in KEYS.values() if key in line] == []


def ask(url: str, body: object = None) -> list[Any]:
    """Return the lines of an answer: several of one that streams."""
    data = None if body is None else json.dumps(body).encode()
    with urlopen(url, data, timeout=PATIENCE) as answer:
        return [json.loads(line) for line in answer]


def chat(gateway: str, model: str, *, stream: bool, question: str) -> str:
    """Return what a model says, as a client of Ollama puts it together."""
    messages = [{"role": "user", "content": question}]
    lines = ask(f"{gateway}/api/chat", {"model": model, "messages": messages, "stream": stream})
    assert {line["model"] for line in lines} == {model}, lines
    assert [line["done"] for line in lines] == [*([False] * (len(lines) - 1)), True], lines
    assert (len(lines) > 2) == stream, lines
    last = lines[-1]
    assert last["done_reason"] == "stop", lines
    assert last["prompt_eval_count"] > 0, lines
    assert last["eval_count"] > 0, lines
    return "".join(line["message"]["content"] for line in lines)


def chat_with_both(gateway: str) -> int:
    """Ask models of both, streaming and not, all at once; return the number of right answers."""
    (tags,) = ask(f"{gateway}/api/tags")
    listed = {model["name"] for model in tags["models"]}
    assert {"acme-1:latest", "mistral-large:latest"} <= listed, listed
    cases = [
        (model, stream, f"number {number} of {model}")
        for number in range(5)
        for model in ("acme-1", "mistral-large")
        for stream in (True, False)
    ]
    with ThreadPoolExecutor(len(cases)) as threads:
        answers = [
            threads.submit(chat, gateway, model, stream=stream, question=question)
            for model, stream, question in cases
        ]
    for (model, _, question), answer in zip(cases, answers, strict=True):
        said = answer.result()
        assert said.endswith(question), (model, said)
        assert (said == question) == (model == "acme-1"), (model, said)
    return len(cases)


def main() -> None:
    """Start the three services, ask, and stop them."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        stand_in = ("gateway.sandbox", "--port", "0")
        with acme() as service, started(directory, *stand_in, says="at") as sandbox:
            settings = SETTINGS.format(acme=service, sandbox=sandbox)
            (directory / "gateway.toml").write_text(settings)
            command = ("gateway", "--config", "gateway.toml", "--port", "0")
            with started(directory, *command, says="listening on") as gateway:
                count = chat_with_both(gateway)
    print(f"{count} chats through two adapters, all answered")


if __name__ == "__main__":
    main()
