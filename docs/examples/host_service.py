"""A service of your own that has the gateway under ``/llm``."""

from __future__ import annotations

import hmac
import os
from collections import Counter
from pathlib import Path

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from gateway import Observer, RequestRecord, Settings, create_app, load

__all__ = ["TokenCount", "create", "create_host"]


class TokenCount(Observer):
    """Add up the tokens that each model has cost."""

    def __init__(self) -> None:
        self.tokens: Counter[str] = Counter()

    def finished(self, record: RequestRecord) -> None:
        """Take note of a request that is over."""
        if record.usage is not None:
            spent = record.usage.input_tokens + record.usage.output_tokens
            self.tokens[f"{record.provider}/{record.upstream_model}"] += spent

    async def show(self, request: web.Request) -> web.Response:
        """Answer with the counts."""
        return web.json_response(self.tokens)


def require(token: str) -> Middleware:
    """Return a middleware that lets only those in who know *token*."""
    expected = f"Bearer {token}".encode()

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, expected):
            return web.json_response({"error": "unauthorized"}, status=401)
        return await handler(request)

    return check


async def create_host(settings: Settings, token: str) -> web.Application:
    """Return the service; the gateway shares its session and its middlewares."""
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
    count = TokenCount()
    app = web.Application(middlewares=[require(token)])
    app.router.add_get("/tokens", count.show)
    app.add_subapp("/llm", create_app(settings, session=session, observers=[count]))

    async def close_session(_: web.Application) -> None:
        await session.close()

    app.on_cleanup.append(close_session)  # after the gateway's own, which comes first
    return app


async def create() -> web.Application:
    """Return the service as the environment and ``.env`` configure it."""
    settings = load(environ=os.environ, dotenv=Path(".env"))
    return await create_host(settings, os.environ["HOST_TOKEN"])


if __name__ == "__main__":
    web.run_app(create(), host="127.0.0.1", port=8080)
