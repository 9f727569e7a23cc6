"""``POST /api/embed`` and the older ``POST /api/embeddings``."""

from __future__ import annotations

from collections.abc import Awaitable

from aiohttp import web

from gateway.core.embeddings import EmbedResult
from gateway.core.errors import InvalidRequest, ModelNotFound
from gateway.core.model_info import ListedModel
from gateway.dialects.ollama.bodies import EmbedCall, EmbeddingsCall
from gateway.dialects.ollama.checks import admit_embed, embed_inputs, embed_request
from gateway.dialects.ollama.documents import embed_document, embeddings_document
from gateway.dialects.ollama.schemas import load_embed, load_embeddings
from gateway.routing.targets import Target
from gateway.serving.body import load_body
from gateway.serving.dispatch import ask
from gateway.serving.keys import RECORD, RESIDENCY
from gateway.serving.resolve import alike, find_models, find_targets, unknown_model
from gateway.serving.responses import json_document

__all__ = ["embed", "embeddings"]


async def embed(request: web.Request) -> web.StreamResponse:
    """Return one normalised vector for each input."""
    call = await load_body(request, load_embed)
    timing = request[RECORD].timing
    with unknown_model(f"model '{call.model}' not found"):
        if not call.model.strip():
            raise ModelNotFound(call.model)
    result = await _vectors(request, call)
    document = embed_document(call.model, result, dimensions=call.dimensions, timing=timing)
    return json_document(document)


async def embeddings(request: web.Request) -> web.StreamResponse:
    """Return the vector of one prompt as the provider gave it."""
    call = await load_body(request, load_embeddings)
    if not call.model.strip():
        raise InvalidRequest("model is required")
    return json_document(embeddings_document(await _vectors(request, call)))


async def _vectors(request: web.Request, call: EmbedCall | EmbeddingsCall) -> EmbedResult | None:
    """Ask the provider, or return None where there is nothing to embed."""

    def admit(model: ListedModel) -> None:
        admit_embed(call, model.info)

    def embed_with(target: Target) -> Awaitable[EmbedResult]:
        return target.provider.embed(embed_request(call, target.model.info.id))

    with unknown_model(f'model "{call.model}" not found, try pulling it first'):
        try:
            models = await find_models(request, call.model)
        except ModelNotFound:
            embed_inputs(call)  # a wrong type is refused before a name that is well formed
            raise
        inputs = embed_inputs(call)
        targets = find_targets(request, alike(models), admit)
        with request.app[RESIDENCY].using(targets[0].model.name, call.keep_alive):
            if not inputs:
                target = targets[0]
                await target.provider.load_model(embed_request(call, target.model.info.id))
                return None
            return await ask(request, targets, embed_with)
