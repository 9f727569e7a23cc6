"""A provider whose answers are recorded, or come from recordings."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, Self, TypeVar

from gateway.core.chat import ChatRequest, FillRequest
from gateway.core.embeddings import EmbedRequest, EmbedResult
from gateway.core.errors import GatewayError, NotRecorded
from gateway.core.events import ChatStream, Finish
from gateway.core.model_info import LoadedModel, ModelInfo
from gateway.core.transcriptions import TranscribeRequest, Transcript
from gateway.providers.base import AnyProvider, Provider
from gateway.replay.keys import AnyRequest
from gateway.replay.recordings import Batch, Recording, Recordings
from gateway.settings import CassetteSettings

__all__ = ["RecordedProvider"]

_log = logging.getLogger("gateway.cassettes")

_UNREADABLE = "the recording of this request cannot be read"
_MOST_NAMED = 5
"""Members that a line of the log names of those in which a recording differs."""

ResultT = TypeVar("ResultT", EmbedResult, Transcript)


class RecordedProvider(Provider[Any]):
    """The provider *inner*, which is asked only as far as *settings* say, and closed if *owned*."""

    def __init__(
        self, inner: AnyProvider, name: str, settings: CassetteSettings, *, owned: bool = False
    ) -> None:
        self.inner = inner
        self.owned = owned
        self.name = name
        self.settings = settings
        self.otel_name = inner.otel_name
        self.native_dialect = inner.native_dialect
        self.recordings = Recordings(Path(settings.path), name)

    @property
    def is_offline(self) -> bool:
        """Tell whether the provider is never asked."""
        return self.settings.mode == "replay"

    @property
    def remote_host(self) -> str:
        """The origin of the service."""
        return self.inner.remote_host

    def describe(self, model_id: str) -> ModelInfo:
        """Return what the adapter knows of a model."""
        return self.inner.describe(model_id)

    def has_unlisted(self, model_id: str) -> bool:
        """Tell whether the adapter knows of a model that is in no list."""
        return self.inner.has_unlisted(model_id)

    async def list_models(self) -> Sequence[ModelInfo]:
        """Return the models that are listed, or were when that was recorded."""
        if self.settings.mode != "record":
            found = await asyncio.to_thread(self.recordings.read_models)
            if found is not None:
                return found
            if self.is_offline:
                raise NotRecorded(f"the models of {self.name} were not recorded")
        models = await self.inner.list_models()
        await asyncio.to_thread(self.recordings.write_models, models)
        return models

    async def chat(self, request: ChatRequest) -> ChatStream:
        """Yield the events of the answer."""
        async with aclosing(self._stream(request, self.inner.chat)) as batches:
            async for batch in batches:
                yield batch

    async def fill(self, request: FillRequest) -> ChatStream:
        """Yield the text between a prompt and a suffix."""
        async with aclosing(self._stream(request, self.inner.fill)) as batches:
            async for batch in batches:
                yield batch

    async def embed(self, request: EmbedRequest) -> EmbedResult:
        """Return one vector for each input."""
        return await self._result(request, self.inner.embed, EmbedResult)

    async def transcribe(self, request: TranscribeRequest) -> Transcript:
        """Return the text of a recording."""
        return await self._result(request, self.inner.transcribe, Transcript)

    async def load_model(self, request: ChatRequest | EmbedRequest) -> None:
        """Have the service load a model, if it is asked at all."""
        if not self.is_offline:
            await self.inner.load_model(request)

    async def unload_model(self, model_id: str) -> None:
        """Have the service drop a model, if it is asked at all."""
        if not self.is_offline:
            await self.inner.unload_model(model_id)

    async def loaded_models(self) -> Sequence[LoadedModel] | None:
        """Return the models in the service's memory, if it is asked at all."""
        return None if self.is_offline else await self.inner.loaded_models()

    def with_key(self, key: str) -> Self:
        """Return an instance that asks with the *key* of a user, and has the same recordings."""
        if self.is_offline:
            return type(self)(self.inner, self.name, self.settings)
        return type(self)(self.inner.with_key(key), self.name, self.settings, owned=True)

    async def aclose(self) -> None:
        """Close the provider, if that is nobody else's task."""
        if self.owned:
            await self.inner.aclose()

    async def _stream(self, request: Any, ask: Callable[[Any], ChatStream]) -> ChatStream:
        recording = await self._find(request)
        if recording is not None:
            begun = time.monotonic()
            for seconds, batch in recording.batches:
                if recording.pace:
                    await asyncio.sleep(max(begun + seconds - time.monotonic(), 0))
                yield batch
            if recording.error is not None:
                raise recording.error
            return
        batches: list[Batch] = []
        begun = time.monotonic()
        try:
            async with aclosing(ask(request)) as stream:
                async for batch in stream:
                    batches.append((time.monotonic() - begun, batch))
                    if batch and isinstance(batch[-1], Finish):
                        await self._keep(request, Recording(batches))
                    yield batch
        except GatewayError as error:
            await self._keep(request, Recording(batches, error=error))
            raise

    async def _result(
        self,
        request: Any,
        ask: Callable[[Any], Awaitable[ResultT]],
        kind: type[ResultT],
    ) -> ResultT:
        recording = await self._find(request)
        if recording is not None:
            if recording.error is not None:
                raise recording.error
            if not isinstance(recording.result, kind):
                raise NotRecorded(_UNREADABLE)
            return recording.result
        try:
            result = await ask(request)
        except GatewayError as error:
            await self._keep(request, Recording(error=error))
            raise
        await self._keep(request, Recording(result=result))
        return result

    async def _find(self, request: AnyRequest) -> Recording | None:
        """Return what is to be given for *request*, or ``None`` if the provider is to be asked."""
        if self.settings.mode == "record":
            return None
        try:
            found = await asyncio.to_thread(self.recordings.read, request)
        except ValueError as error:
            _log.error("%s", error)
            raise NotRecorded(_UNREADABLE) from error
        if found is None and self.is_offline:
            near = await asyncio.to_thread(self.recordings.nearest, request)
            _log.warning("no recording of this request to %s: %s", self.name, _shown(near))
            raise NotRecorded("no recording of this request")
        return found

    async def _keep(self, request: AnyRequest, recording: Recording) -> None:
        try:
            await asyncio.to_thread(self.recordings.write, request, recording)
        except (OSError, ValueError, TypeError, ArithmeticError, RecursionError) as error:
            _log.error("an answer of %s could not be recorded: %s", self.name, error)


def _shown(near: tuple[str, Sequence[str]] | None) -> str:
    if near is None:
        return "nothing was recorded of it"
    path, members = near
    more = f" and {len(members) - _MOST_NAMED} more" if len(members) > _MOST_NAMED else ""
    return f"{path} differs least, in {', '.join(members[:_MOST_NAMED])}{more}"
