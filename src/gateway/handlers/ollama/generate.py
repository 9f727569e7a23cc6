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
from gateway.serving.answer import StreamTask, answer
from gateway.serving.body import load_body

__all__ = ["generate"]


async def generate(request: web.Request) -> web.StreamResponse:
    """Answer one prompt, or write what stands between a prompt and a suffix."""
    return await answer(request, load_body(request, lambda body: _task(request, body)))


def _task(request: web.Request, body: bytes) -> StreamTask:
    call = load_generate(body)
    if not call.model.strip():
        raise ModelNotFound(f"model '{call.model}' not found")
    return prompt_task(
        request, call, admit=check_generate, request_for=_request_for, encoder=GenerateEncoder
    )


def _request_for(call: GenerateBody, model: ListedModel) -> ChatRequest | FillRequest:
    """Return what the provider is asked; a raw prompt gets nothing of the model's own words."""
    asked = generate_request(call, model.info.id, info=model.info)
    explicit = given_options(call.options)
    if isinstance(asked, FillRequest):
        return with_defaults(model, asked, explicit=explicit)
    return (with_defaults if call.raw else for_prompt)(model, asked, explicit=explicit)
