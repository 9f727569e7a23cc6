"""The bare relay: ``python -m benchmarks.bare_relay --port N --upstream URL``.

As little as an aiohttp handler can do between a client and a streaming service. The server and the
client session have the gateway's own settings, so that only the gateway's work makes a difference.
"""

from __future__ import annotations

import argparse
import asyncio
import io

import aiohttp
from aiohttp import web

from benchmarks.loops import LOOPS, run

__all__ = ["bare_relay", "main"]

_LARGE = 2**20


def bare_relay(session: aiohttp.ClientSession, upstream: str) -> web.Application:
    """Return an application that posts each body to *upstream* and copies the answer."""

    async def post(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        # aiohttp warns when it is handed large bytes, since it writes them in one piece.
        data = body if len(body) < _LARGE else io.BytesIO(body)
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        async with session.post(upstream + request.path, data=data, headers=headers) as answer:
            response = web.StreamResponse(
                status=answer.status, headers={"Content-Type": answer.headers["Content-Type"]}
            )
            if answer.content_length is not None:
                response.content_length = answer.content_length
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
            return response

    async def root(_: web.Request) -> web.StreamResponse:
        return web.Response(text="ok")

    app = web.Application(client_max_size=2**30)
    app.router.add_post("/{path:.*}", post)
    app.router.add_get("/", root)
    return app


async def _serve(port: int, upstream: str) -> None:
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=300, keepalive_timeout=15),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
    )
    async with session:
        runner = web.AppRunner(
            bare_relay(session, upstream),
            access_log=None,
            handler_cancellation=True,
            keepalive_timeout=75,
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bare_relay", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--loop", choices=LOOPS, default=LOOPS[0])
    arguments = parser.parse_args()
    run(_serve(arguments.port, arguments.upstream), loop=arguments.loop)


if __name__ == "__main__":
    main()
