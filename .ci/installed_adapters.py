"""Chat through all adapters at once, as they are installed: Mistral's, the example's, our own.

Run it with a Python in which the gateway's wheel, `docs/examples/gateway-acme` and the packages of
`adapters/` are installed. Nothing else is needed: the client and the services that stand in for
those of the adapters are of the standard library. It ends with status 0 once all that it has
started has ended as well.
"""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import threading
import urllib.request
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
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

[providers.gemini]
base_url = "{gemini}"

[providers.bedrock]
base_url = "{bedrock}"

[providers.azure]
base_url = "{azure}"
models = {{ "my-gpt" = {{ base = "gpt-4o" }} }}
"""
KEYS = {
    "MISTRAL_API_KEY": "key-of-mistral",
    "ACME_API_KEY": "key-of-acme",
    "GEMINI_API_KEY": "key-of-gemini",
    "AWS_BEARER_TOKEN_BEDROCK": "key-of-bedrock",
    "AZURE_OPENAI_API_KEY": "key-of-azure",
}
REPEATING = ("acme-1", "amazon.nova-2-lite-v1:0", "gemini-3.5-pro", "my-gpt")
"""The models that say what they were told, and nothing else."""
MODELS = (*REPEATING, "mistral-large")

# Loopback is not to be looked for behind a proxy.
urlopen = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


class Service(BaseHTTPRequestHandler):
    """A service with one model, which repeats what it was told."""

    def asked(self) -> Any:
        """Return the body of the request."""
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def answer(self, kind: str, *pieces: bytes) -> None:
        """Send an answer in pieces."""
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        for piece in pieces:
            self.wfile.write(piece)

    def stream(self, events: Iterable[object]) -> None:
        """Send server-sent events."""
        self.answer(
            "text/event-stream", *(f"data: {json.dumps(one)}\n\n".encode() for one in events)
        )

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Acme(Service):
    """The service of the tutorial."""

    def do_GET(self) -> None:
        """List the models."""
        self.answer("application/json", b'[{"name": "acme-1", "does": ["chat"]}]')

    def do_POST(self) -> None:
        """Stream the last turn back, a word in each event."""
        asked = self.asked()
        assert self.headers["X-Acme-Key"] == KEYS["ACME_API_KEY"]
        assert asked["model"] == "acme-1", asked
        words = words_of(asked["turns"][-1]["says"])
        self.stream([*({"text": word} for word in words), {"end": "end", "in": 9, "out": 9}])


class Gemini(Service):
    """Gemini's API."""

    def do_GET(self) -> None:
        """List the models."""
        row = {"name": "models/gemini-3.5-pro", "supportedGenerationMethods": ["generateContent"]}
        self.answer("application/json", json.dumps({"models": [row]}).encode())

    def do_POST(self) -> None:
        """Stream the last turn back, a word in each event; the body just ends."""
        asked = self.asked()
        assert self.headers["x-goog-api-key"] == KEYS["GEMINI_API_KEY"]
        assert self.path.endswith("/models/gemini-3.5-pro:streamGenerateContent?alt=sse")
        parts = [{"text": word} for word in words_of(asked["contents"][-1]["parts"][0]["text"])]
        events: list[dict[str, Any]] = [{"content": {"parts": [part]}} for part in parts]
        events[-1]["finishReason"] = "STOP"
        usage = {"promptTokenCount": 9, "candidatesTokenCount": 9}
        self.stream({"candidates": [event], "usageMetadata": usage} for event in events)


class Bedrock(Service):
    """Bedrock's API."""

    def do_GET(self) -> None:
        """List the models, and no inference profiles."""
        row = {
            "modelId": "amazon.nova-2-lite-v1:0",
            "outputModalities": ["TEXT"],
            "inferenceTypesSupported": ["ON_DEMAND"],
        }
        lists = {"modelSummaries": [row], "inferenceProfileSummaries": []}
        self.answer("application/json", json.dumps(lists).encode())

    def do_POST(self) -> None:
        """Stream the last turn back, a word in each frame; the token counts come last."""
        asked = self.asked()
        assert self.headers["Authorization"] == f"Bearer {KEYS['AWS_BEARER_TOKEN_BEDROCK']}"
        assert self.path == "/model/amazon.nova-2-lite-v1%3A0/converse-stream"
        words = words_of(asked["messages"][-1]["content"][0]["text"])
        deltas = [{"contentBlockIndex": 0, "delta": {"text": word}} for word in words]
        self.answer(
            "application/vnd.amazon.eventstream",
            *(frame("contentBlockDelta", delta) for delta in deltas),
            frame("messageStop", {"stopReason": "end_turn"}),
            frame("metadata", {"usage": {"inputTokens": 9, "outputTokens": 9}}),
        )


def frame(kind: str, event: object) -> bytes:
    """Return a frame of AWS's event stream."""
    named = {":event-type": kind, ":message-type": "event"}
    headers = b"".join(
        bytes([len(name)]) + name.encode() + b"\7" + struct.pack(">H", len(text)) + text.encode()
        for name, text in named.items()
    )
    payload = json.dumps(event).encode()
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    body = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return body + struct.pack(">I", zlib.crc32(body))


class Azure(Service):
    """Azure OpenAI's API."""

    def do_POST(self) -> None:
        """Stream the last turn back, a word in each event; the filter is told of first."""
        asked = self.asked()
        assert self.headers["api-key"] == KEYS["AZURE_OPENAI_API_KEY"]
        assert (self.path, asked["model"]) == ("/openai/v1/chat/completions", "my-gpt")
        words = words_of(asked["messages"][-1]["content"])
        deltas: list[dict[str, Any]] = [{"delta": {"content": word}} for word in words]
        deltas[-1]["finish_reason"] = "stop"
        usage = {"prompt_tokens": 9, "completion_tokens": 9}
        self.stream(
            [
                {"choices": [], "prompt_filter_results": []},
                *({"choices": [delta]} for delta in deltas),
                {"choices": [], "usage": usage},
            ]
        )


SERVICES: dict[str, type[Service]] = {
    "acme": Acme,
    "azure": Azure,
    "bedrock": Bedrock,
    "gemini": Gemini,
}


def words_of(text: str) -> list[str]:
    """Return the words of a text with the spaces before them."""
    return re.findall(r" *[^ ]+", text)


@contextmanager
def served(handler: type[Service]) -> Iterator[str]:
    """Run a service and yield its URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
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


def chat_with_all(gateway: str) -> int:
    """Ask models of all, streaming and not, all at once; return the number of right answers."""
    (tags,) = ask(f"{gateway}/api/tags")
    listed = {model["name"] for model in tags["models"]}
    wanted = {model if ":" in model else f"{model}:latest" for model in MODELS}
    assert wanted <= listed, listed
    cases = [
        (model, stream, f"number {number} of {model}")
        for number in range(5)
        for model in MODELS
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
        assert (said == question) == (model in REPEATING), (model, said)
    return len(cases)


def main() -> None:
    """Start the services and a gateway, ask, and stop them."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        stand_in = ("gateway.sandbox", "--port", "0")
        with ExitStack() as stack:
            urls = {name: stack.enter_context(served(kind)) for name, kind in SERVICES.items()}
            sandbox = stack.enter_context(started(directory, *stand_in, says="at"))
            settings = SETTINGS.format(sandbox=sandbox, **urls)
            (directory / "gateway.toml").write_text(settings)
            command = ("gateway", "--config", "gateway.toml", "--port", "0")
            gateway = stack.enter_context(started(directory, *command, says="listening on"))
            count = chat_with_all(gateway)
    print(f"{count} chats through {len(MODELS)} adapters, all answered")


if __name__ == "__main__":
    main()
