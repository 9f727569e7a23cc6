"""A real Ollama server behind the gateway: local and cloud models at one address."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from functools import partial
from types import MappingProxyType

from gateway.catalog import ModelInfo
from gateway.chat import ChatRequest, FillRequest
from gateway.embeddings import EmbedRequest, EmbedResult
from gateway.errors import GatewayError, ModelNotFound, UpstreamError
from gateway.events import ChatStream
from gateway.providers.base import Provider, ProviderContext
from gateway.providers.decoding import decoded
from gateway.providers.ollama import encode, errors, models
from gateway.providers.ollama.account import OllamaOptions, OllamaOptionsSchema
from gateway.providers.ollama.decode import LineDecoder, read_embeddings
from gateway.providers.upstream import Upstream
from gateway.version import __version__

__all__ = ["OllamaOptions", "OllamaOptionsSchema", "OllamaProvider"]

_SHOWN_AT_ONCE = 4


class OllamaProvider(Provider[OllamaOptions]):
    """The chat, fill-in-the-middle and embedding models of one Ollama server."""

    options_schema = OllamaOptionsSchema
    options_from_env = MappingProxyType({"api_key": "OLLAMA_API_KEY"})
    required_options = ("base_url",)

    def __init__(self, context: ProviderContext[OllamaOptions]) -> None:
        super().__init__(context)
        options = context.options
        headers = {"User-Agent": f"ollama-gateway/{__version__}"}
        if options.api_key:
            headers["Authorization"] = f"Bearer {options.api_key}"
        self._upstream = Upstream(
            context.name,
            context.session,
            options.base_url,
            headers=headers,
            refuse=partial(errors.refusal, provider=context.name),
            timeouts=options.timeouts,
        )
        self._listed: Mapping[str, ModelInfo] = {}
        self._shown: dict[tuple[str, str], ModelInfo] = {}
        self._turn = asyncio.Semaphore(_SHOWN_AT_ONCE)

    @property
    def remote_host(self) -> str:
        """The origin of the base URL."""
        return self.context.options.origin

    async def list_models(self) -> Sequence[ModelInfo]:
        """Return the models of the server; each is asked about once, until it changes."""
        name = self.context.name
        try:
            payload = await self._upstream.get("/api/tags")
        except ModelNotFound as error:
            raise UpstreamError(
                f"{name} has no list of models: check its base_url", provider=name
            ) from error
        tagged = models.parse_tags(payload, name)
        listed = await asyncio.gather(*map(self._show, tagged))
        self._listed = {info.id: info for info in listed}
        return listed

    async def _show(self, tagged: models.Tagged) -> ModelInfo:
        key = (tagged.info.id, tagged.digest)
        known = self._shown.get(key)
        if known is not None:
            return known
        try:
            async with self._turn:
                payload = await self._upstream.post("/api/show", {"model": tagged.info.id})
            info = models.parse_show(payload, tagged.info, self.context.name)
        except GatewayError as error:
            # One broken model must not hide all others; it is asked about again next time.
            self.context.log.warning("%s cannot be described: %s", tagged.info.id, error)
            return tagged.info
        self._shown[key] = info
        return info

    def describe(self, model_id: str) -> ModelInfo:
        """Return what the server said of a model, or that it may be able to do anything."""
        return self._listed.get(model_id) or models.describe(model_id)

    async def chat(self, request: ChatRequest) -> ChatStream:
        """Yield the answer of ``/api/chat``."""
        body = encode.chat_body(request, self.context.options)
        decoder = LineDecoder(self.context.name, think=request.think is not False)
        async with aclosing(self._lines("/api/chat", body, decoder)) as batches:
            async for batch in batches:
                yield batch

    async def fill(self, request: FillRequest) -> ChatStream:
        """Yield the answer of ``/api/generate``."""
        body = encode.generate_body(request, self.context.options)
        decoder = LineDecoder(self.context.name)
        async with aclosing(self._lines("/api/generate", body, decoder)) as batches:
            async for batch in batches:
                yield batch

    async def embed(self, request: EmbedRequest) -> EmbedResult:
        """Return the vectors of ``/api/embed``."""
        body = encode.embed_body(request, self.context.options)
        payload = await self._upstream.post("/api/embed", body)
        return read_embeddings(payload, len(request.inputs), self.context.name)

    async def _lines(
        self, path: str, body: Mapping[str, object], decoder: LineDecoder
    ) -> ChatStream:
        async with (
            self._upstream.lines(path, body) as stream,
            aclosing(decoded(stream, decoder)) as batches,
        ):
            async for batch in batches:
                yield batch
