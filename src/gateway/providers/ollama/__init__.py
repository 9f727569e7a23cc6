"""The adapter for Ollama servers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from functools import partial
from types import MappingProxyType

from gateway.core.chat import ChatRequest, FillRequest
from gateway.core.embeddings import EmbedRequest, EmbedResult
from gateway.core.errors import GatewayError
from gateway.core.events import ChatStream
from gateway.core.model_info import LoadedModel, ModelInfo
from gateway.providers.base import Provider, ProviderContext
from gateway.providers.history.surrogates import clean
from gateway.providers.ollama import encode, errors, models
from gateway.providers.ollama.decode import LineDecoder, read_vectors
from gateway.providers.ollama.options import OllamaOptions, OllamaOptionsSchema
from gateway.providers.service import get_models, open_upstream
from gateway.providers.upstream import EventStream, decoded

__all__ = ["OllamaOptions", "OllamaOptionsSchema", "OllamaProvider"]

_SHOWN_AT_ONCE = 4


class OllamaProvider(Provider[OllamaOptions]):
    """The chat, fill-in-the-middle and embedding models of one Ollama server."""

    contract = 2
    native_dialect = encode.DIALECT
    options_schema = OllamaOptionsSchema
    options_from_env = MappingProxyType({"api_key": "OLLAMA_API_KEY"})
    required_options = ("base_url",)
    learned = ("_listed",)

    def __init__(self, context: ProviderContext[OllamaOptions]) -> None:
        super().__init__(context)
        self._options = options = context.options
        self._upstream = open_upstream(
            context,
            headers={"Authorization": options.api_key and f"Bearer {options.api_key}"},
            error_for=errors.error_for,
        )
        self._listed: Mapping[str, ModelInfo] = {}
        self._shown: dict[str, tuple[ModelInfo, ModelInfo]] = {}
        self._turn = asyncio.Semaphore(_SHOWN_AT_ONCE)

    async def list_models(self) -> Sequence[ModelInfo]:
        """Return the models of the server; each is described by one request until it changes."""
        payload = await get_models(self._upstream, "/api/tags")
        tagged = models.parse_tags(payload, self.context.name)
        listed = await asyncio.gather(*map(self._show, tagged))
        self._listed = {info.id: info for info in listed}
        return listed

    async def _show(self, tagged: ModelInfo) -> ModelInfo:
        before, known = self._shown.get(tagged.id, (None, tagged))
        if tagged == before:
            return known
        try:
            async with self._turn:
                payload = await self._upstream.post("/api/show", {"model": tagged.id})
            info = models.parse_show(payload, tagged, self.context.name)
        except GatewayError as error:
            # One broken model must not hide all others; the next list tries it again.
            self.context.log.warning("%s cannot be described: %s", tagged.id, error)
            return tagged
        self._shown[tagged.id] = tagged, info
        return info

    def describe(self, model_id: str) -> ModelInfo:
        """Return the server's description of a model, or one that allows everything."""
        return self._listed.get(model_id) or models.describe(model_id)

    def chat(self, request: ChatRequest) -> ChatStream:
        """Yield the answer of ``/api/chat``, or of ``/api/generate`` to a prompt."""
        return decoded(partial(self._open_chat, request))

    def fill(self, request: FillRequest) -> ChatStream:
        """Yield the answer of ``/api/generate``."""
        return decoded(partial(self._open_fill, request))

    async def embed(self, request: EmbedRequest) -> EmbedResult:
        """Return the vectors of ``/api/embed``, or of the older ``/api/embeddings``."""
        payload = await self._upstream.post(*encode.embed_call(request, self._options))
        return read_vectors(payload, len(request.inputs), provider=self.context.name)

    async def load_model(self, request: ChatRequest | EmbedRequest) -> None:
        """Have the server load a model, with the options of the client."""
        path, body = encode.load_call(request, self._options)
        if isinstance(request, EmbedRequest):
            await self._upstream.post(path, body)
        else:  # with the time limits of an answer, since loading takes as long
            async with aclosing(decoded(partial(self._open, path, body))) as batches:
                async for _ in batches:
                    pass

    async def unload_model(self, model_id: str) -> None:
        """Have the server unload a model."""
        await self._upstream.post("/api/generate", {"model": clean(model_id), "keep_alive": 0})

    async def loaded_models(self) -> Sequence[LoadedModel]:
        """Return the models of ``/api/ps``."""
        return models.parse_ps(await self._upstream.get("/api/ps"), self.context.name)

    async def _open_chat(self, request: ChatRequest) -> tuple[EventStream, LineDecoder]:
        return await self._open(*encode.answer_call(request, self._options))

    async def _open_fill(self, request: FillRequest) -> tuple[EventStream, LineDecoder]:
        return await self._open(*encode.fill_call(request, self._options))

    async def _open(self, path: str, body: Mapping[str, object]) -> tuple[EventStream, LineDecoder]:
        stream = self._upstream.stream(path, body, framing="lines")
        await stream.connect()
        return stream, LineDecoder(self.context.name)
