"""The adapter for Vertex AI: the same models in a project of Google Cloud."""

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
    Usage,
    check_vectors,
    convert,
    open_upstream,
)
from yarl import URL

from gateway_gemini import errors, models
from gateway_gemini.base import GoogleProvider, model_path
from gateway_gemini.credentials import Tokens
from gateway_gemini.options import VertexOptions, VertexOptionsSchema

__all__ = ["VertexProvider"]


class _Statistics(msgspec.Struct):
    token_count: float = 0


class _Embedding(msgspec.Struct):
    values: list[float]
    statistics: _Statistics = msgspec.field(default_factory=_Statistics)


class _Prediction(msgspec.Struct):
    embeddings: _Embedding


class _Predictions(msgspec.Struct):
    predictions: list[_Prediction]


class VertexProvider(GoogleProvider[VertexOptions]):
    """Google's models in a project of Google Cloud."""

    options_schema = VertexOptionsSchema
    options_from_env = MappingProxyType(
        {"project": "GOOGLE_CLOUD_PROJECT", "location": "GOOGLE_CLOUD_LOCATION"}
    )
    required_options = ("project", "models")
    otel_name = "gcp.vertex_ai"
    has_ids = False
    key_variable = "GOOGLE_APPLICATION_CREDENTIALS"

    @property
    def remote_host(self) -> str:
        """The origin of the location."""
        return str(URL(self.context.options.root).origin())

    async def list_models(self) -> Sequence[ModelInfo]:
        """Return the models of the settings."""
        self._refused.clear()
        return [models.describe(model) for model in dict.fromkeys(self.context.options.models)]

    async def _embed(self, request: EmbedRequest, texts: Sequence[str]) -> EmbedResult:
        name = self.context.name
        size = {} if request.dimensions is None else {"outputDimensionality": request.dimensions}
        body = {
            "instances": [{"content": text} for text in texts],
            "parameters": {"autoTruncate": request.truncate, **size},
        }
        payload = await self._upstream.post(f"{model_path(request.model)}:predict", body)
        answer = convert(payload, _Predictions, provider=name, what="embeddings")
        found = [prediction.embeddings for prediction in answer.predictions]
        check_vectors(found, len(texts), provider=name)
        tokens = sum(int(embedding.statistics.token_count) for embedding in found)
        return EmbedResult([embedding.values for embedding in found], Usage(tokens, 0))

    def _most_texts(self, model: str) -> int:
        # Those of Gemini take one, the older ones many.
        return 1 if model.startswith("gemini") else super()._most_texts(model)

    def _connect(self) -> Upstream:
        options = self.context.options
        token = options.api_key
        return open_upstream(
            self.context,
            headers={"Authorization": token and f"Bearer {token}"},
            error_for=partial(errors.error_for, key_variable=self._key_variable),
            authorize=None if token else Tokens().authorize,
            base_url=options.root,
        )
