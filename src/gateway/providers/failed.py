"""A substitute for an adapter that failed to start, so that the others can."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.core.chat import ChatRequest, FillRequest
from gateway.core.embeddings import EmbedRequest, EmbedResult
from gateway.core.errors import UpstreamError
from gateway.core.events import ChatStream
from gateway.core.model_info import ModelInfo
from gateway.core.transcriptions import TranscribeRequest, Transcript
from gateway.providers.base import Provider

__all__ = ["FailedProvider"]


class FailedProvider(Provider[Any]):
    """Lists no models, and answers each request with the reason."""

    async def list_models(self) -> Sequence[ModelInfo]:
        """Raise `UpstreamError`."""
        raise self._error()

    def chat(self, request: ChatRequest) -> ChatStream:
        """Raise `UpstreamError`."""
        raise self._error()

    def fill(self, request: FillRequest) -> ChatStream:
        """Raise `UpstreamError`."""
        raise self._error()

    async def embed(self, request: EmbedRequest) -> EmbedResult:
        """Raise `UpstreamError`."""
        raise self._error()

    async def transcribe(self, request: TranscribeRequest) -> Transcript:
        """Raise `UpstreamError`."""
        raise self._error()

    def _error(self) -> UpstreamError:
        name = self.context.name
        return UpstreamError(f"the adapter of {name} failed to start", provider=name)
