"""A proxy on loopback that spoils answers on the way from a server to a client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import aiohttp
from aiohttp import hdrs, web
from multidict import CIMultiDict
from yarl import URL

__all__ = ["Meddler", "Told", "meddler"]


@dataclass(frozen=True)
class Told:
    """A whole answer."""

    status: int
    headers: CIMultiDict[str]
    body: bytes

    def without(self, header: str) -> Told:
        headers = self.headers.copy()
        headers.popall(header, None)
        return replace(self, headers=headers)

    def having(self, header: str, value: str) -> Told:
        told = self.without(header)
        told.headers[header] = value
        return told


_OF_THE_CONNECTION = (
    hdrs.CONTENT_LENGTH,
    hdrs.TRANSFER_ENCODING,
    hdrs.CONNECTION,
    hdrs.DATE,
    hdrs.SERVER,
)


@dataclass
class Meddler:
    """Passes requests on, with ``host`` as their Host if set, and answers spoiled by ``spoil``.

    Answers are passed on whole, when their last byte has come. The same request is passed on once.
    """

    server: str
    session: aiohttp.ClientSession
    spoil: Callable[[Told], Told] = lambda told: told
    host: str = ""
    url: str = ""
    known: dict[object, Told] = field(default_factory=dict)

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = request.headers.copy()
        if self.host:
            headers[hdrs.HOST] = self.host
        same = (request.method, request.raw_path, body, *headers.items())
        if same not in self.known:
            async with self.session.request(
                request.method,
                URL(self.server + request.raw_path, encoded=True),
                headers=headers,
                data=body,
                allow_redirects=False,
            ) as response:
                kept = CIMultiDict(response.headers)
                for name in _OF_THE_CONNECTION:
                    kept.popall(name, None)
                self.known[same] = Told(response.status, kept, await response.read())
        told = self.spoil(self.known[same])
        return web.Response(status=told.status, headers=told.headers, body=told.body)


@asynccontextmanager
async def meddler(server: str) -> AsyncIterator[Meddler]:
    """Run such a proxy in front of *server*."""
    app = web.Application(client_max_size=1 << 24)
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        meddling = Meddler(server, session)
        app.router.add_route("*", "/{path:.*}", meddling.handle)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            host, port = runner.addresses[0]
            meddling.url = f"http://{host}:{port}"
            yield meddling
        finally:
            await runner.cleanup()
