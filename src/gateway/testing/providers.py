"""A provider that a test scripts: for handlers, relays and applications that embed the gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Self, cast

from gateway.core.chat import ChatRequest, FillRequest
from gateway.core.embeddings import EmbedRequest, EmbedResult
from gateway.core.errors import NotSupported
from gateway.core.events import ChatEvent, ChatStream
from gateway.core.model_info import ModelInfo
from gateway.core.transcriptions import TranscribeRequest, Transcript
from gateway.providers.base import Provider

__all__ = ["HANG", "ScriptedProvider"]

HANG = object()
"""A step that waits until the stream is closed."""


@dataclass
class ScriptedProvider(Provider[None]):
    """Yield the batches of *steps*, raise those that are exceptions, and record the requests.

    *models*, *vectors* and *transcript* are returned, or raised if they are exceptions. ``left``
    is set when a stream has ended or was closed. No context is needed: pass an instance to
    `gateway.create_app`. ``keys`` has the user's key of each request, or an empty text.
    """

    models: Sequence[ModelInfo] | Exception = (ModelInfo("tiny-latest"),)
    steps: Sequence[Sequence[ChatEvent] | BaseException | object] = ()
    vectors: EmbedResult | Exception | None = None
    transcript: Transcript | Exception | None = None
    asked: list[ChatRequest | FillRequest | EmbedRequest | TranscribeRequest] = field(
        default_factory=list
    )
    left: asyncio.Event = field(default_factory=asyncio.Event)
    keys: list[str] = field(default_factory=list)
    key: str = field(default="", repr=False)

    @property
    def remote_host(self) -> str:
        """Return an origin that does not exist."""
        return "https://scripted.example"

    async def list_models(self) -> Sequence[ModelInfo]:
        """Return or raise *models*."""
        if isinstance(self.models, Exception):
            raise self.models
        return self.models

    async def chat(self, request: ChatRequest) -> ChatStream:
        """Yield or raise the steps."""
        async with aclosing(self._play(request)) as batches:
            async for batch in batches:
                yield batch

    async def fill(self, request: FillRequest) -> ChatStream:
        """Yield or raise the same steps."""
        async with aclosing(self._play(request)) as batches:
            async for batch in batches:
                yield batch

    async def _play(self, request: ChatRequest | FillRequest) -> ChatStream:
        self._keep(request)
        try:
            for step in self.steps:
                if step is HANG:
                    await asyncio.Event().wait()
                if isinstance(step, BaseException):
                    raise step
                yield cast("Sequence[ChatEvent]", step)
        finally:
            self.left.set()

    def with_key(self, key: str) -> Self:
        """Return a provider that does the same, and keeps its requests in the same place."""
        return replace(self, key=key)

    def _keep(self, request: ChatRequest | FillRequest | EmbedRequest | TranscribeRequest) -> None:
        self.asked.append(request)
        self.keys.append(self.key)

    async def embed(self, request: EmbedRequest) -> EmbedResult:
        """Return or raise *vectors*; raise `NotSupported` without any."""
        self._keep(request)
        if isinstance(self.vectors, Exception):
            raise self.vectors
        if self.vectors is None:
            raise NotSupported("the scripted provider does not support embeddings")
        return self.vectors

    async def transcribe(self, request: TranscribeRequest) -> Transcript:
        """Return or raise *transcript*; raise `NotSupported` without one."""
        self._keep(request)
        if isinstance(self.transcript, Exception):
            raise self.transcript
        if self.transcript is None:
            raise NotSupported("the scripted provider does not support transcription")
        return self.transcript
