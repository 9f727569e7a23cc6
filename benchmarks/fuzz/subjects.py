"""What is fuzzed: each adapter over each transport, in front of a service that fails on request."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from gateway import Settings, create_app
from gateway.cli.server import serve
from gateway.providers.base import AnyProvider, ProviderContext
from gateway.providers.upstream.transport import TransportName, open_session
from gateway.settings import (
    ModelsSettings,
    ProviderSettings,
    RetrySettings,
    ServerSettings,
    TimeoutSettings,
)
from gateway.testing.faults.service import FaultyService, faulty_service

__all__ = ["TESTS", "Subject", "open_subjects", "serving"]

TESTS = Path(__file__).parents[2] / "tests"
_TRANSPORTS: Sequence[TransportName] = ("own", "aiohttp")
_IMPATIENCE = 0.3
_ABILITIES = ["completion", "tools", "insert", "vision", "embedding", "thinking"]
_LISTS: Mapping[str, Mapping[str, bytes]] = {
    "mistral": {
        "": b'{"data":[{"id":"mistral-small-latest","object":"model","created":1,"capabilities":'
        b'{"completion_chat":true,"completion_fim":true,"vision":true,"function_calling":true,'
        b'"reasoning":true}},{"id":"mistral-embed","capabilities":{"completion_chat":false}}]}'
    },
    "ollama": {
        "/api/tags": b'{"models":[{"name":"qwen3:8b","digest":"500a1f067a9f"}]}',
        "/api/show": b'{"capabilities":%b,"model_info":{}}' % json.dumps(_ABILITIES).encode(),
    },
}
"""Models that can do all that requests may want of them, where the contract's cannot."""


_OPTIONS: Mapping[str, Mapping[str, object]] = {
    "openai": {"models": {"*": {"capabilities": _ABILITIES}}}
}


@dataclass(frozen=True, slots=True)
class Subject:
    """An adapter over one transport: its contract, its service, and what such services send."""

    name: str
    contract: Any
    service: FaultyService
    provider: AnyProvider
    answers: Sequence[bytes]

    @property
    def model(self) -> str:
        """The name by which the gateway knows the model of the contract."""
        return f"{self.name}/{self.contract.model}"

    @property
    def embedder(self) -> str:
        """The same for a model that makes vectors, if there is one."""
        return f"{self.name}/mistral-embed" if self.name.startswith("mistral") else self.model


@asynccontextmanager
async def open_subjects() -> AsyncIterator[list[Subject]]:
    """Open all of them; ``tests/support`` must be on the path."""
    async with AsyncExitStack() as stack:
        subjects = []
        for transport in _TRANSPORTS:
            session = await stack.enter_async_context(open_session(transport))
            for contract in import_module("shipped_adapters").SHIPPED:
                adapter = contract.provider.__name__.removesuffix("Provider").lower()
                documents = _LISTS.get(adapter) or {"": contract.models_body}
                service = await stack.enter_async_context(faulty_service(dict(documents)))
                name = adapter if transport == "own" else f"{adapter}-{transport}"
                options = contract.provider.options_schema().load(
                    {
                        "api_key": "key-of-the-fuzzer",
                        "base_url": f"http://127.0.0.1:{service.port}",
                        "first_event_timeout": _IMPATIENCE,
                        "silence_timeout": _IMPATIENCE,
                        **_OPTIONS.get(adapter, {}),
                    }
                )
                context = ProviderContext(name, options, session, logging.getLogger("fuzz"))
                provider = contract.provider(context)
                answers = [contract.hello_stream, *_recorded(adapter)]
                subjects.append(Subject(name, contract, service, provider, answers))
        yield subjects


def _recorded(adapter: str) -> Sequence[bytes]:
    """Return the bodies of recorded answers for an adapter."""
    files = (TESTS / "transcripts").glob(f"**/{adapter}/*/upstream.*")
    return [file.read_bytes() for file in sorted(files) if file.suffix != ".status"]


@asynccontextmanager
async def serving(subjects: Sequence[Subject]) -> AsyncIterator[int]:
    """Run a gateway with the subjects as its providers, and yield its port."""
    settings = Settings(
        providers={one.name: ProviderSettings(one.name) for one in subjects},
        models=ModelsSettings(refresh=1e9),
        retry=RetrySettings(count=1, delay=0.001, within=0.01),
        timeouts=TimeoutSettings(disconnect_poll=0.05, stream_end=0.1),
    )
    app = create_app(settings, providers={one.name: one.provider for one in subjects})
    ready: asyncio.Future[Sequence[str]] = asyncio.get_running_loop().create_future()
    server = asyncio.create_task(serve(app, ServerSettings(port=0), ready=ready.set_result))
    try:
        [url] = await ready
        yield int(url.rpartition(":")[2])
    finally:
        server.cancel()
        with suppress(asyncio.CancelledError):
            await server
