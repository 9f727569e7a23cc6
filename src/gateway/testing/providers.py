"""A provider that does what a test says: for handlers, relays and applications that embed us."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import cast

from gateway.core.chat import ChatRequest, FillRequest
from gateway.core.embeddings import EmbedRequest, EmbedResult
from gateway.core.errors import NotSupported
from gateway.core.events import ChatEvent, ChatStream
from gateway.core.model_info import ModelInfo
from gateway.core.transcriptions import TranscribeRequest, Transcript
from gateway.providers.base import Provider

__all__ = ["HANG", "ScriptedProvider"]

HANG = object()
"""A step that never ends by itself."""


@dataclass
class ScriptedProvider(Provider[None]):
    """Yield the batches of *steps*, raise those that are exceptions, and note what was asked.

    *models*, *vectors* and *transcript* are returned, or raised where they are exceptions. ``left``
    is set when a stream is over or its reader has left it. It needs no context: hand an instance
    to `gateway.create_app`.
    """

    models: Sequence[ModelInfo] | Exception = (ModelInfo("tiny-latest"),)
    steps: Sequence[Sequence[ChatEvent] | BaseException | object] = ()
    vectors: EmbedResult | Exception | None = None
    transcript: Transcript | Exception | None = None
    asked: list[ChatRequest | FillRequest | EmbedRequest | TranscribeRequest] = field(
        default_factory=list
    )
    left: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def remote_host(self) -> str:
        """An origin that nobody has."""
        return "https://scripted.example"

    async def list_models(self) -> Sequence[ModelInfo]:
        """Return *models* or raise them."""
        if isinstance(self.models, Exception):
            raise self.models
        return self.models

    async def chat(self, request: ChatRequest) -> ChatStream:
        """Play the steps."""
        async with aclosing(self._play(request)) as batches:
            async for batch in batches:
                yield batch

    async def fill(self, request: FillRequest) -> ChatStream:
        """Play the same steps."""
        async with aclosing(self._play(request)) as batches:
            async for batch in batches:
                yield batch

    async def _play(self, request: ChatRequest | FillRequest) -> ChatStream:
        self.asked.append(request)
        try:
            for step in self.steps:
                if step is HANG:
                    await asyncio.Event().wait()
                if isinstance(step, BaseException):
                    raise step
                yield cast("Sequence[ChatEvent]", step)
        finally:
            self.left.set()

    async def embed(self, request: EmbedRequest) -> EmbedResult:
        """Return *vectors* or raise them; without any there are no embeddings."""
        self.asked.append(request)
        if isinstance(self.vectors, Exception):
            raise self.vectors
        if self.vectors is None:
            raise NotSupported("the scripted provider has no vectors")
        return self.vectors

    async def transcribe(self, request: TranscribeRequest) -> Transcript:
        """Return *transcript* or raise it; without one nothing is transcribed."""
        self.asked.append(request)
        if isinstance(self.transcript, Exception):
            raise self.transcript
        if self.transcript is None:
            raise NotSupported("the scripted provider does not transcribe recordings")
        return self.transcript
