"""Recorded exchanges of the adapters besides Mistral's, and a gateway that plays them.

A folder for each adapter holds ``models.json``, its service's list of models (by the end of the
path where it takes several requests), and a folder for each exchange: ``request.json`` is what an
Ollama client asks, ``upstream.sse``, ``upstream.ndjson`` or ``upstream.json`` the body of the
service's answer, byte by byte, and ``client.ndjson`` what the client then reads, without clock
readings and the ``remote_…`` members. ``upstream.status`` and ``client.status`` are the two
statuses where they are not 200.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from gateway.app import create_app
from gateway.core import codec
from gateway.settings import OllamaSettings, ProviderSettings, Settings, TimeoutSettings
from gateway.testing import Answer, FakeUpstream

__all__ = ["EXCHANGES", "OPTIONS", "Exchange", "adapter_gateway", "play_models"]

_FOLDER = Path(__file__).parents[1] / "transcripts" / "adapters"
_TYPES = {
    "upstream.sse": "text/event-stream",
    "upstream.ndjson": "application/x-ndjson",
    "upstream.json": "application/json",
}
_PATHS = {"openai": "/v1", "anthropic": "/v1", "ollama": ""}
OPTIONS: dict[str, dict[str, object]] = {
    "openai": {
        "models": {
            "local-coder": {"capabilities": ["completion", "insert"]},
            "local-*": {"capabilities": ["completion", "tools", "thinking"]},
        }
    },
    "anthropic": {"api_key": "test-key"},
    "ollama": {},
}


@dataclass(frozen=True, slots=True)
class Exchange:
    """One exchange of one adapter."""

    adapter: str
    name: str
    request: dict[str, Any]
    upstream: bytes
    content_type: str
    upstream_status: int
    lines: list[dict[str, Any]]
    status: int

    def answer(self, *cuts: int) -> Answer:
        """Return the service's answer, cut at some places."""
        ends = [*cuts, len(self.upstream)]
        starts = [0, *cuts]
        return Answer(
            [self.upstream[a:b] for a, b in zip(starts, ends, strict=True)],
            status=self.upstream_status,
            content_type=self.content_type,
        )


def _read(folder: Path) -> Exchange:
    (body,) = (name for name in _TYPES if (folder / name).exists())
    lines = folder / "client.ndjson"
    return Exchange(
        adapter=folder.parent.name,
        name=folder.name,
        request=codec.decode((folder / "request.json").read_bytes()),
        upstream=(folder / body).read_bytes(),
        content_type=_TYPES[body],
        upstream_status=_status(folder / "upstream.status"),
        lines=[codec.decode(line) for line in lines.read_bytes().split(b"\n") if line],
        status=_status(folder / "client.status"),
    )


def _status(file: Path) -> int:
    return int(file.read_text()) if file.exists() else 200


EXCHANGES = [_read(folder.parent) for folder in sorted(_FOLDER.glob("*/*/request.json"))]


def play_models(upstream: FakeUpstream, adapter: str) -> None:
    """Let *upstream* answer with the adapter's list of models."""
    models = codec.decode((_FOLDER / adapter / "models.json").read_bytes())
    for ending, document in models.items():
        body = codec.encode(document)
        upstream.routes[ending] = Answer([body], content_type="application/json")


@asynccontextmanager
async def adapter_gateway(
    adapter: str,
    url: str,
    *,
    timeouts: TimeoutSettings | None = None,
    ollama: OllamaSettings | None = None,
    **options: object,
) -> AsyncIterator[str]:
    """Run a gateway whose one provider is *adapter* with its service at *url*; yield its URL."""
    table = {**OPTIONS[adapter], "base_url": url + _PATHS[adapter], **options}
    settings = Settings(
        timeouts=timeouts or TimeoutSettings(),
        ollama=ollama or OllamaSettings(),
        providers={adapter: ProviderSettings(adapter, table)},
    )
    app = create_app(settings)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()
