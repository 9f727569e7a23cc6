"""``POST /api/generate``."""

from __future__ import annotations

from aiohttp import web

from gateway.core.chat import ChatRequest, FillRequest
from gateway.core.errors import ModelNotFound
from gateway.core.model_info import ListedModel
from gateway.core.options import given_options
from gateway.dialects.ollama.bodies import GenerateBody
from gateway.dialects.ollama.checks import check_generate, generate_request
from gateway.dialects.ollama.encode import GenerateEncoder
from gateway.dialects.ollama.schemas import load_generate
from gateway.handlers.ollama.prompt import prompt_task
from gateway.models.derived import for_prompt, with_defaults
from gateway.serving.answer import answer
from gateway.serving.body import load_body
from gateway.serving.task import StreamTask

__all__ = ["generate"]


async def generate(request: web.Request) -> web.StreamResponse:
    """Answer one prompt, or generate the text between a prompt and a suffix."""
    return await answer(request, load_body(request, lambda raw: _task(request, raw)))


def _task(request: web.Request, raw: bytes) -> StreamTask:
    body = load_generate(raw)
    if not body.model.strip():
        raise ModelNotFound(f"model '{body.model}' not found")
    return prompt_task(
        request, body, admit=check_generate, request_for=_request_for, encoder=GenerateEncoder
    )


def _request_for(body: GenerateBody, model: ListedModel) -> ChatRequest | FillRequest:
    """Return the request for the provider; a raw prompt gets no template or system text."""
    prepared = generate_request(body, model.info.id, info=model.info)
    explicit = given_options(body.options)
    if isinstance(prepared, FillRequest):
        return with_defaults(model, prepared, explicit=explicit)
    return (with_defaults if body.raw else for_prompt)(model, prepared, explicit=explicit)
