"""``POST /api/embed`` and the older ``POST /api/embeddings``."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from gateway.core.embeddings import EmbedRequest, EmbedResult
from gateway.core.errors import InvalidRequest, ModelNotFound
from gateway.core.model_info import ListedModel
from gateway.dialects.ollama.bodies import EmbedBody, EmbeddingsBody
from gateway.dialects.ollama.checks import check_embed, embed_inputs, embed_request
from gateway.dialects.ollama.documents import embed_document, embeddings_document
from gateway.dialects.ollama.schemas import load_embed, load_embeddings
from gateway.serving.answer import answer
from gateway.serving.body import load_body
from gateway.serving.keys import RECORD
from gateway.serving.responses import json_document
from gateway.serving.task import Empty, ResultTask

__all__ = ["embed", "embeddings"]

EmbedTask = ResultTask[EmbedRequest, EmbedResult]


async def embed(request: web.Request) -> web.StreamResponse:
    """Return one normalised vector for each input."""
    return await answer(request, load_body(request, lambda raw: _embed_task(request, raw)))


async def embeddings(request: web.Request) -> web.StreamResponse:
    """Return the vector of one prompt as the provider gave it."""
    return await answer(request, load_body(request, _embeddings_task))


def _embed_task(request: web.Request, raw: bytes) -> EmbedTask:
    body = load_embed(raw)
    if not body.model.strip():
        raise ModelNotFound(f"model '{body.model}' not found")
    timing = request[RECORD].timing

    def document(result: EmbedResult | None) -> bytes:
        return embed_document(body.model, result, dimensions=body.dimensions, timing=timing)

    return _task(body, document)


def _embeddings_task(raw: bytes) -> EmbedTask:
    body = load_embeddings(raw)
    if not body.model.strip():
        raise InvalidRequest("model is required")
    return _task(body, embeddings_document)


def _task(
    body: EmbedBody | EmbeddingsBody, document: Callable[[EmbedResult | None], bytes]
) -> EmbedTask:
    """Return the task of *body*; without inputs its model is only loaded."""

    def request_for(model: ListedModel) -> EmbedRequest:
        return embed_request(body, model.info.id)

    return ResultTask(
        model=body.model,
        not_found=f'model "{body.model}" not found, try pulling it first',
        admit=lambda model: check_embed(body, model.info),
        check=lambda: _check_inputs(body),
        keep_alive=body.keep_alive,
        empty=Empty(response=lambda _: json_document(document(None)), load=request_for)
        if body.is_load
        else None,
        request_for=request_for,
        send=lambda provider, prepared: provider.embed(prepared),
        document=lambda result: json_document(document(result)),
        same_model=True,
    )


def _check_inputs(body: EmbedBody | EmbeddingsBody) -> None:
    embed_inputs(body)
