"""Run the gateway's application on a port until a stop signal."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType

from aiohttp import web

from gateway.cli.front.head import LARGEST_HEAD, MOST_FIELDS
from gateway.cli.front.protocol import Front
from gateway.cli.front.refusals import Refusals
from gateway.cli.line import WorkerLine
from gateway.cli.reload import reload_quietly
from gateway.core.tasks import background
from gateway.serving.keys import DISCONNECTS
from gateway.settings import ServerSettings

__all__ = ["CannotListen", "loop_factory", "serve"]

_KEEP_ALIVE = 75.0
_BACKLOG = 1024
_LAST_WORDS = 1.0
"""Seconds that a handler has to write the error line about the shutdown."""


class CannotListen(Exception):
    """The address cannot be used; the message contains the address and the reason."""


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Return the factory of the fastest available event loop: uvloop if it is installed."""
    try:
        import uvloop  # noqa: PLC0415 - optional, and only the command line runs a loop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


async def serve(
    app: web.Application,
    settings: ServerSettings,
    *,
    ready: Callable[[Sequence[str]], None],
    supervisor: WorkerLine | None = None,
) -> None:
    """Serve *app* until SIGINT or SIGTERM, then let running requests finish within the timeout.

    *ready* is called with the URLs once connections are accepted. With a line to a *supervisor*
    other processes may listen on the same port; the server tells it when it is ready, reloads when
    it says so, and stops when it is gone. A second SIGINT ends the process at once. Raise
    `CannotListen`.
    """
    runner = web.AppRunner(
        app,
        access_log=None,
        # Which bodies may be compressed, and their size limit, depends on the endpoint.
        auto_decompress=False,
        handler_cancellation=True,
        keepalive_timeout=_KEEP_ALIVE,
        shutdown_timeout=_LAST_WORDS,
        max_line_size=LARGEST_HEAD,
        max_field_size=LARGEST_HEAD,
        max_headers=MOST_FIELDS,
    )
    refusals = Refusals(app)
    with _signals() as stop:
        await runner.setup()
        try:
            behind = runner.server
            assert behind is not None  # noqa: S101 - there is one since the set-up
            try:
                server = await _listen(
                    lambda: Front(behind(), refusals.request),
                    settings,
                    reuse_port=supervisor is not None or None,
                )
            except (OSError, UnicodeError) as error:
                raise CannotListen(_reason(settings, error)) from error
            with contextlib.closing(server):
                ready([_url(listening.getsockname()) for listening in server.sockets])
                async with background(_obey(supervisor, app, stop)):
                    await stop.wait()
            _remove_socket(settings)
            await app[DISCONNECTS].finish(settings.shutdown_timeout)
        finally:
            await runner.cleanup()


async def _obey(supervisor: WorkerLine | None, app: web.Application, stop: asyncio.Event) -> None:
    if supervisor is not None:
        supervisor.tell_ready()
        await supervisor.listen(lambda: reload_quietly(app))
        stop.set()


async def _listen(
    protocol: Callable[[], asyncio.Protocol], settings: ServerSettings, *, reuse_port: bool | None
) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    if settings.socket:
        _check_unused(settings.socket)
        return await loop.create_unix_server(protocol, settings.socket, backlog=_BACKLOG)
    return await loop.create_server(
        protocol, settings.host, settings.port, backlog=_BACKLOG, reuse_port=reuse_port
    )


def _check_unused(path: str) -> None:
    """Raise `OSError` if a server listens on the socket at *path*.

    Event loops replace a file that a server has left behind, and one in use as well.
    """
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        if probe.connect_ex(path) in (0, errno.EAGAIN):
            raise OSError(errno.EADDRINUSE, path)


def _remove_socket(settings: ServerSettings) -> None:
    """Remove the file of a server that is closed: not every event loop does."""
    if settings.socket:
        Path(settings.socket).unlink(missing_ok=True)


def _reason(settings: ServerSettings, error: OSError | UnicodeError) -> str:
    match error:
        case socket.gaierror():
            reason = error.strerror or str(error)
        case OSError(errno=int() as number):
            # The event loop adds text of its own to the system's message.
            reason = os.strerror(number)
        case OSError():
            reason = str(error)
        case _:
            reason = "not a host name"
    place = settings.socket or _authority(settings.host, settings.port)
    return f"cannot listen on {place}: {reason.lower()}"


def _authority(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _url(address: Sequence[object] | str) -> str:
    if isinstance(address, str):
        return f"unix:{address}"
    host, port, *_ = address
    return f"http://{_authority(str(host), int(str(port)))}"


@contextlib.contextmanager
def _signals() -> Iterator[asyncio.Event]:
    """Yield an event that the first SIGINT or SIGTERM sets."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    asked = False

    def handle(number: int, _: FrameType | None) -> None:
        nonlocal asked
        if asked and number == signal.SIGINT:
            os._exit(128 + number)
        asked = True
        loop.call_soon_threadsafe(stop.set)

    # Not loop.add_signal_handler, which Windows lacks.
    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
