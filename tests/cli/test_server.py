from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence

import aiohttp
import pytest
from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.cli.server import CannotListen, loop_factory, serve
from gateway.serving.disconnects import Disconnects
from gateway.serving.keys import DISCONNECTS, ENDPOINTS
from gateway.settings import ServerSettings


def application() -> web.Application:
    """Return as much of the gateway as its server needs: it knows who waits for an answer."""
    disconnects = Disconnects(poll=0.5)

    @web.middleware
    async def note(request: web.Request, handler: Handler) -> web.StreamResponse:
        disconnects.track(request)
        try:
            return await handler(request)
        finally:
            disconnects.untrack(request)

    app = web.Application(middlewares=[note])
    app[DISCONNECTS] = disconnects
    app[ENDPOINTS] = {}
    return app


class Streams:
    """An application with one stream, which the test holds open."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.release = asyncio.Event()
        self.app = application()
        self.app.router.add_get("/", self.stream)

    async def stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"begin,")
        self.started.set()
        try:
            await self.release.wait()
            await response.write(b"end")
        except asyncio.CancelledError:
            await response.write(b"cut off")
        await response.write_eof()
        return response


class Running:
    """A server that runs in a task of the test."""

    def __init__(self, app: web.Application, *, shutdown_timeout: float = 5.0) -> None:
        self.urls: asyncio.Future[Sequence[str]] = asyncio.get_running_loop().create_future()
        settings = ServerSettings(port=0, shutdown_timeout=shutdown_timeout)
        self.task = asyncio.create_task(serve(app, settings, ready=self.urls.set_result))

    async def url(self) -> str:
        (url,) = await asyncio.wait_for(self.urls, 5)
        return url


@contextlib.asynccontextmanager
async def getting(url: str) -> AsyncIterator[asyncio.Task[bytes]]:
    async def get() -> bytes:
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return await response.read()

    yield asyncio.create_task(get())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_server_answers_until_a_signal_says_stop(number: signal.Signals) -> None:
    before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    streams = Streams()
    streams.release.set()
    running = Running(streams.app)
    url = await running.url()

    async with getting(url) as answer:
        body = await answer
    signal.raise_signal(number)
    await asyncio.wait_for(running.task, 5)

    assert body == b"begin,end"
    assert url.startswith("http://127.0.0.1:")
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)] == before
    with pytest.raises(aiohttp.ClientConnectorError):
        async with getting(url) as answer:
            await answer


async def test_an_open_stream_may_finish_while_nobody_else_gets_in() -> None:
    streams = Streams()
    running = Running(streams.app)
    url = await running.url()

    async with getting(url) as answer:
        await asyncio.wait_for(streams.started.wait(), 5)
        signal.raise_signal(signal.SIGTERM)
        for _ in range(10):  # turns of the loop, in which the server hears of the signal
            await asyncio.sleep(0)
        with pytest.raises(aiohttp.ClientConnectorError):
            async with getting(url) as refused:
                await refused
        streams.release.set()
        await asyncio.wait_for(running.task, 5)

        assert await answer == b"begin,end"


async def test_a_stream_that_takes_too_long_can_say_so_to_its_client() -> None:
    streams = Streams()
    running = Running(streams.app, shutdown_timeout=0.05)

    async with getting(await running.url()) as answer:
        await asyncio.wait_for(streams.started.wait(), 5)
        signal.raise_signal(signal.SIGTERM)
        await asyncio.wait_for(running.task, 5)

        assert await answer == b"begin,cut off"


async def test_a_second_interrupt_ends_the_process_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    exits: list[int] = []
    monkeypatch.setattr(os, "_exit", exits.append)
    streams = Streams()
    running = Running(streams.app)

    async with getting(await running.url()) as answer:
        await asyncio.wait_for(streams.started.wait(), 5)
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        assert exits == []
        signal.raise_signal(signal.SIGINT)
        streams.release.set()
        await asyncio.wait_for(running.task, 5)
        await answer

    assert exits == [130]


async def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotListen) as caught:
            await serve(application(), ServerSettings(port=port), ready=print)

    assert str(caught.value) == f"cannot listen on 127.0.0.1:{port}: address already in use"


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("no-such-host.invalid", "cannot listen on no-such-host.invalid:1: "),
        ("2001:db8::1", "cannot listen on [2001:db8::1]:1: "),
        ("x" * 70, f"cannot listen on {'x' * 70}:1: not a host name"),
    ],
    ids=["unknown", "not ours", "not a name"],
)
async def test_an_address_that_cannot_be_had_is_named(host: str, reason: str) -> None:
    with pytest.raises(CannotListen) as caught:
        await serve(application(), ServerSettings(host, 1), ready=print)

    assert str(caught.value).startswith(reason)
    assert "\n" not in str(caught.value)


async def test_what_the_application_has_opened_is_closed_when_no_port_can_be_had() -> None:
    seen: list[str] = []

    async def lifetime(_: web.Application) -> AsyncIterator[None]:
        seen.append("opened")
        yield
        seen.append("closed")

    app = application()
    app.cleanup_ctx.append(lifetime)
    with pytest.raises(CannotListen):
        await serve(app, ServerSettings("2001:db8::1", 1), ready=print)

    assert seen == ["opened", "closed"]


def test_the_loop_is_uvloops_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    uvloop = pytest.importorskip("uvloop")

    assert loop_factory() is uvloop.new_event_loop

    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert loop_factory() is asyncio.new_event_loop
