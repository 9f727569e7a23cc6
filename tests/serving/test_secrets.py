"""A key that a provider quotes reaches neither a client nor the log, whichever way it comes."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from gateway.app import create_app
from gateway.cli.logs import JsonFormatter, TextFormatter
from gateway.settings import ProviderSettings, RetrySettings, Settings
from records import Records

KEY = "aB3dE5fG7hJ9kL1mN3pQ5rS7"
QUOTED = {
    "whole": KEY,
    "masked": f"{KEY[:4]}************{KEY[-4:]}",
    "cut": f"{KEY[:14]}...",
}
HELLO = [{"role": "user", "content": "Hi"}]
ASKED = {
    "/api/chat": {"messages": HELLO},
    "/api/generate": {"prompt": "Hi"},
    "/v1/chat/completions": {"messages": HELLO},
    "/v1/responses": {"input": "Hi"},
    "/v1/messages": {"messages": HELLO, "max_tokens": 9},
}
STATUSES = (400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 529)
FIRST = {
    "mistral": 'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n',
    "openai": 'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n',
    "anthropic": (
        'event: message_start\ndata: {"type":"message_start","message":{"usage":{}}}\n\n'
        'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
        '"content_block":{"type":"text","text":"a"}}\n\n'
    ),
    "ollama": '{"message":{"content":"a"},"done":false}\n',
}
LATER = {
    "mistral": 'data: {"object":"error","message":"bad key %s"}\n\n',
    "openai": 'data: {"error":{"message":"bad key %s"}}\n\n',
    "anthropic": 'event: error\ndata: {"type":"error","error":{"message":"bad key %s"}}\n\n',
    "ollama": '{"error":"bad key %s"}\n',
}
LISTED = {
    "data": [{"id": "tiny"}],
    "models": [{"name": "tiny", "capabilities": ["completion"]}],
}


def _refusal(status: int, quoted: str) -> bytes:
    body = json.dumps({"error": {"message": f"wrong key {quoted}"}, "message": f"no {quoted}"})
    return b"HTTP/1.1 %d X\r\nRetry-After: %b\r\nX-Request-Id: %b\r\n%b" % (
        status,
        quoted.encode(),
        quoted.encode(),
        _body("application/json", body),
    )


def _body(kind: str, body: str) -> bytes:
    encoded = body.encode()
    head = f"Content-Type: {kind}\r\nConnection: close\r\nContent-Length: {len(encoded)}\r\n\r\n"
    return head.encode() + encoded


@asynccontextmanager
async def upstream(answer: bytes) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        if asked.startswith(b"GET"):
            writer.write(b"HTTP/1.1 200 OK\r\n" + _body("application/json", json.dumps(LISTED)))
        else:
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def heard(
    aiohttp_client: Any, adapter: str, answer: bytes, **body: object
) -> tuple[list[str], Records]:
    """Return all that clients of every dialect read, heads included, and the records."""
    texts = []
    records = Records()
    async with upstream(answer) as url:
        options = {"api_key": KEY, "base_url": url}
        settings = Settings(
            providers={"acme": ProviderSettings(adapter, options)},
            retry=RetrySettings(delay=0.001),
        )
        client = await aiohttp_client(create_app(settings, observers=[records]))
        for path, fields in ASKED.items():
            asked = {"model": "acme/tiny", **fields, **body}
            async with client.post(path, json=asked) as response:
                texts.append(str(response.headers))
                try:
                    texts.append(await response.text())
                except aiohttp.ClientPayloadError:
                    texts.append("cut")
    return texts, records


def assert_nowhere(texts: list[str], caplog: pytest.LogCaptureFixture, quoted: str) -> None:
    lines = [
        formatter.format(line)
        for formatter in (TextFormatter(), JsonFormatter())
        for line in caplog.records
        if line.name.startswith("gateway")
    ]
    assert lines
    for text in (*texts, *lines):
        assert quoted not in text
        assert KEY[:12] not in text


each_adapter = pytest.mark.parametrize("adapter", FIRST)
each_quote = pytest.mark.parametrize("quoted", QUOTED.values(), ids=QUOTED)


@pytest.fixture(autouse=True)
def _logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


@each_adapter
@pytest.mark.parametrize("status", STATUSES)
async def test_no_error_response_shows_the_key(
    aiohttp_client: Any, caplog: pytest.LogCaptureFixture, adapter: str, status: int
) -> None:
    quoted = KEY
    texts, records = await heard(aiohttp_client, adapter, _refusal(status, quoted), stream=False)
    assert_nowhere(texts, caplog, quoted)
    assert all(record.status >= 400 for record in records)
    assert quoted not in "".join(record.error for record in records)


@each_adapter
@each_quote
async def test_no_way_to_quote_a_key_shows_it(
    aiohttp_client: Any, caplog: pytest.LogCaptureFixture, adapter: str, quoted: str
) -> None:
    texts, records = await heard(aiohttp_client, adapter, _refusal(403, quoted), stream=True)
    shown = "".join([*texts, *[record.error for record in records]])
    assert quoted not in shown
    assert "[redacted]" in shown


@each_adapter
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@each_quote
async def test_no_error_in_mid_stream_shows_the_key(
    aiohttp_client: Any,
    caplog: pytest.LogCaptureFixture,
    adapter: str,
    stream: bool,
    quoted: str,
) -> None:
    kind = "application/x-ndjson" if adapter == "ollama" else "text/event-stream"
    body = FIRST[adapter] + LATER[adapter] % quoted
    answer = b"HTTP/1.1 200 OK\r\n" + _body(kind, body)
    texts, records = await heard(aiohttp_client, adapter, answer, stream=stream)
    shown = "".join([*texts, *[record.error for record in records]])
    assert quoted not in shown
    assert "bad key [redacted]" in shown
    if quoted == KEY:
        assert_nowhere(texts, caplog, quoted)
