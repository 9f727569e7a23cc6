"""``POST /api/generate``."""

from __future__ import annotations

from aiohttp import web

from gateway.core.chat import ChatRequest, FillRequest
from gateway.core.errors import ModelNotFound
from gateway.core.model_info import ListedModel
from gateway.core.options import said_options
from gateway.dialects.ollama.bodies import GenerateCall
from gateway.dialects.ollama.checks import admit_generate, generate_request
from gateway.dialects.ollama.encode import GenerateEncoder
from gateway.dialects.ollama.schemas import load_generate
from gateway.models.derived import for_prompt, tuned
from gateway.serving.answer import Endpoint, run
from gateway.serving.body import load_body

__all__ = ["generate"]


async def generate(request: web.Request) -> web.StreamResponse:
    """Answer one prompt, or write what stands between a prompt and a suffix."""
    return await run(request, await load_body(request, _read), _GENERATE)


def _read(body: bytes) -> GenerateCall:
    call = load_generate(body)
    if not call.model.strip():
        raise ModelNotFound(f"model '{call.model}' not found")
    return call


def _asked(call: GenerateCall, model: ListedModel) -> ChatRequest | FillRequest:
    """Return what the provider is asked; a raw prompt gets nothing of the model's own words."""
    asked = generate_request(call, model.info.id, info=model.info)
    said = said_options(call.options)
    if isinstance(asked, FillRequest):
        return tuned(model, asked, said=said)
    return (tuned if call.raw else for_prompt)(model, asked, said=said)


_GENERATE = Endpoint(admit_generate, _asked, GenerateEncoder)
