"""A provider that does what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.catalog import ModelInfo
from gateway.chat import ChatRequest, FillRequest
from gateway.embeddings import EmbedRequest, EmbedResult
from gateway.events import ChatEvent, ChatStream
from gateway.providers.base import Provider

__all__ = ["HANG", "ScriptedProvider"]

HANG = object()
"""A step that never ends by itself."""


@dataclass
class ScriptedProvider(Provider[None]):
    """Yield the batches of *steps*, raise those that are exceptions, and note what was asked."""

    models: Sequence[ModelInfo] | Exception = (ModelInfo("tiny-latest"),)
    steps: Sequence[Sequence[ChatEvent] | BaseException | object] = ()
    vectors: EmbedResult | Exception | None = None
    asked: list[ChatRequest | FillRequest | EmbedRequest] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def remote_host(self) -> str:
        return "https://scripted.example"

    async def list_models(self) -> Sequence[ModelInfo]:
        if isinstance(self.models, Exception):
            raise self.models
        return self.models

    async def chat(self, request: ChatRequest) -> ChatStream:
        async for batch in self._play(request):
            yield batch

    async def fill(self, request: FillRequest) -> ChatStream:
        async for batch in self._play(request):
            yield batch

    async def _play(self, request: ChatRequest | FillRequest) -> ChatStream:
        self.asked.append(request)
        try:
            for step in self.steps:
                if step is HANG:
                    await asyncio.Event().wait()
                if isinstance(step, BaseException):
                    raise step
                yield step  # type: ignore[misc] # what is left are batches
        finally:
            self.left.set()

    async def embed(self, request: EmbedRequest) -> EmbedResult:
        self.asked.append(request)
        if isinstance(self.vectors, Exception):
            raise self.vectors
        assert self.vectors is not None
        return self.vectors
