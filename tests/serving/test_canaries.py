"""A key is quoted at every place where a provider can put a text; nobody ever reads it."""

import itertools
import json
import logging
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.typedefs import Handler
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from gateway import PROVIDER_KEY, RequestRecord
from gateway.app import create_app
from gateway.cli.logs import JsonFormatter, TextFormatter
from gateway.observe.tracing import ContentTracingObserver, TracingObserver
from gateway.settings import CoolDownSettings, ProviderSettings, RetrySettings, Settings
from raw_service import Line, raw_service
from records import Records

pytestmark = pytest.mark.slow

# A key of each: what is known as the operator's would be hidden for the others as well.
KEYS = {
    "operator": "aB3dE5fG7hJ9kL1mN3pQ5rS7",
    "host": "uV8wX0yZ2aC4eG6iK8mO0qS2",
    "client": "tR9pN7lJ5hF3dB1zX9vT7rP5",
}
ADAPTERS = ("anthropic", "mistral", "ollama", "openai")
HELLO = [{"role": "user", "content": "Hi"}]
ASKED: Mapping[str, Mapping[str, object]] = {
    "/api/chat": {"messages": HELLO},
    "/api/generate": {"prompt": "Hi"},
    "/v1/chat/completions": {"messages": HELLO},
    "/v1/completions": {"prompt": "Hi"},
    "/v1/responses": {"input": "Hi"},
    "/v1/messages": {"messages": HELLO, "max_tokens": 9},
}
WAYS = tuple(itertools.product(ASKED, (True, False)))
"""Each dialect, streamed and not."""
LISTED = json.dumps(
    {"data": [{"id": "tiny"}], "models": [{"name": "tiny", "capabilities": ["completion"]}]}
).encode()
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


def quotes(key: str) -> tuple[str, ...]:
    """Return *key* whole, masked, and cut off, as services quote it."""
    return key, f"{key[:4]}************{key[-4:]}", f"{key[:14]}...", f"****{key[-6:]}"


def document(body: bytes, *, status: int = 200, head: bytes = b"") -> bytes:
    kind = b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\n%b" % (status, head)
    return kind + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def refusal(status: int, quoted: bytes) -> bytes:
    words = b"wrong key %b" % quoted
    body = b'{"error":{"message":"%b","code":"%b"},"message":"%b"}' % (words, quoted, words)
    head = b"Location: https://h/?key=%b\r\nRetry-After: %b\r\nX-Request-Id: %b\r\n"
    limits = b"X-RateLimit-Reset: %b\r\nAnthropic-RateLimit-Note: for %b\r\n"
    return document(body, status=status, head=(head + limits) % ((quoted,) * 5))


def stream(adapter: str, *parts: bytes) -> bytes:
    kind = b"application/x-ndjson" if adapter == "ollama" else b"text/event-stream"
    chunks = b"".join([b"%x\r\n%b\r\n" % (len(part), part) for part in parts])
    return OK + b"Content-Type: %b\r\n" % kind + CHUNKED + chunks


TEXT = {
    "anthropic": b'data: {"type":"content_block_delta","index":0,"delta":'
    b'{"type":"text_delta","text":"a"}}\n\n',
    "ollama": b'{"message":{"content":"a"},"response":"a","done":false}\n',
}
OF_OPENAI = b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'


def said(adapter: str, *parts: bytes) -> bytes:
    return stream(adapter, TEXT.get(adapter, OF_OPENAI), *parts)


def event(adapter: str, data: bytes) -> bytes:
    return data + b"\n" if adapter == "ollama" else b"data: %b\n\n" % data


Answer = Callable[[str, bytes], bytes]
BROKEN: Mapping[str, Answer] = {
    "a status line": lambda a, k: b"HTTP/1.1 %b\r\n\r\n" % k,
    "no HTTP": lambda a, k: k,
    "a header without a colon": lambda a, k: OK + k + b"\r\n\r\n",
    "a header that is no text": lambda a, k: OK + b"X-A: %b\x00\r\n\r\n" % k,
    "a length": lambda a, k: OK + b"Content-Length: %b\r\n\r\n" % k,
    "a transfer coding": lambda a, k: OK + b"Transfer-Encoding: %b\r\n\r\n" % k,
    "a content type": lambda a, k: OK + b"Content-Type: text/%b\r\n\r\n" % k,
    "a coding of a document": lambda a, k: document(b"{}", head=b"Content-Encoding: %b\r\n" % k),
    "the size of a chunk": lambda a, k: said(a) + k + b"\r\n",
    "a chunk that is too long": lambda a, k: said(a) + b"1\r\n" + k + b"\r\n",
    "an event that is no JSON": lambda a, k: said(a, event(a, k)),
    "an error event": lambda a, k: said(a, event(a, b'{"error":{"message":"%b"}}' % k)),
    "an error that is a text": lambda a, k: said(a, event(a, b'{"error":"%b"}' % k)),
    "an error at once": lambda a, k: stream(a, event(a, b'{"error":"%b"}' % k)),
    "a named error": lambda a, k: said(
        a, b"event: error\n" * (a != "ollama") + event(a, b'{"error":{"message":"%b"}}' % k)
    ),
    "a reason": lambda a, k: said(
        a, event(a, b'{"choices":[{"index":0,"delta":{},"finish_reason":"error %b"}]}' % k)
    ),
    "a document that is no JSON": lambda a, k: document(k),
    "a document of an error": lambda a, k: document(b'{"error":{"message":"%b"}}' % k),
    "a page": lambda a, k: (
        b"HTTP/1.1 502 B\r\nContent-Type: text/html\r\n"
        b"Content-Length: %d\r\n\r\n<p>%b</p>" % (len(k) + 7, k)
    ),
    "validation": lambda a, k: document(
        b'{"detail":[{"loc":["header","%b"],"msg":"bad %b","type":"x"}]}' % (k, k), status=422
    ),
}


@web.middleware
async def as_host(request: web.Request, handler: Handler) -> web.StreamResponse:
    request[PROVIDER_KEY] = KEYS["host"]
    return await handler(request)


class Told(Records):
    """Keeps what observers are told, and the spans that those of traces make of it."""

    def __init__(self) -> None:
        super().__init__()
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracing = [TracingObserver(provider), ContentTracingObserver(provider)]
        self.texts: list[str] = []

    def finished(self, record: RequestRecord) -> None:
        super().finished(record)
        # While the key of a user is known.
        self.texts += [record.error, repr(record.replies), repr(record.skipped)]

    @property
    def spans(self) -> list[str]:
        return [span.to_json() for span in self._exporter.get_finished_spans()]


each_adapter = pytest.mark.parametrize("adapter", ADAPTERS)
each_owner = pytest.mark.parametrize("owner", KEYS)


@asynccontextmanager
async def gateway(
    aiohttp_client: Any, adapter: str, owner: str, url: str
) -> AsyncIterator[tuple[Any, Told]]:
    records = Told()
    options = {
        "api_key": KEYS["operator"] if owner == "operator" else "operators-own",
        "base_url": url,
    }
    key_from: Any = "client" if owner == "client" else "settings"
    settings = Settings(
        providers={"acme": ProviderSettings(adapter, options, key_from=key_from)},
        retry=RetrySettings(count=0),
        cool_down=CoolDownSettings(unavailable=0, rate_limited=0, denied=0, longest=0),
    )
    app = create_app(settings, observers=[records, *records.tracing])
    if owner == "host":
        app.middlewares.append(as_host)
    headers = {"Authorization": f"Bearer {KEYS[owner]}"} if owner == "client" else {}
    yield await aiohttp_client(app, headers=headers), records


async def read(response: aiohttp.ClientResponse) -> str:
    async with response:
        try:
            return f"{response.headers} {await response.text()}"
        except aiohttp.ClientPayloadError:
            return str(response.headers)


@pytest.fixture(autouse=True)
def _logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "gateway")


def assert_hidden(
    key: str, texts: list[str], records: Told, caplog: pytest.LogCaptureFixture
) -> None:
    lines = [
        formatter.format(line)
        for formatter in (TextFormatter(), JsonFormatter())
        for line in caplog.records
        if line.name.startswith("gateway")
    ]
    assert len(lines) > len(texts)
    spans = records.spans
    assert len(spans) >= len(texts)
    shown = "\n".join([*texts, *lines, *records.texts, *spans])
    for part in (key[:12], key[6:18], key[-12:]):
        assert part.lower() not in shown.lower()
    told = "\n".join([*texts, *records.texts, *spans])
    for quoted in quotes(key):
        assert quoted not in told


@each_owner
@each_adapter
async def test_no_status_shows_a_key(
    aiohttp_client: Any, caplog: pytest.LogCaptureFixture, adapter: str, owner: str
) -> None:
    async def answer(line: Line, request: bytes) -> bool:
        if asked := re.search(rb"as (\d+) (\d)", request):
            await line.send(refusal(int(asked[1]), quotes(KEYS[owner])[int(asked[2])].encode()))
        else:
            await line.send(document(LISTED))
        return True

    texts: list[str] = []
    # A third of them for each owner of a key; those of each adapter are asked in all ways.
    statuses = range(300 + [*KEYS].index(owner), 600, 3)
    async with (
        raw_service(script=answer) as service,
        gateway(aiohttp_client, adapter, owner, service.origin) as (client, records),
    ):
        for status, (path, streamed) in zip(statuses, itertools.cycle(WAYS), strict=False):
            said = json.dumps(ASKED[path]).replace("Hi", f"as {status} {status % 4}")
            body = {"model": "acme/tiny", "stream": streamed, **json.loads(said)}
            texts.append(await read(await client.post(path, json=body)))
    assert len(records) >= len(statuses)
    assert "".join(texts).count("[redacted]") > len(statuses) // 3
    assert_hidden(KEYS[owner], texts, records, caplog)


@each_owner
@each_adapter
async def test_nothing_that_is_broken_shows_a_key(
    aiohttp_client: Any, caplog: pytest.LogCaptureFixture, adapter: str, owner: str
) -> None:
    quoted = [quote.encode() for quote in quotes(KEYS[owner])]
    answers = [make(adapter, quote) for make in BROKEN.values() for quote in quoted]

    async def answer(line: Line, request: bytes) -> bool:
        if asked := re.search(rb"as (\d+) x", request):
            await line.send(answers[int(asked[1])])
            return False
        await line.send(document(LISTED))
        return True

    texts: list[str] = []
    async with (
        raw_service(script=answer) as service,
        gateway(aiohttp_client, adapter, owner, service.origin) as (client, records),
    ):
        for number in range(len(answers)):
            path, streamed = WAYS[number % len(WAYS)]
            said = json.dumps(ASKED[path]).replace("Hi", f"as {number} x")
            body = {"model": "acme/tiny", "stream": streamed, **json.loads(said)}
            texts.append(await read(await client.post(path, json=body)))
    assert "[redacted]" in "".join(texts)
    assert_hidden(KEYS[owner], texts, records, caplog)


@each_adapter
@pytest.mark.parametrize("make", BROKEN.values(), ids=BROKEN)
async def test_no_list_of_models_shows_a_key(
    aiohttp_client: Any, caplog: pytest.LogCaptureFixture, adapter: str, make: Answer
) -> None:
    async def answer(line: Line, _: bytes) -> bool:
        await line.send(make(adapter, KEYS["operator"].encode()))
        return False

    texts: list[str] = []
    async with (
        raw_service(script=answer) as service,
        gateway(aiohttp_client, adapter, "operator", service.origin) as (client, records),
    ):
        for path in ("/api/tags", "/v1/models", "/readyz", "/api/ps", "/api/show", "/api/chat"):
            asked = {"json": {"model": "acme/tiny", "messages": HELLO}}
            is_post = path in ("/api/show", "/api/chat")
            response = await client.request("POST" if is_post else "GET", path, **asked)
            texts.append(await read(response))
    assert_hidden(KEYS["operator"], texts, records, caplog)
