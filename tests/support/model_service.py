"""A service of OpenAI's dialect whose models and troubles a test chooses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

from gateway.settings import ProviderSettings

__all__ = ["ModelService"]


@dataclass
class ModelService:
    """Says its own name, and lists its models unless it is in *trouble*.

    ``asked`` are the models that were asked for an answer, ``keys`` the keys that came with that.
    """

    name: str
    models: Sequence[str]
    trouble: Literal["", "fails", "hangs"] = ""
    asked: list[str] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    relieved: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> web.Application:
        """Return the service as an application."""
        app = web.Application()
        app.router.add_get("/v1/models", self._list)
        app.router.add_post("/v1/chat/completions", self._chat)
        return app

    def recover(self) -> None:
        """End the trouble, for whoever waits too."""
        self.trouble = ""
        self.relieved.set()

    async def _list(self, request: web.Request) -> web.Response:
        if self.trouble == "hangs":
            await self.relieved.wait()
        if self.trouble == "fails":
            return web.json_response({"error": {"message": "out of order"}}, status=500)
        return web.json_response({"data": [{"id": model} for model in self.models]})

    async def _chat(self, request: web.Request) -> web.Response:
        body: dict[str, Any] = await request.json()
        self.asked.append(body["model"])
        self.keys.add(request.headers.get("Authorization", ""))
        choice = {"index": 0, "delta": {"content": self.name}, "finish_reason": "stop"}
        text = f"data: {json.dumps({'choices': [choice]})}\n\ndata: [DONE]\n\n"
        return web.Response(text=text, content_type="text/event-stream")

    def at(self, origin: str, **options: object) -> ProviderSettings:
        """Return the settings of a provider whose service is this one, served at *origin*."""
        return ProviderSettings("openai", {"base_url": f"{origin}/v1", **options})
