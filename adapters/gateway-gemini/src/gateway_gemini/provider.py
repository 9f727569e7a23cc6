"""The adapter for Google AI Studio: its list of models, and embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from types import MappingProxyType

import msgspec
from gateway.providers import (
    EmbedRequest,
    EmbedResult,
    ModelInfo,
    Upstream,
    UpstreamProtocolError,
    check_vectors,
    convert,
    fields_of,
    get_models,
    open_upstream,
    require_key,
    text_of,
)

from gateway_gemini import errors, models
from gateway_gemini.base import GoogleProvider, model_path
from gateway_gemini.options import GeminiOptions, GeminiOptionsSchema

__all__ = ["GeminiProvider"]

_MOST_PAGES = 100
_PAGE_SIZE = "1000"


class _Embedding(msgspec.Struct):
    values: list[float]


class _Embeddings(msgspec.Struct):
    embeddings: list[_Embedding]


class GeminiProvider(GoogleProvider[GeminiOptions]):
    """Google's models with a key of Google AI Studio."""

    options_schema = GeminiOptionsSchema
    options_from_env = MappingProxyType({"api_key": (errors.KEY_VARIABLE, "GOOGLE_API_KEY")})
    required_options = ("api_key",)
    otel_name = "gcp.gemini"
    key_variable = errors.KEY_VARIABLE

    @property
    def remote_host(self) -> str:
        """The origin of the base URL."""
        return self.context.options.origin

    async def list_models(self) -> Sequence[ModelInfo]:
        """Return the models of all pages of the list that chat or embed."""
        self._check()
        rows: list[object] = []
        query = {"pageSize": _PAGE_SIZE}
        tokens = {""}
        for _ in range(_MOST_PAGES):
            page = await get_models(self._upstream, "/models", query=query)
            found = fields_of(page).get("models")
            if not isinstance(found, list):
                name = self.context.name
                raise UpstreamProtocolError(f"{name} sent no list of models", provider=name)
            rows += found
            token = text_of(fields_of(page).get("nextPageToken"))
            if token in tokens:
                break
            tokens.add(token)
            query = {"pageSize": _PAGE_SIZE, "pageToken": token}
        listed = models.parse_models(rows, self.context.name)
        self._known = {model.id: model for model in listed}
        self._refused.clear()
        return listed

    async def _embed(self, request: EmbedRequest, texts: Sequence[str]) -> EmbedResult:
        name = self.context.name
        size = {} if request.dimensions is None else {"outputDimensionality": request.dimensions}
        model = f"models/{request.model}"
        wanted = [
            {"model": model, "content": {"parts": [{"text": text}]}, **size} for text in texts
        ]
        path = f"{model_path(request.model)}:batchEmbedContents"
        payload = await self._upstream.post(path, {"requests": wanted})
        answer = convert(payload, _Embeddings, provider=name, what="embeddings")
        vectors = [embedding.values for embedding in answer.embeddings]
        check_vectors(vectors, len(texts), provider=name)
        return EmbedResult(vectors)

    def _connect(self) -> Upstream:
        return open_upstream(
            self.context,
            headers={"x-goog-api-key": self.context.options.api_key},
            error_for=partial(errors.error_for, key_variable=self._key_variable),
        )

    def _check(self) -> None:
        require_key(self.context, key_variable=errors.KEY_VARIABLE)
