"""What cannot be told, or not any more: every path ends in an envelope or a closed connection."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.app import create_app
from gateway.core.chat import ChatRequest
from gateway.core.errors import GatewayError, UpstreamProtocolError, UpstreamRateLimited
from gateway.core.events import Finish, FinishReason, TextDelta, ToolCall
from gateway.core.model_info import Capability, ModelInfo
from gateway.dialects.anthropic.encode import MessageEncoder
from gateway.dialects.ollama.encode import ChatEncoder
from gateway.dialects.openai.encode import ChatEncoder as OpenAIEncoder
from gateway.dialects.openai.responses import ResponseEncoder
from gateway.settings import ProviderSettings, Settings
from gateways import scripted_app
from records import Records
from scripted import ScriptedProvider

HELLO = [{"role": "user", "content": "Hi"}]
DONE = Finish(FinishReason.STOP)
DIALECT = {
    "Ollama": ("/api/chat", {"messages": HELLO}, ChatEncoder),
    "chat": ("/v1/chat/completions", {"messages": HELLO}, OpenAIEncoder),
    "responses": ("/v1/responses", {"input": "Hi"}, ResponseEncoder),
    "Anthropic": ("/v1/messages", {"messages": HELLO, "max_tokens": 9}, MessageEncoder),
}
each_dialect = pytest.mark.parametrize(("path", "fields", "encoder"), DIALECT.values(), ids=DIALECT)
streamed_or_not = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])


@pytest.fixture
def records() -> Records:
    return Records()


@pytest.fixture(autouse=True)
def _logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def tracebacks(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [line.getMessage() for line in caplog.records if line.exc_info]


@asynccontextmanager
async def upstream(answer: bytes) -> AsyncIterator[str]:
    """A service that lists one model and answers everything else with *answer*."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        listed = json.dumps({"data": [{"id": "tiny"}]}).encode()
        if asked.startswith(b"GET"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
            writer.write(b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(listed) + listed)
        else:
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


async def raw(server: TestServer, path: str, **fields: object) -> bytes:
    """Return all that the server sends for one request, the head included."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    body = json.dumps({"model": "tiny", **fields}).encode()
    writer.write(b"POST %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" % path.encode())
    writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    return answer


STRANGE = {
    "content type": b"HTTP/1.1 200 OK\r\nContent-Type: text/\xe9\r\n",
    "content type of a refusal": b"HTTP/1.1 400 Bad\r\nContent-Type: application/\xff\xfe\r\n",
    "retry after": b"HTTP/1.1 429 Busy\r\nRetry-After: 9\xe9\r\n",
}


@each_dialect
@streamed_or_not
@pytest.mark.parametrize("head", STRANGE.values(), ids=STRANGE)
@pytest.mark.parametrize("adapter", ["mistral", "openai", "anthropic"])
async def test_heads_that_are_no_text_are_an_error_in_the_dialect(
    aiohttp_client: Any,
    caplog: pytest.LogCaptureFixture,
    records: Records,
    adapter: str,
    head: bytes,
    path: str,
    fields: dict[str, object],
    encoder: object,
    stream: bool,
) -> None:
    async with upstream(head + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}") as url:
        options = {"api_key": "k", "base_url": url}
        settings = Settings(providers={"a": ProviderSettings(adapter, options)})
        client = await aiohttp_client(create_app(settings, observers=[records]))
        body = {"model": "a/tiny", "stream": stream, **fields}
        async with client.post(path, json=body) as response:
            document = await response.json()
    assert response.status in (400, 429, 502)
    assert isinstance(document["error"], str if path.startswith("/api") else dict)
    assert [record.status for record in records] == [response.status]
    assert tracebacks(caplog) == []


ODD = {
    "half a surrogate pair": (GatewayError("a \ud83d b"), "a \ufffd b"),
    "bytes of a head": (UpstreamProtocolError("type text/\udce9"), "type text/\ufffd"),
    "a header of two lines": (
        UpstreamRateLimited("slow", headers={"Retry-After": "1\r\nX-Y: z"}),
        "slow",
    ),
    "a text without an end": (GatewayError("x" * 100_000), "x" * 3999 + "…"),
}


@each_dialect
@pytest.mark.parametrize(("error", "words"), ODD.values(), ids=ODD)
async def test_a_text_that_cannot_be_encoded_becomes_one_that_can(
    aiohttp_client: Any,
    error: GatewayError,
    words: str,
    path: str,
    fields: dict[str, object],
    encoder: object,
) -> None:
    client = await aiohttp_client(scripted_app(ScriptedProvider(steps=[error])))
    async with client.post(path, json={"model": "tiny", **fields}) as response:
        document = await response.json()
    said = document["error"]
    assert (said if isinstance(said, str) else said["message"]) == words
    assert (response.status, "X-Y" in response.headers) == (error.status, False)


@each_dialect
async def test_an_error_that_cannot_be_made_is_answered_all_the_same(
    aiohttp_client: Any,
    caplog: pytest.LogCaptureFixture,
    path: str,
    fields: dict[str, object],
    encoder: object,
) -> None:
    class Broken(GatewayError):
        def __init__(self) -> None:
            super().__init__("x")
            self.message = object()  # type: ignore[assignment] # an adapter's own mistake

    client = await aiohttp_client(scripted_app(ScriptedProvider(steps=[Broken()])))
    async with client.post(path, json={"model": "tiny", **fields}) as response:
        document = await response.json()
    said = document["error"]
    assert (said if isinstance(said, str) else said["message"]) == "internal server error"
    assert response.status == 500
    assert tracebacks(caplog) == ["an error response could not be built"]


def _fail(*_: object) -> bytes:
    raise RecursionError


@each_dialect
@pytest.mark.parametrize("broken", [("lines",), ("lines", "error_line")], ids=["one", "both"])
async def test_once_a_head_is_out_no_second_one_follows(
    aiohttp_server: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    records: Records,
    broken: tuple[str, ...],
    path: str,
    fields: dict[str, object],
    encoder: type,
) -> None:
    for name in broken:
        monkeypatch.setattr(encoder, name, _fail)
    provider = ScriptedProvider(steps=[[TextDelta("a")], [DONE]])
    server = await aiohttp_server(scripted_app(provider, None, records))
    answer = await raw(server, path, stream=True, **fields)
    assert (answer[:15], answer.count(b"HTTP/1.")) == (b"HTTP/1.1 200 OK", 1)
    # The body ends properly, unless not even the error can be told.
    assert answer.endswith(b"0\r\n\r\n") is (broken == ("lines",))
    assert [(record.status, record.error) for record in records] == [(200, "internal server error")]
    assert len(tracebacks(caplog)) == len(broken)
    assert provider.left.is_set()


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.mark.parametrize(
    ("error", "logged"),
    [(GatewayError("gone"), 0), (ZeroDivisionError(), 1), (web.HTTPFound("/elsewhere"), 1)],
    ids=["ours", "a bug", "an answer"],
)
async def test_any_handler_that_fails_behind_its_head_only_closes_the_connection(
    aiohttp_server: Any,
    caplog: pytest.LogCaptureFixture,
    records: Records,
    error: Exception,
    logged: int,
) -> None:
    async def begin(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"a")
        raise error

    app = scripted_app(ScriptedProvider(), None, records)
    app.router.add_post("/begin", begin)
    answer = await raw(await aiohttp_server(app), "/begin")
    assert answer.endswith(b"1\r\na\r\n")
    assert answer.count(b"HTTP/1.") == 1
    assert [record.status for record in records] == [200]
    assert len(tracebacks(caplog)) == logged


async def test_an_answer_that_is_raised_has_its_status_in_the_record(
    aiohttp_client: Any, records: Records
) -> None:
    async def redirect(request: web.Request) -> web.Response:
        raise web.HTTPFound("/elsewhere")

    app = scripted_app(ScriptedProvider(), None, records)
    app.router.add_get("/moved", redirect)
    await (await aiohttp_client(app)).get("/moved", allow_redirects=False)
    assert [record.status for record in records] == [302]


@streamed_or_not
async def test_a_broken_off_answer_is_told_in_one_line(
    aiohttp_client: Any, caplog: pytest.LogCaptureFixture, stream: bool
) -> None:
    failure = UpstreamProtocolError("the connection was lost")
    failure.__cause__ = OSError("reset by peer")
    provider = ScriptedProvider(steps=[[TextDelta("a")], failure])
    client = await aiohttp_client(scripted_app(provider))
    try:
        async with client.post(
            "/api/chat", json={"model": "tiny", "messages": HELLO, "stream": stream}
        ) as response:
            await response.read()
    except aiohttp.ClientPayloadError:
        pass
    told = [line.getMessage() for line in caplog.records if "reset by peer" in line.getMessage()]
    assert len(told) == 1
    assert tracebacks(caplog) == []


@each_dialect
async def test_a_name_without_an_end_is_neither_repeated_nor_logged(
    aiohttp_client: Any,
    caplog: pytest.LogCaptureFixture,
    path: str,
    fields: dict[str, object],
    encoder: object,
) -> None:
    client = await aiohttp_client(scripted_app(ScriptedProvider()))
    name = "n" * 2_000_000
    body = io.BytesIO(json.dumps({**fields, "model": name}).encode())
    async with client.post(path, data=body) as response:
        text = await response.text()
    assert 400 <= response.status < 500
    assert len(text) < 10_000
    logged = [f"{line.getMessage()} {getattr(line, 'fields', '')}" for line in caplog.records]
    assert max(map(len, logged)) < 10_000


DEEP = json.loads("[" * 700 + "]" * 700)
TOO_DEEP: dict[str, tuple[str, dict[str, object]]] = {
    "tool choice": ("/v1/responses", {"input": "Hi", "tool_choice": DEEP}),
    "metadata": ("/v1/responses", {"input": "Hi", "metadata": {"a": DEEP}}),
    "format": ("/v1/responses", {"input": "Hi", "text": {"format": {"type": "x", "a": DEEP}}}),
    "tools": (
        "/v1/responses",
        {"input": "Hi", "tools": [{"type": "function", "name": "f", "parameters": {"x": DEEP}}]},
    ),
    "tools of a chat": (
        "/v1/chat/completions",
        {"messages": HELLO, "tools": [{"function": {"name": "f", "parameters": {"x": DEEP}}}]},
    ),
    "input of a call": (
        "/v1/messages",
        {
            "max_tokens": 9,
            "messages": [
                {
                    "role": "assistant",
                    "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {"a": DEEP}}],
                }
            ],
        },
    ),
    "options": ("/api/chat", {"messages": HELLO, "options": {"x": DEEP}}),
    "schema": ("/api/chat", {"messages": HELLO, "format": {"a": DEEP}}),
}


async def test_arguments_that_nest_too_deep_in_a_text_stay_a_text(aiohttp_client: Any) -> None:
    provider = ScriptedProvider(steps=[[TextDelta("a")], [DONE]])
    client = await aiohttp_client(scripted_app(provider))
    text = json.dumps({"a": DEEP})
    call = {"id": "call_1", "function": {"name": "f", "arguments": text}}
    messages = [*HELLO, {"role": "assistant", "tool_calls": [call]}]
    body = {"model": "tiny", "messages": messages}
    async with client.post("/v1/chat/completions", json=body) as response:
        assert response.status == 200
    (asked,) = provider.asked
    assert isinstance(asked, ChatRequest)
    (made,) = asked.messages[-1].tool_calls
    assert text in made.arguments.values()


@streamed_or_not
@pytest.mark.parametrize(("path", "fields"), TOO_DEEP.values(), ids=TOO_DEEP)
async def test_what_nests_too_deep_is_refused_before_anybody_is_asked(
    aiohttp_client: Any,
    caplog: pytest.LogCaptureFixture,
    path: str,
    fields: dict[str, object],
    stream: bool,
) -> None:
    provider = ScriptedProvider(steps=[[TextDelta("a")], [DONE]])
    client = await aiohttp_client(scripted_app(provider))
    async with client.post(path, json={"model": "tiny", "stream": stream, **fields}) as response:
        document = await response.json()
    assert (response.status, "error" in document) == (400, True)
    assert provider.asked == []
    assert tracebacks(caplog) == []


@streamed_or_not
@pytest.mark.parametrize("path", ["/v1/responses", "/v1/chat/completions", "/api/chat"])
async def test_what_is_as_deep_as_a_body_may_be_can_be_told_again(
    aiohttp_client: Any, path: str, stream: bool
) -> None:
    deepest = json.loads("[" * 494 + "]" * 494)
    tool = {"type": "function", "name": "f", "parameters": {"type": "object", "x": deepest}}
    asked = {"messages": HELLO, "input": "Hi", "tool_choice": deepest, "options": {"x": deepest}}
    asked |= {"tools": [tool]} if path == "/v1/responses" else {}
    provider = ScriptedProvider(
        models=[ModelInfo("tiny", capabilities=frozenset(Capability))],
        steps=[[TextDelta("a")], [ToolCall("f", {"a": deepest}, "c")], [DONE]],
    )
    client = await aiohttp_client(scripted_app(provider))
    async with client.post(path, json={"model": "tiny", "stream": stream, **asked}) as response:
        text = await response.text()
    assert (response.status, "internal server error" in text) == (200, False)
    assert "[" * 400 in text
