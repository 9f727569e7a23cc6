"""What the client of a silent stream gets to see, and what becomes of a status by then."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from gateway.core.errors import (
    ModelNotFound,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.core.events import (
    ChatEvent,
    ChatStream,
    Finish,
    FinishReason,
    TextDelta,
    ThinkingDelta,
    ToolCall,
    ToolCallDelta,
    Usage,
)
from gateway.serving.heartbeats import Heartbeats
from gateway.serving.keys import DISCONNECTS
from gateway.serving.lines import LineStream
from gateway.settings import RetrySettings, Settings, TimeoutSettings
from gateways import scripted_app
from records import Records
from scripted import HANG, ScriptedProvider

WAIT = object()
"""A step that waits until the client has seen three signs."""
DONE = Finish(FinishReason.STOP, Usage(3, 2))
HELLO = [{"role": "user", "content": "hi"}]
OFTEN = Settings(
    providers={},
    timeouts=TimeoutSettings(heartbeat=0.02, disconnect_poll=0.02),
    retry=RetrySettings(count=1, delay=0, within=9, jitter=0),
)
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"model": "tiny", "messages": HELLO, "stream": True},
    "/v1/completions": {"model": "tiny", "prompt": "hi", "stream": True},
    "/v1/responses": {"model": "tiny", "input": "hi", "stream": True},
    "/v1/messages": {"model": "tiny", "messages": HELLO, "max_tokens": 99, "stream": True},
}
SIGNS = dict.fromkeys(BODIES, b": still here\n\n") | {
    "/v1/messages": b'event: ping\ndata: {"type":"ping"}\n\n'
}
EACH_DIALECT = pytest.mark.parametrize("path", BODIES)


@dataclass
class Quiet(ScriptedProvider):
    """Scripted, with steps of silence; an exception in *first* is raised by the first attempt."""

    first: Exception | None = None
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    async def _play(self, request: Any) -> ChatStream:
        self.asked.append(request)
        if self.first is not None and len(self.asked) == 1:
            raise self.first
        for step in self.steps:
            if step is WAIT:
                await self.heard.wait()
            elif step is HANG:
                await asyncio.Event().wait()
            elif isinstance(step, Exception):
                raise step
            else:
                assert isinstance(step, Sequence)
                yield step


class Asked:
    """An answer, and who gives it."""

    def __init__(self, answer: aiohttp.ClientResponse, provider: Quiet, sign: bytes) -> None:
        self.answer, self.provider, self.sign = answer, provider, sign

    async def read(self) -> bytes:
        """Return the body, and let the provider know when three signs have come."""
        body = b""
        async with asyncio.timeout(20):
            async for piece in self.answer.content.iter_any():
                body += piece
                if body.count(self.sign) >= 3:
                    self.provider.heard.set()
        return body


@asynccontextmanager
async def post(
    client: Any,
    path: str,
    *steps: object,
    settings: Settings = OFTEN,
    records: Records | None = None,
    first: Exception | None = None,
    **more: Any,
) -> AsyncIterator[Asked]:
    provider = Quiet(steps=steps, first=first)
    observers = [] if records is None else [records]
    gateway = await client(scripted_app(provider, settings, *observers))
    async with gateway.post(path, json={"model": "tiny", **BODIES.get(path, {}), **more}) as answer:
        yield Asked(answer, provider, SIGNS.get(path, b"still here"))


def frames(body: bytes) -> list[Any]:
    """Return what each frame but the signs holds, without what differs between two answers."""
    held = [frame.partition(b"data: ")[2] for frame in body.split(b"\n\n")]
    found = [json.loads(frame) if frame.startswith(b"{") else frame for frame in held if frame]
    kinds = [one.get("type", one.get("choices")) if isinstance(one, dict) else one for one in found]
    return [kind for kind in kinds if kind != "ping"]


FRAGMENTS = [ToolCallDelta("call_1", "get", '{"q":'), ToolCallDelta("call_1", "get", "1}")]
SILENCES: dict[str, list[object]] = {
    "before the first event": [WAIT, [TextDelta("a"), DONE]],
    "after the service has accepted": [[], WAIT, [TextDelta("a"), DONE]],
    "in mid-thinking": [[ThinkingDelta("h")], WAIT, [ThinkingDelta("m")], [TextDelta("a"), DONE]],
    "in mid-text": [[TextDelta("b")], WAIT, [TextDelta("a"), DONE]],
    "while arguments stream": [
        [TextDelta("a"), FRAGMENTS[0]],
        WAIT,
        [FRAGMENTS[1], ToolCall("get", {"q": 1}, "call_1"), DONE],
    ],
}


@EACH_DIALECT
@pytest.mark.parametrize("steps", SILENCES.values(), ids=SILENCES)
async def test_a_silent_stream_shows_that_it_is_alive_and_loses_nothing(
    aiohttp_client: Any, path: str, steps: list[object]
) -> None:
    async with post(aiohttp_client, path, *steps) as asked:
        assert asked.answer.status == 200
        silent = await asked.read()
    lively = [step for step in steps if step is not WAIT]
    async with post(aiohttp_client, path, *lively, settings=Settings(providers={})) as asked:
        plain = await asked.read()
    assert SIGNS[path] not in plain
    assert frames(silent) == frames(plain)


@EACH_DIALECT
async def test_a_client_of_http_1_0_gets_signs_without_chunks(
    aiohttp_server: Any, path: str
) -> None:
    provider = Quiet(steps=[[TextDelta("a")], WAIT, [DONE]])
    server = await aiohttp_server(scripted_app(provider, OFTEN))
    body = json.dumps(BODIES[path]).encode()
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(f"POST {path} HTTP/1.0\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    sent = b""
    async with asyncio.timeout(20):
        while piece := await reader.read(1000):
            sent += piece
            if sent.count(SIGNS[path]) >= 3:
                provider.heard.set()
    writer.close()
    await writer.wait_closed()
    lines = sent.partition(b"\r\n\r\n")[2].replace(SIGNS[path], b"").splitlines()
    assert [line for line in lines if line and not line.startswith((b"data: ", b"event: "))] == []


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate"])
async def test_lines_of_json_have_no_sign_and_keep_their_status(
    aiohttp_client: Any, path: str
) -> None:
    async def refuse_late(self: Quiet, request: Any) -> ChatStream:
        await asyncio.sleep(0.1)
        raise UpstreamRateLimited("slow down", status=429)
        yield []

    provider = type("Late", (Quiet,), {"_play": refuse_late})()
    client = await aiohttp_client(scripted_app(provider, OFTEN))
    async with client.post(path, json={"model": "tiny", "messages": HELLO, "prompt": "a"}) as r:
        assert (r.status, await r.json()) == (429, {"error": "slow down"})


@EACH_DIALECT
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
async def test_an_error_keeps_its_status_where_there_is_no_head(
    aiohttp_client: Any, path: str, stream: bool
) -> None:
    error = UpstreamTimeout("too quiet")
    settings = Settings(providers={}) if stream else OFTEN
    async with post(aiohttp_client, path, error, settings=settings, stream=stream) as asked:
        assert asked.answer.status == 504
        assert "too quiet" in await asked.answer.text()


@EACH_DIALECT
@pytest.mark.parametrize(
    ("error", "told"),
    [
        (UpstreamTimeout("too quiet"), "too quiet"),
        (ModelNotFound("no such"), "model 'tiny' not found"),
        (RuntimeError("a fault of the adapter"), "the adapter of scripted raised RuntimeError"),
    ],
    ids=["of the service", "about the model", "of the adapter"],
)
async def test_an_error_behind_an_early_head_is_the_last_frame(
    aiohttp_client: Any, path: str, error: Exception, told: str
) -> None:
    records = Records()
    async with post(aiohttp_client, path, WAIT, error, records=records) as asked:
        assert asked.answer.status == 200
        body = await asked.read()
    assert told.encode() in [frame for frame in body.split(b"\n\n") if frame][-1]
    (record,) = records
    assert (record.status, told in record.error) == (200, True)


async def test_retries_go_on_behind_an_early_head(aiohttp_client: Any) -> None:
    path, first = "/v1/messages", UpstreamUnavailable("down")
    steps = [WAIT, [TextDelta("at last"), DONE]]
    async with post(aiohttp_client, path, *steps, first=first) as asked:
        body = await asked.read()
    assert body.startswith(SIGNS[path])
    assert b"at last" in body
    assert len(asked.provider.asked) == 2


async def test_a_client_that_leaves_behind_an_early_head_is_noticed(aiohttp_client: Any) -> None:
    records = Records()
    async with post(aiohttp_client, "/v1/messages", HANG, records=records) as asked:
        await asked.answer.content.readany()
        asked.answer.close()
        async with asyncio.timeout(5):
            while not records:
                await asyncio.sleep(0.01)
    (record,) = records
    assert record.status == 499


async def test_a_server_that_stops_says_so_behind_an_early_head(aiohttp_server: Any) -> None:
    app = scripted_app(Quiet(steps=[HANG]), OFTEN)
    server = await aiohttp_server(app)
    path = "/v1/messages"
    async with (
        aiohttp.ClientSession() as session,
        session.post(server.make_url(path), json=BODIES[path]) as answer,
    ):
        await answer.content.readany()
        await app[DISCONNECTS].finish(0)
        assert b"the server is shutting down" in await answer.read()


async def test_a_slow_client_is_sent_no_signs(aiohttp_client: Any) -> None:
    long: list[ChatEvent] = [TextDelta("x" * 500_000)]
    async with post(aiohttp_client, "/v1/messages", *[long] * 32, [DONE]) as asked:
        await asyncio.sleep(0.1)
        body = await asked.read()
    assert SIGNS["/v1/messages"] not in body


async def test_a_head_is_sent_once_even_if_that_takes_time(aiohttp_client: Any) -> None:
    heads = []

    async def delay(request: web.Request, _: web.StreamResponse) -> None:
        if request.path in BODIES:
            heads.append(request.path)
            await asyncio.sleep(0.1)

    app = scripted_app(provider := Quiet(steps=[WAIT, [TextDelta("a"), DONE]]), OFTEN)
    app.on_response_prepare.append(delay)
    client = await aiohttp_client(app)
    async with client.post("/v1/messages", json=BODIES["/v1/messages"]) as answer:
        body = await Asked(answer, provider, SIGNS["/v1/messages"]).read()
    assert b"message_stop" in body
    assert heads == ["/v1/messages"]


async def test_no_sign_follows_the_last_line_or_the_client_that_left(aiohttp_client: Any) -> None:
    async def run(request: web.Request) -> web.StreamResponse:
        stream = LineStream(request, {}, b"\n")
        await stream.begin()
        await stream.finish(b"last\n")
        stream.write_between(b"sign\n")
        if "leave" in request.query:
            assert request.transport is not None
            other = LineStream(request, {}, b"\n")
            await other.begin()
            request.transport.close()
            size = other.size
            other.write_between(b"sign\n")
            assert other.size == size
        return stream.response

    app = web.Application()
    app.router.add_get("/", run)
    client = await aiohttp_client(app)
    async with client.get("/") as answer:
        assert await answer.read() == b"last\n"
    async with client.get("/", params={"leave": "1"}) as answer:
        assert await answer.read() == b"last\n"


class Sent:
    """An answer of which a test says how much of it has been sent."""

    def __init__(self) -> None:
        self.size = self.beats = 0

    def beat(self) -> None:
        self.beats += 1
        self.size += 1


async def test_only_an_answer_that_has_not_grown_for_the_whole_interval_gets_a_sign() -> None:
    beats, answer = Heartbeats(interval=10), Sent()
    beats.add(answer)  # type: ignore[arg-type] # it has all that is asked of one
    start = asyncio.get_running_loop().time()
    beats_at = []
    for second in range(40):
        before = answer.beats
        answer.size += second == 12
        beats.look(start + second)
        beats_at += [second] * (answer.beats - before)
    assert beats_at == [10, 22, 32]
    beats.remove(answer)  # type: ignore[arg-type] # as above
    beats.look(start + 100)
    assert answer.beats == 3
