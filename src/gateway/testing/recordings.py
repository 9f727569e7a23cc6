"""A gateway for tests of clients, whose answers come from recordings: no network and no key."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from gateway.app import create_app
from gateway.settings import CassetteSettings, Settings, load

__all__ = ["recorded_gateway", "serving"]


@contextmanager
def serving(settings: Settings) -> Iterator[str]:
    """Serve a gateway on loopback, in a thread of its own, and yield its URL.

    Raise what `gateway.create_app` does.
    """
    app = create_app(settings)
    started: Future[str] = Future()
    stop = asyncio.Event()
    loop = asyncio.new_event_loop()

    async def run() -> None:
        runner = web.AppRunner(app)
        try:
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
        except Exception as error:
            started.set_exception(error)
        else:
            host, port, *_ = runner.addresses[0]
            started.set_result(f"http://{host}:{port}")
            await stop.wait()
        finally:
            await runner.cleanup()

    def work() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(run())

    thread = threading.Thread(target=work, name="gateway")
    thread.start()
    try:
        url = started.result()
        try:
            yield url
        finally:
            loop.call_soon_threadsafe(stop.set)
    finally:
        thread.join()


@pytest.fixture
def recorded_gateway(request: pytest.FixtureRequest) -> Iterator[str]:
    """Return the URL of a gateway whose answers stand in ``recordings/`` beside the test.

    It has the settings of the environment. ``GATEWAY_CASSETTES_MODE=record`` asks the providers and
    writes the recordings, and ``auto`` asks for those that are missing.
    """
    settings = load(environ=os.environ)
    mode = settings.cassettes.mode
    folder = Path(request.path).parent / "recordings"
    cassettes = CassetteSettings("replay" if mode == "off" else mode, str(folder))
    with serving(replace(settings, cassettes=cassettes)) as url:
        yield url
