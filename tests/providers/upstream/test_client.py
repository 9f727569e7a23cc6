"""The boundary to a service: one attempt, whatever happens."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from functools import partial

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.core.errors import (
    GatewayError,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.core.events import TextDelta
from gateway.providers.mistral.decode import ChatDecoder
from gateway.providers.upstream import ErrorResponse, Framing, Timeouts, Upstream
from gateway.providers.upstream.decoding import decoded
from gateway.providers.upstream.framing import EventSplitter
from gateway.providers.upstream.stream import EventStream
from rawserver import CUT, HANG, head, raw_server

LAST_WORDS = b'data: {"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}],"usage":{}}\n\n'
BODY = {"stream": True}


def error_for(response: ErrorResponse) -> GatewayError:
    return UpstreamRejected(
        response.body.decode() or "empty",
        status=response.status,
        headers={"Retry-After": response.headers.get("retry-after", "")},
    )


def upstream(session: aiohttp.ClientSession, url: str, **timeouts: float) -> Upstream:
    return Upstream(
        "acme",
        session,
        url,
        headers={"Authorization": "Bearer k"},
        error_for=error_for,
        timeouts=Timeouts(**timeouts),
    )


async def batches(upstream: Upstream, idle_limit: float | None = None) -> list[list[bytes]]:
    async with upstream.stream("/chat", BODY) as stream:
        if idle_limit is not None:
            stream.idle_limit = idle_limit
        return [batch async for batch in stream]


async def test_events_of_one_read_come_as_one_batch(session: aiohttp.ClientSession) -> None:
    async with raw_server(head() + b"data: a\n\ndata: b\n\n") as server:
        assert await batches(upstream(session, server.url)) == [[b"a", b"b"]]
        assert len(server.requests) == 1
        sent = server.requests[0].decode()
        assert sent.startswith("POST /v1/chat HTTP/1.1\r\n")
        for header in (
            "Authorization: Bearer k",
            "Accept: text/event-stream",
            "Content-Type: application/json",
            "Accept-Encoding: identity",
        ):
            assert header in sent


async def test_an_unfinished_event_at_the_end_counts(session: aiohttp.ClientSession) -> None:
    async with raw_server(head() + b"data: a\n\ndata: b") as server:
        assert await batches(upstream(session, server.url)) == [[b"a"], [b"b"]]


async def test_a_content_type_may_be_written_in_any_way(session: aiohttp.ClientSession) -> None:
    said = head(content_type="Text/Event-Stream ;charset=UTF-8")
    async with raw_server(said + b"data: a\n\n") as server:
        assert await batches(upstream(session, server.url)) == [[b"a"]]


ENDINGS = {
    "end of the body": [head() + b"data: a\n\n"],
    "a retry field": [head() + b"retry: 1\ndata: a\n\n"],
    "half an event": [head() + b"data: a\n\ndata: {"],
}


@pytest.mark.parametrize("steps", ENDINGS.values(), ids=ENDINGS)
async def test_an_end_is_an_end_and_no_reason_to_ask_again(
    session: aiohttp.ClientSession, steps: list[object]
) -> None:
    async with raw_server(*steps) as server:
        assert (await batches(upstream(session, server.url)))[0] == [b"a"]
        assert len(server.requests) == 1


CHUNKED = head(Transfer_Encoding="chunked")
FAILURES = {
    "cut after the head": ([CHUNKED, CUT], UpstreamProtocolError, "lost during the answer"),
    "cut after an event": (
        [CHUNKED + b"9\r\ndata: a\n\n\r\n", CUT],
        UpstreamProtocolError,
        "lost during the answer",
    ),
    "cut before the head": ([CUT], UpstreamProtocolError, "closed the connection without"),
    "garbage for a head": ([b"nonsense\r\n\r\n"], UpstreamProtocolError, "closed the connection"),
    "another content type": (
        [head(content_type="text/html") + b"<p>"],
        UpstreamProtocolError,
        "answered with text/html, not a stream",
    ),
    "no content type": (
        [b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"],
        UpstreamProtocolError,
        "answered with application/octet-stream, not a stream",
    ),
    "a status": (
        [head("429 Too Many", Retry_After="7") + b"slow down"],
        UpstreamRejected,
        "slow down",
    ),
    "a redirect": ([head("302 Found", Location="http://127.0.0.1:1/")], UpstreamRejected, "empty"),
    "a status with a cut body": (
        [head("500 Oops", Content_Length="99") + b"half", CUT],
        UpstreamRejected,
        "half",
    ),
}


@pytest.mark.parametrize(("steps", "error", "text"), FAILURES.values(), ids=FAILURES)
async def test_a_failure_is_ours_and_costs_one_request(
    session: aiohttp.ClientSession,
    steps: list[object],
    error: type[GatewayError],
    text: str,
) -> None:
    async with raw_server(*steps) as server:
        with pytest.raises(error, match=text):
            await batches(upstream(session, server.url))
        assert len(server.requests) == 1


async def test_a_refusal_keeps_status_and_headers(session: aiohttp.ClientSession) -> None:
    async with raw_server(*FAILURES["a status"][0]) as server:
        with pytest.raises(UpstreamRejected) as caught:
            await batches(upstream(session, server.url))
    assert (caught.value.status, caught.value.headers) == (429, {"Retry-After": "7"})


async def test_a_whole_document_is_a_stream_of_one_event(session: aiohttp.ClientSession) -> None:
    steps = head(content_type="application/json"), b'{\r\n"a":\n1}'
    async with raw_server(*steps) as server:
        service = upstream(session, server.url)
        assert await batches(service, idle_limit=5) == [[b'{\r\n"a":\n1}']]


async def test_silence_before_the_head_is_a_timeout(session: aiohttp.ClientSession) -> None:
    async with raw_server(HANG) as server:
        with pytest.raises(UpstreamTimeout, match="did not answer in time"):
            await batches(upstream(session, server.url, head=0.05))
        await asyncio.wait_for(server.closed.wait(), 5)


async def test_a_timeout_before_the_head_is_no_cancellation_to_others(
    session: aiohttp.ClientSession,
) -> None:
    task = asyncio.current_task()
    assert task is not None
    async with raw_server(HANG) as server, asyncio.timeout(5):
        with pytest.raises(UpstreamTimeout):
            await batches(upstream(session, server.url, head=0.05))
        assert task.cancelling() == 0


@pytest.mark.parametrize("late", [False, True], ids=["in time", "late as well"])
async def test_who_is_cancelled_while_waiting_for_the_head_stays_cancelled(
    session: aiohttp.ClientSession, late: bool
) -> None:
    async with raw_server(HANG) as server:
        stream = upstream(session, server.url).stream("/chat", BODY)
        opening = asyncio.create_task(stream.connect())
        while not server.requests:
            await asyncio.sleep(0)
        if late:
            stream.expire()
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        await asyncio.wait_for(server.closed.wait(), 5)


async def test_the_idle_limit_may_be_shorter_than_the_wait_for_the_head(
    session: aiohttp.ClientSession,
) -> None:
    async with raw_server(head() + b"data: a\n\n", HANG) as server:
        with pytest.raises(UpstreamTimeout, match=r"sent nothing for 0\.05 seconds"):
            await batches(upstream(session, server.url, head=60, idle=0.05))


async def test_an_idle_stream_is_a_timeout(session: aiohttp.ClientSession) -> None:
    async with raw_server(head() + b"data: a\n\n", HANG) as server:
        with pytest.raises(UpstreamTimeout, match=r"sent nothing for 0\.05 seconds"):
            await batches(upstream(session, server.url, idle=0.05))
        await asyncio.wait_for(server.closed.wait(), 5)


async def test_the_idle_limit_can_be_shortened_while_the_stream_runs(
    session: aiohttp.ClientSession,
) -> None:
    async with raw_server(head() + b"data: a\n\n", HANG) as server:
        with pytest.raises(UpstreamTimeout):
            await batches(upstream(session, server.url), idle_limit=0.05)


async def decoded_events(service: Upstream) -> list[list[bytes]]:
    """Return the batches that adapters get, with text for what an event holds."""
    stream = service.stream("/chat", BODY)

    async def opened() -> tuple[EventStream, ChatDecoder]:
        await stream.connect()
        return stream, ChatDecoder("acme")

    batches = [batch async for batch in decoded(opened)]
    return [[e.text.encode() for e in batch if isinstance(e, TextDelta)] for batch in batches]


@pytest.mark.slow
@pytest.mark.parametrize("read", [batches, decoded_events], ids=["events", "decoded"])
async def test_activity_keeps_a_stream_alive(
    session: aiohttp.ClientSession, read: Callable[[Upstream], Awaitable[list[list[bytes]]]]
) -> None:
    async def dribble(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for _ in range(24):
            await response.write(b": alive\n\n")
            await asyncio.sleep(0.05)
        await response.write(LAST_WORDS)
        return response

    app = web.Application()
    app.router.add_post("/chat", dribble)
    async with TestServer(app) as server:
        service = upstream(session, str(server.make_url("")), idle=1)
        assert b"a" in (await read(service))[0][0]


async def test_nobody_listening_is_unavailable(session: aiohttp.ClientSession) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(UpstreamUnavailable, match="acme cannot be reached"):
            await batches(upstream(session, url))


async def test_a_stream_that_was_never_entered_can_be_closed(
    session: aiohttp.ClientSession,
) -> None:
    stream = upstream(session, "http://127.0.0.1:1").stream("/chat", BODY)
    await stream.close()
    assert stream.idle_limit == Timeouts().idle


async def test_only_the_beginning_of_a_long_error_response_is_read(
    session: aiohttp.ClientSession,
) -> None:
    read: list[int] = []

    def measure(response: ErrorResponse) -> GatewayError:
        read.append(len(response.body))
        return error_for(response)

    async with raw_server(head("500 Oops") + b"x" * 2**20, HANG) as server:
        service = upstream(session, server.url)
        service.error_for = measure
        with pytest.raises(UpstreamRejected):
            await batches(service)
    assert read == [2**16]


async def test_an_invalid_base_url_is_said(session: aiohttp.ClientSession) -> None:
    with pytest.raises(UpstreamError, match="base URL of acme is not valid"):
        await upstream(session, "http:///").get("/models")


async def test_leaving_early_closes_the_connection(session: aiohttp.ClientSession) -> None:
    async with raw_server(head() + b"data: a\n\n", HANG) as server:
        async with upstream(session, server.url).stream("/chat", BODY) as stream:
            assert await anext(stream) == [b"a"]
        await asyncio.wait_for(server.closed.wait(), 5)


async def test_a_large_body_is_sent_whole(session: aiohttp.ClientSession) -> None:
    async def count(request: web.Request) -> web.Response:
        return web.json_response({"length": len(await request.read())})

    app = web.Application(client_max_size=2**24)
    app.router.add_post("/embeddings", count)
    async with TestServer(app) as server:
        service = upstream(session, str(server.make_url("")))
        answer = await service.post("/embeddings", {"input": "x" * 2**21})
    assert answer == {"length": 2**21 + len('{"input":""}')}


async def test_replies_are_decoded_and_refused(session: aiohttp.ClientSession) -> None:
    async with raw_server(head(content_type="application/json") + b'{"a":1}') as server:
        assert await upstream(session, server.url).get("/models") == {"a": 1}
    async with raw_server(head("404 No") + b"none") as server:
        with pytest.raises(UpstreamRejected, match="none"):
            await upstream(session, server.url).get("/models")
    async with raw_server(head() + b"<html>") as server:
        with pytest.raises(UpstreamProtocolError, match="acme sent an answer that is not JSON"):
            await upstream(session, server.url).get("/models")
    async with raw_server(HANG) as server:
        with pytest.raises(UpstreamTimeout):
            await upstream(session, server.url, head=0.05).get("/models")


async def test_an_event_that_never_ends_is_a_protocol_error(
    session: aiohttp.ClientSession,
) -> None:
    short = Framing(("text/event-stream",), partial(EventSplitter, longest=20))
    async with raw_server(head() + b"data: " + b"x" * 30, HANG) as server:
        stream = upstream(session, server.url).stream("/chat", BODY, framing=short)
        with pytest.raises(UpstreamProtocolError):
            async with stream:
                await anext(stream)
