"""An aiohttp service that mounts the gateway under ``/llm``, behind its own authentication."""

from __future__ import annotations

import hmac
import os
from collections import Counter
from pathlib import Path

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from gateway import CleanConnector, Observer, RequestRecord, Settings, create_app, load

__all__ = ["TokenCount", "create", "create_host"]


class TokenCount(Observer):
    """Count the tokens that each model has used."""

    def __init__(self) -> None:
        self.tokens: Counter[str] = Counter()

    def finished(self, record: RequestRecord) -> None:
        """Add the usage of a request that has ended."""
        if record.usage is not None:
            spent = record.usage.input_tokens + record.usage.output_tokens
            self.tokens[f"{record.provider}/{record.upstream_model}"] += spent

    async def show(self, request: web.Request) -> web.Response:
        """Return the counts as JSON."""
        return web.json_response(self.tokens)


def require(token: str) -> Middleware:
    """Return a middleware that rejects requests without the bearer token *token*."""
    expected = f"Bearer {token}".encode()

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, expected):
            return web.json_response({"error": "unauthorized"}, status=401)
        return await handler(request)

    return check


async def create_host(settings: Settings, token: str) -> web.Application:
    """Return the service; the gateway uses its session and runs behind its middleware."""
    session = aiohttp.ClientSession(connector=CleanConnector(limit=0))
    count = TokenCount()
    app = web.Application(middlewares=[require(token)])
    app.router.add_get("/tokens", count.show)
    app.add_subapp("/llm", create_app(settings, session=session, observers=[count]))

    async def close_session(_: web.Application) -> None:
        await session.close()

    app.on_cleanup.append(close_session)  # runs after the gateway's own cleanup
    return app


async def create() -> web.Application:
    """Return the service, configured by the environment and ``.env``."""
    settings = load(environ=os.environ, dotenv=Path(".env"))
    return await create_host(settings, os.environ["HOST_TOKEN"])


if __name__ == "__main__":
    web.run_app(create(), host="127.0.0.1", port=8080)
