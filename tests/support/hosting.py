"""Applications on loopback, and a host that has routes, errors and limits of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

__all__ = ["HOST_LIMIT", "host_of", "served"]

HOST_LIMIT = 1000
"""The largest body that the host takes."""


async def _own(request: web.Request) -> web.Response:
    return web.json_response({"own": (await request.read()).decode()})


async def _broken(request: web.Request) -> web.Response:
    raise ZeroDivisionError


@web.middleware
async def _error_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Make pages of errors, as hosts do."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return web.Response(text=f"<h1>{error.reason}</h1>", status=error.status)
    except ArithmeticError:
        return web.Response(text="<h1>Sorry</h1>", status=500)


async def _sign(request: web.Request, response: web.StreamResponse) -> None:
    response.headers["X-Host"] = "yes"


def host_of(**mounted: web.Application) -> web.Application:
    """Return a host that has each of *mounted* under its name."""
    app = web.Application(middlewares=[_error_pages], client_max_size=HOST_LIMIT)
    app.on_response_prepare.append(_sign)
    app.router.add_route("*", "/own", _own)
    app.router.add_get("/broken", _broken)
    for name, one in mounted.items():
        app.add_subapp(f"/{name}", one)
    return app


@asynccontextmanager
async def served(app: web.Application, port: int = 0, **options: Any) -> AsyncIterator[str]:
    """Serve *app*, by default on a free port, and yield its origin; *options* are the runner's."""
    runner = web.AppRunner(app, **{"access_log": None, "shutdown_timeout": 0.5, **options})
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        host, found = runner.addresses[0]
        yield f"http://{host}:{found}"
    finally:
        await runner.cleanup()
