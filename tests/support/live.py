"""The whole thing on loopback: a real gateway over the real Mistral adapter over the sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web

from gateway.access.hosts import guard_hosts
from gateway.app import create_app
from gateway.cli.front.head import LARGEST_HEAD, MOST_FIELDS
from gateway.cli.front.protocol import Front
from gateway.cli.front.refusals import Refusals
from gateway.observe.observer import Observer
from gateway.sandbox import Received, Sandbox, start
from gateway.settings import (
    ModelsSettings,
    ProviderSettings,
    RetrySettings,
    Settings,
    TimeoutSettings,
)
from mistral_openapi import load_judge

__all__ = ["LiveGateway", "live_gateway"]

SCHEMAS = {
    "/v1/chat/completions": "ChatCompletionRequest",
    "/v1/fim/completions": "FIMCompletionRequest",
    "/v1/embeddings": "EmbeddingRequest",
}
"""Mistral's own schema of what is sent to each path; every body that a test sends is judged."""


@dataclass(frozen=True)
class LiveGateway:
    """Where the gateway listens, and the sandbox behind it."""

    url: str
    sandbox: Sandbox

    def received(self, path: str = "/v1/chat/completions") -> list[Received]:
        """Return what the sandbox was asked on one path."""
        return [request for request in self.sandbox.requests if request.path == path]


@asynccontextmanager
async def live_gateway(
    options: Mapping[str, object] | None = None,
    models: ModelsSettings | None = None,
    *,
    session: aiohttp.ClientSession | None = None,
    observers: Sequence[Observer] = (),
    timeouts: TimeoutSettings | None = None,
    **groups: Any,
) -> AsyncIterator[LiveGateway]:
    """Run a gateway with Mistral's adapter pointed at a sandbox; it retries without long pauses.

    *groups* are further groups of the settings.
    """
    async with await start() as running:
        mistral = {"api_key": "test-key", "base_url": running.base_url, **(options or {})}
        settings = Settings(
            models=models or ModelsSettings(),
            retry=RetrySettings(delay=0.01),
            timeouts=timeouts or TimeoutSettings(),
            **groups,
            providers={"mistral": ProviderSettings("mistral", mistral)},
        )
        app = create_app(settings, session=session, observers=observers)
        guard_hosts(app, "127.0.0.1")
        refusals = Refusals(app)
        runner = web.AppRunner(
            app,
            access_log=None,
            handler_cancellation=True,
            max_line_size=LARGEST_HEAD,
            max_field_size=LARGEST_HEAD,
            max_headers=MOST_FIELDS,
        )
        await runner.setup()
        try:
            behind = runner.server
            assert behind is not None
            server = await asyncio.get_running_loop().create_server(
                lambda: Front(behind(), refusals.request), "127.0.0.1", 0
            )
            with closing(server):
                host, port = server.sockets[0].getsockname()
                yield LiveGateway(f"http://{host}:{port}", running.sandbox)
        finally:
            await runner.cleanup()
    judge = load_judge()
    for request in running.sandbox.requests:
        if request.method == "POST" and request.path in SCHEMAS:
            judge(SCHEMAS[request.path], request.body)
